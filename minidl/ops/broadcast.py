"""Undoing NumPy's broadcasting: the gradient of a repeated value is the sum over its copies."""

import numpy as np

Array = np.ndarray


def sum_to_shape(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum `grad` over the axes along which `shape` was broadcast to `grad.shape`.

    Broadcasting repeats a value along an axis; each copy receives a gradient of its own, and a
    change of the value changes all copies at once. So ∂L/∂value = Σ over copies.
    """
    if grad.shape == shape:
        return grad
    added = grad.ndim - len(shape)  # axes that broadcasting put in front
    stretched = tuple(k + added for k, size in enumerate(shape) if size == 1)
    summed = grad.sum(axis=(*range(added), *stretched), keepdims=True)
    return summed.reshape(shape)
