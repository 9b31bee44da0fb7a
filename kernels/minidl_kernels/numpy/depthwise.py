"""Depthwise convolution as KH·KW whole-image multiplications, one for each kernel position.

    y[n, c·M + m] = b[c·M + m] + Σ_{u,v}  w[c·M + m, 0, u, v] · shifted_{u,v}(x[n, c])

where shifted_{u,v} is the padded image seen from kernel position (u, v), every SH-th row and SW-th
column of it. There is no sum over channels, so there is no matrix product to speak of.

Shapes: x (N, C, H, W) · w (C·M, 1, KH, KW) · b (C·M,) · y (N, C·M, OH, OW).
"""

import numpy as np

from minidl_kernels.geometry import Padding, Pair, output_size, taps

Array = np.ndarray


def depthwise_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The depthwise convolution y of x (N, C, H, W) with w (C·M, 1, KH, KW) and bias b (C·M,)."""
    N, C, H, W = x.shape
    filters = _by_channel(w, C)  # (C, M, KH, KW)
    M, KH, KW = filters.shape[1:]
    OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
    padded = _padded(x, padding)
    y = np.zeros((N, C, M, OH, OW), x.dtype)
    for u, v in np.ndindex(KH, KW):
        seen = padded[:, :, None, *taps(u, v, (OH, OW), stride, dilation)]  # (N, C, 1, OH, OW)
        y += filters[:, :, u, v, None, None] * seen
    y = y.reshape(N, C * M, OH, OW)
    if b is not None:
        y += b[:, None, None]
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
    N, C, H, W = x_shape
    filters = _by_channel(w, C)  # (C, M, KH, KW)
    M, KH, KW = filters.shape[1:]
    OH, OW = grad.shape[2:]
    g = grad.reshape(N, C, M, OH, OW)
    top, bottom, left, right = padding
    padded = np.zeros((N, C, H + top + bottom, W + left + right), grad.dtype)
    for u, v in np.ndindex(KH, KW):
        share = (filters[:, :, u, v, None, None] * g).sum(axis=2)  # (N, C, OH, OW)
        padded[:, :, *taps(u, v, (OH, OW), stride, dilation)] += share
    return padded[:, :, top : top + H, left : left + W].copy()


def depthwise_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂w (C·M, 1, KH, KW) from grad = ∂L/∂y (N, C·M, OH, OW)."""
    N, C = x.shape[:2]
    O, _, KH, KW = w_shape
    OH, OW = grad.shape[2:]
    g = grad.reshape(N, C, O // C, OH, OW)
    padded = _padded(x, padding)
    dw = np.zeros((C, O // C, KH, KW), grad.dtype)
    for u, v in np.ndindex(KH, KW):
        seen = padded[:, :, None, *taps(u, v, (OH, OW), stride, dilation)]  # (N, C, 1, OH, OW)
        dw[:, :, u, v] = (seen * g).sum(axis=(0, 3, 4))
    return dw.reshape(w_shape)


def _by_channel(w: Array, C: int) -> Array:
    """The filters sorted by the input channel they read: (C·M, 1, KH, KW) → (C, M, KH, KW)."""
    return w.reshape(C, w.shape[0] // C, *w.shape[2:])


def _padded(x: Array, padding: Padding) -> Array:
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
