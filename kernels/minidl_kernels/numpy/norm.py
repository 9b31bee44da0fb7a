"""Batch normalisation with whole-array sums.

    x̂[n,c,l] = (x[n,c,l] − μ[c]) / √(σ²[c] + ε)        y[n,c,l] = γ[c] · x̂[n,c,l] + β[c]

Shapes: x, y (N, C, L), where L is the number of pixels H·W · γ, β, μ, σ² (C,).
Source: Ioffe and Szegedy, Batch Normalization, 2015, algorithm 1.
"""

import numpy as np

Array = np.ndarray


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Normalise with the batch's own statistics; returns y (N, C, L), mean (C,), variance (C,)."""
    mean = x.mean(axis=(0, 2))
    deviation = x - mean[:, None]
    var = np.square(deviation).mean(axis=(0, 2))
    y = deviation
    y *= (gamma / np.sqrt(var + eps))[:, None]
    y += beta[:, None]
    return y, mean, var


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalise with given statistics: y = γ · (x − μ) / √(σ² + ε) + β."""
    y = x - mean[:, None]
    y *= (gamma / np.sqrt(var + eps))[:, None]
    y += beta[:, None]
    return y


def batch_norm_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² came from this batch; m = N·L.

    dβ = Σ_{n,l} grad    dγ = Σ_{n,l} grad · x̂    dx = γ / √(σ² + ε) · (grad − dβ/m − x̂ · dγ/m)
    """
    m = x.shape[0] * x.shape[2]
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean[:, None]) * scale[:, None]
    dbeta = grad.sum(axis=(0, 2))
    dgamma = (grad * x_hat).sum(axis=(0, 2))
    dx = x_hat
    dx *= (-dgamma / m)[:, None]
    dx += grad
    dx -= (dbeta / m)[:, None]
    dx *= (gamma * scale)[:, None]
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² were given and so do not depend on x."""
    scale = 1 / np.sqrt(var + eps)
    dbeta = grad.sum(axis=(0, 2))
    dgamma = (grad * (x - mean[:, None])).sum(axis=(0, 2)) * scale
    return grad * (gamma * scale)[:, None], dgamma, dbeta
