"""Batch normalisation, with the numbers taken in the order in which they lie in memory.

    μ[c] = mean over n, l of x[n,c,l]        σ²[c] = mean over n, l of (x[n,c,l] − μ[c])²
    x̂[n,c,l] = (x[n,c,l] − μ[c]) / √(σ²[c] + ε)        y[n,c,l] = γ[c] · x̂[n,c,l] + β[c]

A row is one channel of one image: L numbers side by side. It takes a few numbers of its channel and
one long loop.

    forward     for each row: Σ (x − p) and Σ (x − p)²          then of each channel's rows: μ, σ²
                for each row: y = (x − μ) · scale + β
    backward    for each row: Σ grad and Σ grad · (x − μ)       then of each channel's rows: dβ, dγ
                for each row: dx

The textbook goes channel by channel, and a channel's rows lie far apart, one in each image. Memory
is several times faster when it is read from front to back. And it is read twice, not three times:
the sum for σ² does not wait for the mean, because for any number p

    σ² = mean of (x − p)² − (mean of (x − p))²

With p = x[0,c,0], one of the numbers themselves, and sums in float64, rounding does no harm.
The loops are in norm_rows.py, and for many short rows in norm_columns.py.

Two things cost nothing on the way, and fused.py asks for them. The channels may come in several
arrays, the parts of a concatenation: each part is read where it lies, and its rows of y follow
those of the part before. And y = max(…, floor) makes ReLU of it where the floor is 0.

Shapes: parts (N, C_k, L), where L is the number of pixels H·W and C = Σ_k C_k · y, residual, grad
(N, C, L) · γ, β, μ, σ² (C,).
Source: Ioffe and Szegedy, Batch Normalization, 2015, algorithm 1.
"""

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np

from minidl_kernels.numba import norm_columns, norm_rows
from minidl_kernels.numba.jit import plain
from minidl_kernels.numba.team import run

Array = np.ndarray

_SHORT, _MANY, _LARGE = 32, 16, 2**17
"""Rows of at most so many numbers are not worth a loop each, if there are so many images, and so
many numbers in all that it pays to compile other loops."""


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Normalise with the batch's own statistics; returns y (N, C, L), mean (C,), variance (C,).

    The variance is the biased one (divided by N·L), which is what the normalisation uses.
    """
    return forward([x], gamma, beta, None, None, eps)


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalise with given statistics: y = γ · (x − μ) / √(σ² + ε) + β."""
    return forward([x], gamma, beta, mean, var, eps)[0]


def batch_norm_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² came from this batch, so that x acts in three ways.

        dβ[c] = Σ_{n,l} grad        dγ[c] = Σ_{n,l} grad · x̂
        dx    = γ / √(σ² + ε) · (grad − dβ/m − x̂ · dγ/m),        m = N·L

    The three terms of dx: x itself, x through the mean, x through the variance.
    """
    zero = np.zeros_like(gamma)
    (dx,), dgamma, dbeta = backward(grad, [x], gamma, zero, mean, var, eps, measured=True)
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² were given and so do not depend on x."""
    zero = np.zeros_like(gamma)
    (dx,), dgamma, dbeta = backward(grad, [x], gamma, zero, mean, var, eps, measured=False)
    return dx, dgamma, dbeta


# --------------------------------------------- of several parts, with a residual, above a floor


def forward(
    parts: Sequence[Array],
    gamma: Array,
    beta: Array,
    mean: Array | None,
    var: Array | None,
    eps: float,
    residual: Array | None = None,
    floor: float = -np.inf,
) -> tuple[Array, Array, Array]:
    """max(BN(parts) + residual, floor), mean and variance, which are measured if not given."""
    N, C, L = len(parts[0]), len(gamma), parts[0].shape[2]
    rows = [(plain(part),) for part in parts]
    if mean is None or var is None:
        mean, var = _measured(rows, C)
    y = np.empty((N, C, L), gamma.dtype)
    kernels = _way(N, C, L)
    tables = plain(mean), _scale(gamma, var, eps), plain(beta), y.dtype.type(floor)
    other = y if residual is None else plain(residual)  # y: not read
    _each_part(kernels.normalise, rows, y.size, y, other, residual is not None, *tables)
    return y, mean, var


def backward(
    grad: Array,
    parts: Sequence[Array],
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    *,
    measured: bool,
    floor: float = -np.inf,
) -> tuple[list[Array], Array, Array]:
    """The gradient of each part, dγ and dβ; `measured` tells whether μ and σ² depend on x.

    No gradient passes where BN(x) ≤ floor. That is computed from x once more: x is at hand, and
    to read y would take longer.
    """
    N, C, L = grad.shape
    dtype, m = grad.dtype, N * L
    tables = plain(mean), _scale(gamma, var, eps), plain(beta), dtype.type(floor)
    rows = [(part, np.empty_like(part)) for part in map(plain, parts)]
    kernels = _way(N, C, L)
    sums = kernels.empty_sums(N, C)
    grad = plain(grad)
    _each_part(kernels.sum_gradients, rows, grad.size, grad, *sums, *tables)
    sum_g, sum_gx = sums.sum(axis=1)  # Σ grad and Σ grad · (x − μ), (C,) each
    root = np.sqrt(var.astype(np.float64) + eps)
    dgamma, dbeta = (sum_gx / root).astype(dtype), sum_g.astype(dtype)
    through = np.array([sum_g, sum_gx / root**2]) / m if measured else np.zeros((2, C))
    _each_part(kernels.input_gradient, rows, grad.size, grad, *through.astype(dtype), *tables)
    return [dpart for _, dpart in rows], dgamma, dbeta


def _measured(rows: list[tuple[Array]], C: int) -> tuple[Array, Array]:
    """Mean (C,) and variance (C,) of the parts' channels."""
    N, _, L = rows[0][0].shape
    kernels = _way(N, C, L)
    sums = kernels.empty_sums(N, C)
    _each_part(kernels.sum_deviations, rows, N * C * L, *sums)
    deviation, square = sums.sum(axis=1) / (N * L)
    pivot = np.concatenate([part[0, :, 0] for (part,) in rows])
    mean, var = pivot + deviation, np.maximum(square - deviation**2, 0)
    return mean.astype(pivot.dtype), var.astype(pivot.dtype)


def _scale(gamma: Array, var: Array, eps: float) -> Array:
    """γ / √(σ² + ε)."""
    return (gamma / np.sqrt(var.astype(np.float64) + eps)).astype(gamma.dtype)


def _way(N: int, C: int, L: int) -> ModuleType:
    """The module of kernels for x (N, C, L)."""
    short = L <= _SHORT and N >= _MANY and N * C * L >= _LARGE
    return norm_columns if short else norm_rows


def _each_part(
    kernel: Callable, parts: Sequence[tuple[Array, ...]], size: int, *arguments: object
) -> None:
    """Call the kernel for each part (and the place for its result), in every thread.

    One call loops over all `size` numbers, each in the time of a multiply-add elsewhere.
    """
    run(_share, size, size, kernel, parts, *arguments)


def _share(
    t: int, threads: int, kernel: Callable, parts: Sequence[tuple[Array, ...]], *arguments: object
) -> None:
    """What thread t does: its rows of every part."""
    first = 0  # the part's first channel
    for part in parts:
        kernel(t, threads, first, *part, *arguments)
        first += part[0].shape[1]
