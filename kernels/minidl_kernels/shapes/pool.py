"""The shapes of pooling."""

import numpy as np

from minidl_kernels.geometry import Padding, Pair
from minidl_kernels.shapes.blank import Array, Blank


def max_pool2d_forward(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, out_size: Pair
) -> tuple[Array, Array]:
    """Maxima and positions, (N, C, OH, OW) each."""
    shape = (*x.shape[:2], *out_size)
    return Blank(shape, x.dtype), Blank(shape, np.int32)


def avg_pool2d_forward(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
    out_size: Pair,
) -> Array:
    """Means (N, C, OH, OW)."""
    return Blank((*x.shape[:2], *out_size), x.dtype)
