"""Batch normalisation.

    x̂[n,c,…] = (x[n,c,…] − μ[c]) / √(σ²[c] + ε)        y = γ[c] · x̂ + β[c]

The mean μ and variance σ² of channel c run over the batch and all pixels: over n and … alike. While
training they are the batch's own; in evaluation they are running averages collected in training.

Source: Ioffe and Szegedy, Batch Normalization, 2015.
"""

import math

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_dtypes, check_float

Array = np.ndarray
Gradients = tuple[Array | None, ...]


class BatchNorm(Op):
    """Batch normalisation of x (N, C, …) with the statistics of this batch."""

    def forward(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        *,
        eps: float,
        momentum: float,
        running_mean: Array | None,
        running_var: Array | None,
    ) -> Array:
        """Normalise x by its own statistics, and move the running ones towards them in place.

        As in PyTorch the running variance takes the unbiased σ² (divided by m − 1), while the
        normalisation itself uses the biased one (divided by m), m = N·L.
        """
        flat = checked_channels("batch_norm", x, running_mean, running_var)  # (N, C, L)
        m = checked_count("batch_norm", x)
        gamma, beta = checked_affine("batch_norm", flat, gamma, beta)
        y, mean, var = active().norm.batch_norm_forward(flat, gamma, beta, eps)
        move_statistics(running_mean, running_var, mean, var * (m / (m - 1)), momentum)
        self.eps = eps
        self.save(flat, gamma, mean, var)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """μ and σ² depend on x, so x acts in three ways; see the kernel for the three terms."""
        x, gamma, mean, var = self.saved
        dx, dgamma, dbeta = active().norm.batch_norm_backward(
            by_channel(grad), x, gamma, mean, var, self.eps
        )
        return wanted(self, dx.reshape(grad.shape), dgamma, dbeta)


class BatchNormInference(Op):
    """Batch normalisation of x (N, C, …) with given statistics: a scale and a shift per channel."""

    def forward(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        *,
        eps: float,
        mean: Array,
        var: Array,
        operation: str = "batch_norm",
    ) -> Array:
        """Normalise x by `mean` (C,) and `var` (C,)."""
        flat = checked_channels(operation, x, mean, var)  # (N, C, L)
        gamma, beta = checked_affine(operation, flat, gamma, beta)
        self.eps = eps
        # Copies, because a later training step moves the running statistics in place.
        mean, var = mean.astype(x.dtype), var.astype(x.dtype)
        self.save(flat if self.needs[1] else None, gamma, mean, var)
        y = active().norm.batch_norm_inference(flat, gamma, beta, mean, var, eps)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """μ and σ² are constants here: dx = grad · γ / √(σ² + ε)."""
        x, gamma, mean, var = self.saved
        flat = by_channel(grad)
        dx, dgamma, dbeta = active().norm.batch_norm_inference_backward(
            flat, flat if x is None else x, gamma, mean, var, self.eps
        )
        return wanted(self, dx.reshape(grad.shape), dgamma, dbeta)


# ------------------------------------------------- shared with the other norms and fused ops


def by_channel(x: Array) -> Array:
    """x (N, C, …) with all pixel axes made one: (N, C, L)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def checked_channels(operation: str, x: Array, mean: Array | None, var: Array | None) -> Array:
    """x (N, C, …) as (N, C, L), checked against running statistics (C,)."""
    if x.ndim < 2:
        raise InputError(
            operation,
            f"the input has shape {x.shape}, but channels are looked for on axis 1",
            "Give (N, C) or (N, C, H, W)",
        )
    check_float(operation, x)
    for name, array in (("mean", mean), ("variance", var)):
        if array is not None and array.shape != (x.shape[1],):
            raise InputError(
                operation,
                f"the running {name} has shape {array.shape}, but the input of shape {x.shape} has "
                f"{x.shape[1]} channels",
                f"Use num_features={x.shape[1]}",
            )
    return by_channel(x)


def checked_count(operation: str, x: Array) -> int:
    """How many numbers of x (N, C, …) a channel's statistics come from: at least two."""
    m = x.shape[0] * math.prod(x.shape[2:])
    if m < 2:
        raise InputError(
            operation,
            f"the input of shape {x.shape} holds {m} value(s) per channel, which have no variance "
            "to divide by",
            "Train with larger batches (DataLoader's drop_last=True leaves out a last one that is "
            "too small), or call model.eval() to use the running statistics",
        )
    return m


def checked_affine(
    operation: str,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    argument: str = "num_features",
) -> tuple[Array, Array]:
    """Scale and shift (C,), 1 and 0 where absent; checked against the channels of x (N, C, …)."""
    C = x.shape[1]
    gamma = np.ones(C, x.dtype) if gamma is None else gamma
    beta = np.zeros(C, x.dtype) if beta is None else beta
    for name, array in (("weight", gamma), ("bias", beta)):
        if array.shape != (C,):
            raise InputError(
                operation,
                f"the {name} has shape {array.shape}, but the input has {C} channels",
                f"Use {argument}={C}",
            )
    check_dtypes(operation, x, gamma, beta)
    return gamma, beta


def move_statistics(
    running_mean: Array | None,
    running_var: Array | None,
    mean: Array,
    unbiased_var: Array,
    momentum: float,
) -> None:
    """running ← (1 − momentum) · running + momentum · batch, in place."""
    if running_mean is not None:
        running_mean += momentum * (mean - running_mean)
    if running_var is not None:
        running_var += momentum * (unbiased_var - running_var)


def wanted(op: Op, *gradients: Array | None) -> Gradients:
    """The gradients, None for those that nobody asked for."""
    return tuple(g if need else None for g, need in zip(gradients, op.needs, strict=True))
