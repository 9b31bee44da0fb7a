"""What a transformer adds to its tokens before the first block."""

import numpy as np

import minidl.functional as F
from minidl.errors import InputError
from minidl.nn import init
from minidl.nn.module import Module, as_tensor
from minidl.nn.parameter import Parameter
from minidl.tensor import Tensor


class ClassToken(Module):
    """A learned token in front of every sequence, where the network gathers what it classifies by.

    It starts normal with σ = 0.02.

    Args:
        embed_dim: E, the length of a token.

    Shapes: x (N, L, E) → y (N, L + 1, E) · weight (1, 1, E).
    Source: Dosovitskiy et al., An Image is Worth 16x16 Words, 2021, eq. 1.
    """

    def __init__(self, embed_dim: int) -> None:
        self.embed_dim = embed_dim
        self.weight = Parameter(np.empty((1, 1, embed_dim), np.float32))
        init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Put the token in front of x (N, L, E)."""
        x = as_tensor(x)
        if x.ndim != 3 or x.shape[2] != self.embed_dim:
            raise InputError(
                "ClassToken",
                f"expected tokens (N, L, E) with E = {self.embed_dim}, got shape {x.shape}",
                f"Use embed_dim={x.shape[2]}"
                if x.ndim == 3
                else "Images (N, E, H, W) become tokens by x.flatten(2).transpose(0, 2, 1)",
            )
        token = self.weight.broadcast_to(x.shape[0], 1, self.embed_dim)
        return F.concatenate([token, x], axis=1)  # (N, 1 + L, E)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"{self.embed_dim}"


class PositionEmbedding(Module):
    """A learned vector for each place of a sequence, added to the token there.

    Attention itself does not see the order of its tokens; with this they carry their place. It
    starts normal with σ = 0.02.

    Args:
        length: L, the number of places, the class token's included.
        embed_dim: E, the length of a token.

    Shapes: x, y (N, L, E) · weight (1, L, E).
    Source: Dosovitskiy et al., An Image is Worth 16x16 Words, 2021, eq. 1.
    """

    def __init__(self, length: int, embed_dim: int) -> None:
        self.length, self.embed_dim = length, embed_dim
        self.weight = Parameter(np.empty((1, length, embed_dim), np.float32))
        init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Add its place to each token of x (N, L, E)."""
        x = as_tensor(x)
        if x.ndim != 3 or x.shape[1:] != (self.length, self.embed_dim):
            raise InputError(
                "PositionEmbedding",
                f"expected tokens (N, L, E) with L = {self.length} and E = {self.embed_dim}, got "
                f"shape {x.shape}",
                "Every place has a vector of its own: feed images of the size the model was made "
                "for, or give the length with which it shall be made",
            )
        return x + self.weight

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"{self.length}, {self.embed_dim}"
