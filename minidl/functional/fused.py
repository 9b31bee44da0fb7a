"""Fused operations: chains of functions in one pass over memory, for layers that want the speed.

torch.nn.functional has none of these; there a compiler finds such chains. Here a layer's code says
which it uses.
"""

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from minidl.functional.arguments import as_array
from minidl.ops.fused import AddReLU, BatchNormReLU
from minidl.tensor import ArrayLike, Tensor, apply


def batch_norm_relu(
    x: ArrayLike | Sequence[Tensor],
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

    x may be a list of tensors with the channels C_0, C_1, …, as a DenseNet has them. That is the
    same as their concatenation along axis 1, which need not be made.

    Args:
        x: (N, C) or (N, C, H, W); or a list of tensors (N, C_k) or (N, C_k, H, W), C = Σ_k C_k.
        running_mean: (C,), as for batch_norm, and so are the arguments up to eps.
        running_var: (C,).
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        training: use (and record) the statistics of this batch.
        momentum: how far the running statistics move.
        eps: keeps the root away from zero.
        residual: what the shortcut brings, of the shape that y has.

    Returns:
        (N, C) or (N, C, H, W).

    Raises:
        InputError: as batch_norm, or the parts or the residual do not fit.
    """
    return apply(
        BatchNormReLU,
        weight,
        bias,
        residual,
        *(x if _in_parts(x) else (x,)),
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


def _in_parts(x: ArrayLike | Sequence[Tensor]) -> TypeGuard[Sequence[Tensor]]:
    """Whether x is a list of tensors, not the numbers of one."""
    return isinstance(x, list | tuple) and any(isinstance(part, Tensor) for part in x)
