"""Depthwise convolution: every input channel is filtered alone, by M filters of its own.

    y[n,o,i,j] = b[o] + Σ_{u,v}  w[o,0,u,v] · x[n, o // M, i·SH + u·DH − top, j·SW + v·DW − left]

It is the convolution with groups = C. There is no sum over channels, which is why it is cheap.

Shapes: x (N, C, H, W) · w (C·M, 1, KH, KW) · b (C·M,) · y (N, C·M, OH, OW).
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
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """All index triples (of y, of w, of x) whose product w·x is a term of y."""
    N, C, H, W = x_shape
    O, _, KH, KW = w_shape
    M = O // C  # filters per input channel
    OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
    for n in range(N):
        for o in range(O):
            for i in range(OH):
                for j in range(OW):
                    for u in range(KH):
                        for v in range(KW):
                            h = i * stride[0] + u * dilation[0] - padding[0]
                            k = j * stride[1] + v * dilation[1] - padding[2]
                            if 0 <= h < H and 0 <= k < W:
                                yield (n, o, i, j), (o, 0, u, v), (n, o // M, h, k)


def depthwise_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The depthwise convolution y of x (N, C, H, W) with w (C·M, 1, KH, KW) and bias b (C·M,)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *size), x.dtype)
    if b is not None:
        y += b[:, None, None]
    for at_y, at_w, at_x in _products(x.shape, w.shape, stride, padding, dilation):
        y[at_y] += w[at_w] * x[at_x]
    return y


def depthwise_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, C·M, OH, OW)."""
    dx = np.zeros(x_shape, grad.dtype)
    for at_y, at_w, at_x in _products(x_shape, w.shape, stride, padding, dilation):
        dx[at_x] += w[at_w] * grad[at_y]
    return dx


def depthwise_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂w (C·M, 1, KH, KW) from grad = ∂L/∂y (N, C·M, OH, OW)."""
    dw = np.zeros(w_shape, grad.dtype)
    for at_y, at_w, at_x in _products(x.shape, w_shape, stride, padding, dilation):
        dw[at_w] += x[at_x] * grad[at_y]
    return dw
