"""Operations that follow each other so often that one array can hold the steps of them all.

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

from minidl_kernels.numpy.norm import (
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
    y, mean, var = batch_norm_forward(np.concatenate(parts, axis=1), gamma, beta, eps)
    if residual is not None:
        y += residual
    return np.maximum(y, 0, out=y), mean, var


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
    y = batch_norm_inference(np.concatenate(parts, axis=1), gamma, beta, mean, var, eps)
    if residual is not None:
        y += residual
    return np.maximum(y, 0, out=y)


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
    x = np.concatenate(parts, axis=1)
    output = batch_norm_inference(x, gamma, beta, mean, var, eps) if y is None else y
    passed = add_relu_backward(grad, output)
    back = batch_norm_backward if measured else batch_norm_inference_backward
    dx, dgamma, dbeta = back(passed, x, gamma, mean, var, eps)
    ends = np.cumsum([part.shape[1] for part in parts])
    return np.split(dx, ends[:-1], axis=1), dgamma, dbeta, None if y is None else passed


def add_relu_forward(a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    y = a + b
    return np.maximum(y, 0, out=y)


def add_relu_backward(grad: Array, y: Array) -> Array:
    """The gradient of a and of b: grad where y > 0, else 0."""
    return np.where(y > 0, grad, 0)
