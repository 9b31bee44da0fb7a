"""Max and average pooling, many windows at a time.

Window (i, j) covers the rows i·SH − top + u·DH (u < KH) and the columns j·SW − left + v·DW (v < KW)
that lie inside the image. `out_size` is passed in, because rounding it up or down is the caller's
choice.

Each (image, channel) is a plane of its own, and the planes are shared out among the threads. Inside
a plane the textbook's loops are turned around, so that the innermost one is long and straight:

    max:      for u: for v: for l             best[l] = max(best[l], x[l + u·DH·W + v·DW])
              for i: for j                    y[i,j] = best[i·SH·W + j·SW]
    average:  for i: for u: for k             column[k] += x[h, k]
                     for j: for v             y[i,j] += column[k]

The maximum is taken for a window at every pixel l, as if the stride were 1, and those that the
stride skips are thrown away. That is more work, but 16 pixels at a time, without a branch.

The average adds the rows of a window first and the columns after, which takes KH + KW additions
for a window instead of KH · KW. The numbers added are the same.

Shapes: x (N, C, H, W) · y (N, C, OH, OW).
"""

import numpy as np

from minidl_kernels.geometry import Padding, Pair
from minidl_kernels.numba.jit import inlined, jit, plain
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
    y = np.empty((N * C, *out_size), x.dtype)
    position = np.empty(y.shape, np.int32)
    before = (padding[0], padding[2])
    # The pixels that windows reach, with padding; where that is inside the image, the image.
    reach = [
        (count - 1) * s + (k - 1) * d + 1
        for count, s, k, d in zip(out_size, stride, kernel, dilation, strict=True)
    ]
    framed = before != (0, 0) or reach[0] > H or reach[1] > W
    frame = (reach[0], reach[1]) if framed else (H, W)
    planes = plain(x).reshape(N * C, H, W)
    arguments = planes, y, position, kernel, stride, before, dilation, frame, framed
    run(_max_part, y.size * kernel[0] * kernel[1], N * C, *arguments)
    return y.reshape(N, C, *out_size), position.reshape(N, C, *out_size)


