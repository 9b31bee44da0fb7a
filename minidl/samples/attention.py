"""Attention with every kind of mask, with and without leading axes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl import random
from minidl.ops.attention import AttentionWeights, ScaledDotProductAttention
from minidl.samples.sample import Draw, Sample, normal
from minidl.tensor import Tensor

L, S, E, V = 3, 5, 4, 2
_MAY_LOOK = np.arange(L * S).reshape(L, S) % 4 != 1
_NOWHERE = _MAY_LOOK & (np.arange(L) != 1)[:, None]  # query 1 may look at nothing


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    options: dict[str, dict[str, Any]] = {
        "one sequence": {},
        "causal": {"is_causal": True},
        "scale": {"scale": 0.3},
        "mask of booleans": {"attn_mask": _MAY_LOOK},
        "a query that may look nowhere": {"attn_mask": _NOWHERE},
        "mask of -inf": {"attn_mask": np.where(_NOWHERE, 0.5, -np.inf)},
    }
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {
        "batch and heads": ((2, 6, L, E), (2, 6, S, E), (2, 6, S, V)),
        "stretched queries": ((L, E), (2, S, E), (2, S, V)),
        "stretched keys": ((2, L, E), (1, S, E), (1, S, V)),
        "values of more axes": ((L, E), (S, E), (2, S, V)),
        "one query, one key": ((1, E), (1, E), (1, V)),
    }
    masks = {"(L, S)": (L, S), "(1, S)": (1, S), "(2, 1, L, S)": (2, 1, L, S)}
    for label, more in options.items():
        weights = partial(F.attention_weights, **more)
        yield Sample(AttentionWeights, label, weights, _draws((L, E), (S, E)))
        attention = partial(F.scaled_dot_product_attention, **more)
        yield Sample(ScaledDotProductAttention, label, attention, _draws((L, E), (S, E), (S, V)))
    for label, (q, k, v) in shapes.items():
        yield Sample(AttentionWeights, label, F.attention_weights, _draws(q, k))
        yield Sample(
            ScaledDotProductAttention, label, F.scaled_dot_product_attention, _draws(q, k, v)
        )
    for label, mask in masks.items():
        label = f"learned mask {label}"
        q, k, v = (2, 6, L, E), (2, 6, S, E), (2, 6, S, V)
        yield Sample(AttentionWeights, label, F.attention_weights, _draws(q, k, mask))
        yield Sample(
            ScaledDotProductAttention,
            label,
            F.scaled_dot_product_attention,
            _draws(q, k, v, mask),
        )
    yield Sample(
        ScaledDotProductAttention,
        "dropout and everything else",
        _dropped,
        _draws((2, L, E), (S, E), (2, S, V), (L, S)),
    )


def _draws(*shapes: tuple[int, ...]) -> tuple[Draw, ...]:
    return tuple(normal(*shape) for shape in shapes)


def _dropped(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attention that drops the same weights in every call, so that differences can be taken."""
    before = random.get_state()
    random.manual_seed(0)
    y = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=0.4, scale=0.7)
    random.set_state(before)
    return y
