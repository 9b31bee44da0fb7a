"""What an optimiser does to one parameter, one number at a time.

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
    for k in np.ndindex(value.shape):
        g = grad[k] + weight_decay * value[k] if weight_decay else grad[k]
        if velocity is not None:
            velocity[k] = g if first else momentum * velocity[k] + (1 - dampening) * g
            g = g + momentum * velocity[k] if nesterov else velocity[k]
        value[k] -= lr * g


def adagrad(
    value: Array, grad: Array, total: Array, lr: float, weight_decay: float, eps: float
) -> None:
    """One step of Adagrad; `total` is the sum of the squared gradients so far.

    g ← grad + weight_decay · value
    s ← s + g²                                      s: total
    value ← value − lr · g / (√s + eps)
    """
    for k in np.ndindex(value.shape):
        g = grad[k] + weight_decay * value[k] if weight_decay else grad[k]
        total[k] += g**2
        value[k] -= lr * g / (np.sqrt(total[k]) + eps)


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
    for k in np.ndindex(value.shape):
        g = grad[k] + weight_decay * value[k] if weight_decay else grad[k]
        square[k] = alpha * square[k] + (1 - alpha) * g**2
        spread = square[k]
        if mean is not None:
            mean[k] = alpha * mean[k] + (1 - alpha) * g
            spread = np.maximum(spread - mean[k] ** 2, 0)
        u = g / (np.sqrt(spread) + eps)
        if velocity is not None:
            velocity[k] = momentum * velocity[k] + u
            u = velocity[k]
        value[k] -= lr * u


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
    for k in np.ndindex(value.shape):
        g = grad[k]
        if weight_decay and decoupled:
            value[k] -= lr * weight_decay * value[k]
        elif weight_decay:
            g = g + weight_decay * value[k]
        mean[k] = beta1 * mean[k] + (1 - beta1) * g
        square[k] = beta2 * square[k] + (1 - beta2) * g**2
        m, s = mean[k] / (1 - beta1**step), square[k] / (1 - beta2**step)
        value[k] -= lr * m / (np.sqrt(s) + eps)
