"""Attention: every query looks at all keys, and takes a mixture of their values.

    q: (…, L, E)   k: (…, S, E)   v: (…, S, V)

    s[…,l,j] = scale · Σ_e q[…,l,e] · k[…,j,e]  + mask[…,l,j]       scores (…, L, S)
    P[…,l,j] = e^s[…,l,j] / Σ_i e^s[…,l,i]                          weights: each row adds up to 1
    y[…,l,d] = Σ_j P[…,l,j] · v[…,j,d]                              mixtures (…, L, V)

A mask of booleans says who may look where: False is a score of −∞, a weight of 0. A query that may
look nowhere has weights of 0 all along, and so a mixture of 0.

Backward, with dP = ∂L/∂P and so on:

    ds = P · (dP − Σ_j P dP)        as for any softmax; ds is also the gradient of the mask
    dq = scale · ds k               dk = scale · dsᵀ q

Source: Vaswani et al., Attention Is All You Need, 2017, eq. 1.
"""

import numpy as np

from minidl import random
from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.broadcast import checked_shapes, sum_to_shape
from minidl.ops.dtypes import check_float

Array = np.ndarray


class AttentionWeights(Op):
    """P = softmax(scale · q kᵀ + mask): how much of each value every query takes."""

    def forward(
        self, q: Array, k: Array, mask: Array | None, *, scale: float, causal: bool
    ) -> Array:
        """Compare q (…, L, E) with k (…, S, E); the weights are (…, L, S).

        With `causal` query l may look at keys 0 … l only.
        """
        _check_queries("attention_weights", q, k)
        p = _weights("attention_weights", q, k, mask, scale, causal)
        self.scale, self.mask_shape = scale, None if mask is None else mask.shape
        self.save(q, k, p)
        number = p.size * q.shape[-1]
        self.multiply_adds = number, number * sum(self.needs[:2])
        return p

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """∂L/∂q, ∂L/∂k and ∂L/∂mask from dP = grad, by way of ds (see above)."""
        q, k, p = self.saved
        return _score_gradients(q, k, p, grad, self.scale, self.mask_shape, self.needs)


class ScaledDotProductAttention(Op):
    """y = softmax(scale · q kᵀ + mask) v, in one step.

    With dropout the weights are first multiplied by `kept`: 0 with probability p and else
    1 / (1 − p), so that their expected value stays.
    """

    def forward(
        self,
        q: Array,
        k: Array,
        v: Array,
        mask: Array | None,
        *,
        scale: float,
        causal: bool,
        dropout: float,
    ) -> Array:
        """Mix v (…, S, V) for every query; weights are dropped with probability `dropout`."""
        _check_queries("scaled_dot_product_attention", q, k)
        _check_values(k, v)
        p = _weights("scaled_dot_product_attention", q, k, mask, scale, causal)
        checked_shapes("scaled_dot_product_attention", p.shape[:-2], v.shape[:-2])
        kept, dropped = None, p
        if dropout > 0:
            drawn = random.generator().random(p.shape, np.float32) >= dropout
            kept = drawn * p.dtype.type(1 / (1 - dropout) if dropout < 1 else 0)
            dropped = p * kept
        self.scale, self.mask_shape = scale, None if mask is None else mask.shape
        self.save(q, k, v, p, kept, dropped)
        y = dropped @ v
        scores, mixtures = p.size * q.shape[-1], y.size * v.shape[-2]
        needs_q, needs_k, needs_v, needs_mask = self.needs
        self.multiply_adds = (
            scores + mixtures,
            scores * (needs_q + needs_k)
            + mixtures * (needs_v + (needs_q or needs_k or needs_mask)),  # dv and dP
        )
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """dv = (P · kept)ᵀ grad and dP = kept · grad vᵀ; from dP go on as above."""
        q, k, v, p, kept, dropped = self.saved
        dq = dk = dv = dmask = None
        if self.needs[2]:
            dv = sum_to_shape(dropped.swapaxes(-1, -2) @ grad, v.shape)
        if self.needs[0] or self.needs[1] or self.needs[3]:
            dp = sum_to_shape(grad @ v.swapaxes(-1, -2), p.shape)
            dp = dp if kept is None else dp * kept
            wanted = (self.needs[0], self.needs[1], self.needs[3])
            dq, dk, dmask = _score_gradients(q, k, p, dp, self.scale, self.mask_shape, wanted)
        return dq, dk, dv, dmask


