"""Activation functions as layers."""

import numpy as np

import minidl.functional as F
from minidl.nn.module import Module
from minidl.nn.parameter import Parameter
from minidl.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """Cut off below zero."""
        return F.relu(x)


class ReLU6(Module):
    """y = min(max(x, 0), 6)."""

    def forward(self, x: Tensor) -> Tensor:
        """Cut off below 0 and above 6."""
        return F.relu6(x)


class LeakyReLU(Module):
    """y = max(x, 0) + negative_slope · min(x, 0)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Weaken what is below zero."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """y[n,c,…] = max(x[n,c,…], 0) + weight[c] · min(x[n,c,…], 0): leaky ReLU that learns its slope.

    Args:
        num_parameters: C for one slope a channel, 1 for one slope everywhere.
        init: the first value of every slope.

    Leave the slopes out of weight decay, which would pull them to 0 and make this a ReLU.
    Source: He et al., Delving deep into rectifiers, 2015.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        self.num_parameters = num_parameters
        self.weight = Parameter(np.full(num_parameters, init, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Weaken what is below zero, x (N, C, …)."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The constructor's arguments, but for the first slope, which training has changed."""
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """y = x where x > 0, else alpha · (eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Bend what is below zero towards −alpha."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """y = x · Φ(x), Φ the normal distribution, exact ("none") or by a "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Weigh x by the probability that a normal variable is smaller."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """y = x · σ(x), also called swish."""

    def forward(self, x: Tensor) -> Tensor:
        """Weigh x by its own sigmoid."""
        return F.silu(x)


class Hardsigmoid(Module):
    """y = min(max(x + 3, 0), 6) / 6."""

    def forward(self, x: Tensor) -> Tensor:
        """Rise from 0 at −3 to 1 at 3."""
        return F.hardsigmoid(x)


class Hardswish(Module):
    """y = x · hardsigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Weigh x by a sigmoid made of straight lines."""
        return F.hardswish(x)


class Softplus(Module):
    """y = ln(1 + e^(beta · x)) / beta, and y = x where beta · x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Tensor) -> Tensor:
        """Round off the corner of max(x, 0)."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Maxout(Module):
    """y[n,o,…] = max_{j < pool_size} x[n, o·pool_size + j, …]; not in torch.nn.

    Args:
        pool_size: how many neighbouring channels compete.
        axis: which axis the channels are on.

    Source: Goodfellow et al., Maxout networks, 2013.
    """

    def __init__(self, pool_size: int, axis: int = 1) -> None:
        self.pool_size, self.axis = pool_size, axis

    def forward(self, x: Tensor) -> Tensor:
        """Keep the largest of each `pool_size` channels."""
        return F.maxout(x, self.pool_size, self.axis)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"pool_size={self.pool_size}, axis={self.axis}"


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
