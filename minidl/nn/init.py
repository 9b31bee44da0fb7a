"""First weights: drawn so that signals keep their size from layer to layer.

If a layer adds up `fan_in` products of unit-variance inputs and weights of variance v, its output
has variance fan_in · v. Xavier and He choose v to keep that near 1; He counts in that ReLU
removes half of it. Backward the same holds with fan_out.

The functions fill a parameter in place and return it. They draw from minidl's generator
(`minidl.manual_seed`). Names and formulas as in torch.nn.init.
"""

import math

import numpy as np

from minidl import random
from minidl.tensor import Tensor

GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
}
"""What a weight's standard deviation is multiplied by to make up for the activation behind it."""


def calculate_gain(nonlinearity: str, slope: float = 0.01) -> float:
    """The gain for an activation; for "leaky_relu" √(2 / (1 + slope²))."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        known = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(f"no gain is known for {nonlinearity!r}; choose one of {known}")
    return GAINS[nonlinearity]


def fan_in_and_fan_out(weight: Tensor) -> tuple[int, int]:
    """How many products go into one output, and how many outputs one input goes into.

    For weight (O, I) that is I and O; for a filter bank (O, I, KH, KW) times KH·KW each.
    """
    if weight.ndim < 2:
        raise ValueError(
            f"fan-in and fan-out need at least two axes (out, in, …), not shape {weight.shape}; "
            "biases and norm scales are set with zeros_, ones_ or uniform_"
        )
    window = math.prod(weight.shape[2:])
    return weight.shape[1] * window, weight.shape[0] * window


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1)


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Fill with `value`."""
    tensor.data[...] = value
    return tensor


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw from the uniform distribution over [low, high)."""
    unit = random.generator().random(tensor.shape, tensor.dtype.type)
    np.multiply(unit, high - low, out=tensor.data)
    tensor.data += low
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Draw from the normal distribution."""
    unit = random.generator().standard_normal(tensor.shape, tensor.dtype.type)
    np.multiply(unit, std, out=tensor.data)
    tensor.data += mean
    return tensor


def xavier_uniform_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform within ±gain · √(6 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010, eq. 16."""
    bound = gain * math.sqrt(6 / sum(fan_in_and_fan_out(weight)))
    return uniform_(weight, -bound, bound)


def xavier_normal_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with σ = gain · √(2 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010, eq. 12."""
    return normal_(weight, 0, gain * math.sqrt(2 / sum(fan_in_and_fan_out(weight))))


def kaiming_uniform_(
    weight: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform within ±gain · √(3 / fan). Source: He et al., Delving Deep into Rectifiers, 2015."""
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / _fan(weight, mode))
    return uniform_(weight, -bound, bound)


def kaiming_normal_(
    weight: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal with σ = gain / √fan, for ReLU √(2 / fan). Source: He et al., 2015, eq. 10 and 14."""
    return normal_(weight, 0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(weight, mode)))


def _fan(weight: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}")
    return fan_in_and_fan_out(weight)[mode == "fan_out"]
