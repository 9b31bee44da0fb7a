"""Normalisation that looks at one image at a time: layer, group and instance norm.

All norms subtract a mean and divide by a root, x̂ = (x − μ) / √(σ² + ε), then scale and shift. They
differ in which numbers share one μ. Marked: the numbers averaged for the top left one, of a batch
of three images with four channels; each square is a whole map of pixels, all of them averaged.

        batch            layer            group, G = 2     instance
      c →              c →              c →              c →
    n ■ · · ·        n ■ ■ ■ ■        n ■ ■ · ·        n ■ · · ·
    ↓ ■ · · ·        ↓ · · · ·        ↓ · · · ·        ↓ · · · ·
      ■ · · ·          · · · ·          · · · ·          · · · ·

                     one μ for each       averages over          γ and β
    batch norm       channel  μ[c]        n, h, w                (C,)
    layer norm       image    μ[n]        c, h, w                (C, H, W)
    group norm       group    μ[n,g]      c of group g, h, w     (C,)
    instance norm    map      μ[n,c]      h, w                   (C,)

Batch norm (batch_norm.py) makes an image's result depend on its neighbours in the batch, and so
needs running statistics for evaluation; the others compute the same in training and evaluation.

Seen as rows of numbers that share a μ, all three are one sum, and normalising rows is batch norm
of a single image with the rows as its channels.
"""

import math

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.batch_norm import (
    Gradients,
    checked_affine,
    checked_channels,
    move_statistics,
)
from minidl.ops.broadcast import sum_to_shape
from minidl.ops.dtypes import check_dtypes, check_float

Array = np.ndarray


class _RowNorm(Op):
    """What the three share. Each says how x is cut into rows, and how γ and β lie over x."""

    eps: float

    def normalise(
        self, operation: str, x: Array, rows: int, gamma: Array, beta: Array, over: tuple[int, ...]
    ) -> tuple[Array, Array, Array]:
        """y = γ · x̂ + β, and the mean (R,) and variance (R,) of each of R rows of x.

        A row is a piece of x that lies together in memory. γ and β, seen as arrays of the shape
        `over`, broadcast against x.
        """
        length = x.size // rows if rows else 1  # of a row; an empty batch has none
        if rows and length < 2:
            raise InputError(
                operation,
                f"the input of shape {x.shape} holds {length} value(s) for each mean, which have "
                "no variance to divide by",
                "Normalise larger maps, or over more axes or channels",
            )
        one, zero = np.ones(rows, x.dtype), np.zeros(rows, x.dtype)
        flat = x.reshape(1, rows, length)
        x_hat, mean, var = active().norm.batch_norm_forward(flat, one, zero, self.eps)
        y = x_hat.reshape(x.shape)
        y *= gamma.reshape(over)
        y += beta.reshape(over)
        self.over, self.parameter_shape = over, gamma.shape
        self.save(flat, gamma, mean, var)
        return y, mean, var

    def backward(self, grad: Array) -> Gradients:
        """dβ = Σ grad and dγ = Σ grad · x̂, over the copies that broadcasting made of β and γ.

        dx̂ = grad · γ, and from there every row goes back as a channel of batch norm does: x acts
        in three ways, itself, through μ and through σ².
        """
        x, gamma, mean, var = self.saved
        one, zero = np.ones_like(mean), np.zeros_like(mean)
        dx = dgamma = dbeta = None
        if self.needs[0]:
            dx_hat = (grad * gamma.reshape(self.over)).reshape(x.shape)
            rows = active().norm.batch_norm_backward(dx_hat, x, one, mean, var, self.eps)
            dx = rows[0].reshape(grad.shape)
        if self.needs[1]:
            x_hat = active().norm.batch_norm_inference(x, one, zero, mean, var, self.eps)
            dgamma = sum_to_shape(grad * x_hat.reshape(grad.shape), self.over)
            dgamma = dgamma.reshape(self.parameter_shape)
        if self.needs[2]:
            dbeta = sum_to_shape(grad, self.over).reshape(self.parameter_shape)
        return dx, dgamma, dbeta


