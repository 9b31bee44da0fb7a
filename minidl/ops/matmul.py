"""Matrix products: the general one and the fully connected layer."""

import math

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.broadcast import checked_shapes, sum_to_shape
from minidl.ops.dtypes import check_dtypes

Array = np.ndarray


class MatMul(Op):
    """y[…,i,k] = Σ_j a[…,i,j] · b[…,j,k], with leading axes broadcast; vectors as in NumPy."""

    def forward(self, a: Array, b: Array) -> Array:
        """Multiply matrices (or stacks of them, or vectors)."""
        rows_of_b = b.shape[-2] if b.ndim > 1 else b.shape[0] if b.ndim else 0
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != rows_of_b:
            raise InputError(
                "matmul",
                f"shapes {a.shape} and {b.shape} do not chain: the last axis of the first "
                "must be as long as the second-to-last of the second",
                "Transpose one of them, or use * for the element-wise product",
            )
        checked_shapes("matmul", a.shape[:-2], b.shape[:-2])
        self.save(a, b)
        y = a @ b if min(a.ndim, b.ndim) < 2 else active().matmul.matmul(a, b)
        self.multiply_adds = _multiply_adds(y, a.shape[-1], self.needs)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        """∂L/∂a = grad · bᵀ and ∂L/∂b = aᵀ · grad."""
        a, b = self.saved
        # A vector on the left is a row, a vector on the right a column; grad gets that axis back.
        A = a[None, :] if a.ndim == 1 else a
        B = b[:, None] if b.ndim == 1 else b
        G = grad
        if b.ndim == 1:
            G = G[..., None]
        if a.ndim == 1:
            G = G[..., None, :]
        da = db = None
        product = active().matmul.matmul
        if self.needs[0]:
            da = sum_to_shape(product(G, B.swapaxes(-1, -2)), A.shape).reshape(a.shape)
        if self.needs[1]:
            db = sum_to_shape(product(A.swapaxes(-1, -2), G), B.shape).reshape(b.shape)
        return da, db


class Linear(Op):
    """y[…,o] = Σ_i x[…,i] · w[o,i] + b[o]: the fully connected layer."""

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        """Map x (…, I) to (…, O) by w (O, I) and b (O,)."""
        if x.ndim == 0 or w.ndim != 2:
            raise InputError(
                "linear",
                f"the input (…, in) has shape {x.shape} and the weight (out, in) {w.shape}, but "
                "must have at least 1 axis and exactly 2",
                "Reshape them; one vector is an input of shape (in,)",
            )
        if x.shape[-1] != w.shape[1]:
            raise InputError(
                "linear",
                f"the weight (out, in) = {w.shape} takes {w.shape[1]} features, but the input of "
                f"shape {x.shape} has {x.shape[-1]} on its last axis",
                f"Flatten the input first (nn.Flatten), or use in_features={x.shape[-1]}"
                if x.ndim > 2
                else f"Use in_features={x.shape[-1]}, or feed images of the size the network is "
                "made for",
            )
        if b is not None and b.shape != w.shape[:1]:
            raise InputError(
                "linear",
                f"the bias has shape {b.shape}, but the weight {w.shape} has {w.shape[0]} outputs",
                f"Give a bias of shape ({w.shape[0]},) or None",
            )
        check_dtypes("linear", x, w, b)
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        y = active().matmul.matmul(_rows(x), w.T).reshape(*x.shape[:-1], len(w))
        self.multiply_adds = _multiply_adds(y, x.shape[-1], self.needs)
        if b is not None:
            y += b
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        """∂L/∂x = grad · w, ∂L/∂w = gradᵀ · x, ∂L/∂b = Σ grad; sums run over all leading axes."""
        x, w = self.saved
        dx = dw = db = None
        product = active().matmul.matmul
        flat = _rows(grad)
        if self.needs[0]:
            dx = product(flat, w).reshape(*grad.shape[:-1], w.shape[1])
        if self.needs[1]:
            dw = product(flat.T, _rows(x))  # (O, I)
        if self.needs[2]:
            db = flat.sum(axis=0)
        return dx, dw, db


def _rows(x: Array) -> Array:
    """x (…, I) as (rows, I): all leading axes made one; a vector is one row."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _multiply_adds(y: Array, terms: int, needs: tuple[bool, ...]) -> tuple[int, int]:
    """Each element of y is a sum of `terms` products; each factor's gradient takes as many."""
    number = np.size(y) * terms
    return number, number * sum(needs[:2])
