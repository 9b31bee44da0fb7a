"""ReLU, a whole array at a time.

    y = max(x, 0)

Where y > 0 the gradient passes, elsewhere it ends: y tells as much as x, and the next layer keeps y
anyway. x, y and grad have one shape, any shape.
"""

import numpy as np

Array = np.ndarray


def relu_forward(x: Array) -> Array:
    """max(x, 0); NaN stays NaN."""
    return np.maximum(x, 0)


def relu_backward(grad: Array, y: Array) -> Array:
    """grad where y > 0, else 0."""
    return np.where(y > 0, grad, 0)
