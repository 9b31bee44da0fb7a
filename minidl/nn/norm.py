"""Normalisation layers."""

import numpy as np

import minidl.functional as F
from minidl.errors import InputError
from minidl.nn.module import Module, as_tensor
from minidl.nn.parameter import Parameter
from minidl.tensor import Tensor


class _BatchNorm(Module):
    """Batch normalisation; the subclasses say which inputs they take."""

    ndims: tuple[int, ...]
    axes: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.running_mean: np.ndarray | None = None
        self.running_var: np.ndarray | None = None
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, np.float32))
            self.register_buffer("running_var", np.ones(num_features, np.float32))
            self.register_buffer("num_batches_tracked", np.zeros((), np.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, …) channel by channel."""
        x = as_tensor(x)
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            raise InputError(
                type(self).__name__,
                f"expected {self.axes} with C = {self.num_features}, got shape {x.shape}",
                f"Use num_features={x.shape[1]}"
                if x.ndim in self.ndims
                else "BatchNorm1d takes vectors and BatchNorm2d images",
            )
        momentum = self.momentum
        if self.training and self.running_mean is not None:
            self.num_batches_tracked: np.ndarray
            self.num_batches_tracked += 1
            if momentum is None:  # the plain average over all batches so far
                momentum = 1 / int(self.num_batches_tracked)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            momentum or 0.0,
            self.eps,
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.weight is not None}, "
            f"track_running_stats={self.running_mean is not None}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C): every feature gets mean 0 and variance 1 over n.

    Arguments as for BatchNorm2d. Sequences (N, C, L) are averaged over n and l.
    """

    ndims = (2, 3)
    axes = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images: every channel gets mean 0 and variance 1 over n, h and w.

        y[n,c,h,w] = weight[c] · (x[n,c,h,w] − μ[c]) / √(σ²[c] + eps) + bias[c]

    In training μ and σ² are the batch's own, and the running ones move towards them. In evaluation
    the running ones are used, so that one image's result does not depend on its neighbours.

    Args:
        num_features: C.
        eps: keeps the root away from zero.
        momentum: how far the running statistics move with each batch; None: their plain average.
        affine: learn the scale `weight` (starts at 1) and the shift `bias` (starts at 0).
        track_running_stats: keep running statistics; without them evaluation uses the batch's own.

    Shapes: x, y (N, C, H, W) · weight, bias, running_mean, running_var (C,).
    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """

    ndims = (4,)
    axes = "(N, C, H, W)"
