"""Capsules: vectors whose length says how likely a thing is there."""

import numpy as np

from minidl.autograd import Op
from minidl.ops.axes import checked_axis
from minidl.ops.dtypes import check_float

Array = np.ndarray


class Squash(Op):
    """v = f(q) · s, where q = |s|² along `axis` and f(q) = q / ((1 + q) √(q + eps)).

    The direction stays; the length becomes |s|² / (1 + |s|²), if eps is left aside.
    Source: Sabour, Frosst and Hinton, Dynamic routing between capsules, 2017, equation 1.
    """

    def forward(self, s: Array, *, axis: int, eps: float) -> Array:
        """Shorten every vector to a length below 1."""
        check_float("squash", s)
        self.axis, self.eps = checked_axis("squash", axis, s.shape), eps
        q = (s * s).sum(axis=self.axis, keepdims=True)
        f = q / ((1 + q) * np.sqrt(q + eps))
        self.save(s, q, f)
        return f * s

    def backward(self, grad: Array) -> Array:
        """∂v_k/∂s_j = f(q) δ_kj + 2 f′(q) s_j s_k, so ds = f · grad + 2 f′ · s · Σ_k grad_k s_k.

        f′(q) = (1 / (1 + q) − q / (2 (q + eps))) / ((1 + q) √(q + eps)). All of it is 0 at s = 0.
        """
        s, q, f = self.saved
        root = np.sqrt(q + self.eps)
        df = (1 / (1 + q) - q / (2 * (q + self.eps))) / ((1 + q) * root)
        along = (grad * s).sum(axis=self.axis, keepdims=True)
        return f * grad + 2 * df * along * s
