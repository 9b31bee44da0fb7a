"""Operations that follow each other so often that one pass over memory does them all.

    y = max(BN(x) + residual, 0)        BN as in norm.py, the residual only where there is one
    y = max(a + b, 0)

x is given in parts, x = [x_0, x_1, …] along the channels, as the layers of a DenseNet made them.

Where y > 0 the gradient passes ReLU, elsewhere it ends. So neither BN(x) nor the sum before ReLU is
kept, and y itself only if there was a residual.

Shapes: parts (N, C_k, L), C = Σ_k C_k · x, y, residual (N, C, L) · γ, β, μ, σ² (C,) · a, b of any
one shape.
"""

from collections.abc import Sequence

import numpy as np

from minidl_kernels.naive.norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference,
    batch_norm_inference_backward,
)

Array = np.ndarray


def batch_norm_relu_forward(
    parts: Sequence[Array], gamma: Array, beta: Array, residual: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Batch norm with the batch's own statistics, + residual, ReLU; returns y, mean, variance."""
    normalised, mean, var = batch_norm_forward(_joined(parts), gamma, beta, eps)
    return _sum_and_relu(normalised, residual), mean, var


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
    return _sum_and_relu(
        batch_norm_inference(_joined(parts), gamma, beta, mean, var, eps), residual
    )


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

    y is wanted if there was a residual, else None: of x alone it can be computed once more.
    """
    x = _joined(parts)
    output = batch_norm_inference(x, gamma, beta, mean, var, eps) if y is None else y
    passed = add_relu_backward(grad, output)
    back = batch_norm_backward if measured else batch_norm_inference_backward
    dx, dgamma, dbeta = back(passed, x, gamma, mean, var, eps)
    return _cut(dx, parts), dgamma, dbeta, None if y is None else passed


def add_relu_forward(a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    return _sum_and_relu(a, b)


def add_relu_backward(grad: Array, y: Array) -> Array:
    """The gradient of a and of b: grad where y > 0, else 0."""
    passed = np.zeros_like(grad)
    for k in np.ndindex(y.shape):
        if y[k] > 0:
            passed[k] = grad[k]
    return passed


def _sum_and_relu(a: Array, b: Array | None) -> Array:
    y = np.empty_like(a)
    for k in np.ndindex(a.shape):
        total = a[k] if b is None else a[k] + b[k]
        y[k] = 0 if total <= 0 else total  # so written, NaN stays NaN
    return y


def _joined(parts: Sequence[Array]) -> Array:
    """The parts one behind the other along the channels: (N, C, L)."""
    N, _, L = parts[0].shape
    x = np.empty((N, sum(part.shape[1] for part in parts), L), parts[0].dtype)
    first = 0
    for part in parts:
        for n, c, p in np.ndindex(part.shape):
            x[n, first + c, p] = part[n, c, p]
        first += part.shape[1]
    return x


def _cut(dx: Array, parts: Sequence[Array]) -> list[Array]:
    """The other direction: the gradient (N, C, L) cut where the parts meet."""
    dparts, first = [], 0
    for part in parts:
        dparts.append(dx[:, first : first + part.shape[1]])
        first += part.shape[1]
    return dparts
