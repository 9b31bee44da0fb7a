"""Activation functions as layers."""

import minidl.functional as F
from minidl.nn.module import Module
from minidl.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """Cut off below zero."""
        return F.relu(x)


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ)."""

    def forward(self, x: Tensor) -> Tensor:
        """Squash into (0, 1)."""
        return F.sigmoid(x)


class Tanh(Module):
    """y = tanh x."""

    def forward(self, x: Tensor) -> Tensor:
        """Squash into (−1, 1)."""
        return F.tanh(x)


class Softmax(Module):
    """Probabilities from logits along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Turn logits into probabilities."""
        return F.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """Log-probabilities from logits along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Turn logits into log-probabilities."""
        return F.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"axis={self.axis}"
