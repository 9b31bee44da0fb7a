"""The shape of a depthwise convolution."""

from minidl_kernels.geometry import Padding, Pair, output_size
from minidl_kernels.shapes.blank import Array, Blank


def depthwise_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """(N, C·M, OH, OW) from x (N, C, H, W) and w (C·M, 1, KH, KW)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return Blank((x.shape[0], w.shape[0], *size), x.dtype)
