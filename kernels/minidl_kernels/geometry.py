"""The arithmetic of sliding windows: how many positions fit, and where each one starts.

Every kernel set and every layer asks here, so an output size is computed by one formula only.
"""

Pair = tuple[int, int]
"""One number for the rows and one for the columns: (vertical, horizontal)."""

Padding = tuple[int, int, int, int]
"""Rows added above and below, columns added left and right: (top, bottom, left, right)."""


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many windows fit: ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.

    `padding` is the total of both ends. The result is zero or negative if the window does not fit.
    """
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def output_size(
    size: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> Pair:
    """Height and width of the output of a convolution or pooling over an image of `size`."""
    top, bottom, left, right = padding
    return (
        window_count(size[0], kernel[0], stride[0], top + bottom, dilation[0]),
        window_count(size[1], kernel[1], stride[1], left + right, dilation[1]),
    )


def taps(u: int, v: int, out_size: Pair, stride: Pair, dilation: Pair) -> tuple[slice, slice]:
    """Rows and columns of the padded image that kernel position (u, v) meets, over all windows."""
    first = u * dilation[0], v * dilation[1]
    return (
        slice(first[0], first[0] + stride[0] * out_size[0], stride[0]),
        slice(first[1], first[1] + stride[1] * out_size[1], stride[1]),
    )
