"""Pooling."""

from minidl_kernels.geometry import Padding, Pair, window_count

from minidl.errors import InputError
from minidl.functional.arguments import as_image
from minidl.ops.pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minidl.ops.windows import IntOrPair, as_pair, checked_output_size
from minidl.tensor import ArrayLike, Tensor, apply


def max_pool2d(
    x: ArrayLike,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest pixel of each window.

    Args:
        x: (N, C, H, W).
        kernel_size: height and width of the window.
        stride: steps between windows; the kernel size if None, so that windows do not overlap.
        padding: rows and columns around the image, which never win; at most half the kernel.
        dilation: steps between the pixels of a window.
        ceil_mode: keep a last window that runs over the edge, instead of dropping it.

    Returns:
        (N, C, OH, OW). The gradient goes to the winner, of equal pixels to the first.
    """
    x = as_image(x, "max_pool2d")
    kernel, strides, sides = _pool_window(kernel_size, stride, padding, "max_pool2d")
    dilations = as_pair(dilation, "dilation", "max_pool2d", least=1)
    out_size = _pool_size(x, kernel, strides, sides, dilations, ceil_mode, "max_pool2d")
    return apply(
        MaxPool2d,
        x,
        kernel=kernel,
        stride=strides,
        padding=sides,
        dilation=dilations,
        out_size=out_size,
    )


def avg_pool2d(
    x: ArrayLike,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window.

    Args:
        x: (N, C, H, W).
        kernel_size: height and width of the window.
        stride: steps between windows; the kernel size if None.
        padding: zeros around the image; at most half the kernel.
        ceil_mode: keep a last window that runs over the edge, instead of dropping it.
        count_include_pad: count the padding's zeros as pixels of the mean.

    Returns:
        (N, C, OH, OW).
    """
    x = as_image(x, "avg_pool2d")
    kernel, strides, sides = _pool_window(kernel_size, stride, padding, "avg_pool2d")
    out_size = _pool_size(x, kernel, strides, sides, (1, 1), ceil_mode, "avg_pool2d")
    return apply(
        AvgPool2d,
        x,
        kernel=kernel,
        stride=strides,
        padding=sides,
        count_include_pad=count_include_pad,
        out_size=out_size,
    )


def adaptive_avg_pool2d(x: ArrayLike, output_size: IntOrPair) -> Tensor:
    """The mean over OH × OW windows that share the image evenly; 1 is global average pooling.

    Args:
        x: (N, C, H, W).
        output_size: one number or (OH, OW).

    Returns:
        (N, C, OH, OW). Window i covers the rows ⌊i·H/OH⌋ … ⌈(i + 1)·H/OH⌉ − 1.
    """
    x, out_size = _adaptive_window(x, output_size, "adaptive_avg_pool2d")
    return apply(AdaptiveAvgPool2d, x, out_size=out_size)


def adaptive_max_pool2d(x: ArrayLike, output_size: IntOrPair) -> Tensor:
    """The largest pixel of each of OH × OW windows that share the image evenly.

    Args:
        x: (N, C, H, W).
        output_size: one number or (OH, OW).

    Returns:
        (N, C, OH, OW). Window i covers the rows ⌊i·H/OH⌋ … ⌈(i + 1)·H/OH⌉ − 1. The gradient goes to
        the winner, of equal pixels to the first.
    """
    x, out_size = _adaptive_window(x, output_size, "adaptive_max_pool2d")
    return apply(AdaptiveMaxPool2d, x, out_size=out_size)


def _adaptive_window(x: ArrayLike, output_size: IntOrPair, operation: str) -> tuple[Tensor, Pair]:
    x = as_image(x, operation)
    out_size = as_pair(output_size, "output_size", operation, least=1)
    if 0 in x.shape[2:]:
        raise InputError(
            operation,
            f"the input of shape {x.shape} has no pixels to pool",
            "Use a larger image, or fewer downsampling layers before",
        )
    return x, out_size


def _pool_window(
    kernel_size: IntOrPair, stride: IntOrPair | None, padding: IntOrPair, operation: str
) -> tuple[Pair, Pair, Padding]:
    kernel = as_pair(kernel_size, "kernel_size", operation, least=1)
    strides = kernel if stride is None else as_pair(stride, "stride", operation, least=1)
    vertical, horizontal = as_pair(padding, "padding", operation, least=0)
    if 2 * vertical > kernel[0] or 2 * horizontal > kernel[1]:
        raise InputError(
            operation,
            f"padding {(vertical, horizontal)} is more than half the kernel {kernel}, so that some "
            "windows would hold no pixel",
            "Use less padding",
        )
    return kernel, strides, (vertical, vertical, horizontal, horizontal)


def _pool_size(
    x: Tensor,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
    operation: str,
) -> Pair:
    """The output size, rounded down, or with `ceil_mode` up.

    A window rounded up must still start inside the image or the padding before it.
    """
    size = (x.shape[2], x.shape[3])
    if not ceil_mode:
        return checked_output_size(size, kernel, stride, padding, dilation, operation)
    counts = []
    for axis in range(2):
        before, after = padding[2 * axis : 2 * axis + 2]
        room = before + after + stride[axis] - 1  # the last step may be cut short
        count = window_count(size[axis], kernel[axis], stride[axis], room, dilation[axis])
        counts.append(count - ((count - 1) * stride[axis] >= size[axis] + before))
    if min(counts) < 1:
        checked_output_size(size, kernel, stride, padding, dilation, operation)
    return counts[0], counts[1]
