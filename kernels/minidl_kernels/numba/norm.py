"""Batch normalisation, a block of neighbouring channels at a time.

    μ[c] = mean over n, l of x[n,c,l]        σ²[c] = mean over n, l of (x[n,c,l] − μ[c])²
    x̂[n,c,l] = (x[n,c,l] − μ[c]) / √(σ²[c] + ε)        y[n,c,l] = γ[c] · x̂[n,c,l] + β[c]

The pixels of neighbouring channels lie side by side in memory, so a block of channels is one row of
`lanes` numbers in each image, and a sum over the batch is

    for each block of channels (a thread's piece of work)
        for n
            for lane in range(lanes)                       lanes ≈ 1000, whatever the map's size
                sum[lane] += x[n, block][lane]
        add up the lanes of each channel

The block is read three times in a row (mean, variance, result), the second and third time from the
cache. Sums are kept in float64: with the mean known before the variance is begun, σ² is a sum of
squares and never negative. It is the sum of naive/norm.py in another order.

While a block is in the cache, adding a residual and taking ReLU cost next to nothing: the compiled
loops can do both, and fused.py asks them to.

Shapes: x, y (N, C, L), where L is the number of pixels H·W · γ, β, μ, σ² (C,).
Source: Ioffe and Szegedy, Batch Normalization, 2015, algorithm 1.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.team import run

Array = np.ndarray


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Normalise with the batch's own statistics; returns y (N, C, L), mean (C,), variance (C,).

    The variance is the biased one (divided by N·L), which is what the normalisation uses.
    """
    C = x.shape[1]
    mean, var = np.empty(C, x.dtype), np.empty(C, x.dtype)
    return normalise(x, gamma, beta, mean, var, eps, measure=True), mean, var


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalise with given statistics: y = γ · (x − μ) / √(σ² + ε) + β."""
    return normalise(x, gamma, beta, plain(mean), plain(var), eps, measure=False)


def batch_norm_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² came from this batch, so that x acts in three ways.

        dβ[c] = Σ_{n,l} grad        dγ[c] = Σ_{n,l} grad · x̂
        dx    = γ / √(σ² + ε) · (grad − dβ/m − x̂ · dγ/m),        m = N·L

    The three terms of dx: x itself, x through the mean, x through the variance.
    """
    return gradients(grad, x, gamma, mean, var, eps, measured=True)[:3]


