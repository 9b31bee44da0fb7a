"""The functions a user calls. Names, arguments and defaults are those of torch.nn.functional.

Each reads its arguments, then hands the arrays to one op of `minidl.ops`, where the formula, the
forward and the backward stand side by side. PyTorch's `dim` is `axis` here, as in NumPy.

Shapes: images are (N, C, H, W): N images, C channels, H rows, W columns.
"""

from minidl.functional.activation import log_softmax, relu, sigmoid, softmax, tanh
from minidl.functional.conv import conv2d
from minidl.functional.dropout import dropout
from minidl.functional.linear import linear
from minidl.functional.loss import cross_entropy, nll_loss
from minidl.functional.norm import batch_norm
from minidl.functional.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from minidl.functional.shape import concatenate, pad

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "concatenate",
    "conv2d",
    "cross_entropy",
    "dropout",
    "linear",
    "log_softmax",
    "max_pool2d",
    "nll_loss",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
