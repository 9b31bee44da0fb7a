"""The product of two matrices, by BLAS, each thread a part of the result.

y[…,i,k] = Σ_j a[…,i,j] · b[…,j,k]

There is nothing to compile: BLAS is as fast as a processor allows. But its own threads, once used,
wait for the next product in a loop that keeps a core busy for some milliseconds, while the compiled
kernels need it. So BLAS keeps to one thread (threads.py), and a large result is cut into pieces
here: the matrices of a stack, else rows or columns, whichever there are more of. The pieces are the
same for any number of threads, and so is the result, to the last bit.

Shapes: a (…, I, J) · b (…, J, K) · y (…, I, K), the leading axes broadcast.
"""

import numpy as np

from minidl_kernels.numba.team import run

Array = np.ndarray

_LARGE = 2**23
"""Multiply-adds of a product that takes longer than waking other threads and cutting it up."""

_MOST, _SIZE = 8, 128
"""Pieces: at most so many, of no fewer rows or columns, as BLAS packs the other matrix for each."""


def matmul(a: Array, b: Array) -> Array:
    """The product of two matrices, or of each pair of two stacks of them."""
    if a.shape[-1] == 1:  # one term, a column times a row: BLAS is made for long sums
        return a * b
    operations = max(a.size * b.shape[-1], b.size * a.shape[-2])
    if operations < _LARGE:
        return a @ b
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*stack, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    a, b = (np.broadcast_to(m, (*stack, *m.shape[-2:])) for m in (a, b))
    stacked = y.ndim > 2 and len(y) >= _MOST
    axis = 0 if stacked else int(np.argmax(y.shape[-2:])) - 2
    pieces = _MOST if stacked else max(1, min(_MOST, y.shape[axis] // _SIZE))
    run(_product_part, operations, pieces, axis, pieces, a, b, y)
    return y


def _product_part(
    t: int, threads: int, axis: int, pieces: int, a: Array, b: Array, y: Array
) -> None:
    """The share of thread t: neighbouring pieces. NumPy lets go of the interpreter's lock."""
    size = y.shape[axis]
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        part = slice(piece * size // pieces, (piece + 1) * size // pieces)
        if axis == -1:
            np.matmul(a, b[..., part], out=y[..., part])
        elif axis == -2:
            np.matmul(a[..., part, :], b, out=y[..., part, :])
        else:
            np.matmul(a[part], b[part], out=y[part])
