"""Fused operations: chains of functions in one pass over memory, for layers that want the speed.

torch.nn.functional has none of these; there a compiler finds such chains. Here a layer's code says
which it uses.
"""

import numpy as np

from minidl.functional.arguments import as_array
from minidl.ops.fused import AddReLU, BatchNormReLU
from minidl.tensor import ArrayLike, Tensor, apply


def batch_norm_relu(
    x: ArrayLike,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    residual: ArrayLike | None = None,
) -> Tensor:
    """relu(batch_norm(x, …) + residual), or relu(batch_norm(x, …)) without a residual.

        y[n,c,…] = max(weight[c] · (x[n,c,…] − μ[c]) / √(σ²[c] + eps) + bias[c] + residual, 0)

    Args:
        x: (N, C) or (N, C, H, W).
        running_mean: (C,), as for batch_norm, and so are the arguments up to eps.
        running_var: (C,).
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        training: use (and record) the statistics of this batch.
        momentum: how far the running statistics move.
        eps: keeps the root away from zero.
        residual: what the shortcut brings, of x's shape.

    Returns:
        An array of x's shape.

    Raises:
        InputError: as batch_norm, or the residual has not x's shape and dtype.
    """
    return apply(
        BatchNormReLU,
        x,
        weight,
        bias,
        residual,
        training=training,
        eps=eps,
        momentum=momentum,
        running_mean=as_array(running_mean),
        running_var=as_array(running_var),
    )


def add_relu(a: ArrayLike, b: ArrayLike) -> Tensor:
    """max(a + b, 0) for a and b of one shape: how the block of a ResNet ends.

    Raises:
        InputError: the shapes or dtypes differ.
    """
    return apply(AddReLU, a, b)
