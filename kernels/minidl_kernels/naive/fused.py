"""Operations that follow each other so often that one pass over memory does them all.

    y = max(BN(x) + residual, 0)        BN as in norm.py, the residual only where there is one
    y = max(a + b, 0)

Where y > 0 the gradient passes ReLU, elsewhere it ends. So y alone tells what ReLU let through, and
neither BN(x) nor the sum before ReLU is kept.

Shapes: x, y, residual (N, C, L) · γ, β, μ, σ² (C,) · a, b of any one shape.
"""

import numpy as np

from minidl_kernels.naive.norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference,
    batch_norm_inference_backward,
)

Array = np.ndarray


def batch_norm_relu_forward(
    x: Array, gamma: Array, beta: Array, residual: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Batch norm with the batch's own statistics, + residual, ReLU; returns y, mean, variance."""
    normalised, mean, var = batch_norm_forward(x, gamma, beta, eps)
    return _sum_and_relu(normalised, residual), mean, var


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
    return _sum_and_relu(batch_norm_inference(x, gamma, beta, mean, var, eps), residual)


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
    passed = add_relu_backward(grad, y)
    back = batch_norm_backward if measured else batch_norm_inference_backward
    dx, dgamma, dbeta = back(passed, x, gamma, mean, var, eps)
    return dx, dgamma, dbeta, passed if has_residual else None


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
