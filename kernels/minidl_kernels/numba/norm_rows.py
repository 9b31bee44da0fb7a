"""Batch normalisation row by row, as the numbers lie in memory.

A row is one channel of one image: L numbers side by side. It takes a few numbers of its channel and
one long loop. The formulas are in norm.py.

Each kernel is the share of thread t, and is called for every part of a concatenation: `first` is
the part's first channel. x, dx: (N, C_k, L) · y, residual, grad: (N, C, L) · mean, scale, beta,
by_mean, by_var: (C,) · sums, squares, products: (N, C).
"""

import numpy as np

from minidl_kernels.numba.jit import inlined, jit

_PIECE = 16384
"""Numbers in a piece of a thread's work."""

RUN = 1024
"""Numbers of a gradient that are added up in their own precision; sums of such runs are float64. A
lane of a vector adds few of them, so hardly anything is lost, and a vector of float32 holds twice
as many. (Not so for the variance: there a difference of large sums is what is wanted.)"""


def empty_sums(N: int, C: int) -> np.ndarray:
    """Two tables of sums, a number for each row."""
    return np.empty((2, N, C))


@jit
def sum_deviations(t, threads, first, x, sums, squares):
    """Σ (x − p) and Σ (x − p)² of each row (n, c), with p = x[0,c,0]."""
    N, C, L = x.shape
    rows, blocks = _blocks(C, L)
    for piece in range(t * N * blocks // threads, (t + 1) * N * blocks // threads):
        n, start = piece // blocks, piece % blocks * rows
        for c in range(start, min(start + rows, C)):
            row, pivot = x[n, c], np.float64(x[0, c, 0])
            total = square = 0.0
            for k in range(L):
                deviation = row[k] - pivot
                total += deviation
                square += deviation * deviation
            sums[n, first + c], squares[n, first + c] = total, square


@jit
def normalise(t, threads, first, x, y, residual, add, mean, scale, beta, floor):
    """y = max((x − μ) · scale + β + residual, floor)."""
    N, C, L = x.shape
    rows, blocks = _blocks(C, L)
    for piece in range(t * N * blocks // threads, (t + 1) * N * blocks // threads):
        n, start = piece // blocks, piece % blocks * rows
        for c in range(start, min(start + rows, C)):
            row, target = x[n, c], y[n, first + c]
            m, a, b = mean[first + c], scale[first + c], beta[first + c]
            if add:
                other = residual[n, first + c]
                for k in range(L):
                    value = (row[k] - m) * a + b + other[k]
                    target[k] = floor if value <= floor else value  # so, NaN stays NaN
            else:
                for k in range(L):
                    value = (row[k] - m) * a + b
                    target[k] = floor if value <= floor else value


@jit
def sum_gradients(t, threads, first, x, dx, grad, sums, products, mean, scale, beta, floor):
    """Σ grad and Σ grad · (x − μ) of each row (n, c), where y > floor."""
    N, C, L = x.shape
    rows, blocks = _blocks(C, L)
    zero = grad.dtype.type(0)
    for piece in range(t * N * blocks // threads, (t + 1) * N * blocks // threads):
        n, start = piece // blocks, piece % blocks * rows
        for c in range(start, min(start + rows, C)):
            row, g = x[n, c], grad[n, first + c]
            m, a, b = mean[first + c], scale[first + c], beta[first + c]
            total = product = 0.0
            for begin in range(0, L, RUN):
                numbers, slopes = row[begin : begin + RUN], g[begin : begin + RUN]
                some = along = zero
                for k in range(len(numbers)):
                    deviation, slope = numbers[k] - m, slopes[k]
                    passed = zero if deviation * a + b <= floor else slope
                    some += passed
                    along += passed * deviation
                total += some
                product += along
            sums[n, first + c], products[n, first + c] = total, product


@jit
def input_gradient(t, threads, first, x, dx, grad, by_mean, by_var, mean, scale, beta, floor):
    """dx = scale · (grad − by_mean − (x − μ) · by_var), with grad 0 where y ≤ floor."""
    N, C, L = x.shape
    rows, blocks = _blocks(C, L)
    zero = grad.dtype.type(0)
    for piece in range(t * N * blocks // threads, (t + 1) * N * blocks // threads):
        n, start = piece // blocks, piece % blocks * rows
        for c in range(start, min(start + rows, C)):
            row, g, target = x[n, c], grad[n, first + c], dx[n, c]
            m, a, b = mean[first + c], scale[first + c], beta[first + c]
            mu, sigma = by_mean[first + c], by_var[first + c]
            for k in range(L):
                deviation, slope = row[k] - m, g[k]
                passed = zero if deviation * a + b <= floor else slope
                target[k] = a * (passed - mu - deviation * sigma)


@inlined
def _blocks(C, L):
    """A piece of work is this many rows of an image, and the image has this many pieces."""
    rows = max(1, _PIECE // max(1, L))
    return rows, -(-C // rows)