def batch_norm_inference_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² were given and so do not depend on x."""
    return gradients(grad, x, gamma, mean, var, eps, measured=False)[:3]


def normalise(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    *,
    measure: bool,
    residual: Array | None = None,
    relu: bool = False,
) -> Array:
    """y, + residual if there is one, and its ReLU if wanted; `measure` first fills mean and var."""
    N, C, L = x.shape
    y = np.empty(x.shape, x.dtype)
    add = residual is not None
    other = plain(residual) if residual is not None else y  # not read
    rows = (array.reshape(N, C * L) for array in (plain(x), other, y))
    arguments = plain(gamma), plain(beta), mean, var, float(eps), measure, add, relu
    run(_normalise_part, x.size, _blocks(C, L), *rows, *arguments)
    return y


def gradients(
    grad: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    eps: float,
    *,
    measured: bool,
    y: Array | None = None,
    has_residual: bool = False,
) -> tuple[Array, Array, Array, Array | None]:
    """dx, dγ, dβ and dresidual; `measured` tells whether the statistics depend on x.

    If y is given, it is the output of a ReLU that `grad` still has to pass.
    """
    N, C, L = x.shape
    dx, dgamma, dbeta = np.empty(x.shape, x.dtype), np.empty(C, x.dtype), np.empty(C, x.dtype)
    dresidual = np.empty(x.shape, x.dtype) if has_residual else None
    grad, relu = plain(grad), y is not None
    output = plain(y) if y is not None else grad  # not read
    # What passed the ReLU needs a place until dx is computed: dresidual, which is just that, or dx.
    passed = (dresidual if dresidual is not None else dx) if relu else grad
    rows = (array.reshape(N, C * L) for array in (grad, output, passed, plain(x), dx))
    scale = 1 / np.sqrt(var.astype(np.float64) + eps)
    arguments = plain(gamma), plain(mean), scale, dgamma, dbeta, relu, measured
    run(_gradients_part, x.size, _blocks(C, L), *rows, *arguments)
    return dx, dgamma, dbeta, dresidual


def _blocks(C: int, L: int) -> int:
    """How many pieces of work there are."""
    return -(-C // max(1, 1024 // max(1, L)))


@jit
def _normalise_part(t, threads, x, residual, y, gamma, beta, mean, var, eps, measure, add, relu):
    """The share of thread t: every `threads`-th block of channels. x, residual, y: (N, C·L)."""
    N, C = len(x), len(gamma)
    L = x.shape[1] // C
    block, lanes = _block(L)
    sums = np.empty(lanes)
    m, a, b = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
    zero = x.dtype.type(0)
    for c in range(t * block, C, threads * block):
        start, stop = c * L, min(c + block, C) * L
        used = min(lanes, stop - start)
        if measure:
            _sum(x, start, stop, sums)
            _total(sums[:used], L, mean[c:], 1 / (N * L))
            _spread(mean[c:], L, m[:used])
            _sum_squares(x, start, stop, m, sums)
            _total(sums[:used], L, var[c:], 1 / (N * L))
        _spread(mean[c:], L, m[:used])
        _spread(beta[c:], L, b[:used])
        for lane in range(used):
            k = c + lane // L
            a[lane] = gamma[k] / np.sqrt(var[k] + eps)
        for n in range(N):
            for first in range(start, stop, lanes):
                row, target = x[n, first:stop], y[n, first:stop]
                for lane in range(min(lanes, stop - first)):
                    target[lane] = (row[lane] - m[lane]) * a[lane] + b[lane]
                if add:
                    other = residual[n, first:stop]
                    for lane in range(min(lanes, stop - first)):
                        target[lane] += other[lane]
                if relu:
                    for lane in range(min(lanes, stop - first)):
                        value = target[lane]
                        target[lane] = zero if value <= zero else value  # so, NaN stays NaN


@jit
def _gradients_part(
    t, threads, grad, y, passed, x, dx, gamma, mean, scale, dgamma, dbeta, relu, measured
):
    """The share of thread t: every `threads`-th block of channels. grad … dx: (N, C·L)."""
    N, C = len(x), len(gamma)
    L = x.shape[1] // C
    block, lanes = _block(L)
    sums = np.empty(lanes)
    m, a = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
    b, d = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
    spare = np.empty(lanes, x.dtype)
    for c in range(t * block, C, threads * block):
        start, stop = c * L, min(c + block, C) * L
        used = min(lanes, stop - start)
        if relu:
            _pass_relu(grad, y, start, stop, lanes, passed)
        _sum(passed, start, stop, sums)
        _total(sums[:used], L, dbeta[c:], 1.0)
        _spread(mean[c:], L, m[:used])
        _sum_products(passed, x, start, stop, m, sums)
        for lane in range(used):
            sums[lane] *= scale[c + lane // L]  # x − μ becomes x̂
        _total(sums[:used], L, dgamma[c:], 1.0)
        for lane in range(used):
            k = c + lane // L
            a[lane] = gamma[k] * scale[k]
            b[lane] = dbeta[k] / (N * L)
            d[lane] = dgamma[k] * scale[k] / (N * L)
        for n in range(N):
            for first in range(start, stop, lanes):
                g, row, target = passed[n, first:stop], x[n, first:stop], dx[n, first:stop]
                if relu:  # g may be the target itself, and then no loop over both is vectorised
                    for lane in range(min(lanes, stop - first)):
                        spare[lane] = g[lane]
                    g = spare
                if measured:
                    for lane in range(min(lanes, stop - first)):
                        target[lane] = a[lane] * (
                            g[lane] - b[lane] - (row[lane] - m[lane]) * d[lane]
                        )
                else:
                    for lane in range(min(lanes, stop - first)):
                        target[lane] = a[lane] * g[lane]


@jit
def _pass_relu(grad, y, start, stop, lanes, passed):
    """passed = grad where y > 0, else 0."""
    zero = grad.dtype.type(0)
    for n in range(len(grad)):
        for first in range(start, stop, lanes):
            g, output, target = grad[n, first:stop], y[n, first:stop], passed[n, first:stop]
            for lane in range(min(lanes, stop - first)):
                target[lane] = g[lane] if output[lane] > zero else zero


@jit
def _block(L):
    """Channels in a block, and lanes: all their pixels, or 1024 of a channel that has more."""
    channels = max(1, 1024 // max(1, L))
    return channels, channels * L if channels > 1 else min(L, 1024)


@jit
def _spread(values, L, lanes):
    """Repeat each channel's value for all its lanes."""
    for lane in range(len(lanes)):
        lanes[lane] = values[lane // L]


@jit
def _total(lanes, L, totals, factor):
    """The other direction: add up the lanes of each channel, times `factor`."""
    total = 0.0
    for lane in range(len(lanes)):
        total += lanes[lane]
        if lane + 1 == len(lanes) or (lane + 1) % L == 0:
            totals[lane // L] = total * factor
            total = 0.0


@jit
def _sum(x, start, stop, sums):
    """sums = Σ_n x, lane by lane."""
    sums[:] = 0
    for n in range(len(x)):
        for first in range(start, stop, len(sums)):
            row = x[n, first:stop]
            for lane in range(min(len(sums), stop - first)):
                sums[lane] += row[lane]


@jit
def _sum_squares(x, start, stop, m, sums):
    """sums = Σ_n (x − m)²."""
    sums[:] = 0
    for n in range(len(x)):
        for first in range(start, stop, len(sums)):
            row = x[n, first:stop]
            for lane in range(min(len(sums), stop - first)):
                sums[lane] += (row[lane] - m[lane]) * (row[lane] - m[lane])


@jit
def _sum_products(grad, x, start, stop, m, sums):
    """sums = Σ_n grad · (x − m)."""
    sums[:] = 0
    for n in range(len(x)):
        for first in range(start, stop, len(sums)):
            g, row = grad[n, first:stop], x[n, first:stop]
            for lane in range(min(len(sums), stop - first)):
                sums[lane] += g[lane] * (row[lane] - m[lane])
