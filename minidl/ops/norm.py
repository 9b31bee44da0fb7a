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
Gradients = tuple[Array | None, Array | None, Array | None]


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

            running ← (1 − momentum) · running + momentum · batch

        As in PyTorch the running variance takes the unbiased σ² (divided by m − 1), while the
        normalisation itself uses the biased one (divided by m), m = N·L.
        """
        flat = _checked(x, running_mean, running_var)  # (N, C, L)
        m = flat.shape[0] * flat.shape[2]
        if m < 2:
            raise InputError(
                "batch_norm",
                f"the input of shape {x.shape} holds {m} value(s) per channel, which have no "
                "variance to divide by",
                "Train with a larger batch, or call model.eval() to use the running statistics",
            )
        self.gamma_given, self.beta_given = gamma is not None, beta is not None
        gamma, beta = _filled(gamma, beta, flat)
        y, mean, var = active().norm.batch_norm_forward(flat, gamma, beta, eps)
        if running_mean is not None:
            running_mean += momentum * (mean - running_mean)
        if running_var is not None:
            running_var += momentum * (var * (m / (m - 1)) - running_var)
        self.eps = eps
        self.save(flat, gamma, mean, var)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """μ and σ² depend on x, so x acts in three ways; see the kernel for the three terms."""
        x, gamma, mean, var = self.saved
        dx, dgamma, dbeta = active().norm.batch_norm_backward(
            grad.reshape(x.shape), x, gamma, mean, var, self.eps
        )
        return _wanted(self, dx.reshape(grad.shape), dgamma, dbeta)


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
    ) -> Array:
        """Normalise x by `mean` (C,) and `var` (C,)."""
        flat = _checked(x, mean, var)  # (N, C, L)
        gamma, beta = _filled(gamma, beta, flat)
        self.eps = eps
        # Copies, because a later training step moves the running statistics in place.
        mean, var = mean.astype(x.dtype), var.astype(x.dtype)
        self.save(flat if self.needs[1] else None, gamma, mean, var)
        y = active().norm.batch_norm_inference(flat, gamma, beta, mean, var, eps)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Gradients:
        """μ and σ² are constants here: dx = grad · γ / √(σ² + ε)."""
        x, gamma, mean, var = self.saved
        flat = grad.reshape(*grad.shape[:2], -1)
        dx, dgamma, dbeta = active().norm.batch_norm_inference_backward(
            flat, flat if x is None else x, gamma, mean, var, self.eps
        )
        return _wanted(self, dx.reshape(grad.shape), dgamma, dbeta)


def _checked(x: Array, mean: Array | None, var: Array | None) -> Array:
    """x (N, C, …) with all pixel axes made one: (N, C, L); checked against mean and var (C,)."""
    if x.ndim < 2:
        raise InputError(
            "batch_norm",
            f"the input has shape {x.shape}, but channels are looked for on axis 1",
            "Give (N, C) or (N, C, H, W)",
        )
    check_float("batch_norm", x)
    for name, array in (("mean", mean), ("variance", var)):
        if array is not None and array.shape != (x.shape[1],):
            raise InputError(
                "batch_norm",
                f"the running {name} has shape {array.shape}, but the input of shape {x.shape} has "
                f"{x.shape[1]} channels",
                f"Use num_features={x.shape[1]}",
            )
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _filled(gamma: Array | None, beta: Array | None, x: Array) -> tuple[Array, Array]:
    """Scale and shift, 1 and 0 where absent; checked against the channels of x (N, C, L)."""
    C = x.shape[1]
    gamma = np.ones(C, x.dtype) if gamma is None else gamma
    beta = np.zeros(C, x.dtype) if beta is None else beta
    for name, array in (("weight", gamma), ("bias", beta)):
        if array.shape != (C,):
            raise InputError(
                "batch_norm",
                f"the {name} has shape {array.shape}, but the input has {C} channels",
                f"Use num_features={C}",
            )
    check_dtypes("batch_norm", x, gamma, beta)
    return gamma, beta


def _wanted(op: Op, dx: Array, dgamma: Array, dbeta: Array) -> Gradients:
    """The three gradients, None for those that nobody asked for."""
    needs_x, needs_gamma, needs_beta = op.needs
    return (
        dx if needs_x else None,
        dgamma if needs_gamma else None,
        dbeta if needs_beta else None,
    )
