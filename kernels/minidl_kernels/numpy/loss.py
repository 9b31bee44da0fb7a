"""Softmax and cross-entropy in one step, whole arrays at a time.

    p[n,k,l] = e^(z[n,k,l]) / Σ_j e^(z[n,j,l])
    a[n,k,l] = (1 − s) · w[y[n,l]] · [k = y[n,l]]  +  (s / K) · w[k]        the distribution wanted
    loss[n,l] = − Σ_k a[n,k,l] · ln p[n,k,l]
    dz[n,k,l] = p[n,k,l] · Σ_j a[n,j,l] − a[n,k,l]                          the derivative of loss

Where y[n,l] < 0 nothing is wanted: a, loss and dz are 0. A term with a = 0 is 0 even where p = 0.

Shapes: logits z, dz (N, K, L) · labels y, loss (N, L) · class weights w (K,) · smoothing s.
"""

import numpy as np

Array = np.ndarray


def cross_entropy(z: Array, labels: Array, weight: Array, smoothing: float) -> tuple[Array, Array]:
    """The loss of each label, and its gradient by the logits."""
    K = z.shape[1]
    n, l = np.nonzero(labels >= 0)
    y = labels[n, l]
    a = np.zeros_like(z)
    a[n, :, l] = smoothing / K * weight
    a[n, y, l] += (1 - smoothing) * weight[y]
    # Subtracting the maximum leaves p the same, and e^ does not overflow.
    shifted = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.multiply(a, log_p, out=np.zeros_like(z), where=a != 0).sum(axis=1)
    dz = np.exp(log_p) * a.sum(axis=1, keepdims=True) - a
    return loss, np.where((labels >= 0)[:, None], dz, 0)
