"""The shapes of fused operations."""

from collections.abc import Sequence

from minidl_kernels.shapes.blank import Array, Blank
from minidl_kernels.shapes.norm import batch_norm_forward


def batch_norm_relu_forward(
    parts: Sequence[Array], gamma: Array, beta: Array, residual: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """y like the parts (N, C_k, L) joined along the channels, mean (C,), variance (C,)."""
    return batch_norm_forward(_joined(parts), gamma, beta, eps)


def batch_norm_relu_inference(
    parts: Sequence[Array],
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    residual: Array | None,
    eps: float,
) -> Array:
    """y like the parts (N, C_k, L) joined along the channels."""
    return _joined(parts)


def add_relu_forward(a: Array, b: Array) -> Array:
    """The shape of a, which is that of b."""
    return Blank(a.shape, a.dtype)


def _joined(parts: Sequence[Array]) -> Blank:
    N, _, L = parts[0].shape
    return Blank((N, sum(part.shape[1] for part in parts), L), parts[0].dtype)
