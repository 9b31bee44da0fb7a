"""ReLU, one number at a time.

    y = max(x, 0)

Where y > 0 the gradient passes, elsewhere it ends: y tells as much as x, and the next layer keeps y
anyway. x, y and grad have one shape, any shape.
"""

import numpy as np

Array = np.ndarray


def relu_forward(x: Array) -> Array:
    """max(x, 0); NaN stays NaN."""
    y = np.empty_like(x)
    for k in np.ndindex(x.shape):
        y[k] = 0 if x[k] <= 0 else x[k]  # so written, NaN stays NaN
    return y


def relu_backward(grad: Array, y: Array) -> Array:
    """grad where y > 0, else 0."""
    dx = np.zeros_like(grad)
    for k in np.ndindex(y.shape):
        if y[k] > 0:
            dx[k] = grad[k]
    return dx
