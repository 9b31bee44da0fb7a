"""Convolution layers."""

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
        _check_groups("Conv2d", in_channels, out_channels, groups)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = as_pair(kernel_size, "kernel_size", "Conv2d", least=1)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.weight, self.bias = _first_weights(
            (out_channels, in_channels // groups, *self.kernel_size), out_channels, bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (N, C, H, W) to (N, O, OH, OW)."""
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """The constructor's arguments, those at their defaults left out."""
        return _shown(self, ("stride", "padding", "dilation", "groups"))


class ConvTranspose2d(Module):
    """A convolution transposed: each input pixel lays a bank of filters over the output.

        y[n,o,h,k] = bias[o] + Σ_{c,u,v} w[c,o,u,v] · x[n,c,i,j]
                               over all i, j with  i·SH + u·DH − PH = h  and  j·SW + v·DW − PW = k

    With stride S it makes images about S times as large, by learned filters. Stride 2, a kernel of
    4 and padding 1 double them exactly; where the stride does not divide the kernel, some pixels
    lie under more windows than others, and a checkerboard shows. Weight and bias start uniform
    within ±1/√fan, fan = O/groups · KH · KW, as in PyTorch.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: height and width of a filter, one number or (KH, KW).
        stride: steps between the windows in the output, one number or (SH, SW).
        padding: rows and columns cut off the output on each side, one number or (PH, PW).
        output_padding: rows and columns added below and to the right; less than stride or dilation.
        groups: the channels are cut into so many groups that do not see each other.
        bias: whether to add a bias.
        dilation: steps between the pixels of a window, one number or (DH, DW).

    Shapes: x (N, C, H, W) → y (N, O, OH, OW) · weight (C, O/groups, KH, KW) · bias (O,),
    OH = (H − 1)·SH − 2·PH + DH·(KH − 1) + OPH + 1, and OW likewise.

    Source: Long et al., Fully Convolutional Networks, 2015, section 3.3; Odena et al.,
    Deconvolution and Checkerboard Artifacts, 2016.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
    ) -> None:
        _check_groups("ConvTranspose2d", in_channels, out_channels, groups)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = as_pair(kernel_size, "kernel_size", "ConvTranspose2d", least=1)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation
        self.weight, self.bias = _first_weights(
            (in_channels, out_channels // groups, *self.kernel_size), out_channels, bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Spread x (N, C, H, W) to (N, O, OH, OW)."""
        return F.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )

    def extra_repr(self) -> str:
        """The constructor's arguments, those at their defaults left out."""
        return _shown(self, ("stride", "padding", "output_padding", "groups", "dilation"))


class DepthwiseSeparableConv2d(Module):
    """A convolution in two steps: `depthwise` within each channel, then `pointwise` across them.

        h[n,c,i,j] = Σ_{u,v} w₁[c,0,u,v] · x[n, c, i·SH + u − PH, j·SW + v − PW] + bias₁[c]
        y[n,o,i,j] = Σ_c w₂[o,c,0,0] · h[n,c,i,j] + bias₂[o]

    An ordinary convolution takes K·K·C·O multiplications for each output pixel, this one K·K·C for
    the first step and C·O for the second. That is

        (K²·C + C·O) / (K²·C·O) = 1/O + 1/K²

    of the cost: with K = 3 and many channels about one ninth.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: height and width of the depthwise filters, one number or (KH, KW).
        stride: of the depthwise step.
        padding: of the depthwise step, as for `Conv2d`.
        bias: whether both steps add a bias.

    Shapes: x (N, C, H, W) → y (N, O, OH, OW) · depthwise.weight (C, 1, KH, KW) ·
    pointwise.weight (O, C, 1, 1).

    Source: Howard et al., MobileNets, 2017, section 3.1. There each step is followed by batch norm
    and ReLU; here they follow each other directly.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: PaddingLike = 0,
        bias: bool = True,
    ) -> None:
        self.depthwise = Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, bias=bias
        )
        self.pointwise = Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (N, C, H, W) to (N, O, OH, OW)."""
        return self.pointwise(self.depthwise(x))


class ChannelShuffle(Module):
    """Deal the channels out anew, so that each group gets some of every group.

    y[n, k·G + g] = x[n, g·C/G + k], G = groups. Source: Zhang et al., ShuffleNet, 2018.

    Shapes: x (N, C, H, W) → y (N, C, H, W).
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Shuffle the channels of x (N, C, H, W)."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"groups={self.groups}"


def _check_groups(layer: str, in_channels: int, out_channels: int, groups: int) -> None:
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise InputError(
            layer,
            f"groups={groups} does not divide both in_channels={in_channels} and "
            f"out_channels={out_channels}",
            "Choose groups that divides both; groups=1 is the ordinary convolution",
        )


def _first_weights(
    shape: tuple[int, ...], out_channels: int, bias: bool
) -> tuple[Parameter, Parameter | None]:
    """A weight of this shape and a bias, uniform within ±1/√(shape[1] · KH · KW)."""
    bound = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
    parameters = [Parameter(np.empty(shape, np.float32))]
    if bias:
        parameters.append(Parameter(np.empty(out_channels, np.float32)))
    for parameter in parameters:
        init.uniform_(parameter, -bound, bound)
    return parameters[0], parameters[1] if bias else None


def _shown(layer: Conv2d | ConvTranspose2d, options: tuple[str, ...]) -> str:
    """The arguments of a convolution, with those `options` that are not at their defaults."""
    parts = [f"{layer.in_channels}, {layer.out_channels}, kernel_size={layer.kernel_size}"]
    defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
    for name in options:
        value, default = getattr(layer, name), defaults[name]
        if value not in (default, (default, default)):
            parts.append(f"{name}={value!r}")
    return ", ".join(parts if layer.bias is not None else [*parts, "bias=False"])
