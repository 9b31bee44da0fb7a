"""Pooling: one number for each window of each channel.

x (N, C, H, W) · y (N, C, OH, OW) · window (i, j) covers the rows i·SH + u·DH − top, u < KH,
and the columns j·SW + v·DW − left, v < KW
"""

import numpy as np
from minidl_kernels import active
from minidl_kernels.geometry import Padding, Pair

from minidl.autograd import Op

Array = np.ndarray


class MaxPool2d(Op):
    """y[n,c,i,j] = the largest pixel of window (i, j); the padding is never the largest."""

    def forward(
        self,
        x: Array,
        *,
        kernel: Pair,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        out_size: Pair,
    ) -> Array:
        """Take the maximum of each window."""
        y, position = active().pool.max_pool2d_forward(
            x, kernel, stride, padding, dilation, out_size
        )
        self.x_shape, self.window = x.shape, (kernel, stride, padding, dilation)
        self.save(position)
        return y

    def backward(self, grad: Array) -> Array:
        """The gradient goes to the pixel that won; of equal pixels the first in row-major order."""
        (position,) = self.saved
        return active().pool.max_pool2d_backward(grad, position, self.x_shape)


class AvgPool2d(Op):
    """y[n,c,i,j] = the mean of window (i, j)."""

    def forward(
        self,
        x: Array,
        *,
        kernel: Pair,
        stride: Pair,
        padding: Padding,
        count_include_pad: bool,
        out_size: Pair,
    ) -> Array:
        """Average each window; with `count_include_pad` the padding's zeros are averaged too."""
        self.x_shape = x.shape
        self.window = kernel, stride, padding, count_include_pad
        return active().pool.avg_pool2d_forward(x, *self.window, out_size)

    def backward(self, grad: Array) -> Array:
        """Each pixel of a window receives the gradient divided by the window's size."""
        return active().pool.avg_pool2d_backward(grad, self.x_shape, *self.window)


class AdaptiveAvgPool2d(Op):
    """The mean over OH × OW windows that share the image as evenly as whole pixels allow.

    Window i covers the rows ⌊i·H/OH⌋ up to, not including, ⌈(i + 1)·H/OH⌉; neighbours overlap by a
    row where OH does not divide H. One window is global average pooling.
    """

    def forward(self, x: Array, *, out_size: Pair) -> Array:
        """Average x (N, C, H, W) to (N, C, OH, OW).

        The mean is taken as a product with 1/area: for a few numbers it is far quicker than mean().
        """
        self.x_shape, self.out_size = x.shape, out_size
        N, C = x.shape[:2]
        y = np.empty((N, C, *out_size), x.dtype)
        for (i, j), (rows, columns) in _even_windows(x.shape[2:], out_size):
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            window = x[:, :, rows, columns].reshape(N, C, area)
            y[:, :, i, j] = window @ np.full(area, 1 / area, x.dtype)
        return y

    def backward(self, grad: Array) -> Array:
        """Each pixel of a window receives the gradient divided by that window's size."""
        dx = np.zeros(self.x_shape, grad.dtype)
        for (i, j), (rows, columns) in _even_windows(self.x_shape[2:], self.out_size):
            size = (rows.stop - rows.start) * (columns.stop - columns.start)
            dx[:, :, rows, columns] += (grad[:, :, i, j] / size)[:, :, None, None]
        return dx


class AdaptiveMaxPool2d(Op):
    """The largest pixel of each of the OH × OW windows of `AdaptiveAvgPool2d`.

    As for `MaxPool2d`, of equal pixels the first wins, and NaN is larger than any number.
    """

    def forward(self, x: Array, *, out_size: Pair) -> Array:
        """Take the maximum of each window of x (N, C, H, W): (N, C, OH, OW)."""
        N, C, _, W = x.shape
        y = np.empty((N, C, *out_size), x.dtype)
        position = np.empty(y.shape, np.int32)  # of the winner, h·W + k
        for (i, j), (rows, columns) in _even_windows(x.shape[2:], out_size):
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            window = x[:, :, rows, columns].reshape(N, C, area)
            best = window.argmax(axis=2)  # the first of equal ones, or the first NaN
            y[:, :, i, j] = np.take_along_axis(window, best[:, :, None], axis=2)[:, :, 0]
            u, v = np.divmod(best, columns.stop - columns.start)
            position[:, :, i, j] = (rows.start + u) * W + columns.start + v
        self.x_shape, self.out_size = x.shape, out_size
        self.save(position)
        return y

    def backward(self, grad: Array) -> Array:
        """The gradient goes to the pixel that won; one that won twice receives the sum."""
        (position,) = self.saved
        return active().pool.max_pool2d_backward(grad, position, self.x_shape)


def _even_windows(size: Pair, out_size: Pair) -> list[tuple[Pair, tuple[slice, slice]]]:
    """((i, j), (rows, columns)) of every adaptive window of an image of `size`."""
    rows, columns = (
        [slice(k * pixels // out, -(-(k + 1) * pixels // out)) for k in range(out)]
        for pixels, out in zip(size, out_size, strict=True)
    )
    return [((i, j), (r, c)) for i, r in enumerate(rows) for j, c in enumerate(columns)]
