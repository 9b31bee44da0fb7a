"""Images of another size."""

import minidl.functional as F
from minidl.functional.resize import FloatOrPair
from minidl.nn.module import Module
from minidl.ops.windows import IntOrPair
from minidl.tensor import Tensor


class Upsample(Module):
    """Make images larger (or smaller) by copying the nearest pixel, or a mean of the four nearest.

    It learns nothing; `ConvTranspose2d` does. Arguments as for `F.interpolate`.

    Args:
        size: of the output, one number or (OH, OW).
        scale_factor: one number or (vertical, horizontal), in place of the size.
        mode: "nearest" or "bilinear".
        align_corners: for "bilinear": whether the centres of the corner pixels stay in place.

    Shapes: x (N, C, H, W) → y (N, C, OH, OW), OH = ⌊H · scale⌋ where a scale is given.
    """

    def __init__(
        self,
        size: IntOrPair | None = None,
        scale_factor: FloatOrPair | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        """Resize x (N, C, H, W)."""
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """The constructor's arguments, those that are None left out."""
        given = {
            "size": self.size,
            "scale_factor": self.scale_factor,
            "mode": self.mode,
            "align_corners": self.align_corners,
        }
        return ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
