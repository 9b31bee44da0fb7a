"""Max and average pooling: a loop over the positions inside the window, whole arrays at each.

A pooling window has few positions (4 or 9) and the image many windows, so the loop runs over the
positions (u, v) and NumPy over the windows.

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
    H, W = x.shape[2:]
    y = np.full((*x.shape[:2], *out_size), -np.inf, x.dtype)
    position = np.full(y.shape, -1, np.int32)
    for u, v in np.ndindex(*kernel):
        h, rows = _inside(u * dilation[0] - padding[0], H, stride[0], out_size[0])
        k, columns = _inside(v * dilation[1] - padding[2], W, stride[1], out_size[1])
        value = x[:, :, h, k]
        best, at = y[:, :, rows, columns], position[:, :, rows, columns]
        here = (np.arange(H)[h, None] * W + np.arange(W)[None, k]).astype(np.int32)
        wins = (value > best) | (at < 0) | (np.isnan(value) & ~np.isnan(best))
        np.copyto(best, value, where=wins)
        np.copyto(at, here, where=wins)
    return y, position


def max_pool2d_backward(grad: Array, position: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Each output's gradient goes to the pixel that was the maximum; overlapping windows add up."""
    N, C, H, W = x_shape
    # One bin for every pixel of every channel; bincount adds up what falls into the same bin.
    base = (np.arange(N * C) * (H * W)).reshape(N, C, 1, 1)
    found = position >= 0
    bins, weights = (position + base)[found], grad[found]
    return np.bincount(bins, weights, N * C * H * W).astype(grad.dtype).reshape(x_shape)


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
    H, W = x.shape[2:]
    y = np.zeros((*x.shape[:2], *out_size), x.dtype)
    for u, v in np.ndindex(*kernel):
        h, rows = _inside(u - padding[0], H, stride[0], out_size[0])
        k, columns = _inside(v - padding[2], W, stride[1], out_size[1])
        y[:, :, rows, columns] += x[:, :, h, k]
    y /= _divisors(x.shape[2:], kernel, stride, padding, count_include_pad, out_size, x.dtype)
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
    (H, W), out_size = x_shape[2:], grad.shape[2:]
    share = grad / _divisors(
        (H, W), kernel, stride, padding, count_include_pad, out_size, grad.dtype
    )
    dx = np.zeros(x_shape, grad.dtype)
    for u, v in np.ndindex(*kernel):
        h, rows = _inside(u - padding[0], H, stride[0], out_size[0])
        k, columns = _inside(v - padding[2], W, stride[1], out_size[1])
        dx[:, :, h, k] += share[:, :, rows, columns]
    return dx


def _inside(first: int, size: int, stride: int, count: int) -> tuple[slice, slice]:
    """Of the pixels first, first + stride, … (`count` of them) those inside 0 … size − 1.

    Returns them as a slice of pixels, and as a slice of the windows they belong to.
    """
    start = max(0, -(first // stride))  # ⌈−first / stride⌉: the first window whose pixel is ≥ 0
    stop = max(start, min(count, -((first - size) // stride)))  # the first whose pixel is ≥ size
    pixels = slice(first + start * stride, first + stop * stride, stride)
    return (pixels if stop > start else slice(0, 0)), slice(start, stop)


def _divisors(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
    out_size: Pair,
    dtype: np.dtype,
) -> Array:
    """How many pixels each window is averaged over (OH, OW): a product of rows and columns."""
    lengths = []
    for axis in range(2):
        start = np.arange(out_size[axis]) * stride[axis] - padding[2 * axis]
        stop = start + kernel[axis]
        if count_include_pad:
            length = np.minimum(stop, size[axis] + padding[2 * axis + 1]) - start
        else:
            length = np.minimum(stop, size[axis]) - np.maximum(start, 0)
        lengths.append(np.maximum(length, 0))
    return np.maximum(np.outer(*lengths), 1).astype(dtype)
