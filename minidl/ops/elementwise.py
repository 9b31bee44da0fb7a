"""Arithmetic, one number at a time, with NumPy's broadcasting.

Each derivative is the one from school; `sum_to_shape` adds up the copies broadcasting made.
"""

from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.ops.broadcast import checked_shapes, sum_to_shape

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
        y = np.exp(x)
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
        return np.log(x)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 / x."""
        (x,) = self.saved
        return grad / x


class Sqrt(Op):
    """y = √x."""

    def forward(self, x: Array) -> Array:
        """Compute the square root."""
        y = np.sqrt(x)
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


class Cast(Op):
    """The same numbers in another floating-point dtype."""

    def forward(self, x: Array, *, dtype: Any) -> Array:
        """Convert to `dtype`."""
        self.before = x.dtype
        return x.astype(dtype)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1, in the dtype x had."""
        return grad.astype(self.before)
