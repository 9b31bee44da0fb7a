"""Images of another size: each output pixel is read at a place between the input's pixels.

Rows and columns are resized independently, so an image is resized by two small matrices,

    y[n,c] = R · x[n,c] · Cᵀ        y[n,c,i,j] = Σ_{h,k} R[i,h] · C[j,k] · x[n,c,h,k]

    x (N, C, H, W) · R (OH, H) · C (OW, W) · y (N, C, OH, OW)

and backward is the transpose, dx = Rᵀ · grad · C: each pixel receives the gradients of the output
pixels that were read from it, with the weights they were read with.

Where output pixel i is read follows from its place on the input's axis, in steps of
    H / OH, or 1 / scale where a scale was given (the two differ where OH was rounded).
"""

import numpy as np
from minidl_kernels.geometry import Pair

from minidl.autograd import Op

Array = np.ndarray
Scales = tuple[float, float] | tuple[None, None]
"""The scale factors of height and width, where the user gave them instead of a size."""


class UpsampleNearest(Op):
    """y[n,c,i,j] = x[n, c, ⌊i · step⌋, ⌊j · step⌋]: each output pixel is a copy of one input pixel.

    In R each row holds a single 1, so instead of multiplying by it, pixels are looked up.
    """

    def forward(self, x: Array, *, out_size: Pair, scales: Scales) -> Array:
        """Resize x (N, C, H, W) to (N, C, OH, OW)."""
        self.x_shape = x.shape
        self.rows, self.columns = (
            _nearest(size, out, scale)
            for size, out, scale in zip(x.shape[2:], out_size, scales, strict=True)
        )
        return x[:, :, self.rows[:, None], self.columns]

    def backward(self, grad: Array) -> Array:
        """Each pixel receives the sum over its copies, which lie side by side: add up the runs."""
        seen_rows, row_starts = np.unique(self.rows, return_index=True)
        seen_columns, column_starts = np.unique(self.columns, return_index=True)
        sums = np.add.reduceat(grad, row_starts, axis=2)
        sums = np.add.reduceat(sums, column_starts, axis=3)
        dx = np.zeros(self.x_shape, grad.dtype)  # a pixel that nobody copied keeps this zero
        dx[:, :, seen_rows[:, None], seen_columns] = sums
        return dx


class UpsampleBilinear(Op):
    """y = R · x · Cᵀ: each output pixel is a mean of the four input pixels around its place.

    Row i of R holds 1 − t and t at the two pixels ⌊p⌋ and ⌊p⌋ + 1 around the place p, t = p − ⌊p⌋.
    """

    def forward(self, x: Array, *, out_size: Pair, scales: Scales, align_corners: bool) -> Array:
        """Resize x (N, C, H, W) to (N, C, OH, OW)."""
        R, C = (
            _bilinear(size, out, scale, align_corners).astype(x.dtype)
            for size, out, scale in zip(x.shape[2:], out_size, scales, strict=True)
        )
        self.save(R, C)
        return R @ x @ C.T

    def backward(self, grad: Array) -> Array:
        """dx = Rᵀ · grad · C, the transpose of the two products."""
        R, C = self.saved
        return R.T @ grad @ C


def _nearest(size: int, out: int, scale: float | None) -> Array:
    """The pixel that each of the `out` output pixels copies: ⌊i · step⌋.

    In float32, as PyTorch computes it: at the border of two pixels the rounding decides. And as
    there, a scale that led to the same or the double size counts as exactly 1 or 2.
    """
    step = _step(size, out, None if out in (size, 2 * size) else scale)
    places = np.arange(out, dtype=np.float32) * np.float32(step)
    return np.minimum(places.astype(np.int64), size - 1)


def _bilinear(size: int, out: int, scale: float | None, align_corners: bool) -> Array:
    """The matrix (out, size) that reads each output pixel between its two neighbours.

    With `align_corners` the centres of the first and last pixels of input and output lie on each
    other, so the places are i · (size − 1) / (out − 1). Without it the images' outer edges do, and
    centres lie half a pixel inside: (i + ½) · step − ½. What lies outside is moved to the edge.
    As in PyTorch, a scale that led to the same size counts as exactly 1.
    """
    i = np.arange(out)
    if align_corners:
        places = i * ((size - 1) / max(out - 1, 1))
    else:
        places = (i + 0.5) * _step(size, out, None if out == size else scale) - 0.5
    places = np.clip(places, 0, size - 1)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    matrix = np.zeros((out, size))
    matrix[i, low] = 1 - (places - low)
    matrix[i, high] += places - low  # += because at the last pixel both neighbours are that one
    return matrix


def _step(size: int, out: int, scale: float | None) -> float:
    """How many input pixels one output pixel stands for."""
    return size / out if scale is None else 1 / scale
