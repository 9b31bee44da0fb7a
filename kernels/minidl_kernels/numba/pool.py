"""Max and average pooling, a whole row of windows at a time.

Window (i, j) covers the rows i·SH − top + u·DH (u < KH) and the columns j·SW − left + v·DW (v < KW)
that lie inside the image. `out_size` is passed in, because rounding it up or down is the caller's
choice.

Each (image, channel) is a plane of its own, and the planes are shared out among the threads. Inside
a plane the textbook's loops are turned around, so that the innermost one runs along a row:

    max:      for i: for u: for v: for j      y[i,j] = max(y[i,j], x[h, j·SW − left + v·DW])
    average:  for i: for u: for k             column[k] += x[h, k]
                     for j: for v             y[i,j] += column[k]

The average adds the rows of a window first and the columns after, which takes KH + KW additions
for a window instead of KH · KW. The numbers added are the same.

Shapes: x (N, C, H, W) · y (N, C, OH, OW).
"""

import numpy as np

from minidl_kernels.geometry import Padding, Pair
from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.team import run

Array = np.ndarray


def max_pool2d_forward(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, out_size: Pair
) -> tuple[Array, Array]:
    """The maximum of each window, and the flat position h·W + k (int32) where it was found.

    Among equal values the first in row-major order wins; NaN counts as larger than any number.
    A window wholly outside the image gives −inf and position −1.
    """
    N, C, H, W = x.shape
    planes = plain(x).reshape(N * C, H, W)
    y = np.empty((N * C, *out_size), x.dtype)
    position = np.empty(y.shape, np.int32)
    before = (padding[0], padding[2])
    arguments = planes, y, position, kernel, stride, before, dilation
    run(_max_part, y.size * kernel[0] * kernel[1], N * C, *arguments)
    return y.reshape(N, C, *out_size), position.reshape(N, C, *out_size)


def max_pool2d_backward(grad: Array, position: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Each output's gradient goes to the pixel that was the maximum; overlapping windows add up."""
    N, C, H, W = x_shape
    windows = grad.shape[2] * grad.shape[3]
    dx = np.zeros((N * C, H * W), grad.dtype)
    arguments = plain(grad).reshape(N * C, windows), plain(position).reshape(N * C, windows), dx
    run(_scatter_part, grad.size, N * C, *arguments)
    return dx.reshape(x_shape)


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
    y = np.empty((N * C, *out_size), x.dtype)
    rows = _spans(out_size[0], H, kernel[0], stride[0], padding[0], padding[1])
    columns = _spans(out_size[1], W, kernel[1], stride[1], padding[2], padding[3])
    arguments = plain(x).reshape(N * C, H, W), y, rows, columns, bool(count_include_pad)
    run(_average_part, x.size, N * C, *arguments)
    return y.reshape(N, C, *out_size)


def avg_pool2d_backward(
    grad: Array,
    x_shape: tuple[int, int, int, int],
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
) -> Array:
    """Each output's gradient is shared equally among the pixels of its window."""
    N, C, H, W = x_shape
    OH, OW = grad.shape[2:]
    dx = np.zeros((N * C, H, W), grad.dtype)
    rows = _spans(OH, H, kernel[0], stride[0], padding[0], padding[1])
    columns = _spans(OW, W, kernel[1], stride[1], padding[2], padding[3])
    arguments = plain(grad).reshape(N * C, OH, OW), dx, rows, columns, bool(count_include_pad)
    run(_share_part, dx.size, N * C, *arguments)
    return dx.reshape(x_shape)


def _spans(count: int, size: int, kernel: int, stride: int, before: int, after: int) -> Array:
    """Each window of an axis (count, 3): first pixel, one past its last, length with padding."""
    start = np.arange(count) * stride - before
    stop = start + kernel
    first, last = np.maximum(start, 0), np.minimum(stop, size)
    return np.stack([first, last, np.minimum(stop, size + after) - start], axis=1)


@jit
def _max_part(t, threads, x, y, position, kernel, stride, before, dilation):
    """The share of thread t: every `threads`-th plane."""
    H, W = x.shape[1:]
    OH, OW = y.shape[1:]
    for p in range(t, len(x), threads):
        for i in range(OH):
            best, where = y[p, i], position[p, i]
            best[:] = -np.inf
            where[:] = -1
            for u in range(kernel[0]):
                h = i * stride[0] + u * dilation[0] - before[0]
                if h < 0 or h >= H:
                    continue
                for v in range(kernel[1]):
                    # Windows first ≤ j < stop have this tap inside the image.
                    shift = v * dilation[1] - before[1]
                    first = min(max(-(shift // stride[1]), 0), OW)
                    stop = min(max(-((shift - W) // stride[1]), first), OW)
                    _raise(best, where, first, stop, x[p, h], h * W, shift, stride[1])


@jit
def _raise(best, where, first, stop, pixels, start, shift, stride):
    """Replace the best of each window by its pixel under one tap where that is larger, or NaN.

    Written without branches, and with the common strides as constants, so that it vectorises.
    """
    if stride == 1:
        for j in range(first, stop):
            best[j], where[j] = _larger(best[j], where[j], pixels[j + shift], start + j + shift)
    elif stride == 2:
        for j in range(first, stop):
            k = 2 * j + shift
            best[j], where[j] = _larger(best[j], where[j], pixels[k], start + k)
    else:
        for j in range(first, stop):
            k = j * stride + shift
            best[j], where[j] = _larger(best[j], where[j], pixels[k], start + k)


@jit
def _larger(best, where, value, place):
    """The larger of two pixels and its place; the first of equals; NaN before any number."""
    better = (where < 0) | ((best == best) & ~(value <= best))  # `best == best`: it is not NaN
    return (value, np.int32(place)) if better else (best, where)


@jit
def _scatter_part(t, threads, grad, position, dx):
    for p in range(t, len(grad), threads):
        for l in range(grad.shape[1]):
            if position[p, l] >= 0:
                dx[p, position[p, l]] += grad[p, l]


@jit
def _average_part(t, threads, x, y, rows, columns, include_pad):
    column = np.empty(x.shape[2], x.dtype)
    for p in range(t, len(x), threads):
        for i in range(len(rows)):
            column[:] = 0
            for h in range(rows[i, 0], rows[i, 1]):
                for k in range(len(column)):
                    column[k] += x[p, h, k]
            for j in range(len(columns)):
                total = x.dtype.type(0)
                for k in range(columns[j, 0], columns[j, 1]):
                    total += column[k]
                y[p, i, j] = total / x.dtype.type(_divisor(rows[i], columns[j], include_pad))


@jit
def _share_part(t, threads, grad, dx, rows, columns, include_pad):
    """The steps of `_average_part` backwards: outputs to columns, columns to pixels."""
    column = np.empty(dx.shape[2], dx.dtype)
    for p in range(t, len(dx), threads):
        for i in range(len(rows)):
            column[:] = 0
            for j in range(len(columns)):
                share = grad[p, i, j] / dx.dtype.type(_divisor(rows[i], columns[j], include_pad))
                for k in range(columns[j, 0], columns[j, 1]):
                    column[k] += share
            for h in range(rows[i, 0], rows[i, 1]):
                for k in range(len(column)):
                    dx[p, h, k] += column[k]


@jit
def _divisor(row, column, include_pad):
    """How many pixels a window's mean is taken over (at least one)."""
    if include_pad:
        return max(row[2] * column[2], 1)
    return max((row[1] - row[0]) * (column[1] - column[0]), 1)
