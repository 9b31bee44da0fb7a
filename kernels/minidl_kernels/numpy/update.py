"""What an optimiser does to one parameter, a whole array at a time.

The only kernels that change arrays: the parameter `value` and what the rule remembers of it. The
arrays have one shape, any shape. Without weight decay, value is not multiplied by 0, which would
make NaN of an infinity.
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


def adagrad(
    value: Array, grad: Array, total: Array, lr: float, weight_decay: float, eps: float
) -> None:
    """One step of Adagrad; `total` is the sum of the squared gradients so far.

    g ← grad + weight_decay · value
    s ← s + g²                                      s: total
    value ← value − lr · g / (√s + eps)
    """
    g = grad + weight_decay * value if weight_decay else grad
    total += g**2
    value -= lr * g / (np.sqrt(total) + eps)


def rmsprop(
    value: Array,
    grad: Array,
    square: Array,
    mean: Array | None,
    velocity: Array | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> None:
    """One step of RMSprop; `mean` is None if not centred, `velocity` if there is no momentum.

        g ← grad + weight_decay · value
        s ← alpha · s + (1 − alpha) · g²                s: square
        m ← alpha · m + (1 − alpha) · g                 m: mean, if centred
        u ← g / (√(s − m²) + eps)                       without m² if not centred
        v ← momentum · v + u                            if there is momentum; v is 0 at first
        value ← value − lr · v                          − lr · u without momentum

    s − m² is a variance; what rounding leaves of it below 0 counts as 0.
    """
    g = grad + weight_decay * value if weight_decay else grad
    square *= alpha
    square += (1 - alpha) * g**2
    spread = square
    if mean is not None:
        mean *= alpha
        mean += (1 - alpha) * g
        spread = np.maximum(square - mean**2, 0)
    u = g / (np.sqrt(spread) + eps)
    if velocity is not None:
        velocity *= momentum
        velocity += u
        u = velocity
    value -= lr * u


def adam(
    value: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """One step of Adam, or of AdamW if the weight decay is `decoupled`; t = `step` = 1, 2, …

    g ← grad + weight_decay · value                 Adam
    value ← value − lr · weight_decay · value       AdamW
    m ← beta1 · m + (1 − beta1) · g                 m: mean, 0 at first
    s ← beta2 · s + (1 − beta2) · g²                s: square, 0 at first
    value ← value − lr · m/(1 − beta1^t) / (√(s/(1 − beta2^t)) + eps)
    """
    if weight_decay and decoupled:
        value -= lr * weight_decay * value
    g = grad + weight_decay * value if weight_decay and not decoupled else grad
    mean *= beta1
    mean += (1 - beta1) * g
    square *= beta2
    square += (1 - beta2) * g**2
    m, s = mean / (1 - beta1**step), square / (1 - beta2**step)
    value -= lr * m / (np.sqrt(s) + eps)
