"""The functions a user calls. Names, arguments and defaults are those of torch.nn.functional.

Each reads its arguments, then hands the arrays to one op of `minidl.ops`, where the formula, the
forward and the backward stand side by side. PyTorch's `dim` is `axis` here, as in NumPy.

Shapes: images are (N, C, H, W): N images, C channels, H rows, W columns.
"""

from minidl.functional.activation import (
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    leaky_relu,
    log_softmax,
    maxout,
    prelu,
    relu,
    relu6,
    sigmoid,
    silu,
    softmax,
    softplus,
    squash,
    tanh,
)
from minidl.functional.attention import attention_weights, scaled_dot_product_attention
from minidl.functional.conv import channel_shuffle, conv2d, conv_transpose2d
from minidl.functional.dropout import drop_path, dropout, dropout2d, fractal_join
from minidl.functional.elementwise import clip, maximum, minimum, where
from minidl.functional.fold import fold, unfold
from minidl.functional.fused import add_relu, batch_norm_relu
from minidl.functional.linear import linear
from minidl.functional.loss import (
    binary_cross_entropy_with_logits,
    contrastive_loss,
    cross_entropy,
    dice_loss,
    hinge_loss,
    l1_loss,
    margin_loss,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from minidl.functional.norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
)
from minidl.functional.pool import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    max_pool2d,
)
from minidl.functional.resize import interpolate
from minidl.functional.shape import (
    chunk,
    concatenate,
    flip,
    pad,
    roll,
    split,
    stack,
    take_along_axis,
)

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add_relu",
    "attention_weights",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_relu",
    "binary_cross_entropy_with_logits",
    "channel_shuffle",
    "chunk",
    "clip",
    "concatenate",
    "contrastive_loss",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dice_loss",
    "drop_path",
    "dropout",
    "dropout2d",
    "elu",
    "flip",
    "fold",
    "fractal_join",
    "gelu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hinge_loss",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "margin_loss",
    "max_pool2d",
    "maximum",
    "maxout",
    "minimum",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "roll",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "split",
    "squash",
    "stack",
    "take_along_axis",
    "tanh",
    "triplet_margin_loss",
    "unfold",
    "where",
]
