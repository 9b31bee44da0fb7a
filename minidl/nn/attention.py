"""Attention with several heads."""

import numpy as np

import minidl.functional as F
from minidl.errors import InputError
from minidl.nn import init
from minidl.nn.linear import Linear
from minidl.nn.module import Module, as_tensor
from minidl.nn.parameter import Parameter
from minidl.tensor import ArrayLike, Tensor


class MultiheadAttention(Module):
    """Attention by H heads side by side, each on its own E/H features of query, key and value.

        q, k, v = query Wqᵀ + bq,  key Wkᵀ + bk,  value Wvᵀ + bv       in_proj: W = (Wq, Wk, Wv)
        head_h  = softmax(q_h k_hᵀ / √(E/H)) v_h                       features h·E/H … (h+1)·E/H
        y       = (head_0, …, head_{H−1}) Woᵀ + bo                     out_proj

    `attention(x, x, x)` is self-attention: the tokens of x look at each other. The result is a
    pair, the output and the weights (None if not asked for). A token that may look nowhere gets
    weights of 0, where PyTorch gives NaN as soon as the weights are asked for.

    The projections start as Xavier's uniform weights (W as one matrix) and Linear's (Wo), all
    biases as 0, as in PyTorch. The key's bias never changes what comes out: it adds the same number
    to all scores of a query, and softmax does not see that.

    Args:
        embed_dim: E, the length of a token.
        num_heads: H, a divisor of E.
        dropout: in training each weight is zero with this probability.
        bias: whether the projections add a bias.
        batch_first: sequences are (N, L, E), as everywhere else in minidl, and not (L, N, E).
            PyTorch's default is False, and is kept here.

    Shapes: query (N, L, E), key and value (N, S, E) → output (N, L, E), weights (N, L, S)
        · in_proj_weight (3E, E) · in_proj_bias (3E,) · out_proj.weight (E, E)
        · out_proj.bias (E,). A single sequence (L, E) is welcome too.
    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
            raise InputError(
                "MultiheadAttention",
                f"embed_dim={embed_dim} features cannot be shared by num_heads={num_heads} heads",
                "Choose a number of heads that divides embed_dim",
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.batch_first = batch_first
        self.in_proj_weight = Parameter(np.empty((3 * embed_dim, embed_dim), np.float32))
        init.xavier_uniform_(self.in_proj_weight)
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: ArrayLike,
        key: ArrayLike,
        value: ArrayLike,
        key_padding_mask: ArrayLike | None = None,
        need_weights: bool = True,
        attn_mask: ArrayLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Let every token of `query` look at all tokens of `key`.

        Masks of booleans are True where nobody may look. That is PyTorch's meaning here, and the
        opposite of its meaning in F.scaled_dot_product_attention. Masks of numbers are added to
        the scores.

        Args:
            query: (N, L, E); (L, N, E) unless batch_first.
            key: (N, S, E), likewise.
            value: (N, S, E), likewise.
            key_padding_mask: (N, S), True for keys that only fill up the sequence.
            need_weights: return the weights too. Without them it is faster.
            attn_mask: (L, S), or (N·H, L, S) for each sequence and head.
            average_attn_weights: weights are the mean over heads (N, L, S), not all (N, H, L, S).
            is_causal: token l may look at tokens 0 … l only.
        """
        query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
        single = query.ndim == 2
        if single:
            query, key, value = query[None], key[None], value[None]
        elif not self.batch_first:
            query, key, value = (x.transpose(1, 0, 2) for x in (query, key, value))
        self._check(query, key, value)

        q, k, v = (self._heads(part, x) for part, x in enumerate((query, key, value)))
        mask = self._mask(q, k, key_padding_mask, attn_mask, is_causal)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = F.dropout(F.attention_weights(q, k, mask), dropout)  # (N, H, L, S)
            mixed = weights @ v
            weights = weights.mean(axis=1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        joined = mixed.transpose(0, 2, 1, 3).reshape(query.shape)  # (N, L, E)
        output = self.out_proj(joined)

        if single:
            return output[0], None if weights is None else weights[0]
        return output if self.batch_first else output.transpose(1, 0, 2), weights

    def _heads(self, part: int, x: Tensor) -> Tensor:
        """Project x (N, L, E) by one part of the weight, and share it out: (N, H, L, E/H)."""
        N, L, E = x.shape
        rows = slice(part * E, (part + 1) * E)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = F.linear(x, self.in_proj_weight[rows], bias)
        return projected.reshape(N, L, self.num_heads, E // self.num_heads).transpose(0, 2, 1, 3)

    def _mask(
        self,
        q: Tensor,
        k: Tensor,
        key_padding_mask: ArrayLike | None,
        attn_mask: ArrayLike | None,
        is_causal: bool,
    ) -> Tensor | None:
        """All masks as one, to be added to the scores (N, H, L, S)."""
        N, H, L, _ = q.shape
        S = k.shape[2]
        parts = []
        if key_padding_mask is not None:
            padding = self._added("key_padding_mask", key_padding_mask, [(N, S)], q)
            parts.append(padding.reshape(N, 1, 1, S))
        if attn_mask is not None:
            added = self._added("attn_mask", attn_mask, [(L, S), (N * H, L, S)], q)
            parts.append(added if added.ndim == 2 else added.reshape(N, H, L, S))
        if is_causal:
            parts.append(self._added("is_causal", ~np.tri(L, S, dtype=bool), [(L, S)], q))
        return sum(parts[1:], parts[0]) if parts else None

    def _added(
        self, name: str, mask: ArrayLike, shapes: list[tuple[int, ...]], q: Tensor
    ) -> Tensor:
        """A mask as numbers to add to the scores: −∞ for True, 0 for False."""
        mask = as_tensor(mask)
        if mask.dtype == bool:
            mask = Tensor(np.where(mask.data, -np.inf, 0).astype(q.dtype))
        if mask.dtype.kind != "f":
            raise InputError(
                "MultiheadAttention",
                f"{name} holds {mask.dtype}, neither booleans (True: may not look) nor floating-"
                "point numbers, to be added to the scores",
                "Convert it, for example to booleans: mask == 0",
            )
        if mask.shape not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise InputError(
                "MultiheadAttention",
                f"{name} has shape {mask.shape}, not {wanted}",
                "key_padding_mask is (N, S), a row for each sequence; attn_mask is (L, S), a row "
                "for each query",
            )
        return mask.astype(q.dtype)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        N, E = query.shape[0], self.embed_dim
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != E:
                raise InputError(
                    "MultiheadAttention",
                    f"the {name} has shape {x.shape} as (batch, length, features), but must have "
                    f"3 axes and {E} features",
                    f"Use embed_dim={x.shape[2]}, or project it to {E} features first"
                    if x.ndim == 3
                    else "Images (N, E, H, W) become tokens by x.flatten(2).transpose(0, 2, 1)",
                )
            if x.shape[0] != N:
                raise InputError(
                    "MultiheadAttention",
                    f"there are {N} sequences of queries but {x.shape[0]} of the {name}",
                    f"batch_first={self.batch_first} reads (N, L, E)"
                    if self.batch_first
                    else "batch_first=False reads (L, N, E); for (N, L, E) use batch_first=True",
                )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"{self.embed_dim}, {self.num_heads}, dropout={self.dropout}, "
            f"bias={self.in_proj_bias is not None}, batch_first={self.batch_first}"
        )
