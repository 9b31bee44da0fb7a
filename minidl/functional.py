"""The functions a user calls. Names, arguments and defaults are those of torch.nn.functional.

Each reads its arguments, then hands the arrays to one op of `minidl.ops`, where the formula, the
forward and the backward stand side by side. PyTorch's `dim` is `axis` here, as in NumPy.

Shapes: images are (N, C, H, W): N images, C channels, H rows, W columns.
"""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from minidl_kernels.geometry import Padding, Pair, window_count

from minidl.errors import InputError
from minidl.ops import activation, loss
from minidl.ops.conv import Conv2d, DepthwiseConv2d
from minidl.ops.dropout import Dropout
from minidl.ops.dtypes import check_float
from minidl.ops.matmul import Linear
from minidl.ops.norm import BatchNorm, BatchNormInference
from minidl.ops.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from minidl.ops.shape import Concatenate, Pad
from minidl.ops.windows import IntOrPair, PaddingLike, as_padding, as_pair, checked_output_size
from minidl.tensor import ArrayLike, Tensor, apply

# ------------------------------------------------------------------- linear and convolution


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """y[…,o] = Σ_i x[…,i] · weight[o,i] + bias[o].

    Args:
        x: (…, I).
        weight: (O, I).
        bias: (O,) or None.

    Returns:
        (…, O).
    """
    return apply(Linear, x, weight, bias)


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
    x, weight = _image(x, "conv2d"), _tensor(weight)
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


# ---------------------------------------------------------------------------------- pooling


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
    x = _image(x, "max_pool2d")
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
    x = _image(x, "avg_pool2d")
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
    x = _image(x, "adaptive_avg_pool2d")
    out_size = as_pair(output_size, "output_size", "adaptive_avg_pool2d", least=1)
    if 0 in x.shape[2:]:
        raise InputError(
            "adaptive_avg_pool2d",
            f"the input of shape {x.shape} has no pixels to average",
            "Use a larger image, or fewer downsampling layers before",
        )
    return apply(AdaptiveAvgPool2d, x, out_size=out_size)


# ---------------------------------------------------------- normalisation and regularisation


def batch_norm(
    x: ArrayLike,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give every channel mean 0 and variance 1 over the batch, then scale and shift it.

        y[n,c,…] = weight[c] · (x[n,c,…] − μ[c]) / √(σ²[c] + eps) + bias[c]

    Args:
        x: (N, C) or (N, C, H, W).
        running_mean: (C,), moved towards the batch's mean in place while training, used as μ in
            evaluation. Without running statistics the batch's own are used in evaluation too.
        running_var: (C,), likewise for σ².
        weight: the scale γ (C,), 1 if None.
        bias: the shift β (C,), 0 if None.
        training: use (and record) the statistics of this batch.
        momentum: how far the running statistics move: (1 − momentum) · old + momentum · new.
        eps: keeps the root away from zero.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    running_mean, running_var = _array(running_mean), _array(running_var)
    if training or running_mean is None or running_var is None:
        return apply(
            BatchNorm,
            x,
            weight,
            bias,
            eps=eps,
            momentum=momentum,
            running_mean=running_mean,
            running_var=running_var,
        )
    return apply(BatchNormInference, x, weight, bias, eps=eps, mean=running_mean, var=running_var)


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """While training, set each element to zero with probability p and divide the rest by 1 − p.

    Source: Srivastava et al., Dropout, 2014.
    """
    x = _tensor(x)
    if not 0 <= p <= 1:
        raise InputError("dropout", f"the probability p={p} is not between 0 and 1", "Try p=0.5")
    if not training or p == 0:
        return x
    return x * 0.0 if p == 1 else apply(Dropout, x, p=p)


# -------------------------------------------------------------------------------- activation


def relu(x: ArrayLike) -> Tensor:
    """max(x, 0). Its derivative at 0 is taken as 0."""
    return apply(activation.ReLU, x)


def sigmoid(x: ArrayLike) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return apply(activation.Sigmoid, x)


def tanh(x: ArrayLike) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return apply(activation.Tanh, x)


def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """e^(x_k) / Σ_j e^(x_j) along `axis`: logits to probabilities."""
    return apply(activation.Softmax, x, axis=axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """The logarithm of softmax, without overflow and without ln 0."""
    return apply(activation.LogSoftmax, x, axis=axis)


# ------------------------------------------------------------------------------------- shape


def concatenate(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join tensors one behind the other along `axis`; all other axes must agree."""
    if not isinstance(tensors, list | tuple):
        raise InputError(
            "concatenate",
            f"a list of tensors is expected, not one {type(tensors).__name__}",
            "Put the tensors in brackets: concatenate([a, b], axis=1)",
        )
    if not tensors:
        raise InputError("concatenate", "there is nothing to join", "Give at least one tensor")
    return apply(Concatenate, *tensors, axis=axis)


def pad(x: ArrayLike, pad: Sequence[int], value: float = 0.0) -> Tensor:
    """Put a frame of `value` around the last axes of x.

    Args:
        x: any shape.
        pad: (before, after) of the last axis, then of the last but one, and so on: for images
            (left, right, top, bottom), then the channels. Negative numbers cut off.
        value: what to fill in.
    """
    x = _tensor(x)
    integers = isinstance(pad, list | tuple) and all(isinstance(v, Integral) for v in pad)
    if not integers or len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise InputError(
            "pad",
            f"pad={pad!r} must be integers in pairs (before, after), last axis first, for at most "
            f"the {x.ndim} axes of shape {x.shape}",
            "For images write (left, right, top, bottom)",
        )
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    widths = tuple([(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1])
    return apply(Pad, x, widths=widths, value=value)


# -------------------------------------------------------------------------------------- loss


def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """How surprised softmax(logits) is by the labels: −ln softmax(logits)[n, labels[n]], averaged.

    Args:
        logits: (N, K, …), scores before softmax.
        labels: (N, …), class numbers 0 … K − 1.
        weight: (K,), the weight of each class, 1 if None.
        ignore_index: rows with this label do not count.
        reduction: "mean" (weighted), "sum" or "none".
        label_smoothing: s: the wanted distribution is (1 − s) for the label plus s / K for each.

    Returns:
        A scalar, or (N, …) with reduction "none".
    """
    return apply(
        loss.CrossEntropy,
        logits,
        labels=_tensor(labels).data,
        weight=None if weight is None else _tensor(weight).data,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def nll_loss(
    log_probabilities: ArrayLike,
    labels: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """−log_probabilities[n, labels[n]], averaged: cross-entropy after `log_softmax`.

    Args and result as for `cross_entropy`, with log-probabilities (N, K, …).
    """
    return apply(
        loss.NLLLoss,
        log_probabilities,
        labels=_tensor(labels).data,
        weight=None if weight is None else _tensor(weight).data,
        ignore_index=ignore_index,
        reduction=reduction,
    )


# -------------------------------------------------------------------------- reading arguments


def _tensor(x: ArrayLike) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)


def _array(x: ArrayLike | None) -> np.ndarray | None:
    """The array itself, not a copy, so that running statistics can be moved in place."""
    return x.data if isinstance(x, Tensor) else x


def _image(x: ArrayLike, operation: str) -> Tensor:
    """A batch of images (N, C, H, W) as a tensor."""
    x = _tensor(x)
    if x.ndim != 4:
        hint = "Add the batch axis: x[None]" if x.ndim == 3 else "Reshape it to four axes"
        raise InputError(
            operation, f"the input has shape {x.shape}, not four axes (N, C, H, W)", hint
        )
    check_float(operation, x.data)
    return x


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
