"""Softmax and cross-entropy in one step, one label at a time.

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
    N, K, L = z.shape
    loss, dz = np.zeros((N, L), z.dtype), np.zeros_like(z)
    for n, l in np.ndindex(N, L):
        y = labels[n, l]
        if y < 0:
            continue
        a = smoothing / K * weight
        a[y] += (1 - smoothing) * weight[y]
        shifted = z[n, :, l] - z[n, :, l].max()  # p stays the same, and e^ does not overflow
        log_p = shifted - np.log(np.exp(shifted).sum())
        for k in range(K):
            if a[k] != 0:
                loss[n, l] -= a[k] * log_p[k]
            dz[n, k, l] = np.exp(log_p[k]) * a.sum() - a[k]
    return loss, dz
