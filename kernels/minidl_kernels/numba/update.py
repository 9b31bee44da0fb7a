"""What an optimiser does to one parameter, in one pass over memory, shared by the threads.

The rule takes a few multiplications for a number that has to come from memory and go back, so it is
as fast as memory is. One loop reads value, gradient and velocity once and writes two of them once;
NumPy, an operation at a time, would go over them seven times.

The only kernels that change arrays: the parameter `value` and what the rule remembers of it. The
arrays have one shape, any shape.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.team import run

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
    number = value.dtype.type  # so that float32 is not computed in float64
    w, g = plain(value), plain(grad.astype(value.dtype, copy=False))
    v = w if velocity is None else plain(velocity)
    flat = (array.reshape(value.size) for array in (w, g, v))
    settings = number(lr), number(momentum), number(1 - dampening), number(weight_decay)
    remember = velocity is not None
    run(_sgd_part, value.size, value.size, *flat, *settings, remember, bool(first), bool(nesterov))
    if w is not value:  # a copy was made
        value[...] = w
    if velocity is not None and v is not velocity:
        velocity[...] = v


@jit
def _sgd_part(t, threads, w, grad, v, lr, momentum, fresh, decay, remember, first, nesterov):
    """The share of thread t: a stretch of neighbours; `fresh` is what a new gradient counts."""
    start, stop = t * len(w) // threads, (t + 1) * len(w) // threads
    w, grad, v = w[start:stop], grad[start:stop], v[start:stop]
    if not remember:
        for k in range(len(w)):
            g = grad[k] + decay * w[k] if decay else grad[k]
            w[k] -= lr * g
        return
    for k in range(len(w)):
        g = grad[k] + decay * w[k] if decay else grad[k]
        v[k] = g if first else momentum * v[k] + fresh * g
        w[k] -= lr * (g + momentum * v[k]) if nesterov else lr * v[k]
