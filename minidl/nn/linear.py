"""The fully connected layer, and the step from images to vectors."""

import math

import numpy as np

import minidl.functional as F
from minidl.nn import init
from minidl.nn.module import Module, as_tensor
from minidl.nn.parameter import Parameter
from minidl.tensor import Tensor


class Linear(Module):
    """y[…,o] = Σ_i x[…,i] · weight[o,i] + bias[o].

    Weight and bias start uniform within ±1/√in_features, as in PyTorch.

    Args:
        in_features: I, the length of x's last axis.
        out_features: O, the length of y's last axis.
        bias: whether to add a bias.

    Shapes: x (…, I) → y (…, O) · weight (O, I) · bias (O,).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(max(in_features, 1))
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        init.uniform_(self.weight, -bound, bound)
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (…, I) to (…, O)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """All axes from `start_axis` on made one: images (N, C, H, W) become rows (N, C·H·W)."""

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Tensor) -> Tensor:
        """Flatten x (N, …) to (N, features)."""
        return as_tensor(x).flatten(self.start_axis)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"start_axis={self.start_axis}"


class Identity(Module):
    """y = x: a place holder where a layer may be left out."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return as_tensor(x)
