"""Depthwise convolution: every input channel is filtered alone, by M filters of its own.

    y[n, o, i, j] = b[o] + Σ_{u,v}  w[o, 0, u, v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]
    with o = c·M + m, m < M

It is the convolution with one group for each channel, so conv.py computes it, with a block of one
output and nine taps instead of four and six: there is no second output to share a load with, and
that is why a depthwise convolution waits for memory rather than for arithmetic.

Shapes: x (N, C, H, W) · w (C·M, 1, KH, KW) · b (C·M,) · y (N, C·M, OH, OW).
"""

import numpy as np

from minidl_kernels.geometry import Padding, Pair
from minidl_kernels.numba import conv

Array = np.ndarray


def depthwise_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The depthwise convolution y of x (N, C, H, W) with w (C·M, 1, KH, KW) and bias b (C·M,)."""
    return conv.conv2d_forward(x, w, b, stride, padding, dilation, groups=x.shape[1])


def depthwise_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, C·M, OH, OW)."""
    return conv.conv2d_input_gradient(grad, w, x_shape, stride, padding, dilation, x_shape[1])


def depthwise_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂w (C·M, 1, KH, KW) from grad = ∂L/∂y (N, C·M, OH, OW)."""
    return conv.conv2d_weight_gradient(grad, x, w_shape, stride, padding, dilation, x.shape[1])
