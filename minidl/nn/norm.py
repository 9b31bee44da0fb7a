"""Normalisation layers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.errors import InputError
from minidl.nn.module import Module, as_tensor
from minidl.nn.parameter import Parameter
from minidl.tensor import Tensor


class _ChannelNorm(Module):
    """A norm with a scale and a shift per channel and, perhaps, running statistics."""

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

    @property
    def follows(self) -> bool:
        """Whether it goes by the statistics of the batch: in training, unless it is frozen."""
        return self.training and not self.frozen

    def checked(self, x: Any) -> Tensor:
        """x as a tensor; InputError if its axes or channels are others than this layer's."""
        x = as_tensor(x)
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            raise InputError(
                type(self).__name__,
                f"expected {self.axes} with C = {self.num_features}, got shape {x.shape}",
                f"Use num_features={x.shape[1]}"
                if x.ndim in self.ndims
                else "BatchNorm1d takes vectors, BatchNorm2d and InstanceNorm2d images",
            )
        return x

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.weight is not None}, "
            f"track_running_stats={self.running_mean is not None}"
        )


class _BatchNorm(_ChannelNorm):
    """Batch normalisation; the subclasses say which inputs they take."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, …) channel by channel."""
        return self.through(F.batch_norm, x)

    def through(self, function: Callable[..., Tensor], x: Any, **more: Any) -> Tensor:
        """Call `function` (batch_norm or a fused one) with this layer's parameters and buffers."""
        x, momentum = self.checked(x), self.momentum
        if self.follows and self.running_mean is not None:
            self.num_batches_tracked: np.ndarray
            self.num_batches_tracked += 1
            if momentum is None:  # the plain average over all batches so far
                momentum = 1 / int(self.num_batches_tracked)
        return function(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.follows,
            momentum or 0.0,
            self.eps,
            **more,
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
    the running ones are used, so that one image's result does not depend on its neighbours. So they
    are in training, too, if the layer is frozen (`Module.freeze`): then they do not move.

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


class BatchNormReLU2d(_BatchNorm):
    """Batch normalisation of images, + residual if there is one, and ReLU, in one pass over memory.

        y = max(batch_norm(x) + residual, 0)

    x may be a list of tensors, which stand side by side: [x_0, x_1] is concatenate([x_0, x_1], 1),
    but no such array is made.

    Arguments, parameters and buffers are those of BatchNorm2d, so that one can stand in the other's
    place, with the same names in the state dict. torch.nn has no such layer.

    Shapes: x, residual, y (N, C, H, W), parts (N, C_k, H, W) · weight, bias, running_mean,
    running_var (C,).
    """

    ndims = (4,)
    axes = "(N, C, H, W)"

    def forward(self, x: Tensor | Sequence[Tensor], residual: Tensor | None = None) -> Tensor:
        """Normalise x channel by channel, add the residual, cut off below zero."""
        return self.through(F.batch_norm_relu, x, residual=residual)

    def checked(self, x: Any) -> Any:
        """x, or its parts, as tensors; InputError if they are not what this layer takes."""
        if not isinstance(x, list | tuple):
            return super().checked(x)
        parts = [as_tensor(part) for part in x]
        shapes = [part.shape for part in parts]
        if not parts or any(len(shape) != 4 for shape in shapes):
            raise InputError(
                type(self).__name__,
                f"expected parts of shape (N, C, H, W), got shapes {shapes}",
                "Give a tensor, or a list of tensors with channels on axis 1",
            )
        channels = [shape[1] for shape in shapes]
        if sum(channels) != self.num_features:
            raise InputError(
                type(self).__name__,
                f"expected parts with C = {self.num_features} channels in all, got "
                f"{' + '.join(map(str, channels))} = {sum(channels)}",
                f"Use num_features={sum(channels)}",
            )
        return parts


class InstanceNorm2d(_ChannelNorm):
    """Instance normalisation: every channel of every image gets mean 0 and variance 1 over h and w.

        y[n,c,h,w] = weight[c] · (x[n,c,h,w] − μ[n,c]) / √(σ²[n,c] + eps) + bias[c]

    Args:
        num_features: C.
        eps: keeps the root away from zero.
        momentum: how far the running statistics move with each batch.
        affine: learn the scale `weight` (starts at 1) and the shift `bias` (starts at 0).
        track_running_stats: keep running statistics and use them in evaluation; without them every
            image is normalised by its own in evaluation too.

    Shapes: x, y (N, C, H, W) · weight, bias, running_mean, running_var (C,).
    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """

    ndims = (4,)
    axes = "(N, C, H, W)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, H, W) map by map."""
        return F.instance_norm(
            self.checked(x),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.follows or self.running_mean is None,
            self.momentum or 0.0,
            self.eps,
        )


class LayerNorm(Module):
    """Layer normalisation: every row gets mean 0 and variance 1 over its last axes.

        y[n,d] = weight[d] · (x[n,d] − μ[n]) / √(σ²[n] + eps) + bias[d],   μ[n], σ²[n] over d

    Args:
        normalized_shape: the lengths of the last axes, over which d runs; one number for the last.
        eps: keeps the root away from zero.
        elementwise_affine: learn the scale `weight` (starts at 1) of every d.
        bias: learn the shift `bias` (starts at 0) too.

    Shapes: x, y (…, *normalized_shape) · weight, bias normalized_shape.
    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        shape = (
            tuple(normalized_shape)
            if isinstance(normalized_shape, Sequence)
            else (normalized_shape,)
        )
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        learn = elementwise_affine, elementwise_affine and bias
        self.weight = Parameter(np.ones(shape, np.float32)) if learn[0] else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if learn[1] else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the rows of x (…, *normalized_shape)."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Group normalisation: every group of channels of an image gets mean 0 and variance 1.

        y[n,c,…] = weight[c] · (x[n,c,…] − μ[n,g]) / √(σ²[n,g] + eps) + bias[c],   c in group g

    Args:
        num_groups: G, a divisor of C; group g holds C/G neighbouring channels.
        num_channels: C.
        eps: keeps the root away from zero.
        affine: learn the scale `weight` (starts at 1) and the shift `bias` (starts at 0).

    Shapes: x, y (N, C, …) · weight, bias (C,).
    Raises: InputError if G does not divide C.
    Source: Wu and He, Group Normalization, 2018.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise InputError(
                "GroupNorm",
                f"{num_channels} channels cannot be cut into num_groups={num_groups} groups of "
                "equal size",
                f"Choose a divisor of {num_channels}",
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the groups of x (N, C, …)."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise InputError(
                "GroupNorm",
                f"expected (N, C, …) with C = {self.num_channels}, got shape {x.shape}",
                f"Use num_channels={x.shape[1]}" if x.ndim > 1 else "Add the batch axis: x[None]",
            )
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, "
            f"affine={self.weight is not None}"
        )


class LocalResponseNorm(Module):
    """Local response normalisation: divide by a power of the mean square of the channels around.

        y[n,c,…] = x[n,c,…] / (k + alpha/size · Σ_j x[n,j,…]²)^beta,   j over `size` channels at c

    The AlexNet paper does not divide by the size: its numbers (n = 5, α = 10⁻⁴, β = ¾, k = 2) are
    LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2).

    Args:
        size: how many channels make a neighbourhood.
        alpha: the weight of the squares.
        beta: the power.
        k: keeps the denominator away from zero.

    Shapes: x, y (N, C, …).
    Source: Krizhevsky et al., AlexNet, 2012, section 3.3.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Dim each number of x (N, C, …) by the channels around it."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
