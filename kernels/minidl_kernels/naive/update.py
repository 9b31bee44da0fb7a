"""What an optimiser does to one parameter, one number at a time.

The only kernels that change arrays: the parameter `value` and what the rule remembers of it. The
arrays have one shape, any shape.
"""

import numpy as np

Array = np.ndarray


def sgd(
    value: Array,
    grad: Array,
    velocity: Array | None,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """One step of gradient descent with momentum; `velocity` is None if there is no momentum.

        g ← grad + weight_decay · value
        v ← momentum · v + (1 − dampening) · g          the first v is g
        value ← value − lr · v                          with nesterov − lr · (g + momentum · v)

    Without weight decay, value is not multiplied by 0, which would make NaN of an infinity.
    """
    for k in np.ndindex(value.shape):
        g = grad[k] + weight_decay * value[k] if weight_decay else grad[k]
        if velocity is not None:
            velocity[k] = g if first else momentum * velocity[k] + (1 - dampening) * g
            g = g + momentum * velocity[k] if nesterov else velocity[k]
        value[k] -= lr * g
