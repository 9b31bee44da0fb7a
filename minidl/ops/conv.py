"""Two-dimensional convolution: general (with groups), depthwise, and transposed.

    y[n,o,i,j] = b[o] + Σ_{c,u,v}  w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

(the field's convolution: the kernel is not flipped). Pixels outside the image count as zero; with
groups, output channel o sees only the C/groups input channels of its own group.

    x (N, C, H, W) · w (O, C/groups, KH, KW) · b (O,) · y (N, O, OH, OW)
    OH = ⌊(H + top + bottom − DH·(KH − 1) − 1) / SH⌋ + 1, and OW likewise

The sums themselves are in `minidl_kernels`, written three times; read `naive/conv.py` first.
"""

import math

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
        y = active().conv.conv2d_forward(x, w, b, *self.window)
        # Each output pixel is the sum of as many products as a filter has weights.
        self.multiply_adds = _multiply_adds(y, w, self.needs)
        return y

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
        y = active().depthwise.depthwise_forward(x, w, b, *self.window)
        # Each output pixel is the sum of as many products as a filter has weights.
        self.multiply_adds = _multiply_adds(y, w, self.needs)
        return y

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


class ConvTranspose2d(Op):
    """The transpose of a convolution: it spreads each input pixel over a window of the output.

        y[n,o,h,k] = b[o] + Σ_{c,u,v}  w[c,o,u,v] · x[n,c,i,j]
                            over all i, j with  i·SH + u·DH − PH = h  and  j·SW + v·DW − PW = k

        x (N, C, H, W) · w (C, O/groups, KH, KW) · b (O,) · y (N, O, OH, OW)
        OH = (H − 1)·SH − 2·PH + DH·(KH − 1) + OPH + 1, and OW likewise

    There is no new kernel. Let K be the convolution with the filters w that takes a picture of y's
    shape to one of x's. It is linear, K(p)[i] = Σ_h K[i,h]·p[h], so

        its input gradient            ∂⟨x, K(p)⟩/∂p = Kᵀx      is this op's forward, y = Kᵀx
        this op's input gradient      ∂⟨g, Kᵀx⟩/∂x = K(g)      is that convolution's forward
        this op's weight gradient     ⟨g, Kᵀx⟩ = ⟨x, K(g)⟩     is the weight gradient of K where
                                                               g is the picture, x the cotangent

    That is why w has its C first: seen from K, C is the number of filters. "Deconvolution", its
    other name, promises too much: Kᵀ is the transpose of K, not its inverse.

    A convolution of stride S rounds down, so several sizes OH lead to the same H. The output
    padding OPH chooses among them: it is padding taken away from the far end. Where it takes more
    than there is, rows are left over which no window reaches; they hold the bias alone.

    Source: Zeiler et al., Deconvolutional Networks, 2010; Dumoulin and Visin, A guide to
    convolution arithmetic for deep learning, 2016, chapter 4.
    """

    def forward(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        stride: Pair,
        padding: Pair,
        output_padding: Pair,
        dilation: Pair,
        groups: int,
    ) -> Array:
        """Spread x (N, C, H, W) with w (C, O/groups, KH, KW) and add b (O,)."""
        _check_transposed(x, w, b, groups)
        out = [
            (size - 1) * s - 2 * p + d * (kernel - 1) + extra + 1
            for size, kernel, s, p, extra, d in zip(
                x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation, strict=True
            )
        ]
        _check_transposed_size(out, x, w, stride, padding, output_padding, dilation)
        # What output padding leaves of the padding at the far end, and what it adds beyond that.
        bottom, right = (
            max(p - extra, 0) for p, extra in zip(padding, output_padding, strict=True)
        )
        beyond = [max(extra - p, 0) for p, extra in zip(padding, output_padding, strict=True)]
        self.reached = out[0] - beyond[0], out[1] - beyond[1]
        self.window = stride, (padding[0], bottom, padding[1], right), dilation, groups
        self.w_shape = w.shape
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        y_shape = x.shape[0], groups * w.shape[1], *self.reached
        y = active().conv.conv2d_input_gradient(x, w, y_shape, *self.window)
        # Each input pixel is multiplied by as many weights as it is spread over.
        self.multiply_adds = _multiply_adds(x, w, self.needs)
        if any(beyond):
            y = np.pad(y, ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])))
        return y if b is None else y + b[:, None, None]

    def backward(self, grad: Array) -> Gradients:
        """Convolve grad to get dx; correlate grad, as the picture, with x to get dw; b gets Σ grad.

        The rows and columns that no window reaches are left out: neither x nor w is in them.
        """
        x, w = self.saved
        kernels = active().conv
        picture = grad[:, :, : self.reached[0], : self.reached[1]]
        dx = dw = db = None
        if self.needs[0]:
            dx = kernels.conv2d_forward(picture, w, None, *self.window)
        if self.needs[1]:
            dw = kernels.conv2d_weight_gradient(x, picture, self.w_shape, *self.window)
        if self.needs[2]:
            db = grad.sum(axis=(0, 2, 3))
        return dx, dw, db


def _multiply_adds(pixels: Array, w: Array, needs: tuple[bool, ...]) -> tuple[int, int]:
    """Forward's number, and again as many for ∂L/∂x and for ∂L/∂w; Σ grad multiplies nothing.

    What falls on the padding counts too, as everywhere in the literature.
    """
    number = pixels.size * math.prod(w.shape[1:])
    return number, number * sum(needs[:2])


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


def _check_transposed(x: Array, w: Array, b: Array | None, groups: int) -> None:
    """Refuse channels that do not match, with the arithmetic."""
    C, (CW, OG) = x.shape[1], w.shape[:2]
    if CW != C:
        raise InputError(
            "conv_transpose2d",
            f"the weight (in, out / groups, height, width) = {w.shape} takes {CW} input channels, "
            f"but the input (N, C, H, W) = {x.shape} has C = {C}",
            f"Use in_channels={C}; unlike conv2d's weight, this one has its input channels first",
        )
    if groups < 1 or C % groups:
        raise InputError(
            "conv_transpose2d",
            f"groups={groups} does not divide the {C} input channels",
            "Choose groups that divides them; groups=1 is the ordinary transposed convolution",
        )
    if b is not None and b.shape != (groups * OG,):
        raise InputError(
            "conv_transpose2d",
            f"the bias has shape {b.shape}, but the weight {w.shape} makes groups {groups} · "
            f"{OG} = {groups * OG} channels",
            f"Give a bias of shape ({groups * OG},) or None",
        )
    check_dtypes("conv_transpose2d", x, w, b)


def _check_transposed_size(
    out: list[int],
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
) -> None:
    """Refuse an output padding that chooses nothing, and an output without pixels."""
    for axis, word in enumerate(("height", "width")):
        size, kernel = x.shape[2 + axis], w.shape[2 + axis]
        s, p, extra, d = stride[axis], padding[axis], output_padding[axis], dilation[axis]
        if extra >= max(s, d):
            raise InputError(
                "conv_transpose2d",
                f"output_padding {extra} ({word}) is not smaller than stride {s} or dilation {d}",
                "Output padding chooses one of the sizes that a strided convolution rounds to the "
                "same; use 0 with stride 1",
            )
        if size < 1 or out[axis] < 1:
            raise InputError(
                "conv_transpose2d",
                f"no output is left: ({word} {size} − 1) · stride {s} − 2 · padding {p} + "
                f"dilation {d} · (kernel {kernel} − 1) + output_padding {extra} + 1 = {out[axis]}",
                "Use less padding (here it cuts off the output's edge) or a larger input",
            )