class LayerNorm(_RowNorm):
    """y[n,d] = γ[d] · (x[n,d] − μ[n]) / √(σ²[n] + ε) + β[d], μ[n] and σ²[n] over all d.

    d runs over the last axes of x, those of `normalized_shape`, and n over the axes before them.
    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """

    def forward(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        *,
        normalized_shape: tuple[int, ...],
        eps: float,
    ) -> Array:
        """Normalise x (…, *normalized_shape); γ and β are of `normalized_shape`."""
        check_float("layer_norm", x)
        outer = x.ndim - len(normalized_shape)  # how many axes n runs over
        if not normalized_shape or outer < 0 or x.shape[outer:] != normalized_shape:
            raise InputError(
                "layer_norm",
                f"the input has shape {x.shape}, which does not end in normalized_shape="
                f"{normalized_shape}",
                f"Use normalized_shape={x.shape[-1:]} for the last axis"
                + (f", {x.shape[1:]} for all but the first" if x.ndim > 2 else ""),
            )
        gamma = np.ones(normalized_shape, x.dtype) if gamma is None else gamma
        beta = np.zeros(normalized_shape, x.dtype) if beta is None else beta
        for name, array in (("weight", gamma), ("bias", beta)):
            if array.shape != normalized_shape:
                raise InputError(
                    "layer_norm",
                    f"the {name} has shape {array.shape}, but normalized_shape is "
                    f"{normalized_shape}",
                    f"Every normalised number has its own {name}: give {normalized_shape}",
                )
        check_dtypes("layer_norm", x, gamma, beta)
        self.eps, rows = eps, math.prod(x.shape[:outer])
        y, _, _ = self.normalise("layer_norm", x, rows, gamma, beta, normalized_shape)
        return y


class GroupNorm(_RowNorm):
    """y[n,c,…] = γ[c] · (x[n,c,…] − μ[n,g]) / √(σ²[n,g] + ε) + β[c], where c is in group g.

    The C channels are cut into G groups of neighbours, g = ⌊c / (C/G)⌋; μ[n,g] and σ²[n,g] run over
    the channels of group g and all pixels. G = 1 is layer norm of a whole image (but for γ and β,
    one per channel), G = C instance norm. Source: Wu and He, Group Normalization, 2018.
    """

    def forward(
        self, x: Array, gamma: Array | None, beta: Array | None, *, num_groups: int, eps: float
    ) -> Array:
        """Normalise x (N, C, …) in groups of channels; γ and β are (C,)."""
        checked_channels("group_norm", x, None, None)
        N, C = x.shape[:2]
        if num_groups < 1 or C % num_groups:
            raise InputError(
                "group_norm",
                f"{C} channels cannot be cut into num_groups={num_groups} groups of equal size",
                f"Choose a divisor of {C}",
            )
        gamma, beta = checked_affine("group_norm", x, gamma, beta, "num_channels")
        self.eps = eps
        y, _, _ = self.normalise("group_norm", x, N * num_groups, gamma, beta, _channels_over(x))
        return y


class InstanceNorm(_RowNorm):
    """y[n,c,…] = γ[c] · (x[n,c,…] − μ[n,c]) / √(σ²[n,c] + ε) + β[c], μ and σ² over all pixels.

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """

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
        """Normalise each map of x (N, C, …), and move the running statistics (C,), if any.

        They take the average of μ and of the unbiased σ² over the images.
        """
        flat = checked_channels("instance_norm", x, running_mean, running_var)
        N, C, L = flat.shape
        gamma, beta = checked_affine("instance_norm", x, gamma, beta)
        self.eps = eps
        y, mean, var = self.normalise("instance_norm", x, N * C, gamma, beta, _channels_over(x))
        if N:
            mean, var = (a.reshape(N, C).mean(axis=0) for a in (mean, var))
            move_statistics(running_mean, running_var, mean, var * (L / (L - 1)), momentum)
        return y


def _channels_over(x: Array) -> tuple[int, ...]:
    """The shape in which (C,) broadcasts against x (N, C, …)."""
    return (x.shape[1], *(1 for _ in x.shape[2:]))
