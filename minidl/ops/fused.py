"""Fused operations: what follows each other in every block of a ResNet, in one pass over memory.

    BatchNormReLU       y = max(BN(x) + residual, 0)
    AddReLU             y = max(a + b, 0)

Each equals the chain of its parts. Such chains spend their time on the way to memory and back, and
one op goes there once. It keeps no more for backward than the chain does: x with its statistics for
the norm, and y, whose sign says where ReLU let the gradient through.
"""

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.batch_norm import (
    Gradients,
    by_channel,
    checked_affine,
    checked_channels,
    checked_count,
    move_statistics,
    wanted,
)
from minidl.ops.dtypes import check_float

Array = np.ndarray


class BatchNormReLU(Op):
    """y = max(BN(x) + residual, 0): batch norm, the sum with a shortcut if there is one, ReLU.

    In training BN uses the statistics of this batch, in evaluation the running ones; see
    batch_norm.py for its formula. x, residual, y: (N, C, …) · γ, β (C,).
    """

    def forward(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        residual: Array | None,
        *,
        training: bool,
        eps: float,
        momentum: float,
        running_mean: Array | None,
        running_var: Array | None,
    ) -> Array:
        """Normalise, add, cut off below zero; in training move the running statistics in place."""
        flat = checked_channels("batch_norm_relu", x, running_mean, running_var)  # (N, C, L)
        gamma, beta = checked_affine("batch_norm_relu", flat, gamma, beta)
        if residual is not None:
            _check_equal("batch_norm_relu", "the normalised input", x, "the residual", residual)
        shortcut = None if residual is None else by_channel(residual)
        if training or running_mean is None or running_var is None:
            m = checked_count("batch_norm_relu", x)
            y, mean, var = active().fused.batch_norm_relu_forward(flat, gamma, beta, shortcut, eps)
            move_statistics(running_mean, running_var, mean, var * (m / (m - 1)), momentum)
            self.measured = True
        else:
            # Copies, because a later training step moves the running statistics in place.
            mean, var = running_mean.astype(x.dtype), running_var.astype(x.dtype)
            y = active().fused.batch_norm_relu_inference(
                flat, gamma, beta, mean, var, shortcut, eps
            )
            self.measured = False
        self.eps = eps
        self.save(flat if self.measured or self.needs[1] else None, y, gamma, mean, var)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """What passes ReLU is dresidual, and what batch norm sends back to x, γ and β."""
        x, y, gamma, mean, var = self.saved
        dx, dgamma, dbeta, dresidual = active().fused.batch_norm_relu_backward(
            by_channel(grad),
            y,
            y if x is None else x,
            gamma,
            mean,
            var,
            self.eps,
            self.needs[3],
            self.measured,
        )
        if dresidual is not None:
            dresidual = dresidual.reshape(grad.shape)
        return wanted(self, dx.reshape(grad.shape), dgamma, dbeta, dresidual)


class AddReLU(Op):
    """y = max(a + b, 0), for a and b of one shape."""

    def forward(self, a: Array, b: Array) -> Array:
        """Add, then cut off below zero. NaN stays NaN."""
        check_float("add_relu", a)
        _check_equal("add_relu", "a", a, "b", b)
        y = active().fused.add_relu_forward(a, b)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Gradients:
        """∂y/∂a = ∂y/∂b is 1 where a + b > 0 (there y > 0 too) and 0 elsewhere."""
        (y,) = self.saved
        passed = active().fused.add_relu_backward(grad, y)
        return wanted(self, passed, passed)


def _check_equal(operation: str, one: str, a: Array, other: str, b: Array) -> None:
    """InputError unless a and b have one shape and dtype: a fused sum does not broadcast."""
    if a.dtype != b.dtype:
        raise InputError(
            operation,
            f"{one} is {a.dtype} but {other} is {b.dtype}",
            f"Convert one of them: x.astype('{a.dtype}')",
        )
    if a.shape != b.shape:
        raise InputError(
            operation,
            f"{one} has shape {a.shape} but {other} has shape {b.shape}",
            "Bring both to one shape, a shortcut by a 1 × 1 convolution with the block's stride; "
            "or use + and relu, which broadcast",
        )
