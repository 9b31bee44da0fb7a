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


class Dropout2d(Dropout):
    """In training each channel of each image is zero with probability p, the rest divided by 1 − p.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop channels of x (N, C, H, W) in training; return x in evaluation."""
        return F.dropout2d(x, self.p, self.training)


class DropPath(Module):
    """In training each sample is zero with probability p, and the rest divided by 1 − p.

    At the end of a residual branch this is stochastic depth: shortcut + drop_path(branch(x)).
    torch.nn has no such layer; it is torchvision's StochasticDepth in the mode "row".

    Source: Huang et al., Deep Networks with Stochastic Depth, 2016.
    """

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop samples of x (N, …) in training; return x in evaluation."""
        return F.drop_path(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"p={self.p}"
