"""Convolutions, and the shuffle that lets their groups meet."""

from numbers import Integral

from minidl.errors import InputError
from minidl.functional.arguments import as_image, as_tensor
from minidl.ops.conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from minidl.ops.windows import IntOrPair, PaddingLike, as_padding, as_pair
from minidl.tensor import ArrayLike, Tensor, apply


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: PaddingLike = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """Slide each filter over the image and take the sum of products at every position.

        y[n,o,i,j] = bias[o] + Σ_{c,u,v} w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

    Args:
        x: (N, C, H, W).
        weight: (O, C/groups, KH, KW).
        bias: (O,) or None.
        stride: steps between windows, one number or (SH, SW).
        padding: zeros around the image: one number, (vertical, horizontal),
            (top, bottom, left, right), "same" or "valid".
        dilation: steps between the pixels of a window, one number or (DH, DW).
        groups: the channels are cut into so many groups that do not see each other; groups = C is
            the depthwise convolution.

    Returns:
        (N, O, OH, OW) with OH = ⌊(H + top + bottom − DH·(KH − 1) − 1) / SH⌋ + 1, OW likewise.

    Raises:
        InputError: channels, groups or dtypes do not match, or the window does not fit.
    """
    x, weight = as_image(x, "conv2d"), as_tensor(weight)
    _check_axes(weight, "(out, in / groups, height, width)", "conv2d")
    _check_groups(groups, "conv2d")
    strides = as_pair(stride, "stride", "conv2d", least=1)
    dilations = as_pair(dilation, "dilation", "conv2d", least=1)
    kernel = (weight.shape[2], weight.shape[3])
    sides = as_padding(padding, kernel, strides, dilations, "conv2d")
    channels = x.shape[1]
    depthwise = groups == channels > 1 == weight.shape[1] and weight.shape[0] % channels == 0
    if depthwise:
        return apply(
            DepthwiseConv2d, x, weight, bias, stride=strides, padding=sides, dilation=dilations
        )
    return apply(
        Conv2d, x, weight, bias, stride=strides, padding=sides, dilation=dilations, groups=groups
    )


def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Tensor:
    """Lay each filter, times an input pixel, over the output, and add up: a convolution transposed.

        y[n,o,h,k] = bias[o] + Σ_{c,u,v} w[c,o,u,v] · x[n,c,i,j]
                               over all i, j with  i·SH + u·DH − PH = h  and  j·SW + v·DW − PW = k

    With stride S the output is about S times as large. It is the adjoint of `conv2d`:
    ⟨conv2d(p, w), x⟩ = ⟨p, conv_transpose2d(x, w)⟩ with the same weight and options.

    Args:
        x: (N, C, H, W).
        weight: (C, O/groups, KH, KW): the input channels come first.
        bias: (O,) or None.
        stride: steps between the windows in the output, one number or (SH, SW).
        padding: rows and columns cut off the output on each side, one number or (PH, PW); it is
            the padding of the convolution that this one transposes.
        output_padding: rows and columns added below and to the right; less than stride or dilation.
        groups: the channels are cut into so many groups that do not see each other.
        dilation: steps between the pixels of a window, one number or (DH, DW).

    Returns:
        (N, O, OH, OW) with OH = (H − 1)·SH − 2·PH + DH·(KH − 1) + OPH + 1, OW likewise.

    Raises:
        InputError: channels, groups or dtypes do not match, or no output is left.
    """
    x, weight = as_image(x, "conv_transpose2d"), as_tensor(weight)
    _check_axes(weight, "(in, out / groups, height, width)", "conv_transpose2d")
    _check_groups(groups, "conv_transpose2d")
    return apply(
        ConvTranspose2d,
        x,
        weight,
        bias,
        stride=as_pair(stride, "stride", "conv_transpose2d", least=1),
        padding=as_pair(padding, "padding", "conv_transpose2d", least=0),
        output_padding=as_pair(output_padding, "output_padding", "conv_transpose2d", least=0),
        dilation=as_pair(dilation, "dilation", "conv_transpose2d", least=1),
        groups=groups,
    )


def channel_shuffle(x: ArrayLike, groups: int) -> Tensor:
    """Deal the channels out anew, so that each group gets some of every group.

        y[n, k·G + g] = x[n, g·C/G + k]        for two groups of three:  0 1 2 3 4 5 → 0 3 1 4 2 5

    It is a table of G rows (the groups) read by columns. Without it, grouped convolutions one after
    the other would keep the groups apart for ever.

    Args:
        x: (N, C, H, W).
        groups: G, a divisor of C.

    Returns:
        (N, C, H, W).

    Source: Zhang et al., ShuffleNet, 2018, figure 1c.
    """
    x = as_image(x, "channel_shuffle")
    N, C, H, W = x.shape
    _check_groups(groups, "channel_shuffle")
    if groups < 1 or C % groups:
        raise InputError(
            "channel_shuffle",
            f"groups={groups} does not cut the {C} channels of shape {x.shape} into equal groups",
            "Choose a divisor of the number of channels",
        )
    table = x.reshape(N, groups, C // groups, H, W)
    return table.transpose(0, 2, 1, 3, 4).reshape(N, C, H, W)


def _check_axes(weight: Tensor, axes: str, operation: str) -> None:
    if weight.ndim != 4:
        raise InputError(
            operation,
            f"the weight has shape {weight.shape}, not {axes}",
            "Reshape it to four axes",
        )


def _check_groups(groups: int, operation: str) -> None:
    if not isinstance(groups, Integral):
        raise InputError(
            operation,
            f"groups={groups!r} is no integer",
            "Groups are counted; where they are computed, divide by // instead of /",
        )