def _weights(
    operation: str, q: Array, k: Array, mask: Array | None, scale: float, causal: bool
) -> Array:
    """Softmax over the last axis of the masked scores (…, L, S)."""
    s = (q * scale) @ k.swapaxes(-1, -2)  # L·E products by scale instead of L·S
    if mask is not None:
        _check_mask(operation, mask, s)
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=np.bool_), s, -np.inf)
    top = s.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(s - np.where(top == -np.inf, 0, top))  # −∞ − (−∞) would be NaN
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)  # the total is 0 for a query that may look nowhere


def _score_gradients(
    q: Array,
    k: Array,
    p: Array,
    dp: Array,
    scale: float,
    mask_shape: tuple[int, ...] | None,
    wanted: tuple[bool, ...],
) -> tuple[Array | None, ...]:
    """∂L/∂q, ∂L/∂k and ∂L/∂mask, each where `wanted`, from the gradient of the weights."""
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
    dq = dk = dmask = None
    if wanted[0]:
        dq = sum_to_shape((ds @ k) * scale, q.shape)
    if wanted[1]:
        dk = sum_to_shape((ds.swapaxes(-1, -2) @ q) * scale, k.shape)
    if wanted[2] and mask_shape is not None:
        dmask = sum_to_shape(ds, mask_shape)
    return dq, dk, dmask


def _check_queries(operation: str, q: Array, k: Array) -> None:
    for name, array in (("query", q), ("key", k)):
        check_float(operation, array)
        if array.ndim < 2:
            raise InputError(
                operation,
                f"the {name} has shape {array.shape}, not (…, length, features)",
                "One query is a sequence of length 1: query[None]",
            )
    if q.shape[-1] != k.shape[-1]:
        raise InputError(
            operation,
            f"queries of shape {q.shape} have {q.shape[-1]} features and keys of shape {k.shape} "
            f"have {k.shape[-1]}, so there is no product of the two",
            "Both are (…, length, features); the lengths may differ, the features may not",
        )
    if q.dtype != k.dtype:
        raise InputError(
            operation,
            f"the query is {q.dtype} but the key is {k.dtype}",
            f"Convert one of them: key.astype('{q.dtype}')",
        )
    checked_shapes(operation, q.shape[:-2], k.shape[:-2])


def _check_values(k: Array, v: Array) -> None:
    operation = "scaled_dot_product_attention"
    if v.ndim < 2 or v.shape[-2] != k.shape[-2]:
        raise InputError(
            operation,
            f"keys of shape {k.shape} and values of shape {v.shape} do not go together",
            "Every key has one value: their lengths, on the second-to-last axis, must be equal",
        )
    if v.dtype != k.dtype:
        raise InputError(
            operation,
            f"the key is {k.dtype} but the value is {v.dtype}",
            f"Convert one of them: value.astype('{k.dtype}')",
        )


def _check_mask(operation: str, mask: Array, s: Array) -> None:
    if mask.dtype != bool and mask.dtype.kind != "f":
        raise InputError(
            operation,
            f"the mask holds {mask.dtype}, neither booleans (True: may look) nor floating-point "
            "numbers, to be added to the scores",
            "Convert it: mask == 1, for example",
        )
    fits = mask.ndim <= s.ndim and all(
        m in (1, n) for m, n in zip(mask.shape[::-1], s.shape[::-1], strict=False)
    )
    if not fits:
        raise InputError(
            operation,
            f"a mask of shape {mask.shape} does not fit the scores (…, L, S) = {s.shape}",
            "It has a row for each query and a column for each key; axes before these may be left "
            "out or have length 1",
        )
