"""Pooling layers."""

import minidl.functional as F
from minidl.nn.module import Module
from minidl.ops.windows import IntOrPair
from minidl.tensor import Tensor


class MaxPool2d(Module):
    """The largest pixel of each window; arguments as for `F.max_pool2d`.

    Shapes: x (N, C, H, W) → y (N, C, OH, OW),
    OH = ⌊(H + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1.
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """Pool x (N, C, H, W)."""
        return F.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window; arguments as for `F.avg_pool2d`.

    Shapes: x (N, C, H, W) → y (N, C, OH, OW), OH = ⌊(H + 2·padding − K) / stride⌋ + 1.
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Pool x (N, C, H, W)."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        )


class AdaptiveAvgPool2d(Module):
    """The mean over OH × OW windows that share the image evenly; 1 is global average pooling.

    Shapes: x (N, C, H, W) → y (N, C, OH, OW).
    """

    def __init__(self, output_size: IntOrPair) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool x (N, C, H, W)."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(Module):
    """The largest pixel of each of OH × OW windows that share the image evenly.

    Shapes: x (N, C, H, W) → y (N, C, OH, OW).
    """

    def __init__(self, output_size: IntOrPair) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool x (N, C, H, W)."""
        return F.adaptive_max_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"output_size={self.output_size}"
