"""The shapes of cross-entropy."""

from minidl_kernels.shapes.blank import Array, Blank


def cross_entropy(z: Array, labels: Array, weight: Array, smoothing: float) -> tuple[Array, Array]:
    """A loss (N, L) and a gradient (N, K, L)."""
    return Blank(labels.shape, z.dtype), Blank(z.shape, z.dtype)
