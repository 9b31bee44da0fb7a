"""Windows as columns and back."""

import minidl.functional as F
from minidl.nn.module import Module
from minidl.ops.windows import IntOrPair, PaddingLike
from minidl.tensor import Tensor


class Unfold(Module):
    """Copy every window of the image into a column.

        x (4 × 4), 3 × 3 windows          y (9 × 4)
        ┌─────────┐                       a b e f
        │ a b c d │    window (0,0):      b c f g     9 rows: one for each
        │ e f g h │    a b c              c d g h     (c, u, v), the place
        │ i j k l │    e f g    ───►      e f i j     in the window
        │ m n o p │    i j k              …
        └─────────┘                       k l o p     4 columns: one for each
                                                      (i, j), the window's place
    With the filters as rows, w (O × 9), the convolution is the product w @ y (O × 4).

    Arguments as for `F.unfold`, in PyTorch's order: dilation before padding and stride.

    Shapes: x (N, C, H, W) → y (N, C·KH·KW, OH·OW).
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        dilation: IntOrPair = 1,
        padding: PaddingLike = 0,
        stride: IntOrPair = 1,
    ) -> None:
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, x: Tensor) -> Tensor:
        """Unfold x (N, C, H, W)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding!r}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Add every column back to the pixels of its window: `Unfold` transposed.

        x (2 × 3), 1 × 2 windows          y (1 × 4)
        a b c                             a │ A + b │ B + c │ C
        A B C                ───►
        window (0,0) holds a A,           where windows overlap,
        (0,1) holds b B, (0,2) c C        their numbers add up

    It is not the inverse: Fold(Unfold(x)) counts each pixel as often as it lies in a window.

    Arguments as for `F.fold`, in PyTorch's order: dilation before padding and stride.

    Shapes: x (N, C·KH·KW, OH·OW) → y (N, C, H, W), (H, W) = output_size.
    """

    def __init__(
        self,
        output_size: IntOrPair,
        kernel_size: IntOrPair,
        dilation: IntOrPair = 1,
        padding: PaddingLike = 0,
        stride: IntOrPair = 1,
    ) -> None:
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        """Fold x (N, C·KH·KW, OH·OW)."""
        return F.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding!r}, stride={self.stride}"
        )
