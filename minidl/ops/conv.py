"""Two-dimensional convolution: general (with groups) and depthwise.

    y[n,o,i,j] = b[o] + Σ_{c,u,v}  w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

(the field's convolution: the kernel is not flipped). Pixels outside the image count as zero; with
groups, output channel o sees only the C/groups input channels of its own group.

    x (N, C, H, W) · w (O, C/groups, KH, KW) · b (O,) · y (N, O, OH, OW)
    OH = ⌊(H + top + bottom − DH·(KH − 1) − 1) / SH⌋ + 1, and OW likewise

The sums themselves are in `minidl_kernels`, written three times; read `naive/conv.py` first.
"""

import numpy as np
from minidl_kernels import active
from minidl_kernels.geometry import Padding, Pair

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_dtypes
from minidl.ops.windows import checked_output_size

Array = np.ndarray
Gradients = tuple[Array | None, Array | None, Array | None]


class Conv2d(Op):
    """y = x ∗ w + b, the convolution of the formula above."""

    def forward(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        groups: int,
    ) -> Array:
        """Convolve x (N, C, H, W) with w (O, C/groups, KH, KW) and add b (O,)."""
        _check(x, w, b, stride, padding, dilation, groups)
        self.window = stride, padding, dilation, groups
        self.x_shape, self.w_shape = x.shape, w.shape
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        return active().conv.conv2d_forward(x, w, b, *self.window)

    def backward(self, grad: Array) -> Gradients:
        """Each product w·x of the sum sends w·grad to its x and x·grad to its w; b gets Σ grad."""
        x, w = self.saved
        kernels = active().conv
        dx = dw = db = None
        if self.needs[0]:
            dx = kernels.conv2d_input_gradient(grad, w, self.x_shape, *self.window)
        if self.needs[1]:
            dw = kernels.conv2d_weight_gradient(grad, x, self.w_shape, *self.window)
        if self.needs[2]:
            db = grad.sum(axis=(0, 2, 3))
        return dx, dw, db


class DepthwiseConv2d(Op):
    """The convolution with groups = C: M filters for each input channel, and no sum over channels.

        y[n, c·M + m, i, j] = b[c·M + m] + Σ_{u,v} w[c·M + m, 0, u, v] · x[n, c, i·SH + …, j·SW + …]

    Source: Howard et al., MobileNets, 2017 (there M = 1).
    """

    def forward(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
    ) -> Array:
        """Filter x (N, C, H, W) with w (C·M, 1, KH, KW) and add b (C·M,)."""
        _check(x, w, b, stride, padding, dilation, groups=x.shape[1])
        self.window = stride, padding, dilation
        self.x_shape, self.w_shape = x.shape, w.shape
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        return active().depthwise.depthwise_forward(x, w, b, *self.window)

    def backward(self, grad: Array) -> Gradients:
        """As for Conv2d: w·grad to x, x·grad to w, Σ grad to b."""
        x, w = self.saved
        kernels = active().depthwise
        dx = dw = db = None
        if self.needs[0]:
            dx = kernels.depthwise_input_gradient(grad, w, self.x_shape, *self.window)
        if self.needs[1]:
            dw = kernels.depthwise_weight_gradient(grad, x, self.w_shape, *self.window)
        if self.needs[2]:
            db = grad.sum(axis=(0, 2, 3))
        return dx, dw, db


def _check(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> None:
    """Refuse what cannot be convolved, with the arithmetic."""
    C, O, CG = x.shape[1], *w.shape[:2]
    if groups < 1 or C % groups or O % groups:
        raise InputError(
            "conv2d",
            f"groups={groups} does not divide both the {C} input and the {O} output channels",
            "Choose groups that divides both; groups=1 is the ordinary convolution",
        )
    if groups * CG != C:
        raise InputError(
            "conv2d",
            f"the weight (out, in / groups, height, width) = {w.shape} takes groups {groups} · "
            f"{CG} = {groups * CG} input channels, but the input (N, C, H, W) = {x.shape} has "
            f"C = {C}",
            f"Use in_channels={C}, or check the order of the input's axes",
        )
    if b is not None and b.shape != (O,):
        raise InputError(
            "conv2d",
            f"the bias has shape {b.shape}, but the weight {w.shape} makes {O} channels",
            f"Give a bias of shape ({O},) or None",
        )
    check_dtypes("conv2d", x, w, b)
    checked_output_size(x.shape[2:], w.shape[2:], stride, padding, dilation, "conv2d")
