"""Layers: parameters and buffers, and the function of `minidl.functional` that each one calls.

Names, arguments and defaults are those of torch.nn.
"""

from minidl.nn import init
from minidl.nn.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    Maxout,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.nn.attention import MultiheadAttention
from minidl.nn.container import ModuleList, Sequential
from minidl.nn.conv import ChannelShuffle, Conv2d, ConvTranspose2d, DepthwiseSeparableConv2d
from minidl.nn.dropout import Dropout, Dropout2d, DropPath
from minidl.nn.embedding import ClassToken, PositionEmbedding
from minidl.nn.fold import Fold, Unfold
from minidl.nn.linear import Flatten, Identity, Linear
from minidl.nn.loss import (
    BCEWithLogitsLoss,
    ContrastiveLoss,
    CrossEntropyLoss,
    DiceLoss,
    L1Loss,
    MarginLoss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    SmoothL1Loss,
    TripletMarginLoss,
)
from minidl.nn.module import Module
from minidl.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNormReLU2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
)
from minidl.nn.parameter import Parameter
from minidl.nn.pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minidl.nn.resize import Upsample

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNormReLU2d",
    "ChannelShuffle",
    "ClassToken",
    "ContrastiveLoss",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DepthwiseSeparableConv2d",
    "DiceLoss",
    "DropPath",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "Fold",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "InstanceNorm2d",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MSELoss",
    "MarginLoss",
    "MaxPool2d",
    "Maxout",
    "Module",
    "ModuleList",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "Parameter",
    "PositionEmbedding",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "TripletMarginLoss",
    "Unfold",
    "Upsample",
    "init",
]
