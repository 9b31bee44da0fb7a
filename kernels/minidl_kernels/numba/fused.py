"""Operations that follow each other so often that one pass over memory does them all.

    y = max(BN(x) + residual, 0)        BN as in norm.py, the residual only where there is one
    y = max(a + b, 0)

These operations do little with each number, so that the way to memory and back takes longer than
the arithmetic. The loops of norm.py add the residual and take ReLU while a block of channels is in
the cache.

Where y > 0 the gradient passes ReLU, elsewhere it ends. So y alone tells what ReLU let through, and
neither BN(x) nor the sum before ReLU is kept.

Shapes: x, y, residual (N, C, L) · γ, β, μ, σ² (C,) · a, b of any one shape.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.norm import gradients, normalise
from minidl_kernels.numba.team import run

Array = np.ndarray

_PIECE = 4096
"""Numbers in a piece of a thread's work."""


def batch_norm_relu_forward(
    x: Array, gamma: Array, beta: Array, residual: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Batch norm with the batch's own statistics, + residual, ReLU; returns y, mean, variance."""
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    y = normalise(x, gamma, beta, mean, var, eps, measure=True, residual=residual, relu=True)
    return y, mean, var


def batch_norm_relu_inference(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    residual: Array | None,
    eps: float,
) -> Array:
    """Batch norm with given statistics, + residual, ReLU."""
    given = plain(mean), plain(var)
    return normalise(x, gamma, beta, *given, eps, measure=False, residual=residual, relu=True)


def batch_norm_relu_backward(
    grad: Array,
    y: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    eps: float,
    has_residual: bool,
    measured: bool,
) -> tuple[Array, Array, Array, Array | None]:
    """Gradients (dx, dγ, dβ, dresidual); `measured` tells whether μ and σ² came from this batch."""
    return gradients(
        grad, x, gamma, mean, var, eps, measured=measured, y=y, has_residual=has_residual
    )


def add_relu_forward(a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    y = np.empty(a.shape, a.dtype)
    flat = plain(a).reshape(a.size), plain(b).reshape(a.size), y.reshape(a.size)
    run(_add_relu_part, a.size, -(-a.size // _PIECE), *flat, _PIECE)
    return y


def add_relu_backward(grad: Array, y: Array) -> Array:
    """The gradient of a and of b: grad where y > 0, else 0."""
    passed = np.empty(y.shape, y.dtype)
    flat = plain(grad).reshape(y.size), plain(y).reshape(y.size), passed.reshape(y.size)
    run(_pass_relu_part, y.size, -(-y.size // _PIECE), *flat, _PIECE)
    return passed


@jit
def _add_relu_part(t, threads, a, b, y, piece):
    """The share of thread t: every `threads`-th piece."""
    zero = a.dtype.type(0)
    for start in range(t * piece, len(a), threads * piece):
        left, right, target = (
            a[start : start + piece],
            b[start : start + piece],
            y[start : start + piece],
        )
        for k in range(len(target)):
            total = left[k] + right[k]
            target[k] = zero if total <= zero else total  # so written, NaN stays NaN


@jit
def _pass_relu_part(t, threads, grad, y, passed, piece):
    """The share of thread t: every `threads`-th piece."""
    zero = grad.dtype.type(0)
    for start in range(t * piece, len(grad), threads * piece):
        g, output, target = (
            grad[start : start + piece],
            y[start : start + piece],
            passed[start : start + piece],
        )
        for k in range(len(target)):
            target[k] = g[k] if output[k] > zero else zero
