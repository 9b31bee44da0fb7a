"""What an optimiser does to one parameter, in one pass over memory, shared by the threads.

A rule takes a few multiplications for a number that has to come from memory and go back, so it is
as fast as memory is. One loop reads value, gradient and memory once and writes what it changed
once; NumPy, an operation at a time, would go over them seven times and more.

There is a call for each parameter, most of which are small. It costs about 10 µs: 0.3 % of a step
with ResNet-20, which has 59 parameters, or DenseNet-BC-100, which has 299. To join them in one
call would gain nothing that could be measured.

The only kernels that change arrays: the parameter `value` and what the rule remembers of it. The
arrays have one shape, any shape. Without weight decay, value is not multiplied by 0, which would
make NaN of an infinity.
"""

import math
from collections.abc import Callable

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
    """
    flags = velocity is not None, bool(first), bool(nesterov)
    settings = lr, momentum, 1 - dampening, weight_decay
    _change(_sgd_part, grad, (value, velocity), settings, flags)


def adagrad(
    value: Array, grad: Array, total: Array, lr: float, weight_decay: float, eps: float
) -> None:
    """One step of Adagrad; `total` is the sum of the squared gradients so far.

    g ← grad + weight_decay · value
    s ← s + g²                                      s: total
    value ← value − lr · g / (√s + eps)
    """
    _change(_adagrad_part, grad, (value, total), (lr, weight_decay, eps))


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
    flags = mean is not None, velocity is not None
    settings = lr, alpha, 1 - alpha, eps, weight_decay, momentum, 0
    _change(_rmsprop_part, grad, (value, square, mean, velocity), settings, flags)


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

    The corrections of m and s are the same for all numbers, so they are made once, out of the loop.
    """
    rate, correction = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    decay, shrink = (0, lr * weight_decay) if decoupled else (weight_decay, 0)
    settings = rate, beta1, 1 - beta1, beta2, 1 - beta2, correction, eps, decay, shrink
    _change(_adam_part, grad, (value, mean, square), settings)


def _change(
    part: Callable,
    grad: Array,
    changing: tuple[Array | None, ...],
    settings: tuple[float, ...],
    flags: tuple[bool, ...] = (),
) -> None:
    """Let the team run `part` on the arrays laid flat, the value first among the `changing`.

    Settings become numbers of the value's dtype, so that float32 is not computed in float64. In
    the place of a memory that is None the kernel gets an array of no elements.
    """
    value = changing[0]
    assert value is not None
    number, size = value.dtype.type, value.size
    g = plain(grad.astype(value.dtype, copy=False)).reshape(size)
    laid = [None if array is None else plain(array) for array in changing]
    flat = [g[:0] if array is None else array.reshape(size) for array in laid]
    run(part, size, size, g, *flat, *map(number, settings), *flags)
    for array, changed in zip(changing, laid, strict=True):
        if array is not None and changed is not array:  # a copy was made
            array[...] = changed


@jit
def _sgd_part(t, threads, grad, w, v, lr, momentum, fresh, decay, remember, first, nesterov):
    """The share of thread t: a stretch of neighbours; `fresh` is what a new gradient counts."""
    start, stop = t * len(w) // threads, (t + 1) * len(w) // threads
    grad, w, v = grad[start:stop], w[start:stop], v[start:stop]
    if not remember:
        for k in range(len(w)):
            g = grad[k] + decay * w[k] if decay else grad[k]
            w[k] -= lr * g
        return
    for k in range(len(w)):
        g = grad[k] + decay * w[k] if decay else grad[k]
        v[k] = g if first else momentum * v[k] + fresh * g
        w[k] -= lr * (g + momentum * v[k]) if nesterov else lr * v[k]


# The rules below read x = w[k] before anything depends on a condition: a number that is read on one
# way only keeps the compiler from using vectors, and the loop takes eight times as long.


@jit
def _adagrad_part(t, threads, grad, w, s, lr, decay, eps):
    """The share of thread t: a stretch of neighbours."""
    start, stop = t * len(w) // threads, (t + 1) * len(w) // threads
    grad, w, s = grad[start:stop], w[start:stop], s[start:stop]
    for k in range(len(w)):
        x, g = w[k], grad[k]
        if decay:
            g += decay * x
        s[k] += g * g
        w[k] = x - lr * g / (np.sqrt(s[k]) + eps)


@jit
def _rmsprop_part(
    t, threads, grad, w, s, m, v, lr, keep, fresh, eps, decay, momentum, zero, centred, remember
):
    """The share of thread t: a stretch of neighbours; `fresh` is what a new gradient counts."""
    start, stop = t * len(w) // threads, (t + 1) * len(w) // threads
    grad, w, s, m, v = grad[start:stop], w[start:stop], s[start:stop], m[start:stop], v[start:stop]
    for k in range(len(w)):
        x, g = w[k], grad[k]
        if decay:
            g += decay * x
        s[k] = keep * s[k] + fresh * g * g
        spread = s[k]
        if centred:
            m[k] = keep * m[k] + fresh * g
            spread = np.maximum(spread - m[k] * m[k], zero)
        u = g / (np.sqrt(spread) + eps)
        if remember:
            v[k] = momentum * v[k] + u
            u = v[k]
        w[k] = x - lr * u


@jit
def _adam_part(
    t,
    threads,
    grad,
    w,
    m,
    s,
    rate,
    keep_m,
    fresh_m,
    keep_s,
    fresh_s,
    correction,
    eps,
    decay,
    shrink,
):
    """The share of thread t: a stretch of neighbours; `fresh` is what a new gradient counts."""
    start, stop = t * len(w) // threads, (t + 1) * len(w) // threads
    grad, w, m, s = grad[start:stop], w[start:stop], m[start:stop], s[start:stop]
    for k in range(len(w)):
        x, g = w[k], grad[k]
        if decay:
            g += decay * x
        if shrink:
            x -= shrink * x
        m[k] = keep_m * m[k] + fresh_m * g
        s[k] = keep_s * s[k] + fresh_s * g * g
        w[k] = x - rate * m[k] / (np.sqrt(s[k]) * correction + eps)
