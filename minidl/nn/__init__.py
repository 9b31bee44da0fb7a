"""Layers: parameters and buffers, and the function of `minidl.functional` that each one calls.

Names, arguments and defaults are those of torch.nn.
"""

from minidl.nn import init
from minidl.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from minidl.nn.container import ModuleList, Sequential
from minidl.nn.conv import Conv2d
from minidl.nn.dropout import Dropout
from minidl.nn.linear import Flatten, Identity, Linear
from minidl.nn.loss import CrossEntropyLoss, NLLLoss
from minidl.nn.module import Module
from minidl.nn.norm import BatchNorm1d, BatchNorm2d
from minidl.nn.parameter import Parameter
from minidl.nn.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "init",
]
