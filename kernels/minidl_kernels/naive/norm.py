"""Batch normalisation, one channel at a time.

    μ[c] = mean over n, l of x[n,c,l]        σ²[c] = mean over n, l of (x[n,c,l] − μ[c])²
    x̂[n,c,l] = (x[n,c,l] − μ[c]) / √(σ²[c] + ε)        y[n,c,l] = γ[c] · x̂[n,c,l] + β[c]

Shapes: x, y (N, C, L), where L is the number of pixels H·W · γ, β, μ, σ² (C,).
Source: Ioffe and Szegedy, Batch Normalization, 2015, algorithm 1.
"""

import numpy as np

Array = np.ndarray


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Normalise with the batch's own statistics; returns y (N, C, L), mean (C,), variance (C,).

    The variance is the biased one (divided by N·L), which is what the normalisation uses.
    """
    C = x.shape[1]
    mean, var = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for c in range(C):
        values = [float(value) for value in x[:, c].ravel()]
        mu = sum(values) / len(values)
        mean[c] = mu
        var[c] = sum((value - mu) ** 2 for value in values) / len(values)
    return batch_norm_inference(x, gamma, beta, mean, var, eps), mean, var


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalise with given statistics: y = γ · (x − μ) / √(σ² + ε) + β."""
    y = np.empty_like(x)
    for n, c, p in np.ndindex(x.shape):
        y[n, c, p] = gamma[c] * (x[n, c, p] - mean[c]) / np.sqrt(var[c] + eps) + beta[c]
    return y


def batch_norm_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² came from this batch, so that x acts in three ways.

        dβ[c] = Σ_{n,l} grad        dγ[c] = Σ_{n,l} grad · x̂
        dx    = γ / √(σ² + ε) · (grad − dβ/m − x̂ · dγ/m),        m = N·L

    The three terms of dx: x itself, x through the mean, x through the variance.
    """
    N, C, L = x.shape
    m = N * L
    dx, dgamma, dbeta = np.empty_like(x), np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for c in range(C):
        scale = 1 / np.sqrt(float(var[c]) + eps)
        sum_g = sum_gx = 0.0
        for n in range(N):
            for p in range(L):
                x_hat = (float(x[n, c, p]) - float(mean[c])) * scale
                sum_g += float(grad[n, c, p])
                sum_gx += float(grad[n, c, p]) * x_hat
        dbeta[c], dgamma[c] = sum_g, sum_gx
        for n in range(N):
            for p in range(L):
                x_hat = (float(x[n, c, p]) - float(mean[c])) * scale
                dx[n, c, p] = gamma[c] * scale * (grad[n, c, p] - sum_g / m - x_hat * sum_gx / m)
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    grad: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients (dx, dγ, dβ) when μ and σ² were given and so do not depend on x."""
    C = x.shape[1]
    dx, dgamma, dbeta = np.empty_like(x), np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for n, c, p in np.ndindex(x.shape):
        scale = 1 / np.sqrt(var[c] + eps)
        dx[n, c, p] = grad[n, c, p] * gamma[c] * scale
        dgamma[c] += grad[n, c, p] * (x[n, c, p] - mean[c]) * scale
        dbeta[c] += grad[n, c, p]
    return dx, dgamma, dbeta
