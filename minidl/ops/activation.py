"""Activation functions."""

import numpy as np

from minidl.autograd import Op
from minidl.ops.axes import checked_axis
from minidl.ops.dtypes import check_float

Array = np.ndarray


class ReLU(Op):
    """y = max(x, 0). NaN stays NaN."""

    def forward(self, x: Array) -> Array:
        """Cut off below zero."""
        y = np.maximum(x, 0)
        self.save(y)  # the next layer keeps y anyway, so keeping y costs no memory; a mask would
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 where x > 0 (there y > 0 too) and 0 elsewhere, x = 0 included."""
        (y,) = self.saved
        return grad * (y > 0)


class Sigmoid(Op):
    """y = 1 / (1 + e⁻ˣ)."""

    def forward(self, x: Array) -> Array:
        """Squash into (0, 1); e⁻|ˣ| never overflows, whatever the sign of x."""
        small = np.exp(-np.abs(x))
        y = np.where(x >= 0, 1 / (1 + small), small / (1 + small))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = y (1 − y)."""
        (y,) = self.saved
        return grad * y * (1 - y)


class Tanh(Op):
    """y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""

    def forward(self, x: Array) -> Array:
        """Squash into (−1, 1)."""
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 − y²."""
        (y,) = self.saved
        return grad * (1 - y * y)


class Softmax(Op):
    """y_k = e^(x_k) / Σ_j e^(x_j) along `axis`."""

    def forward(self, x: Array, *, axis: int) -> Array:
        """Turn logits into probabilities. Subtracting the maximum changes nothing but overflow."""
        check_float("softmax", x)
        self.axis = axis = checked_axis("softmax", axis, x.shape)
        e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
        y = e / e.sum(axis=axis, keepdims=True)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y_k/∂x_j = y_k (δ_kj − y_j), so dx = y · (grad − Σ_k grad_k y_k)."""
        (y,) = self.saved
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Op):
    """y_k = x_k − ln Σ_j e^(x_j) along `axis`."""

    def forward(self, x: Array, *, axis: int) -> Array:
        """Turn logits into log-probabilities, without ever taking the logarithm of zero."""
        check_float("log_softmax", x)
        self.axis = checked_axis("log_softmax", axis, x.shape)
        y = log_softmax(x, self.axis)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y_k/∂x_j = δ_kj − softmax(x)_j, so dx = grad − softmax(x) · Σ_k grad_k."""
        (y,) = self.saved
        return grad - np.exp(y) * grad.sum(axis=self.axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    """The array function behind LogSoftmax, which cross-entropy uses too."""
    shifted = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
