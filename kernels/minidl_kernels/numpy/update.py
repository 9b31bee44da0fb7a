"""What an optimiser does to one parameter, a whole array at a time.

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
    g = grad + weight_decay * value if weight_decay else grad
    if velocity is not None:
        if first:
            velocity[...] = g
        else:
            velocity *= momentum
            velocity += (1 - dampening) * g
        g = g + momentum * velocity if nesterov else velocity
    value -= lr * g
