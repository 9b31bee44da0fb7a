"""The product of two matrices, one number at a time.

y[…,i,k] = Σ_j a[…,i,j] · b[…,j,k]

Shapes: a (…, I, J) · b (…, J, K) · y (…, I, K), the leading axes broadcast.
"""

import numpy as np

Array = np.ndarray


def matmul(a: Array, b: Array) -> Array:
    """The product of two matrices, or of each pair of two stacks of them."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (I, J), K = a.shape[-2:], b.shape[-1]
    a, b = np.broadcast_to(a, (*stack, I, J)), np.broadcast_to(b, (*stack, J, K))
    y = np.zeros((*stack, I, K), np.result_type(a, b))
    for *n, i, k in np.ndindex(y.shape):
        for j in range(J):
            y[*n, i, k] += a[*n, i, j] * b[*n, j, k]
    return y
