"""Moving numbers without changing them. Backward moves the gradients the opposite way."""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.axes import checked_axis, checked_new_axis
from minidl.ops.broadcast import sum_to_shape

Array = np.ndarray


class Reshape(Op):
    """The same numbers in the same order under another shape."""

    def forward(self, x: Array, *, shape: tuple[int, ...]) -> Array:
        """View x (any shape) as `shape`; one −1 stands for the length that is left."""
        self.before = x.shape
        known = int(np.prod([size for size in shape if size != -1]))
        fits = x.size == known if -1 not in shape else known > 0 and x.size % known == 0
        if not fits or shape.count(-1) > 1:
            raise InputError(
                "reshape",
                f"{x.size} values of shape {x.shape} do not fill shape {shape}",
                "The product of the sizes must stay the same; one of them may be -1",
            )
        return x.reshape(shape)

    def backward(self, grad: Array) -> Array:
        """Give the gradient the shape x had."""
        return grad.reshape(self.before)


class Transpose(Op):
    """Axes in another order: y's axis k is x's axis axes[k]."""

    def forward(self, x: Array, *, axes: tuple[int, ...]) -> Array:
        """Permute the axes of x."""
        axes = tuple(checked_axis("transpose", axis, x.shape) for axis in axes)
        if sorted(axes) != list(range(x.ndim)):
            raise InputError(
                "transpose",
                f"axes {axes} are no new order of the {x.ndim} axes 0 … {x.ndim - 1} of shape "
                f"{x.shape}",
                "Name every axis once",
            )
        self.axes = axes
        return x.transpose(axes)

    def backward(self, grad: Array) -> Array:
        """Permute the gradient's axes back: argsort of a permutation is its inverse."""
        return grad.transpose(np.argsort(self.axes))


class BroadcastTo(Op):
    """x repeated along new or length-1 axes."""

    def forward(self, x: Array, *, shape: tuple[int, ...]) -> Array:
        """Repeat x to `shape`, without copying."""
        fits = len(x.shape) <= len(shape) and all(
            m in (1, n) for m, n in zip(x.shape[::-1], shape[::-1], strict=False)
        )
        if not fits:
            raise InputError(
                "broadcast_to",
                f"shape {x.shape} cannot be repeated to shape {shape}: compared from the last axis "
                "on, lengths must be equal or the first of them 1",
                "Put an axis of length 1 where the numbers shall be repeated",
            )
        self.before = x.shape
        return np.broadcast_to(x, shape)

    def backward(self, grad: Array) -> Array:
        """Add up the gradients of the copies."""
        return sum_to_shape(grad, self.before)


class Concatenate(Op):
    """Arrays one behind the other along `axis`."""

    def forward(self, *arrays: Array, axis: int) -> Array:
        """Join arrays whose shapes agree on every axis but `axis`."""
        axis = checked_axis("concatenate", axis, arrays[0].shape)
        _check_alike("concatenate", arrays, axis)
        self.axis = axis
        self.ends = np.cumsum([array.shape[axis] for array in arrays])
        return np.concatenate(arrays, axis=axis)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """Cut the gradient where the arrays meet."""
        parts = np.split(grad, self.ends[:-1], axis=self.axis)
        return tuple(part if need else None for part, need in zip(parts, self.needs, strict=True))


class Stack(Op):
    """Arrays of one shape side by side along a new axis: y[…,k,…] = arrays[k][…]."""

    def forward(self, *arrays: Array, axis: int) -> Array:
        """Join arrays of equal shapes; the new axis stands at `axis` of the result."""
        self.axis = checked_new_axis("stack", axis, arrays[0].shape)
        _check_alike("stack", arrays, None)
        return np.stack(arrays, axis=self.axis)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """Each array gets its own layer of the gradient back."""
        layers = np.moveaxis(grad, self.axis, 0)
        return tuple(
            layer if need else None for layer, need in zip(layers, self.needs, strict=True)
        )


def _check_alike(operation: str, arrays: tuple[Array, ...], joined: int | None) -> None:
    """InputError unless all arrays have one dtype, and one shape on every axis but `joined`."""
    first, *others = arrays
    for k, other in enumerate(others, start=1):
        same = [m == n for m, n in zip(first.shape, other.shape, strict=False)]
        if joined is not None:
            same[joined : joined + 1] = [True]
        if first.ndim != other.ndim or not all(same):
            raise InputError(
                operation,
                f"array 0 has shape {first.shape} and array {k} has shape {other.shape}",
                "All shapes must be equal; to join along an axis they have use concatenate"
                if joined is None
                else f"All axes but axis {joined} must have equal lengths",
            )
        if first.dtype != other.dtype:
            raise InputError(
                operation,
                f"array 0 holds {first.dtype} and array {k} holds {other.dtype}",
                f"Convert one of them, with .astype('{first.dtype}') for example",
            )


class Roll(Op):
    """y[(i + shift) mod n] = x[i] along each axis: what leaves at one end enters at the other."""

    def forward(self, x: Array, *, shift: tuple[int, ...], axes: tuple[int, ...]) -> Array:
        """Move x by shift[k] places along axes[k]."""
        self.shift, self.axes = shift, axes
        return np.roll(x, shift, axes)

    def backward(self, grad: Array) -> Array:
        """Move the gradient back by as many places."""
        return np.roll(grad, [-places for places in self.shift], self.axes)
