"""ReLU in one pass over memory, shared by the threads.

    y = max(x, 0)

There is next to nothing to compute, so what counts is that every number travels once from memory
and once back. Each thread takes a stretch of neighbouring numbers, which the processor fetches
ahead. NumPy would go over the gradient twice, for the mask and for the product, with one thread.

Where y > 0 the gradient passes, elsewhere it ends: y tells as much as x, and the next layer keeps y
anyway. x, y and grad have one shape, any shape.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.team import run

Array = np.ndarray


def relu_forward(x: Array) -> Array:
    """max(x, 0); NaN stays NaN."""
    y = np.empty(x.shape, x.dtype)
    run(_relu_part, x.size, x.size, plain(x).reshape(x.size), y.reshape(x.size))
    return y


def relu_backward(grad: Array, y: Array) -> Array:
    """grad where y > 0, else 0."""
    dx = np.empty(y.shape, y.dtype)
    flat = plain(grad).reshape(y.size), plain(y).reshape(y.size), dx.reshape(y.size)
    run(_pass_part, y.size, y.size, *flat)
    return dx


@jit
def _relu_part(t, threads, x, y):
    """The share of thread t: a stretch of neighbours."""
    start, stop = t * len(x) // threads, (t + 1) * len(x) // threads
    x, y = x[start:stop], y[start:stop]
    zero = x.dtype.type(0)
    for k in range(len(x)):
        y[k] = zero if x[k] <= zero else x[k]  # so written, NaN stays NaN


@jit
def _pass_part(t, threads, grad, y, dx):
    """The share of thread t: a stretch of neighbours."""
    start, stop = t * len(y) // threads, (t + 1) * len(y) // threads
    grad, y, dx = grad[start:stop], y[start:stop], dx[start:stop]
    zero = grad.dtype.type(0)
    for k in range(len(y)):
        dx[k] = grad[k] if y[k] > zero else zero
