"""Normalisation."""

from collections.abc import Sequence

import numpy as np

from minidl.errors import InputError
from minidl.functional.arguments import as_array
from minidl.ops.batch_norm import BatchNorm, BatchNormInference
from minidl.ops.norm import GroupNorm, InstanceNorm, LayerNorm
from minidl.ops.response_norm import LocalResponseNorm
from minidl.tensor import ArrayLike, Tensor, apply


def batch_norm(
    x: ArrayLike,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give every channel mean 0 and variance 1 over the batch, then scale and shift it.

        y[n,c,…] = weight[c] · (x[n,c,…] − μ[c]) / √(σ²[c] + eps) + bias[c]

    Args:
        x: (N, C) or (N, C, H, W).
        running_mean: (C,), moved towards the batch's mean in place while training, used as μ in
            evaluation. Without running statistics the batch's own are used in evaluation too.
        running_var: (C,), likewise for σ².
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        training: use (and record) the statistics of this batch.
        momentum: how far the running statistics move: (1 − momentum) · old + momentum · new.
        eps: keeps the root away from zero.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    running_mean, running_var = as_array(running_mean), as_array(running_var)
    if training or running_mean is None or running_var is None:
        return apply(
            BatchNorm,
            x,
            weight,
            bias,
            eps=eps,
            momentum=momentum,
            running_mean=running_mean,
            running_var=running_var,
        )
    return apply(BatchNormInference, x, weight, bias, eps=eps, mean=running_mean, var=running_var)


def layer_norm(
    x: ArrayLike,
    normalized_shape: int | Sequence[int],
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Give every row mean 0 and variance 1 over its last axes, then scale and shift each number.

        y[n,d] = weight[d] · (x[n,d] − μ[n]) / √(σ²[n] + eps) + bias[d],   μ[n], σ²[n] over d

    Args:
        x: (…, *normalized_shape); d runs over the last axes, n over those before.
        normalized_shape: the lengths of the last axes; one number for the last alone.
        weight: the scale γ, of normalized_shape, 1 if None.
        bias: the shift β, of normalized_shape, 0 if None.
        eps: keeps the root away from zero.

    Returns:
        An array of x's shape.

    Raises:
        InputError: x does not end in normalized_shape, or there is but one number in it.

    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """
    shape = (
        tuple(normalized_shape) if isinstance(normalized_shape, Sequence) else (normalized_shape,)
    )
    return apply(LayerNorm, x, weight, bias, normalized_shape=shape, eps=eps)


def group_norm(
    x: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Give every group of channels of every image mean 0 and variance 1, then scale and shift.

        y[n,c,…] = weight[c] · (x[n,c,…] − μ[n,g]) / √(σ²[n,g] + eps) + bias[c],   c in group g

    μ[n,g] and σ²[n,g] run over the C/G neighbouring channels of group g and all pixels.

    Args:
        x: (N, C, …).
        num_groups: G, a divisor of C.
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        eps: keeps the root away from zero.

    Returns:
        An array of x's shape.

    Raises:
        InputError: G does not divide C, or a group holds but one number.

    Source: Wu and He, Group Normalization, 2018.
    """
    return apply(GroupNorm, x, weight, bias, num_groups=num_groups, eps=eps)


def instance_norm(
    x: ArrayLike,
    running_mean: np.ndarray | None = None,
    running_var: np.ndarray | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give every channel of every image mean 0 and variance 1, then scale and shift it.

        y[n,c,…] = weight[c] · (x[n,c,…] − μ[n,c]) / √(σ²[n,c] + eps) + bias[c],   over the pixels …

    Args:
        x: (N, C, H, W), or (N, C, …) with any number of pixel axes.
        running_mean: (C,), moved in place towards the mean over the images of their μ.
        running_var: (C,), likewise for the unbiased σ².
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        use_input_stats: use each image's own statistics; False: the running ones.
        momentum: how far the running statistics move: (1 − momentum) · old + momentum · new.
        eps: keeps the root away from zero.

    Returns:
        An array of x's shape.

    Raises:
        InputError: maps of one pixel, or no running statistics where they are asked for.

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """
    running_mean, running_var = as_array(running_mean), as_array(running_var)
    if use_input_stats:
        return apply(
            InstanceNorm,
            x,
            weight,
            bias,
            eps=eps,
            momentum=momentum,
            running_mean=running_mean,
            running_var=running_var,
        )
    if running_mean is None or running_var is None:
        raise InputError(
            "instance_norm",
            "use_input_stats=False asks for running statistics, but there are none",
            "Give running_mean and running_var, or leave use_input_stats=True",
        )
    return apply(
        BatchNormInference,
        x,
        weight,
        bias,
        eps=eps,
        mean=running_mean,
        var=running_var,
        operation="instance_norm",
    )


def local_response_norm(
    x: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide every number by a power of the mean square of the channels around it.

        y[n,c,…] = x[n,c,…] / (k + alpha/size · Σ_j x[n,j,…]²)^beta

    j runs from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋, where there are channels.

    Args:
        x: (N, C, …), at least one pixel axis.
        size: how many channels make a neighbourhood.
        alpha: the weight of the squares. The AlexNet paper does not divide by the size: its
            α = 10⁻⁴ with n = 5 is alpha=5e-4 here (and k=2).
        beta: the power.
        k: keeps the denominator away from zero.

    Returns:
        An array of x's shape.

    Raises:
        InputError: x has no pixel axis, or size is less than 1.

    Source: Krizhevsky et al., AlexNet, 2012, section 3.3.
    """
    return apply(LocalResponseNorm, x, size=size, alpha=alpha, beta=beta, k=k)
