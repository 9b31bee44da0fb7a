"""Taking elements by their positions. Backward puts the gradients where the elements came from."""

from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.axes import checked_axis

Array = np.ndarray


class Index(Op):
    """y = x[index], with any index NumPy understands."""

    def forward(self, x: Array, *, index: Any) -> Array:
        """Take part of x."""
        self.before, self.index = x.shape, index
        return x[index]

    def backward(self, grad: Array) -> Array:
        """Each number taken hands its gradient back; one taken twice receives both."""
        dx = np.zeros(self.before, grad.dtype)
        if _may_repeat(self.index):
            np.add.at(dx, self.index, grad)  # `dx[index] += grad` would count a repeat once
        else:
            dx[self.index] = grad
        return dx


def _may_repeat(index: Any) -> bool:
    """Whether an index can take the same element twice: lists and integer arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (isinstance(part, np.ndarray) and part.dtype != bool)
        for part in parts
    )


class TakeAlongAxis(Op):
    """y[…,i,…] = x[…,indices[…,i,…],…]: every row is asked at its own positions.

    For a matrix x and axis 1 that is y[n,i] = x[n, indices[n,i]]. PyTorch calls it gather.
    """

    def forward(self, x: Array, *, indices: Array, axis: int) -> Array:
        """Take from x along `axis`; on the other axes x and indices are broadcast."""
        axis = checked_axis("take_along_axis", axis, x.shape)
        _check_indices(x, indices, axis)
        # Along the other axes each row is asked about itself: an arange lying along that axis.
        places = [
            indices if k == axis else np.arange(size).reshape(-1, *[1] * (x.ndim - 1 - k))
            for k, size in enumerate(x.shape)
        ]
        self.x_shape, self.places = x.shape, tuple(places)
        return x[self.places]

    def backward(self, grad: Array) -> Array:
        """Each element taken hands its gradient back; one taken twice adds both."""
        dx = np.zeros(self.x_shape, grad.dtype)
        np.add.at(dx, self.places, grad)  # `dx[places] += grad` would count a repeat once
        return dx


def _check_indices(x: Array, indices: Array, axis: int) -> None:
    """InputError unless `indices` are positions on `axis` of x and lie as x does otherwise."""
    if indices.dtype.kind not in "iu":
        raise InputError(
            "take_along_axis",
            f"the indices are positions and must be integers, but hold {indices.dtype}",
            "Convert them: indices.astype('int64')",
        )
    fits = x.ndim == indices.ndim and all(
        k == axis or m == n or 1 in (m, n)
        for k, (m, n) in enumerate(zip(x.shape, indices.shape, strict=True))
    )
    if not fits:
        raise InputError(
            "take_along_axis",
            f"indices of shape {indices.shape} do not lie along axis {axis} of shape {x.shape}",
            f"Both need {x.ndim} axes with equal lengths (or 1) but for axis {axis}; one index a "
            "row becomes such a shape by np.expand_dims(indices, axis)",
        )
    size = x.shape[axis]
    outside = (indices < -size) | (indices >= size)
    if outside.any():
        raise InputError(
            "take_along_axis",
            f"index {indices[outside][0]} is not on axis {axis} of shape {x.shape}",
            f"Positions count from 0 to {size - 1}, or from -1 (the last) to {-size}"
            if size
            else "An axis of length 0 has no positions",
        )
