"""Fused operations: what follows each other in every block of a ResNet, in one pass over memory.

    BatchNormReLU       y = max(BN(x) + residual, 0)
    AddReLU             y = max(a + b, 0)

Each equals the chain of its parts. Such chains spend their time on the way to memory and back, and
one op goes there once. It keeps no more for backward than the chain does: x with its statistics for
the norm, and y, whose sign says where ReLU let the gradient through, if that cannot be seen from x.
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
    batch_norm.py for its formula. x may come in parts, x = [x_0, x_1, …] along the channels. The
    kernels read them where they lie, so nobody has to make, or keep, a concatenation.

    Shapes: parts x_k (N, C_k, …), C = Σ_k C_k · residual, y (N, C, …) · γ, β (C,).
    """

    def forward(
        self,
        gamma: Array | None,
        beta: Array | None,
        residual: Array | None,
        *parts: Array,
        training: bool,
        eps: float,
        momentum: float,
        running_mean: Array | None,
        running_var: Array | None,
    ) -> Array:
        """Normalise, add, cut off below zero; in training move the running statistics in place."""
        operation, fused = "batch_norm_relu", active().fused
        x = _like_all(operation, parts)  # the concatenation, but without its numbers
        checked_channels(operation, x, running_mean, running_var)
        gamma, beta = checked_affine(operation, x, gamma, beta)
        if residual is not None:
            _check_equal(operation, "the normalised input", x, "the residual", residual)
        flat = [by_channel(part) for part in parts]  # (N, C_k, L)
        shortcut = None if residual is None else by_channel(residual)
        if training or running_mean is None or running_var is None:
            self.measured, m = True, checked_count(operation, x)
            y, mean, var = fused.batch_norm_relu_forward(flat, gamma, beta, shortcut, eps)
            move_statistics(running_mean, running_var, mean, var * (m / (m - 1)), momentum)
        else:
            self.measured = False
            # Copies, because a later training step moves the running statistics in place.
            mean, var = running_mean.astype(x.dtype), running_var.astype(x.dtype)
            y = fused.batch_norm_relu_inference(flat, gamma, beta, mean, var, shortcut, eps)
        self.eps = eps
        # y's sign says where the gradient passes ReLU; of x alone it can be computed once more.
        self.save(None if residual is None else y, gamma, beta, mean, var, *flat)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """What passes ReLU is dresidual, and what batch norm sends back to the parts, γ and β."""
        y, gamma, beta, mean, var, *parts = self.saved
        dparts, dgamma, dbeta, dresidual = active().fused.batch_norm_relu_backward(
            by_channel(grad), parts, gamma, beta, mean, var, y, self.eps, self.measured
        )
        if dresidual is not None:
            dresidual = dresidual.reshape(grad.shape)
        dparts = [dpart.reshape(*dpart.shape[:2], *grad.shape[2:]) for dpart in dparts]
        return wanted(self, dgamma, dbeta, dresidual, *dparts)


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


def _like_all(operation: str, parts: tuple[Array, ...]) -> Array:
    """An array of the shape and dtype that the parts have side by side; its numbers say nothing."""
    first, *others = parts
    for k, other in enumerate(others, start=1):
        if first.dtype != other.dtype:
            raise InputError(
                operation,
                f"part 0 is {first.dtype} but part {k} is {other.dtype}",
                f"Convert one of them: x.astype('{first.dtype}')",
            )
        if first.ndim < 2 or first.shape[:1] + first.shape[2:] != other.shape[:1] + other.shape[2:]:
            raise InputError(
                operation,
                f"part 0 has shape {first.shape} but part {k} has shape {other.shape}",
                "Parts may differ in their channels, axis 1, but not in images, height and width",
            )
    if not others:
        return first
    channels = sum(part.shape[1] for part in parts)
    return np.broadcast_to(first.dtype.type(0), (len(first), channels, *first.shape[2:]))
