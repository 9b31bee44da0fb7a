"""Images of another size."""

import math
from numbers import Real

from minidl_kernels.geometry import Pair

from minidl.errors import InputError
from minidl.functional.arguments import as_image
from minidl.ops.resize import Scales, UpsampleBilinear, UpsampleNearest
from minidl.ops.windows import IntOrPair, as_pair
from minidl.tensor import ArrayLike, Tensor, apply

FloatOrPair = float | tuple[float, float]


def interpolate(
    x: ArrayLike,
    size: IntOrPair | None = None,
    scale_factor: FloatOrPair | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Make the image larger or smaller by reading it at OH × OW evenly spaced places.

        nearest     y[i] = x[⌊i · H/OH⌋]
        bilinear    y[i] = (1 − t) · x[⌊p⌋] + t · x[⌊p⌋ + 1]      t = p − ⌊p⌋
                    p = (i + ½) · H/OH − ½, at least 0            align_corners=False
                    p = i · (H − 1)/(OH − 1)                      align_corners=True

    for the rows, and likewise for the columns. Where `scale_factor` is given, H/OH is 1/scale.

    Args:
        x: (N, C, H, W).
        size: one number or (OH, OW).
        scale_factor: one number or (vertical, horizontal) in place of the size; OH = ⌊H · scale⌋.
        mode: "nearest" or "bilinear".
        align_corners: for "bilinear" only: the centres of the corner pixels stay where they are
            (True), or the outer edges of the image do (False and None).

    Returns:
        (N, C, OH, OW). Making it smaller skips pixels; `adaptive_avg_pool2d` averages them instead.

    Raises:
        InputError: size and scale_factor are both given or both missing, or nothing would be left.
    """
    x = as_image(x, "interpolate")
    if mode not in ("nearest", "bilinear"):
        raise InputError(
            "interpolate",
            f"mode={mode!r} is neither 'nearest' nor 'bilinear'",
            "Choose 'nearest' for labels and masks, 'bilinear' for images",
        )
    if mode == "nearest" and align_corners is not None:
        raise InputError(
            "interpolate",
            f"align_corners={align_corners} says how to read between pixels, which mode='nearest' "
            "does not",
            "Leave it out, or use mode='bilinear'",
        )
    if 0 in x.shape[2:]:
        raise InputError(
            "interpolate",
            f"the input of shape {x.shape} has no pixels to read",
            "Use a larger image, or fewer downsampling layers before",
        )
    out_size, scales = _target(x, size, scale_factor)
    if mode == "nearest":
        return apply(UpsampleNearest, x, out_size=out_size, scales=scales)
    return apply(
        UpsampleBilinear, x, out_size=out_size, scales=scales, align_corners=bool(align_corners)
    )


def _target(
    x: Tensor, size: IntOrPair | None, scale_factor: FloatOrPair | None
) -> tuple[Pair, Scales]:
    """The output's size, and the scale factors if they were given in its place."""
    if (size is None) == (scale_factor is None):
        raise InputError(
            "interpolate",
            f"size={size} and scale_factor={scale_factor}, but just one of them must be given",
            "Write size=(64, 48) or scale_factor=2, for example",
        )
    if scale_factor is None:
        assert size is not None
        return as_pair(size, "size", "interpolate", least=1), (None, None)
    pair = (
        tuple(scale_factor)
        if isinstance(scale_factor, tuple | list)
        else (scale_factor, scale_factor)
    )
    if len(pair) != 2 or not all(isinstance(s, Real) and 0 < s < math.inf for s in pair):
        raise InputError(
            "interpolate",
            f"scale_factor={scale_factor!r} is neither one positive number nor two",
            "Write scale_factor=2 or scale_factor=(1.5, 2), for example",
        )
    scales = float(pair[0]), float(pair[1])
    H, W = x.shape[2:]
    out_size = int(H * scales[0]), int(W * scales[1])
    if min(out_size) < 1:
        raise InputError(
            "interpolate",
            f"nothing is left: {H} rows · {scales[0]} and {W} columns · {scales[1]}, rounded down, "
            f"are {out_size}",
            "Use a larger scale_factor",
        )
    return out_size, scales
