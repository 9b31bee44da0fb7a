"""The shape of a product of matrices."""

import numpy as np

Array = np.ndarray


def matmul(a: Array, b: Array) -> Array:
    """(…, I, K) for a (…, I, J) and b (…, J, K)."""
    return a @ b
