"""The fully connected layer as a function."""

from minidl.ops.matmul import Linear
from minidl.tensor import ArrayLike, Tensor, apply


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """y[…,o] = Σ_i x[…,i] · weight[o,i] + bias[o].

    Args:
        x: (…, I).
        weight: (O, I).
        bias: (O,) or None.

    Returns:
        (…, O).
    """
    return apply(Linear, x, weight, bias)
