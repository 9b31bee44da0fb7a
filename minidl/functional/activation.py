"""Activation functions."""

from numbers import Integral

from minidl.errors import InputError
from minidl.functional.arguments import as_number
from minidl.ops import activation, capsule, rectifier
from minidl.tensor import ArrayLike, Tensor, apply


def relu(x: ArrayLike) -> Tensor:
    """max(x, 0). Its derivative at 0 is taken as 0."""
    return apply(rectifier.ReLU, x)


def relu6(x: ArrayLike) -> Tensor:
    """min(max(x, 0), 6). Its derivative at 0 and at 6 is taken as 0."""
    return apply(rectifier.ReLU6, x)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Tensor:
    """max(x, 0) + negative_slope · min(x, 0). Its derivative at 0 is taken as the slope.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve acoustic models, 2013.
    """
    slope = as_number(negative_slope, "negative_slope", "leaky_relu")
    return apply(rectifier.LeakyReLU, x, negative_slope=slope)


def prelu(x: ArrayLike, weight: ArrayLike) -> Tensor:
    """max(x, 0) + weight[c] · min(x, 0): leaky ReLU with a learnt slope for each channel c.

    Args:
        x: (N, C, …).
        weight: (C,), or (1,) for one slope everywhere.

    Raises:
        InputError: the weight has another shape, or another dtype than x.

    Source: He et al., Delving deep into rectifiers, 2015.
    """
    return apply(rectifier.PReLU, x, weight)


def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha · (eˣ − 1).

    Source: Clevert, Unterthiner and Hochreiter, Exponential linear units, 2015.
    """
    return apply(rectifier.ELU, x, alpha=as_number(alpha, "alpha", "elu"))


def gelu(x: ArrayLike, approximate: str = "none") -> Tensor:
    """x · Φ(x), where Φ(x) is the probability that a normal variable is below x.

    Args:
        x: any shape.
        approximate: "none" for the exact Φ, "tanh" for ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """
    if approximate not in ("none", "tanh"):
        raise InputError(
            "gelu", f"there is no approximation {approximate!r}", "Choose 'none' or 'tanh'"
        )
    return apply(activation.GELU if approximate == "none" else activation.GELUTanh, x)


def silu(x: ArrayLike) -> Tensor:
    """x · σ(x) with the sigmoid σ, also called swish."""
    return apply(activation.SiLU, x)


def hardsigmoid(x: ArrayLike) -> Tensor:
    """min(max(x + 3, 0), 6) / 6. Its derivative at −3 and at 3 is taken as 0.

    Source: Howard et al., Searching for MobileNetV3, 2019.
    """
    return apply(rectifier.Hardsigmoid, x)


def hardswish(x: ArrayLike) -> Tensor:
    """x · min(max(x + 3, 0), 6) / 6. Its derivative at −3 is taken as 0 and at 3 as 1.

    Source: Howard et al., Searching for MobileNetV3, 2019.
    """
    return apply(rectifier.Hardswish, x)


def softplus(x: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta · x)) / beta, a smooth max(x, 0).

    Args:
        x: any shape.
        beta: how sharp the corner is, greater than 0.
        threshold: where beta · x is greater than this, y = x.
    """
    return apply(
        activation.Softplus,
        x,
        beta=as_number(beta, "beta", "softplus", above=0),
        threshold=as_number(threshold, "threshold", "softplus"),
    )


def maxout(x: ArrayLike, pool_size: int, axis: int = 1) -> Tensor:
    """The largest of each `pool_size` neighbouring channels.

        y[n,o,…] = max_{j < pool_size} x[n, o·pool_size + j, …]

    Args:
        x: (N, C, …), the channels on `axis`.
        pool_size: how many channels compete; C must be a multiple of it.
        axis: which axis the channels are on.

    Returns:
        (N, C / pool_size, …). The gradient goes to the winner, of equal channels to the first.

    Source: Goodfellow et al., Maxout networks, 2013.
    """
    if not isinstance(pool_size, Integral) or pool_size < 1:
        raise InputError(
            "maxout",
            f"pool_size={pool_size!r} is not a whole number of channels from 1 on",
            "Try pool_size=2",
        )
    return apply(rectifier.Maxout, x, pool_size=int(pool_size), axis=axis)


def sigmoid(x: ArrayLike) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return apply(activation.Sigmoid, x)


def tanh(x: ArrayLike) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return apply(activation.Tanh, x)


def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """e^(x_k) / Σ_j e^(x_j) along `axis`: logits to probabilities."""
    return apply(activation.Softmax, x, axis=axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """The logarithm of softmax, without overflow and without ln 0."""
    return apply(activation.LogSoftmax, x, axis=axis)


def squash(x: ArrayLike, axis: int = -1, eps: float = 1e-8) -> Tensor:
    """Shorten vectors along `axis` to a length below 1, which a capsule reads as a probability.

        v = |s|² / (1 + |s|²) · s / √(|s|² + eps)

    Args:
        x: the vectors s, any shape; a vector lies along `axis`.
        axis: which axis the vectors lie along.
        eps: keeps the root away from zero, so that s = 0 gives v = 0 with a gradient of 0.

    Returns:
        The vectors v, of x's shape.

    Source: Sabour, Frosst and Hinton, Dynamic routing between capsules, 2017, equation 1.
    """
    eps = as_number(eps, "eps", "squash", above=0)
    return apply(capsule.Squash, x, axis=axis, eps=eps)
