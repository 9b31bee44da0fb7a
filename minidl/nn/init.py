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


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Draw from the normal distribution what falls into [a, b]: all else is drawn again.

    a and b are values, not multiples of std (as in PyTorch). The spread of what is left is smaller
    than std: 0.88 std for bounds at ±2 std.

    Raises: ValueError if less than 1 in 1000 numbers falls into [a, b].
    """
    low, high = (a - mean) / std, (b - mean) / std
    share = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    if not share >= 1e-3:
        raise ValueError(
            f"only a share of {share:.2g} of the normal numbers with mean {mean} and std {std} "
            f"falls between a={a} and b={b}, too little to draw them; bring the mean between a and "
            "b, and a and b further apart"
        )
    unit = random.generator().standard_normal(tensor.size, tensor.dtype.type)
    outside = np.flatnonzero((unit < low) | (unit > high))
    while outside.size:
        unit[outside] = random.generator().standard_normal(outside.size, tensor.dtype.type)
        outside = outside[(unit[outside] < low) | (unit[outside] > high)]
    # Rounding in float32 may carry a number over the bound.
    np.clip(unit.reshape(tensor.shape) * std + mean, a, b, out=tensor.data)
    return tensor


def orthogonal_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """A random matrix with orthonormal rows (or columns, where there are more rows), times gain.

    It changes no length: ‖W x‖ = ‖x‖ for all x in the rows' space, so a signal neither grows nor
    fades however many such layers it crosses. A filter bank (O, I, KH, KW) is the matrix
    (O, I·KH·KW).

    W is Q of the decomposition A = Q R of a matrix of normal numbers. Q is unique up to the signs
    of its columns; choosing those that make R's diagonal positive draws all W alike.

    Source: Saxe, McClelland and Ganguli, 2014; Mezzadri, How to Generate Random Matrices, 2007.
    """
    if weight.ndim < 2:
        raise ValueError(
            f"an orthogonal matrix needs at least two axes (out, in, …), not shape {weight.shape}; "
            "biases and norm scales are set with zeros_, ones_ or uniform_"
        )
    rows, columns = weight.shape[0], math.prod(weight.shape[1:])
    tall = random.generator().standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r)) * gain
    weight.data[...] = (q if rows >= columns else q.T).reshape(weight.shape)
    return weight


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