def max_pool2d_backward(grad: Array, position: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Each output's gradient goes to the pixel that was the maximum; overlapping windows add up."""
    N, C, H, W = x_shape
    windows = grad.shape[2] * grad.shape[3]
    dx = np.empty((N * C, H * W), grad.dtype)
    arguments = plain(grad).reshape(N * C, windows), plain(position).reshape(N * C, windows), dx
    run(_scatter_part, dx.size, N * C, *arguments)
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
    window = kernel, stride, padding, count_include_pad
    arguments = plain(x).reshape(N * C, H, W), y, *_windows((H, W), out_size, *window, x.dtype)
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
    dx = np.empty((N * C, H, W), grad.dtype)
    window = kernel, stride, padding, count_include_pad
    windows = _windows((H, W), (OH, OW), *window, grad.dtype)
    arguments = plain(grad).reshape(N * C, OH, OW), dx, *windows
    run(_share_part, dx.size, N * C, *arguments)
    return dx.reshape(x_shape)


def _windows(
    size: Pair,
    count: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
    dtype: np.dtype,
) -> tuple[Array, Array, Array]:
    """Rows and columns inside each window, as (first, one past the last), and its divisor."""
    spans, lengths = [], []
    for axis in range(2):
        start = np.arange(count[axis]) * stride[axis] - padding[2 * axis]
        stop = start + kernel[axis]
        first, last = np.maximum(start, 0), np.minimum(stop, size[axis])
        padded = np.minimum(stop, size[axis] + padding[2 * axis + 1]) - start
        spans.append(np.stack([first, last], axis=1))
        lengths.append(np.maximum(padded if count_include_pad else last - first, 0))
    return spans[0], spans[1], np.maximum(np.outer(*lengths), 1).astype(dtype)


@jit
def _max_part(t, threads, x, y, position, kernel, stride, before, dilation, frame, framed):
    """The share of thread t: a run of planes, so that it reads memory from front to back."""
    H, W = x.shape[1:]
    OH, OW = y.shape[1:]
    FH, FW = frame
    pixels = np.full(FH * FW, -np.inf, x.dtype)
    # Rows of windows are done together until there are about 1000 pixels in a line.
    rows = min(max(1, 1024 // max(1, stride[0] * FW)), OH)
    best = np.empty(FH * FW, x.dtype)
    where = np.empty(FH * FW, np.int32)
    for p in range(t * len(x) // threads, (t + 1) * len(x) // threads):
        if framed:
            _copy_inside(x[p], pixels, before, FH, FW)
        else:
            pixels = x[p].reshape(H * W)
        for first in range(0, OH, rows):
            stop = min(first + rows, OH)
            start = first * stride[0] * FW
            length = (stop - 1 - first) * stride[0] * FW + (OW - 1) * stride[1] + 1
            _best_of_windows(pixels, start, length, FW, W, kernel, dilation, best, where)
            _pick(best, where, FW, W, first, stop, stride, before, y[p], position[p])
        if framed:
            _keep_inside(y[p], position[p], H, W, kernel, stride, before, dilation)


@inlined
def _best_of_windows(pixels, start, length, width, W, kernel, dilation, best, where):
    """The maximum of the window that begins at each pixel of a line, and where in the window.

    `where` is the distance from the window's corner in the image, whose rows have W pixels; those
    of `pixels` have `width`. Of equal pixels the first is kept, because a later one is not larger.
    """
    corners = pixels[start : start + length]
    for l in range(length):
        best[l], where[l] = corners[l], 0
    for u in range(kernel[0]):
        for v in range(0 if u else 1, kernel[1]):
            shift = start + u * dilation[0] * width + v * dilation[1]
            distance = np.int32(u * dilation[0] * W + v * dilation[1])
            shifted = pixels[shift : shift + length]
            for l in range(length):
                value, largest = shifted[l], best[l]
                # NaN is larger than any number, but no NaN than another.
                larger = (value > largest) | ((value != value) & (largest == largest))
                best[l] = value if larger else largest
                where[l] = distance if larger else where[l]


@inlined
def _copy_inside(x, pixels, before, FH, FW):
    """Copy a plane into its frame of −∞, as much of it as there is room for."""
    height, width = min(x.shape[0], FH - before[0]), min(x.shape[1], FW - before[1])
    for h in range(height):
        start = (h + before[0]) * FW + before[1]
        row, target = x[h], pixels[start : start + width]
        for k in range(width):
            target[k] = row[k]


@inlined
def _pick(best, where, width, W, first, stop, stride, before, y, position):
    """The windows of rows first … stop − 1, every stride-th of a line."""
    for i in range(first, stop):
        line = (i - first) * stride[0] * width
        corner = (i * stride[0] - before[0]) * W - before[1]
        if stride[1] == 2:  # as a constant it makes short work of the row
            for j in range(y.shape[1]):
                y[i, j] = best[line + 2 * j]
                position[i, j] = corner + 2 * j + where[line + 2 * j]
        else:
            for j in range(y.shape[1]):
                y[i, j] = best[line + stride[1] * j]
                position[i, j] = corner + stride[1] * j + where[line + stride[1] * j]


@inlined
def _keep_inside(y, position, H, W, kernel, stride, before, dilation):
    """A window with nothing above −∞, like the padding: its first pixel wins, −1 if it has none."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            if y[i, j] == -np.inf:
                position[i, j] = -1
                for tap in range(kernel[0] * kernel[1] - 1, -1, -1):
                    h = i * stride[0] - before[0] + tap // kernel[1] * dilation[0]
                    k = j * stride[1] - before[1] + tap % kernel[1] * dilation[1]
                    if 0 <= h < H and 0 <= k < W:
                        position[i, j] = h * W + k


@jit
def _scatter_part(t, threads, grad, position, dx):
    """The share of thread t: a run of planes. A plane is cleared when it is about to be filled."""
    for p in range(t * len(dx) // threads, (t + 1) * len(dx) // threads):
        pixels, g, places = dx[p], grad[p], position[p]
        pixels[:] = 0
        for l in range(len(g)):
            if places[l] >= 0:
                pixels[places[l]] += g[l]


@jit
def _average_part(t, threads, x, y, rows, columns, divisor):
    """The share of thread t: a run of planes."""
    column = np.empty(x.shape[2], x.dtype)
    for p in range(t * len(x) // threads, (t + 1) * len(x) // threads):
        for i in range(len(rows)):
            column[:] = 0
            for h in range(rows[i, 0], rows[i, 1]):
                row = x[p, h]
                for k in range(len(column)):
                    column[k] += row[k]
            for j in range(len(columns)):
                total = x.dtype.type(0)
                for k in range(columns[j, 0], columns[j, 1]):
                    total += column[k]
                y[p, i, j] = total / divisor[i, j]


@jit
def _share_part(t, threads, grad, dx, rows, columns, divisor):
    """The steps of `_average_part` backwards: outputs to columns, columns to pixels."""
    column = np.empty(dx.shape[2], dx.dtype)
    for p in range(t * len(dx) // threads, (t + 1) * len(dx) // threads):
        dx[p] = 0
        for i in range(len(rows)):
            column[:] = 0
            for j in range(len(columns)):
                share = grad[p, i, j] / divisor[i, j]
                for k in range(columns[j, 0], columns[j, 1]):
                    column[k] += share
            for h in range(rows[i, 0], rows[i, 1]):
                row = dx[p, h]
                for k in range(len(column)):
                    row[k] += column[k]
