"""The shapes of convolutions."""

from minidl_kernels.geometry import Padding, Pair, output_size
from minidl_kernels.shapes.blank import Array, Blank


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """(N, O, OH, OW) from x (N, C, H, W) and w (O, C/groups, KH, KW)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return Blank((x.shape[0], w.shape[0], *size), x.dtype)


def conv2d_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """`x_shape`: a transposed convolution goes forward by this."""
    return Blank(x_shape, grad.dtype)
