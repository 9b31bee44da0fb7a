"""Moving numbers without changing them. Backward moves the gradients the opposite way."""

from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.axes import checked_axis
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


class Concatenate(Op):
    """Arrays one behind the other along `axis`."""

    def forward(self, *arrays: Array, axis: int) -> Array:
        """Join arrays whose shapes agree on every axis but `axis`."""
        first, *others = arrays
        axis = checked_axis("concatenate", axis, first.shape)
        for k, other in enumerate(others, start=1):
            same = [a == b for a, b in zip(first.shape, other.shape, strict=False)]
            same[axis : axis + 1] = [True]
            if first.ndim != other.ndim or not all(same):
                raise InputError(
                    "concatenate",
                    f"array 0 has shape {first.shape} and array {k} has shape {other.shape}",
                    f"All axes but axis {axis} must have equal lengths",
                )
            if first.dtype != other.dtype:
                raise InputError(
                    "concatenate",
                    f"array 0 holds {first.dtype} and array {k} holds {other.dtype}",
                    f"Convert one of them, with .astype('{first.dtype}') for example",
                )
        self.axis = axis
        self.ends = np.cumsum([array.shape[axis] for array in arrays])
        return np.concatenate(arrays, axis=axis)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """Cut the gradient where the arrays meet."""
        parts = np.split(grad, self.ends[:-1], axis=self.axis)
        return tuple(part if need else None for part, need in zip(parts, self.needs, strict=True))


class Pad(Op):
    """x with a frame of one constant value around it."""

    def forward(self, x: Array, *, widths: tuple[tuple[int, int], ...], value: float) -> Array:
        """Add widths[k] = (before, after) elements along axis k; negative widths cut off."""
        for axis, (before, after) in enumerate(widths):
            cut = max(-before, 0) + max(-after, 0)
            if cut > x.shape[axis]:
                raise InputError(
                    "pad",
                    f"negative padding cuts {cut} off axis {axis}, which has length "
                    f"{x.shape[axis]} in shape {x.shape}",
                    "Cut off less; positive numbers add",
                )
        self.before = x.shape
        self.grown = tuple((max(a, 0), max(b, 0)) for a, b in widths)
        self.cut = tuple(
            slice(max(-a, 0), size - max(-b, 0))
            for (a, b), size in zip(widths, x.shape, strict=True)
        )
        return np.pad(x[self.cut], self.grown, constant_values=value)

    def backward(self, grad: Array) -> Array:
        """The frame is constant, so its gradient is dropped; what was cut off receives zero."""
        inside = tuple(
            slice(a, size - b) for (a, b), size in zip(self.grown, grad.shape, strict=True)
        )
        dx = np.zeros(self.before, grad.dtype)
        dx[self.cut] = grad[inside]
        return dx
