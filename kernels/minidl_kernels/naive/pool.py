"""Max and average pooling, one window at a time.

Window (i, j) covers the rows i·SH − top + u·DH (u < KH) and the columns j·SW − left + v·DW (v < KW)
that lie inside the image. `out_size` is passed in, because rounding it up or down is the caller's
choice.

Shapes: x (N, C, H, W) · y (N, C, OH, OW).
"""

import numpy as np

from minidl_kernels.geometry import Padding, Pair

Array = np.ndarray


def max_pool2d_forward(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, out_size: Pair
) -> tuple[Array, Array]:
    """The maximum of each window, and the flat position h·W + k (int32) where it was found.

    Among equal values the first in row-major order wins; NaN counts as larger than any number.
    A window wholly outside the image gives −inf and position −1.
    """
    N, C, H, W = x.shape
    y = np.full((N, C, *out_size), -np.inf, x.dtype)
    position = np.full((N, C, *out_size), -1, np.int32)
    for n, c, i, j in np.ndindex(y.shape):
        for u in range(kernel[0]):
            for v in range(kernel[1]):
                h = i * stride[0] + u * dilation[0] - padding[0]
                k = j * stride[1] + v * dilation[1] - padding[2]
                if not (0 <= h < H and 0 <= k < W):
                    continue
                value, best = x[n, c, h, k], y[n, c, i, j]
                first = position[n, c, i, j] < 0
                if first or value > best or (np.isnan(value) and not np.isnan(best)):
                    y[n, c, i, j] = value
                    position[n, c, i, j] = h * W + k
    return y, position


def max_pool2d_backward(grad: Array, position: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Each output's gradient goes to the pixel that was the maximum; overlapping windows add up."""
    dx = np.zeros(x_shape, grad.dtype)
    W = x_shape[3]
    for n, c, i, j in np.ndindex(grad.shape):
        p = position[n, c, i, j]
        if p >= 0:
            dx[n, c, p // W, p % W] += grad[n, c, i, j]
    return dx


def avg_pool2d_forward(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
    out_size: Pair,
) -> Array:
    """The sum of each window divided by the number of its pixels.

    With `count_include_pad` the zeros of the padding count as pixels; rows and columns beyond the
    padding (a window rounded up over the edge) never do. A window without pixels gives 0.
    """
    N, C, H, W = x.shape
    y = np.zeros((N, C, *out_size), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        rows = _span(i, H, kernel[0], stride[0], padding[0], padding[1])
        columns = _span(j, W, kernel[1], stride[1], padding[2], padding[3])
        for h in range(rows[0], rows[1]):
            for k in range(columns[0], columns[1]):
                y[n, c, i, j] += x[n, c, h, k]
        y[n, c, i, j] /= _divisor(rows, columns, count_include_pad)
    return y


def avg_pool2d_backward(
    grad: Array,
    x_shape: tuple[int, int, int, int],
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
) -> Array:
    """Each output's gradient is shared equally among the pixels of its window."""
    dx = np.zeros(x_shape, grad.dtype)
    H, W = x_shape[2:]
    for n, c, i, j in np.ndindex(grad.shape):
        rows = _span(i, H, kernel[0], stride[0], padding[0], padding[1])
        columns = _span(j, W, kernel[1], stride[1], padding[2], padding[3])
        share = grad[n, c, i, j] / _divisor(rows, columns, count_include_pad)
        for h in range(rows[0], rows[1]):
            for k in range(columns[0], columns[1]):
                dx[n, c, h, k] += share
    return dx


def _span(
    i: int, size: int, kernel: int, stride: int, before: int, after: int
) -> tuple[int, int, int]:
    """Window i along one axis: first pixel, one past its last pixel, its length with padding."""
    start = i * stride - before
    stop = start + kernel
    first, last = max(start, 0), min(stop, size)
    return first, max(first, last), max(min(stop, size + after) - start, 0)


def _divisor(
    rows: tuple[int, int, int], columns: tuple[int, int, int], count_include_pad: bool
) -> int:
    """How many pixels a window's mean is taken over (at least one)."""
    if count_include_pad:
        return max(rows[2] * columns[2], 1)
    return max((rows[1] - rows[0]) * (columns[1] - columns[0]), 1)
