"""Attention."""

import math

from minidl.errors import InputError
from minidl.functional.arguments import as_tensor
from minidl.ops.attention import AttentionWeights, ScaledDotProductAttention
from minidl.tensor import ArrayLike, Tensor, apply


def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """For every query a mixture of the values, weighted by how well the query fits their keys.

        y = softmax(scale · query · keyᵀ + attn_mask) · value

    Args:
        query: (…, L, E).
        key: (…, S, E).
        value: (…, S, V). Leading axes, such as batch and heads, are broadcast.
        attn_mask: (L, S) or (…, L, S). Booleans: True where a query may look at a key. Numbers are
            added to the scores, and receive a gradient.
        dropout_p: each weight is set to zero with this probability, also in evaluation: pass 0
            there.
        is_causal: query l may look at keys 0 … l only; goes without attn_mask.
        scale: what the products are multiplied by; 1/√E if None, so that scores of normal vectors
            have variance 1.

    Returns:
        (…, L, V). A query that may look nowhere gets zeros.

    Raises:
        InputError: shapes or dtypes do not go together.

    Source: Vaswani et al., Attention Is All You Need, 2017, eq. 1.
    """
    operation = "scaled_dot_product_attention"
    if not 0 <= dropout_p <= 1:
        raise InputError(
            operation,
            f"the probability dropout_p={dropout_p} is not between 0 and 1",
            "Try dropout_p=0.1",
        )
    _check_one_mask(operation, attn_mask, is_causal)
    query = as_tensor(query)
    return apply(
        ScaledDotProductAttention,
        query,
        key,
        value,
        _mask(attn_mask, query),
        scale=_scale(query, scale),
        causal=is_causal,
        dropout=dropout_p,
    )


def attention_weights(
    query: ArrayLike,
    key: ArrayLike,
    attn_mask: ArrayLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """The weights that scaled_dot_product_attention mixes the values with, to look at them.

        P = softmax(scale · query · keyᵀ + attn_mask)

    Args and errors as for `scaled_dot_product_attention`; PyTorch has no such function.

    Returns:
        (…, L, S). Each row adds up to 1, but that of a query that may look nowhere to 0.
    """
    _check_one_mask("attention_weights", attn_mask, is_causal)
    query = as_tensor(query)
    return apply(
        AttentionWeights,
        query,
        key,
        _mask(attn_mask, query),
        scale=_scale(query, scale),
        causal=is_causal,
    )


def _scale(query: Tensor, scale: float | None) -> float:
    features = query.shape[-1] if query.ndim else 1
    return 1 / math.sqrt(max(features, 1)) if scale is None else float(scale)


def _mask(mask: ArrayLike | None, query: Tensor) -> Tensor | None:
    """The mask as a tensor, numbers in the query's dtype: np.where(…, -np.inf, 0) is float64."""
    if mask is None:
        return None
    mask = as_tensor(mask)
    return mask.astype(query.dtype) if mask.dtype.kind == query.dtype.kind == "f" else mask


def _check_one_mask(operation: str, mask: ArrayLike | None, is_causal: bool) -> None:
    if is_causal and mask is not None:
        raise InputError(
            operation,
            "attn_mask and is_causal=True are two masks",
            "Put both into one: attn_mask=mask & np.tri(L, S, dtype=bool)",
        )
