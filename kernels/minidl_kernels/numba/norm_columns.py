"""Batch normalisation column by column, where rows are short.

norm_rows.py turns to the next row after L numbers, and for 4 or 16 of them that takes longer than
the numbers themselves, which are too few to fill vectors. Here the C·L numbers of an image are one
long row, beside tables of the same length, in which μ, scale and β stand L times for each channel:

    y[n,k] = (x[n,k] − μ[k]) · scale[k] + β[k]                  k = c·L + l, a column

A piece of work is a thousand neighbouring columns of all images. So the sums over the images are
sums of columns, all lanes busy; in the end the L sums of a channel are added up.

The kernels take what those of norm_rows.py take, except that sums, squares and products are (1, C).
"""

import numpy as np

from minidl_kernels.numba.jit import inlined, jit
from minidl_kernels.numba.norm_rows import RUN

_PIECE = 1024
"""Columns in a piece of a thread's work: the tables take half of the first cache."""


def empty_sums(_N: int, C: int) -> np.ndarray:
    """Two tables of sums, one number for each channel."""
    return np.empty((2, 1, C))


@jit
def sum_deviations(t, threads, first, x, sums, squares):
    """Σ (x − p) and Σ (x − p)² of each channel c, with p = x[0,c,0]."""
    N, C, L = x.shape
    flat = x.reshape(N, C * L)
    rows, pieces = _pieces(C, L)
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        c, end = piece * rows, min(piece * rows + rows, C)
        pivot = _repeated(x[0, :, 0], c, end, L)
        total, square = np.zeros(len(pivot)), np.zeros(len(pivot))
        for n in range(N):
            numbers = flat[n, c * L : end * L]
            for k in range(len(pivot)):
                deviation = np.float64(numbers[k]) - np.float64(pivot[k])
                total[k] += deviation
                square[k] += deviation * deviation
        _add_up(total, L, sums[0, first + c : first + end])
        _add_up(square, L, squares[0, first + c : first + end])


@jit
def normalise(t, threads, first, x, y, residual, add, mean, scale, beta, floor):
    """y = max((x − μ) · scale + β + residual, floor)."""
    N, C, L = x.shape
    flat, targets = x.reshape(N, C * L), y.reshape(N, y.shape[1] * L)
    others = residual.reshape(N, y.shape[1] * L)
    rows, pieces = _pieces(C, L)
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        c, end = piece * rows, min(piece * rows + rows, C)
        begin, stop = (first + c) * L, (first + end) * L
        m, a, b = _tables(mean, scale, beta, first + c, first + end, L)
        for n in range(N):
            numbers, target = flat[n, c * L : end * L], targets[n, begin:stop]
            if add:
                other = others[n, begin:stop]
                for k in range(len(m)):
                    value = (numbers[k] - m[k]) * a[k] + b[k] + other[k]
                    target[k] = floor if value <= floor else value  # so, NaN stays NaN
            else:
                for k in range(len(m)):
                    value = (numbers[k] - m[k]) * a[k] + b[k]
                    target[k] = floor if value <= floor else value


@jit
def sum_gradients(t, threads, first, x, dx, grad, sums, products, mean, scale, beta, floor):
    """Σ grad and Σ grad · (x − μ) of each channel c, where y > floor."""
    N, C, L = x.shape
    flat, slopes = x.reshape(N, C * L), grad.reshape(N, grad.shape[1] * L)
    zero = grad.dtype.type(0)
    rows, pieces = _pieces(C, L)
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        c, end = piece * rows, min(piece * rows + rows, C)
        m, a, b = _tables(mean, scale, beta, first + c, first + end, L)
        total, product = np.zeros(len(m)), np.zeros(len(m))
        for begin in range(0, N, RUN):
            some, along = np.zeros_like(m), np.zeros_like(m)
            for n in range(begin, min(begin + RUN, N)):
                numbers = flat[n, c * L : end * L]
                g = slopes[n, (first + c) * L : (first + end) * L]
                for k in range(len(m)):
                    deviation, slope = numbers[k] - m[k], g[k]
                    passed = zero if deviation * a[k] + b[k] <= floor else slope
                    some[k] += passed
                    along[k] += passed * deviation
            total += some
            product += along
        _add_up(total, L, sums[0, first + c : first + end])
        _add_up(product, L, products[0, first + c : first + end])


@jit
def input_gradient(t, threads, first, x, dx, grad, by_mean, by_var, mean, scale, beta, floor):
    """dx = scale · (grad − by_mean − (x − μ) · by_var), with grad 0 where y ≤ floor."""
    N, C, L = x.shape
    flat, slopes = x.reshape(N, C * L), grad.reshape(N, grad.shape[1] * L)
    targets = dx.reshape(N, C * L)
    zero = grad.dtype.type(0)
    rows, pieces = _pieces(C, L)
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        c, end = piece * rows, min(piece * rows + rows, C)
        m, a, b = _tables(mean, scale, beta, first + c, first + end, L)
        mu = _repeated(by_mean, first + c, first + end, L)
        sigma = _repeated(by_var, first + c, first + end, L)
        for n in range(N):
            numbers, target = flat[n, c * L : end * L], targets[n, c * L : end * L]
            g = slopes[n, (first + c) * L : (first + end) * L]
            for k in range(len(m)):
                deviation, slope = numbers[k] - m[k], g[k]
                passed = zero if deviation * a[k] + b[k] <= floor else slope
                target[k] = a[k] * (passed - mu[k] - deviation * sigma[k])


@inlined
def _pieces(C, L):
    """A piece of work is the columns of so many channels, and there are so many pieces."""
    rows = max(1, _PIECE // L)
    return rows, -(-C // rows)


@inlined
def _repeated(table, start, end, L):
    """The numbers start … end − 1 of a table, each L times."""
    out = np.empty((end - start) * L, table.dtype)
    for k in range(len(out)):
        out[k] = table[start + k // L]
    return out


@inlined
def _tables(mean, scale, beta, start, end, L):
    """μ, scale and β of the channels start … end − 1, `_repeated`."""
    return (
        _repeated(mean, start, end, L),
        _repeated(scale, start, end, L),
        _repeated(beta, start, end, L),
    )


@inlined
def _add_up(columns, L, out):
    """out[c] = Σ_l columns[c·L + l]."""
    for c in range(len(out)):
        total = 0.0
        for l in range(L):
            total += columns[c * L + l]
        out[c] = total
