"""Windows as columns, and columns laid back over the image.

    x (N, C, H, W) · columns (N, C·KH·KW, L), one column for each of the L = OH·OW windows

A convolution is a matrix product with the columns:

    w.reshape(O, −1) @ unfold(x) = y.reshape(N, O, L)

The kernel set "numpy" computes it in just this way, so the two array functions are found there, and
are imported from there whichever set is active: the other two never write the columns down.
"""

import numpy as np
from minidl_kernels.geometry import Padding, Pair
from minidl_kernels.numpy.conv import col2im, im2col

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.windows import checked_output_size

Array = np.ndarray


class Unfold(Op):
    """Copy every window into a column.

    columns[n, c·KH·KW + u·KW + v, i·OW + j] = x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]
    """

    def forward(
        self, x: Array, *, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
    ) -> Array:
        """Unfold x (N, C, H, W) to (N, C·KH·KW, L)."""
        checked_output_size(x.shape[2:], kernel, stride, padding, dilation, "unfold")
        self.window = kernel, stride, padding, dilation
        self.x_shape = x.shape
        return im2col(x, *self.window)

    def backward(self, grad: Array) -> Array:
        """Each copy hands its gradient back to its pixel; a pixel in many windows gets the sum."""
        return col2im(grad, self.x_shape, *self.window)


class Fold(Op):
    """Add every column back to the pixels of its window: the transpose of `Unfold`.

    y[n, c, h, k] = Σ x[n, c·KH·KW + u·KW + v, i·OW + j]
                    over all u, v, i, j with i·SH + u·DH − top = h and j·SW + v·DW − left = k
    """

    def forward(
        self,
        x: Array,
        *,
        out_size: Pair,
        kernel: Pair,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
    ) -> Array:
        """Fold x (N, C·KH·KW, L) to (N, C, H, W), where (H, W) = `out_size`."""
        N, rows, L = x.shape
        area = kernel[0] * kernel[1]
        if rows % area:
            raise InputError(
                "fold",
                f"{rows} rows of the columns {x.shape} are no multiple of the window's "
                f"{kernel[0]} · {kernel[1]} = {area} pixels",
                "A column holds C · KH · KW numbers; check kernel_size and the order of the axes",
            )
        OH, OW = checked_output_size(out_size, kernel, stride, padding, dilation, "fold")
        if OH * OW != L:
            raise InputError(
                "fold",
                f"an image of {out_size} has {OH} · {OW} = {OH * OW} windows, but the columns "
                f"{x.shape} are {L}",
                "Give the options that unfold was given, and the size of the image it was given",
            )
        self.window = kernel, stride, padding, dilation
        return col2im(x, (N, rows // area, *out_size), *self.window)

    def backward(self, grad: Array) -> Array:
        """Each number went to one pixel, so it gets that pixel's gradient: the windows of grad."""
        return im2col(grad, *self.window)
