"""Smooth activation functions, and softmax. Those with kinks are in rectifier.py."""

import math

import numpy as np

from minidl.autograd import Op
from minidl.ops.axes import checked_axis
from minidl.ops.dtypes import as_float, check_float
from minidl.ops.erf import erfc

Array = np.ndarray


class Sigmoid(Op):
    """y = 1 / (1 + e⁻ˣ)."""

    def forward(self, x: Array) -> Array:
        """Squash into (0, 1)."""
        y = sigmoid(x)
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
        y = np.tanh(as_float(x))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 − y²."""
        (y,) = self.saved
        return grad * (1 - y * y)


class SiLU(Op):
    """y = x · σ(x) with the sigmoid σ, also called swish.

    Source: Elfwing, Uchibe and Doya, Sigmoid-weighted linear units, 2017; Ramachandran, Zoph and
    Le, Searching for activation functions, 2017.
    """

    def forward(self, x: Array) -> Array:
        """Weigh x by its own sigmoid."""
        check_float("silu", x)
        s = sigmoid(x)
        y = np.maximum(x, -1000) * s  # beyond −1000 σ is 0, and −∞ · 0 would be NaN
        self.save(s, y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = σ + x σ (1 − σ) = σ + y (1 − σ)."""
        s, y = self.saved
        y = np.minimum(y, 1000)  # beyond 1000 σ is 1, and ∞ · 0 would be NaN
        return grad * (s + y * (1 - s))


class GELU(Op):
    """y = x · Φ(x), where Φ(x) = ½ erfc(−x / √2) is the share of a normal variable below x.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """

    def forward(self, x: Array) -> Array:
        """Weigh x by the probability that a normal variable is smaller."""
        check_float("gelu", x)
        x = np.clip(x, -40, None)  # beyond −40 Φ is 0, and −∞ · 0 would be NaN
        share = erfc(x * -math.sqrt(0.5)) / 2
        self.save(x, share)
        return x * share

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = Φ(x) + x φ(x), where φ(x) = e^(−x²/2) / √(2π) is the derivative of Φ."""
        x, share = self.saved
        x = np.clip(x, None, 40)  # beyond 40 φ is 0, and x² could overflow
        density = np.exp(x * x / -2) / math.sqrt(2 * math.pi)
        return grad * (share + x * density)


class GELUTanh(Op):
    """y = x/2 · (1 + tanh u), u = √(2/π) (x + 0.044715 x³): GELU as GPT-2 approximates it.

    It differs from the exact one by less than 0.0005.
    """

    def forward(self, x: Array) -> Array:
        """Weigh x by a curve close to Φ."""
        check_float("gelu", x)
        x = np.clip(x, -10, None)  # beyond −10 tanh u is −1, and −∞ · 0 would be NaN
        inner = np.clip(x, None, 10)  # likewise 1; x³ could overflow
        t = np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3))
        self.save(inner, t)
        return x / 2 * (1 + t)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = ½ (1 + tanh u) + x/2 · (1 − tanh² u) · ∂u/∂x."""
        x, t = self.saved
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return grad * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope)


class Softplus(Op):
    """y = ln(1 + e^(β x)) / β, a smooth max(x, 0); y = x where β x > threshold.

    Above the threshold the two differ by less than e^(−threshold) / β, 2·10⁻⁹ by default.
    Source: Dugas et al., Incorporating second-order functional knowledge, 2001.
    """

    def forward(self, x: Array, *, beta: float, threshold: float) -> Array:
        """Round off the corner of max(x, 0)."""
        check_float("softplus", x)
        self.beta = beta
        linear = x > threshold / beta
        bent = softplus(beta * np.minimum(x, threshold / beta)) / beta
        self.save(x, linear)
        return np.where(linear, x, bent)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = σ(β x) with the sigmoid σ, and 1 above the threshold."""
        x, linear = self.saved
        return grad * np.where(linear, 1, sigmoid(self.beta * x))


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


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ) for Sigmoid and its relatives; e⁻|ˣ| never overflows, whatever x's sign."""
    x = as_float(x)
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def softplus(x: Array) -> Array:
    """ln(1 + eˣ) = −ln(1 − σ(x)), as max(x, 0) + ln(1 + e⁻|ˣ|), which never overflows."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_softmax(x: Array, axis: int) -> Array:
    """The array function behind LogSoftmax, which cross-entropy uses too."""
    shifted = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
