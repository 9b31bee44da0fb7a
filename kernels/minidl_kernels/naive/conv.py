"""Convolution as seven nested loops. The same sum three times, read in three directions.

    y[n,o,i,j] = b[o] + Σ_{c,u,v}  w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

Pixels outside the image count as zero. Each forward term is one product; the chain rule sends the
gradient of `y` back along that product to `x` (times `w`) and to `w` (times `x`), so the three
functions below share their loops and differ in the innermost line alone.

Shapes: x (N, C, H, W) · w (O, C/groups, KH, KW) · b (O,) · y (N, O, OH, OW).
Output channel o belongs to group o // (O/groups) and sees only the input channels of that group.
"""

from collections.abc import Iterator

import numpy as np

from minidl_kernels.geometry import Padding, Pair, output_size

Array = np.ndarray


def _products(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """All index triples (of y, of w, of x) whose product w·x is a term of y."""
    N, _, H, W = x_shape
    O, CG, KH, KW = w_shape  # CG: input channels per group
    OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
    for n in range(N):
        for o in range(O):
            first_channel = o // (O // groups) * CG
            for i in range(OH):
                for j in range(OW):
                    for c in range(CG):
                        for u in range(KH):
                            for v in range(KW):
                                h = i * stride[0] + u * dilation[0] - padding[0]
                                k = j * stride[1] + v * dilation[1] - padding[2]
                                if 0 <= h < H and 0 <= k < W:
                                    yield (n, o, i, j), (o, c, u, v), (n, first_channel + c, h, k)


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """The convolution y of x (N, C, H, W) with w (O, C/groups, KH, KW) and bias b (O,)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *size), x.dtype)
    if b is not None:
        y += b[:, None, None]
    for at_y, at_w, at_x in _products(x.shape, w.shape, stride, padding, dilation, groups):
        y[at_y] += w[at_w] * x[at_x]
    return y


def conv2d_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, O, OH, OW): each term w·x passes w·grad to its x."""
    dx = np.zeros(x_shape, grad.dtype)
    for at_y, at_w, at_x in _products(x_shape, w.shape, stride, padding, dilation, groups):
        dx[at_x] += w[at_w] * grad[at_y]
    return dx


def conv2d_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """∂L/∂w (O, C/groups, KH, KW) from ∂L/∂y: each term w·x passes x·grad to its w."""
    dw = np.zeros(w_shape, grad.dtype)
    for at_y, at_w, at_x in _products(x.shape, w_shape, stride, padding, dilation, groups):
        dw[at_w] += x[at_x] * grad[at_y]
    return dw
