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
        self.x_shape = x.shape
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
        """Average x (N, C, H, W) to (N, C, OH, OW)."""
        self.x_shape, self.out_size = x.shape, out_size
        y = np.empty((*x.shape[:2], *out_size), x.dtype)
        for (i, j), (rows, columns) in self._windows():
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
        return y

    def backward(self, grad: Array) -> Array:
        """Each pixel of a window receives the gradient divided by that window's size."""
        dx = np.zeros(self.x_shape, grad.dtype)
        for (i, j), (rows, columns) in self._windows():
            size = (rows.stop - rows.start) * (columns.stop - columns.start)
            dx[:, :, rows, columns] += (grad[:, :, i, j] / size)[:, :, None, None]
        return dx

    def _windows(self) -> list[tuple[tuple[int, int], tuple[slice, slice]]]:
        """((i, j), (rows, columns)) of every window."""
        rows, columns = (
            [slice(k * size // out, -(-(k + 1) * size // out)) for k in range(out)]
            for size, out in zip(self.x_shape[2:], self.out_size, strict=True)
        )
        return [((i, j), (r, c)) for i, r in enumerate(rows) for j, c in enumerate(columns)]
