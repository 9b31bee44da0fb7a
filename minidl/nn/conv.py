"""The convolution layer."""

import math

import numpy as np

import minidl.functional as F
from minidl.errors import InputError
from minidl.nn import init
from minidl.nn.module import Module
from minidl.nn.parameter import Parameter
from minidl.ops.windows import IntOrPair, PaddingLike, as_pair
from minidl.tensor import Tensor


class Conv2d(Module):
    """A bank of filters slid over the image.

        y[n,o,i,j] = bias[o] + Σ_{c,u,v} w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

    Weight and bias start uniform within ±1/√fan_in, fan_in = C/groups · KH · KW, as in PyTorch.

    Args:
        in_channels: C.
        out_channels: O, the number of filters.
        kernel_size: height and width of a filter, one number or (KH, KW).
        stride: steps between windows, one number or (SH, SW).
        padding: zeros around the image: one number, (vertical, horizontal),
            (top, bottom, left, right), "same" or "valid".
        dilation: steps between the pixels of a window, one number or (DH, DW).
        groups: the channels are cut into so many groups that do not see each other.
        bias: whether to add a bias.

    Shapes: x (N, C, H, W) → y (N, O, OH, OW) · weight (O, C/groups, KH, KW) · bias (O,).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: PaddingLike = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise InputError(
                "Conv2d",
                f"groups={groups} does not divide both in_channels={in_channels} and "
                f"out_channels={out_channels}",
                "Choose groups that divides both; groups=1 is the ordinary convolution",
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = as_pair(kernel_size, "kernel_size", "Conv2d", least=1)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        bound = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
        self.weight = Parameter(np.empty(shape, np.float32))
        init.uniform_(self.weight, -bound, bound)
        self.bias = Parameter(np.empty(out_channels, np.float32)) if bias else None
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (N, C, H, W) to (N, O, OH, OW)."""
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """The constructor's arguments, those at their defaults left out."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            if value not in (default, (default, default)):
                parts.append(f"{name}={value!r}")
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])
