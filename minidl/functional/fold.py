"""Windows as columns and back."""

from minidl.errors import InputError
from minidl.functional.arguments import as_image, as_tensor
from minidl.ops.dtypes import check_float
from minidl.ops.fold import Fold, Unfold
from minidl.ops.windows import IntOrPair, PaddingLike, as_padding, as_pair
from minidl.tensor import ArrayLike, Tensor, apply


def unfold(
    x: ArrayLike,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
) -> Tensor:
    """Copy every window of the image into a column (im2col).

        y[n, c·KH·KW + u·KW + v, i·OW + j] = x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

    A convolution is then one matrix product: weight.reshape(O, −1) @ unfold(x), with each row of
    the result an image of OH · OW pixels. `nn.Unfold` shows the picture.

    Args:
        x: (N, C, H, W).
        kernel_size: height and width of the window, one number or (KH, KW).
        dilation: steps between the pixels of a window.
        padding: zeros around the image, as for `conv2d`.
        stride: steps between windows.

    Returns:
        (N, C·KH·KW, L), L = OH·OW windows, counted as for `conv2d`.

    Raises:
        InputError: the window does not fit.
    """
    x = as_image(x, "unfold")
    kernel = as_pair(kernel_size, "kernel_size", "unfold", least=1)
    strides = as_pair(stride, "stride", "unfold", least=1)
    dilations = as_pair(dilation, "dilation", "unfold", least=1)
    sides = as_padding(padding, kernel, strides, dilations, "unfold")
    return apply(Unfold, x, kernel=kernel, stride=strides, padding=sides, dilation=dilations)


def fold(
    x: ArrayLike,
    output_size: IntOrPair,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
) -> Tensor:
    """Add every column back to the pixels of its window (col2im).

        y[n, c, h, k] = Σ x[n, c·KH·KW + u·KW + v, i·OW + j]
                        over all u, v, i, j with i·SH + u·DH − top = h and j·SW + v·DW − left = k

    It is the transpose of `unfold`, not its inverse: a pixel that lay in m windows receives m
    numbers. fold(unfold(x)) / fold(unfold(ones)) is x again.

    Args:
        x: (N, C·KH·KW, L).
        output_size: the size of the image, one number or (H, W).
        kernel_size: height and width of the window, one number or (KH, KW).
        dilation: steps between the pixels of a window.
        padding: zeros around the image, as for `conv2d`.
        stride: steps between windows.

    Returns:
        (N, C, H, W).

    Raises:
        InputError: the columns are not those of an image of this size.
    """
    x = as_tensor(x)
    if x.ndim != 3:
        raise InputError(
            "fold",
            f"the input has shape {x.shape}, not three axes (N, C·KH·KW, windows)",
            "Give what unfold returned; the columns of one image need a batch axis, x[None]",
        )
    check_float("fold", x.data)
    kernel = as_pair(kernel_size, "kernel_size", "fold", least=1)
    strides = as_pair(stride, "stride", "fold", least=1)
    dilations = as_pair(dilation, "dilation", "fold", least=1)
    return apply(
        Fold,
        x,
        out_size=as_pair(output_size, "output_size", "fold", least=1),
        kernel=kernel,
        stride=strides,
        padding=as_padding(padding, kernel, strides, dilations, "fold"),
        dilation=dilations,
    )
