"""The product of two matrices, by BLAS.

y[…,i,k] = Σ_j a[…,i,j] · b[…,j,k]

Shapes: a (…, I, J) · b (…, J, K) · y (…, I, K), the leading axes broadcast.
"""

import numpy as np

Array = np.ndarray


def matmul(a: Array, b: Array) -> Array:
    """The product of two matrices, or of each pair of two stacks of them."""
    return a @ b
