"""Undoing NumPy's broadcasting: the gradient of a repeated value is the sum over its copies."""

import numpy as np

from minidl.errors import InputError

Array = np.ndarray
Shape = tuple[int, ...]


def checked_shapes(operation: str, a: Shape, b: Shape) -> tuple[Shape, Shape]:
    """Both shapes; InputError if NumPy's rule cannot bring them together.

    Shapes are laid one over the other from the right. Two lengths that meet must be equal, or one
    of them 1.
    """
    for k, (m, n) in enumerate(zip(a[::-1], b[::-1], strict=False), start=1):
        if m != n and 1 not in (m, n):
            raise InputError(
                operation,
                f"shapes {a} and {b} do not fit together: axis {-k} has length {m} in one and {n} "
                "in the other, and neither is 1",
                "Reshape or transpose one of them; shapes are compared from the last axis on",
            )
    return a, b


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
