"""Losses for numbers: how far predictions lie from what they should be.

Predictions x and targets t have one shape. Both may want a gradient, as in an autoencoder.
"""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_float
from minidl.ops.reduction import reduced, shared_out

Array = np.ndarray
Pair = tuple[Array | None, Array | None]


class MSELoss(Op):
    """loss = (x − t)² for every element, then reduced."""

    def forward(self, x: Array, target: Array, *, reduction: str) -> Array:
        """Square the differences."""
        difference = _difference("mse_loss", x, target)
        self.reduction = reduction
        self.save(difference)
        return reduced("mse_loss", reduction, difference * difference)

    def backward(self, grad: Array) -> Pair:
        """∂loss/∂x = 2 (x − t) and ∂loss/∂t = −2 (x − t)."""
        (difference,) = self.saved
        dx = shared_out(grad, self.reduction, difference.shape) * 2 * difference
        return dx if self.needs[0] else None, -dx if self.needs[1] else None


class L1Loss(Op):
    """loss = |x − t| for every element, then reduced."""

    def forward(self, x: Array, target: Array, *, reduction: str) -> Array:
        """Drop the sign of the differences."""
        difference = _difference("l1_loss", x, target)
        self.reduction = reduction
        self.save(np.sign(difference))
        return reduced("l1_loss", reduction, np.abs(difference))

    def backward(self, grad: Array) -> Pair:
        """∂loss/∂x = sign(x − t), 0 at the kink x = t, and ∂loss/∂t = −sign(x − t)."""
        (sign,) = self.saved
        dx = shared_out(grad, self.reduction, sign.shape) * sign
        return dx if self.needs[0] else None, -dx if self.needs[1] else None


class SmoothL1Loss(Op):
    """loss = d² / 2β where d = |x − t| < β, else d − β/2: a parabola that goes on as straight line.

    With m = min(d, β) both cases are loss = m (d − m/2) / β.
    Source: Girshick, Fast R-CNN, 2015, equation 3, where β = 1.
    """

    def forward(self, x: Array, target: Array, *, beta: float, reduction: str) -> Array:
        """Square small differences and drop the sign of large ones."""
        difference = _difference("smooth_l1_loss", x, target)
        self.beta, self.reduction = beta, reduction
        self.save(difference)
        d = np.abs(difference)
        m = np.minimum(d, beta)
        return reduced("smooth_l1_loss", reduction, m / beta * (d - m / 2))

    def backward(self, grad: Array) -> Pair:
        """∂loss/∂x = (x − t) / β, but no further than −1 and 1; ∂loss/∂t is its negative."""
        (difference,) = self.saved
        slope = np.clip(difference, -self.beta, self.beta) / self.beta
        dx = shared_out(grad, self.reduction, slope.shape) * slope
        return dx if self.needs[0] else None, -dx if self.needs[1] else None


def _difference(operation: str, x: Array, target: Array) -> Array:
    """The prediction minus the target, which must have one shape; InputError if they have not.

    NumPy would broadcast (N, 1) and (N,) to (N, N) and compare every row with every other.
    """
    check_same_shape(operation, x, target)
    return x - target


def check_same_shape(operation: str, x: Array, target: Array) -> None:
    """InputError unless the target has the prediction's shape."""
    check_float(operation, x)
    if x.shape != target.shape:
        raise InputError(
            operation,
            f"the prediction has shape {x.shape} but the target {target.shape}; broadcasting "
            "would compare numbers that do not belong together",
            f"Use target.reshape({x.shape})"
            if x.size == target.size
            else "Give one target for each number predicted",
        )
