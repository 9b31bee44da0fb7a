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
    y, mean, var = np.empty(x.shape, x.dtype), np.empty(C, x.dtype), np.empty(C, x.dtype)
    _normalise(x, gamma, beta, mean, var, eps, y, measure=True)
    return y, mean, var


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalise with given statistics: y = γ · (x − μ) / √(σ² + ε) + β."""
    y = np.empty(x.shape, x.dtype)
    _normalise(x, gamma, beta, plain(mean), plain(var), eps, y, measure=False)
    return y


def batch_norm_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² came from this batch, so that x acts in three ways.

        dβ[c] = Σ_{n,l} grad        dγ[c] = Σ_{n,l} grad · x̂
        dx    = γ / √(σ² + ε) · (grad − dβ/m − x̂ · dγ/m),        m = N·L

    The three terms of dx: x itself, x through the mean, x through the variance.
    """
    return _gradients(grad, x, gamma, mean, var, eps, measured=True)


def batch_norm_inference_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² were given and so do not depend on x."""
    return _gradients(grad, x, gamma, mean, var, eps, measured=False)


def _normalise(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    y: Array,
    *,
    measure: bool,
) -> None:
    """Fill y, and with `measure` first the mean and the variance."""
    N, C, L = x.shape
    arguments = plain(gamma), plain(beta), mean, var, float(eps), measure
    run(
        _normalise_part,
        x.size,
        _blocks(C, L),
        plain(x).reshape(N, C * L),
        *arguments,
        y.reshape(N, C * L),
    )


def _gradients(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float, *, measured: bool
) -> tuple[Array, Array, Array]:
    """dx, dγ and dβ; `measured` tells whether the statistics depend on x."""
    N, C, L = x.shape
    dx, dgamma, dbeta = np.empty(x.shape, x.dtype), np.empty(C, x.dtype), np.empty(C, x.dtype)
    rows = plain(grad).reshape(N, C * L), plain(x).reshape(N, C * L), dx.reshape(N, C * L)
    scale = 1 / np.sqrt(var.astype(np.float64) + eps)
    arguments = *rows, plain(gamma), plain(mean), scale, dgamma, dbeta, measured
    run(_gradients_part, x.size, _blocks(C, L), *arguments)
    return dx, dgamma, dbeta


def _blocks(C: int, L: int) -> int:
    """How many pieces of work there are."""
    return -(-C // max(1, 1024 // max(1, L)))


@jit
def _normalise_part(t, threads, x, gamma, beta, mean, var, eps, measure, y):
    """The share of thread t: every `threads`-th block of channels. x, y: (N, C·L)."""
    N, C = len(x), len(gamma)
    L = x.shape[1] // C
    block, lanes = _block(L)
    sums = np.empty(lanes)
    m, a, b = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
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


@jit
def _gradients_part(t, threads, grad, x, dx, gamma, mean, scale, dgamma, dbeta, measured):
    """The share of thread t: every `threads`-th block of channels. grad, x, dx: (N, C·L)."""
    N, C = len(x), len(gamma)
    L = x.shape[1] // C
    block, lanes = _block(L)
    sums = np.empty(lanes)
    m, a = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
    b, d = np.empty(lanes, x.dtype), np.empty(lanes, x.dtype)
    for c in range(t * block, C, threads * block):
        start, stop = c * L, min(c + block, C) * L
        used = min(lanes, stop - start)
        _sum(grad, start, stop, sums)
        _total(sums[:used], L, dbeta[c:], 1.0)
        _spread(mean[c:], L, m[:used])
        _sum_products(grad, x, start, stop, m, sums)
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
                g, row, target = grad[n, first:stop], x[n, first:stop], dx[n, first:stop]
                if measured:
                    for lane in range(min(lanes, stop - first)):
                        target[lane] = a[lane] * (
                            g[lane] - b[lane] - (row[lane] - m[lane]) * d[lane]
                        )
                else:
                    for lane in range(min(lanes, stop - first)):
                        target[lane] = a[lane] * g[lane]


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
