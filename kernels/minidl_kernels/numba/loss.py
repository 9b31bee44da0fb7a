"""Softmax and cross-entropy in one step, in one go for some labels at a time.

    p[n,k,l] = e^(z[n,k,l]) / Σ_j e^(z[n,j,l])
    a[n,k,l] = (1 − s) · w[y[n,l]] · [k = y[n,l]]  +  (s / K) · w[k]        the distribution wanted
    loss[n,l] = − Σ_k a[n,k,l] · ln p[n,k,l]
    dz[n,k,l] = p[n,k,l] · Σ_j a[n,j,l] − a[n,k,l]                          the derivative of loss

Where y[n,l] < 0 nothing is wanted: a, loss and dz are 0. A term with a = 0 is 0 even where p = 0.

Shapes: logits z, dz (N, K, L) · labels y, loss (N, L) · class weights w (K,) · smoothing s.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.team import run

Array = np.ndarray

_LANES = 256
"""Labels of one image that are done together: neighbours in memory, for every class."""


def cross_entropy(z: Array, labels: Array, weight: Array, smoothing: float) -> tuple[Array, Array]:
    """The loss of each label, and its gradient by the logits."""
    N, K, L = z.shape
    loss, dz = np.empty((N, L), z.dtype), np.empty((N, K, L), z.dtype)
    lanes = max(1, min(L, _LANES))
    everywhere = smoothing / K * weight.astype(z.dtype)
    wanted = everywhere, (1 - smoothing) * weight.astype(z.dtype), everywhere.sum()
    arguments = plain(z), plain(labels.astype(np.int64, copy=False)), *wanted, loss, dz, lanes
    # An exponential takes as long as some ten multiply-adds.
    run(_cross_entropy_part, 10 * z.size, N * -(-L // lanes), *arguments)
    return loss, dz


@jit
def _cross_entropy_part(t, threads, z, labels, everywhere, at_label, in_all, loss, dz, lanes):
    """The share of thread t; a[k] is everywhere[k], and at_label[k] more for the label itself.

    `in_all` is the sum of everywhere.

    for n, and for each piece of the labels
        for k: for lane      largest[lane] = max(z)
        for k: for lane      dz = e^(z − largest), total[lane] += dz
        for k: for lane      loss[lane] −= a · ln p,  dz = dz / total · Σ a − a
    """
    N, K, L = z.shape
    largest, total = np.empty(lanes, z.dtype), np.empty(lanes, z.dtype)
    zero = z.dtype.type(0)
    pieces = -(-L // lanes)
    for piece in range(t * N * pieces // threads, (t + 1) * N * pieces // threads):
        n, start = piece // pieces, piece % pieces * lanes
        stop = min(start + lanes, L)
        largest[:] = -np.inf
        total[:] = 0
        for k in range(K):
            for l in range(start, stop):
                largest[l - start] = max(largest[l - start], z[n, k, l])
        for k in range(K):
            for l in range(start, stop):
                dz[n, k, l] = np.exp(z[n, k, l] - largest[l - start])
                total[l - start] += dz[n, k, l]
        loss[n, start:stop] = 0
        for k in range(K):
            for l in range(start, stop):
                y = labels[n, l]
                if y < 0:
                    dz[n, k, l] = zero
                    continue
                a = everywhere[k] + at_label[k] if k == y else everywhere[k]
                if a != zero:
                    log_p = z[n, k, l] - largest[l - start] - np.log(total[l - start])
                    loss[n, l] -= a * log_p
                dz[n, k, l] = dz[n, k, l] / total[l - start] * (in_all + at_label[y]) - a
