"""Images turned, shifted, enlarged and sheared, each by its own matrix."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import fill_values, interval, positive_range, uniform
from minidl.data.transforms.transform import Described, check_pixels, parts, rounded

Floats = NDArray[np.float32]


class RandomRotation(Described):
    """Turn each image about its centre by a random angle.

    Positive angles turn counter-clockwise. What comes from outside the image is `fill`, and at the
    border its pixels are mixed with it. Bilinear (torchvision's default is the nearest pixel).
    torchvision's `expand` and `center` are not offered: images of a batch keep one size.

    Args:
        degrees: one number d for −d … d, or (low, high).
        fill: the colour outside: one number, or one for each channel.
    """

    def __init__(self, degrees: float | Sequence[float], fill: float | Sequence[float] = 0) -> None:
        self.degrees, self.fill = degrees, fill
        self._degrees = interval("degrees", degrees, around=0)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Turned images, uint8 (N, C, H, W)."""
        check_pixels(self, batch)
        angle = uniform(rng, self._degrees, len(batch))
        return moved(batch, _turn(-angle), np.zeros((len(batch), 2)), self.fill)


class RandomAffine(Described):
    """Turn, enlarge, shear and shift each image by random amounts; its centre is the fixed point.

    A pixel at place q from the centre, (x to the right, y down), comes to

        p = s · R · Y · X · q + t

        R = [cos a  −sin a]      Y = [    1      0]      X = [1  −tan b_x]
            [sin a   cos a]          [−tan b_y   1]          [0      1   ]

    Angles are in degrees; positive a turns clockwise here, as in torchvision, which turns the other
    way in RandomRotation. What comes from outside the image is `fill`, and at the border its pixels
    are mixed with it. Bilinear (torchvision's default is the nearest pixel); no `center`.

    Args:
        degrees: range of a: one number d for −d … d, or (low, high); 0 for no turning.
        translate: (horizontal, vertical), largest shifts as shares of width and height; t is
            rounded to whole pixels. None for no shift.
        scale: (low, high), range of s. None for 1.
        shear: range of b_x: one number or (low, high); four numbers give the range of b_y, too.
            None for no shear.
        fill: the colour outside: one number, or one for each channel.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        fill: float | Sequence[float] = 0,
    ) -> None:
        self.degrees, self.translate, self.scale = degrees, translate, scale
        self.shear, self.fill = shear, fill
        self._degrees = interval("degrees", degrees, around=0)
        if translate is not None and (
            len(translate) != 2 or not all(0 <= share <= 1 for share in translate)
        ):
            raise ValueError(
                "translate is (share of the width, share of the height), each 0 ≤ share ≤ 1, "
                f"got {translate}"
            )
        self._scale = None if scale is None else positive_range("scale", scale)
        self._shear = None if shear is None else _shears(shear)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Moved images, uint8 (N, C, H, W)."""
        check_pixels(self, batch)
        N, _, H, W = batch.shape
        matrix = _turn(uniform(rng, self._degrees, N))  # (N, 2, 2)
        shift = np.zeros((N, 2))
        if self.translate is not None:
            largest = np.array(self.translate) * (W, H)
            shift = np.rint(rng.uniform(-largest, largest, (N, 2)))
        if self._scale is not None:
            matrix *= uniform(rng, self._scale, N)[:, None, None]
        if self._shear is not None:
            x, y = np.tan(np.deg2rad(rng.uniform(self._shear[::2], self._shear[1::2], (N, 2)))).T
            along_x, along_y = np.zeros((2, N, 2, 2)) + np.eye(2)
            along_x[:, 0, 1], along_y[:, 1, 0] = -x, -y
            matrix = matrix @ along_y @ along_x
        return moved(batch, matrix, shift, self.fill)


def moved(
    batch: NDArray[np.uint8], matrix: NDArray, shift: NDArray, fill: float | Sequence[float]
) -> NDArray[np.uint8]:
    """Images whose pixel at q from the centre (x right, y down) is moved to matrix·q + shift.

    Computed backwards: each output pixel p is read at q = matrix⁻¹·(p − shift), between the four
    pixels around. The image is taken to go on as `fill` on all sides without end.

    Args:
        batch: (N, C, H, W).
        matrix: (N, 2, 2).
        shift: (N, 2), in pixels.
        fill: one number, or one for each channel.
    """
    N, C, H, W = batch.shape
    framed = np.empty((C, N, H + 2, W + 2), np.uint8)  # one pixel of what lies outside
    framed[:] = fill_values(fill, batch)[:, None]
    framed[:, :, 1:-1, 1:-1] = batch.swapaxes(0, 1)
    backwards = np.linalg.inv(matrix)
    out = np.empty_like(batch)
    for part in parts(N, C * H * W):
        x, y = _places(backwards[part], shift[part], H, W)
        out[part] = rounded(_read(framed[:, part], x, y))
    return out


def _places(backwards: NDArray, shift: NDArray, H: int, W: int) -> tuple[Floats, Floats]:
    """Where in the framed images each output pixel is read: columns and rows, each (N, H, W)."""
    middle = np.array([(W - 1) / 2, (H - 1) / 2])
    origin = (backwards @ (middle + shift)[:, :, None])[:, :, 0]  # (N, 2)
    start = middle + 1 - origin  # where output pixel (0, 0) is read
    column, row = np.arange(W)[None, None, :], np.arange(H)[None, :, None]
    x, y = (
        (start[:, a, None, None] + backwards[:, a, 0, None, None] * column).astype(np.float32)
        + (backwards[:, a, 1, None, None] * row).astype(np.float32)
        for a in (0, 1)
    )
    # Further out than the frame all is `fill`, as on the frame.
    return np.clip(x, 0, W + 1, out=x), np.clip(y, 0, H + 1, out=y)


def _read(framed: NDArray[np.uint8], x: Floats, y: Floats) -> Floats:
    """Images (C, N, H + 2, W + 2) read at columns x and rows y, each (N, H, W): (N, C, H, W)."""
    C, N, rows, columns = framed.shape
    left = np.minimum(x.astype(np.int64), columns - 2)
    top = np.minimum(y.astype(np.int64), rows - 2)
    x, y = x - left.astype(np.float32), y - top.astype(np.float32)  # how far to the next pixel
    start = np.arange(N)[:, None, None] * (rows * columns)  # of each image in a channel's pixels
    corner = start + top * columns + left  # (N, H, W)
    shares = ((1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x)
    out = np.zeros((C, *x.shape), np.float32)
    for c in range(C):
        pixels = framed[c].reshape(-1)
        for step, share in zip((0, 1, columns, columns + 1), shares, strict=True):
            out[c] += pixels[step:].take(corner) * share
    return out.swapaxes(0, 1)


def _turn(degrees: NDArray) -> NDArray:
    """Matrices (N, 2, 2) that turn clockwise, for y points down."""
    a = np.deg2rad(degrees)
    return np.stack([np.cos(a), -np.sin(a), np.sin(a), np.cos(a)], axis=1).reshape(-1, 2, 2)


def _shears(shear: float | Sequence[float]) -> tuple[float, float, float, float]:
    """(low, high) of the shear along x, then along y, in degrees."""
    if isinstance(shear, Sequence) and len(shear) == 4:
        along_x, along_y = (interval("shear", pair, 0) for pair in (shear[:2], shear[2:]))
    else:
        along_x, along_y = interval("shear", shear, 0), (0.0, 0.0)
    if max(map(abs, along_x + along_y)) >= 90:
        raise ValueError(f"shear is an angle between −90 and 90 degrees, got {shear}")
    return along_x + along_y
