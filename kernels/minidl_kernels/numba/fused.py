"""Operations that follow each other so often that one pass over memory does them all.

    y = max(BN(x) + residual, 0)        BN as in norm.py, the residual only where there is one
    y = max(a + b, 0)

x is given in parts, x = [x_0, x_1, …] along the channels, as the layers of a DenseNet made them.

These operations do little with each number, so that the way to memory and back takes longer than
the arithmetic. The loops of norm.py read the parts of x where they lie, add the residual and take
ReLU on their way.

Where y > 0 the gradient passes ReLU, elsewhere it ends. So neither BN(x) nor the sum before ReLU is
kept, and y itself only if there was a residual.

Shapes: parts (N, C_k, L), C = Σ_k C_k · x, y, residual (N, C, L) · γ, β, μ, σ² (C,) · a, b of any
one shape.
"""

from collections.abc import Sequence

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.norm import backward, forward
from minidl_kernels.numba.team import run

Array = np.ndarray

_PIECE = 4096
"""Numbers in a piece of a thread's work."""


def batch_norm_relu_forward(
    parts: Sequence[Array], gamma: Array, beta: Array, residual: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Batch norm with the batch's own statistics, + residual, ReLU; returns y, mean, variance."""
    return forward(parts, gamma, beta, None, None, eps, residual, floor=0)


def batch_norm_relu_inference(
    parts: Sequence[Array],
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    residual: Array | None,
    eps: float,
) -> Array:
    """Batch norm with given statistics, + residual, ReLU."""
    return forward(parts, gamma, beta, mean, var, eps, residual, floor=0)[0]


def batch_norm_relu_backward(
    grad: Array,
    parts: Sequence[Array],
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    y: Array | None,
    eps: float,
    measured: bool,
) -> tuple[list[Array], Array, Array, Array | None]:
    """The gradient of each part, dγ, dβ and dresidual; `measured`: μ and σ² came from this batch.

    y is wanted if there was a residual, else None: of x alone norm.py sees what ReLU let through.
    """
    if y is None:
        back = backward(grad, parts, gamma, beta, mean, var, eps, measured=measured, floor=0)
        return *back, None
    passed = add_relu_backward(grad, y)
    return *backward(passed, parts, gamma, beta, mean, var, eps, measured=measured), passed


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
    """The share of thread t: some neighbouring pieces."""
    zero = a.dtype.type(0)
    pieces = -(-len(a) // piece)
    for start in range(t * pieces // threads * piece, (t + 1) * pieces // threads * piece, piece):
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
    """The share of thread t: some neighbouring pieces."""
    zero = grad.dtype.type(0)
    pieces = -(-len(grad) // piece)
    for start in range(t * pieces // threads * piece, (t + 1) * pieces // threads * piece, piece):
        g, output, target = (
            grad[start : start + piece],
            y[start : start + piece],
            passed[start : start + piece],
        )
        for k in range(len(target)):
            target[k] = g[k] if output[k] > zero else zero
