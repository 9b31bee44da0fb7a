"""Normalisation."""

import numpy as np

from minidl.functional.arguments import as_array
from minidl.ops.norm import BatchNorm, BatchNormInference
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
