"""Activation functions."""

from minidl.ops import activation
from minidl.tensor import ArrayLike, Tensor, apply


def relu(x: ArrayLike) -> Tensor:
    """max(x, 0). Its derivative at 0 is taken as 0."""
    return apply(activation.ReLU, x)


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
