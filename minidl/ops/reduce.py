"""Sums, means and extremes over axes.

A reduction maps many numbers to one, so its gradient goes from one number back to many: it is
broadcast, weighted by each number's share in the result.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.axes import Axis, checked_axes

Array = np.ndarray


class _Reduction(Op):
    """What the reductions share: which axes went away, and how to bring them back."""

    def reduce_over(self, x: Array, axis: Axis, keepdims: bool) -> tuple[int, ...]:
        """Note the shapes for backward; return the reduced axes."""
        axes = checked_axes(type(self).__name__.lower(), axis, x.shape)
        self.x_shape, self.axes, self.keepdims = x.shape, axes, keepdims
        self.count = math.prod(x.shape[k] for k in axes)
        return axes

    def spread(self, array: Array) -> Array:
        """Put the reduced axes back with length 1, so that `array` broadcasts against x."""
        return array if self.keepdims else np.expand_dims(array, self.axes)

    def refuse_empty(self, divisor: int) -> None:
        """InputError where there are too few numbers for a mean, a variance or a maximum."""
        if divisor < 1:
            raise InputError(
                type(self).__name__.lower(),
                f"axes {self.axes} of shape {self.x_shape} hold {self.count} number(s), but at "
                f"least {self.count - divisor + 1} must be there",
                "Skip empty batches"
                if divisor == self.count
                else "Use correction=0 for the variance of so few",
            )


class Sum(_Reduction):
    """y = Σ x over `axis`."""

    def forward(self, x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
        """Add up."""
        return x.sum(axis=self.reduce_over(x, axis, keepdims), keepdims=keepdims)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1: every summand receives the gradient of its sum."""
        return np.broadcast_to(self.spread(grad), self.x_shape)


class Mean(_Reduction):
    """y = (Σ x) / m over `axis`, where m numbers go into each mean."""

    def forward(self, x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
        """Average."""
        axes = self.reduce_over(x, axis, keepdims)
        self.refuse_empty(self.count)
        return x.mean(axis=axes, keepdims=keepdims)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 / m."""
        return np.broadcast_to(self.spread(grad / self.count), self.x_shape)


class Var(_Reduction):
    """y = Σ (x − μ)² / (m − c) over `axis`; the correction c is 0 (biased) or 1 (unbiased)."""

    def forward(
        self, x: Array, *, axis: Axis = None, keepdims: bool = False, correction: int = 0
    ) -> Array:
        """Average the squared deviations from the mean."""
        axes = self.reduce_over(x, axis, keepdims)
        self.divisor = self.count - correction
        self.refuse_empty(self.divisor)
        deviation = x - x.mean(axis=axes, keepdims=True)
        self.save(deviation)
        return np.square(deviation).sum(axis=axes, keepdims=keepdims) / self.divisor

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 2 (x − μ) / (m − c); the way through μ adds nothing, since Σ (x − μ) = 0."""
        (deviation,) = self.saved
        return self.spread(grad) * deviation * (2 / self.divisor)


class _Extreme(_Reduction):
    """What Max and Min share: `find` says which of a row of numbers wins."""

    find: Callable[..., Any]

    def forward(self, x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
        """Take the winner."""
        axes = self.reduce_over(x, axis, keepdims)
        self.refuse_empty(self.count)
        # All reduced axes become one last axis, so that one search finds the first winner.
        kept = tuple(k for k in range(x.ndim) if k not in axes)
        rows = x.transpose(*kept, *axes).reshape(*(x.shape[k] for k in kept), self.count)
        winner = self.find(rows, axis=-1)
        self.save(winner)
        self.kept = kept
        y = np.take_along_axis(rows, winner[..., None], axis=-1)[..., 0]
        return np.expand_dims(y, axes) if keepdims else y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 for the winner and 0 for the others; of equals the first in memory order."""
        (winner,) = self.saved
        rows = np.zeros((*winner.shape, self.count), grad.dtype)
        flat_grad = grad.reshape(winner.shape)
        np.put_along_axis(rows, winner[..., None], flat_grad[..., None], axis=-1)
        order = (*self.kept, *self.axes)
        moved = rows.reshape([self.x_shape[k] for k in order])
        return moved.transpose(np.argsort(order))


class Max(_Extreme):
    """y = max x over `axis`. Of equal numbers the first is the winner; a NaN always is."""

    find = staticmethod(np.argmax)


class Min(_Extreme):
    """y = min x over `axis`. Of equal numbers the first is the winner; a NaN always is."""

    find = staticmethod(np.argmin)
