"""Choosing and limiting numbers."""

from minidl.functional.arguments import as_tensor
from minidl.ops import elementwise
from minidl.tensor import ArrayLike, Tensor, apply_pair


def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Take a where the condition holds and b elsewhere; all three shapes are broadcast.

    Args:
        condition: True and False, any shape. It has no gradient.
        a: numbers, any shape.
        b: numbers, any shape.

    Raises:
        InputError: the shapes do not fit together, or the condition is not of booleans.
    """
    return apply_pair(elementwise.Where, a, b, condition=as_tensor(condition).data)


def clip(x: ArrayLike, low: float | None = None, high: float | None = None) -> Tensor:
    """min(max(x, low), high); None is no bound, and NaN stays NaN. PyTorch calls it clamp.

    The gradient passes where low ≤ x ≤ high, the bounds included as in PyTorch.
    """
    return as_tensor(x).clip(low, high)


def maximum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The larger of each pair of numbers; shapes are broadcast, and NaN wins.

    Where both are equal each receives half of the gradient, as in PyTorch.
    """
    return apply_pair(elementwise.Maximum, a, b)


def minimum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The smaller of each pair of numbers; shapes are broadcast, and NaN wins.

    Where both are equal each receives half of the gradient, as in PyTorch.
    """
    return apply_pair(elementwise.Minimum, a, b)
