"""Arithmetic, one number at a time, with NumPy's broadcasting.

Each derivative is the one from school; `sum_to_shape` adds up the copies broadcasting made.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.broadcast import checked_shapes, sum_to_shape
from minidl.ops.dtypes import as_float

Array = np.ndarray
Pair = tuple[Array | None, Array | None]


class Add(Op):
    """y = a + b."""

    def forward(self, a: Array, b: Array) -> Array:
        """Add two arrays."""
        self.shapes = checked_shapes("add", a.shape, b.shape)
        return a + b

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a = 1 and ∂y/∂b = 1."""
        da = sum_to_shape(grad, self.shapes[0]) if self.needs[0] else None
        db = sum_to_shape(grad, self.shapes[1]) if self.needs[1] else None
        return da, db


class Subtract(Op):
    """y = a − b."""

    def forward(self, a: Array, b: Array) -> Array:
        """Subtract b from a."""
        self.shapes = checked_shapes("subtract", a.shape, b.shape)
        return a - b

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a = 1 and ∂y/∂b = −1."""
        da = sum_to_shape(grad, self.shapes[0]) if self.needs[0] else None
        db = sum_to_shape(-grad, self.shapes[1]) if self.needs[1] else None
        return da, db


class Multiply(Op):
    """y = a · b, element by element."""

    def forward(self, a: Array, b: Array) -> Array:
        """Multiply two arrays."""
        self.shapes = checked_shapes("multiply", a.shape, b.shape)
        self.save(a if self.needs[1] else None, b if self.needs[0] else None)
        return a * b

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a = b and ∂y/∂b = a."""
        a, b = self.saved
        da = sum_to_shape(grad * b, self.shapes[0]) if self.needs[0] else None
        db = sum_to_shape(grad * a, self.shapes[1]) if self.needs[1] else None
        return da, db


class Divide(Op):
    """y = a / b, element by element."""

    def forward(self, a: Array, b: Array) -> Array:
        """Divide a by b."""
        self.save(a if self.needs[1] else None, b)
        self.shapes = checked_shapes("divide", a.shape, b.shape)
        return a / b

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a = 1 / b and ∂y/∂b = −a / b²."""
        a, b = self.saved
        da = sum_to_shape(grad / b, self.shapes[0]) if self.needs[0] else None
        db = sum_to_shape(-grad * a / (b * b), self.shapes[1]) if self.needs[1] else None
        return da, db


class Negate(Op):
    """y = −x."""

    def forward(self, x: Array) -> Array:
        """Change the sign."""
        return -x

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = −1."""
        return -grad


class Power(Op):
    """y = x^p for a fixed number p."""

    def forward(self, x: Array, *, exponent: float) -> Array:
        """Raise x to the power `exponent`."""
        self.exponent = exponent
        self.save(x)
        return x**exponent

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = p · x^(p−1); for p = 0 that is 0 everywhere, also at x = 0."""
        (x,) = self.saved
        if self.exponent == 0:
            return np.zeros_like(grad)
        return grad * (self.exponent * x ** (self.exponent - 1))


class Exp(Op):
    """y = eˣ."""

    def forward(self, x: Array) -> Array:
        """Compute eˣ."""
        y = np.exp(as_float(x))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = eˣ, which is y itself."""
        (y,) = self.saved
        return grad * y


class Log(Op):
    """y = ln x."""

    def forward(self, x: Array) -> Array:
        """Compute the natural logarithm."""
        self.save(x)
        return np.log(as_float(x))

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 / x."""
        (x,) = self.saved
        return grad / x


class Sqrt(Op):
    """y = √x."""

    def forward(self, x: Array) -> Array:
        """Compute the square root."""
        y = np.sqrt(as_float(x))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 / (2√x)."""
        (y,) = self.saved
        return grad / (2 * y)


class Absolute(Op):
    """y = |x|."""

    def forward(self, x: Array) -> Array:
        """Drop the sign."""
        self.save(np.sign(x))
        return np.abs(x)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = sign(x); at the kink x = 0 it is taken as 0."""
        (sign,) = self.saved
        return grad * sign


class Clip(Op):
    """y = min(max(x, low), high). NaN stays NaN."""

    def forward(self, x: Array, *, low: float | None, high: float | None) -> Array:
        """Move what is outside of low … high to the nearest bound; None is no bound."""
        if low is None and high is None:
            raise InputError("clip", "neither low nor high is given", "Give one bound, or both")
        if low is not None and high is not None and low > high:
            raise InputError(
                "clip", f"low={low} is above high={high}", "Give the smaller number first"
            )
        y = np.clip(x, low, high)
        self.save(y == x)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 where low ≤ x ≤ high, the bounds included as in PyTorch, and 0 outside."""
        (inside,) = self.saved
        return grad * inside


class _PickOne(Op):
    """What Maximum and Minimum share: of each pair the number that `beats` the other."""

    pick: Callable[..., Any]
    beats: Callable[..., Any]

    def forward(self, a: Array, b: Array) -> Array:
        """Pick from each pair; a NaN in it wins."""
        self.shapes = checked_shapes(type(self).__name__.lower(), a.shape, b.shape)
        self.save(self.beats(a, b), self.beats(b, a))
        return np.asarray(self.pick(a, b))

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a is 1 where a wins, 0 where b wins, and ½ where they are equal; ∂y/∂b likewise."""
        a_wins, b_wins = self.saved
        share_of_a = (1 + a_wins.astype(grad.dtype) - b_wins) / 2
        da = sum_to_shape(grad * share_of_a, self.shapes[0]) if self.needs[0] else None
        db = sum_to_shape(grad * (1 - share_of_a), self.shapes[1]) if self.needs[1] else None
        return da, db


class Maximum(_PickOne):
    """y = max(a, b), element by element."""

    pick, beats = staticmethod(np.maximum), staticmethod(np.greater)


class Minimum(_PickOne):
    """y = min(a, b), element by element."""

    pick, beats = staticmethod(np.minimum), staticmethod(np.less)


class Where(Op):
    """y = a where the condition holds, b elsewhere."""

    def forward(self, a: Array, b: Array, *, condition: Array) -> Array:
        """Choose element by element; all three shapes are broadcast."""
        if condition.dtype != bool:
            raise InputError(
                "where",
                f"the condition holds {condition.dtype}, not True and False",
                "Compare to get them: where(x > 0, a, b)",
            )
        self.shapes = checked_shapes("where", a.shape, b.shape)
        checked_shapes("where", condition.shape, np.broadcast_shapes(a.shape, b.shape))
        self.save(condition)
        return np.where(condition, a, b)

    def backward(self, grad: Array) -> Pair:
        """∂y/∂a = [condition] and ∂y/∂b = 1 − [condition].

        The gradient is chosen, not multiplied by 0 or 1, so that a NaN or infinity in it stays out
        of the branch that was not taken.
        """
        (condition,) = self.saved
        da = db = None
        if self.needs[0]:
            da = sum_to_shape(np.where(condition, grad, 0), self.shapes[0])
        if self.needs[1]:
            db = sum_to_shape(np.where(condition, 0, grad), self.shapes[1])
        return da, db


class Cast(Op):
    """The same numbers in another floating-point dtype."""

    def forward(self, x: Array, *, dtype: Any) -> Array:
        """Convert to `dtype`."""
        self.before = x.dtype
        return x.astype(dtype)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1, in the dtype x had."""
        return grad.astype(self.before)
