"""Layers that are random in training and do nothing in evaluation."""

import minidl.functional as F
from minidl.nn.module import Module
from minidl.tensor import Tensor


class Dropout(Module):
    """In training each element is zero with probability p, and the rest divided by 1 − p.

    Source: Srivastava et al., Dropout, 2014.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x (any shape) in training; return x in evaluation."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"p={self.p}"
