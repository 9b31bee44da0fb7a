"""Convolutions."""

from minidl.errors import InputError
from minidl.functional.arguments import as_image, as_tensor
from minidl.ops.conv import Conv2d, DepthwiseConv2d
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
    if weight.ndim != 4:
        raise InputError(
            "conv2d",
            f"the weight has shape {weight.shape}, not (out, in / groups, height, width)",
            "Reshape it to four axes",
        )
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
