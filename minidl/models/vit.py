"""Vision Transformer: an image is a sequence of patches, and attention is all that mixes them.

Dosovitskiy, Beyer, Kolesnikov and nine others: An Image is Worth 16x16 Words: Transformers for
Image Recognition at Scale, 2021.
"""

from functools import partial

import numpy as np

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, LayerNorm, Linear, Module, Parameter, Sequential, init
from minidl.tensor import Tensor


class PatchEmbed(Module):
    """The image cut into patches, each projected to a token: a convolution as long as its stride.

    Source: equation 1.
    """

    def __init__(self, in_channels: int, embed_dim: int, patch_size: int) -> None:
        self.proj = Conv2d(in_channels, embed_dim, patch_size, patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map images x (N, C, H, W) to tokens (N, L, E), L = H/patch_size · W/patch_size."""
        return self.proj(x).flatten(2).permute(0, 2, 1)


class Attention(Module):
    """Self-attention with H heads: every token looks at all tokens.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.2.2.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        self.num_heads = num_heads
        self.qkv = Linear(embed_dim, 3 * embed_dim)
        self.proj = Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens x (N, L, E) to the same shape."""
        N, L, E = x.shape
        H = self.num_heads
        qkv = self.qkv(x).reshape(N, L, 3, H, E // H).permute(2, 0, 3, 1, 4)  # (3, N, H, L, E/H)
        mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])  # (N, H, L, E/H)
        return self.proj(mixed.permute(0, 2, 1, 3).reshape(N, L, E))


class MLP(Module):
    """Two linear layers with GELU between, the same for every token."""

    def __init__(self, embed_dim: int) -> None:
        self.fc1 = Linear(embed_dim, 4 * embed_dim)
        self.fc2 = Linear(4 * embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens x (N, L, E) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(Module):
    """Attention, then an MLP, each with a layer norm in front and a shortcut around.

    Source: equations 2 and 3.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        self.norm1 = LayerNorm(embed_dim, eps=1e-6)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = LayerNorm(embed_dim, eps=1e-6)
        self.mlp = MLP(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens x (N, L, E) to the same shape."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(Module):
    """Patches as tokens, a class token in front, places added, blocks, and a linear classifier.

        layer          output             with patches of 16 × 16 pixels
        patch_embed    196 tokens         14 · 14 patches of a 224 × 224 image
        cls_token      197 tokens
        pos_embed      197 tokens
        blocks         197 tokens         12 blocks
        norm, head     1000               the class token alone

                       tiny               small              base
        embed_dim      192                384                768
        num_heads      3                  6                  12
        parameters     5,717,416          22,050,664         86,567,656
        MACs           1,074.9 M          4,241.2 M          16,848.5 M

    The products within attention, queries with keys and weights with values, are not among these
    MACs: 2 · 197² · embed_dim in each block (for base 715.3 M in all).

    State-dict keys are timm's (vit_base_patch16_224 and so on).

    Deviations: none known in what is computed. Dropout (0.1 in the paper's training on ImageNet
    alone) is left out. The paper has base, large and huge; small and tiny are those of Touvron et
    al., Training Data-Efficient Image Transformers, 2021. The weights of the linear layers start as
    there, normal with σ = 0.02.

    Args:
        embed_dim: E, the length of a token.
        num_heads: of the attention, a divisor of embed_dim.
        depth: the number of blocks.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        image_size: height and width of the images; each place has a vector of its own, so it is
            fixed.
        patch_size: height and width of a patch, a divisor of image_size.

    Shapes: x (N, in_channels, image_size, image_size) → logits (N, num_classes).
    """

    def __init__(
        self,
        embed_dim: int = 768,
        num_heads: int = 12,
        depth: int = 12,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        patch_size: int = 16,
    ) -> None:
        if embed_dim % num_heads:
            raise ValueError(
                f"embed_dim={embed_dim} features cannot be shared by num_heads={num_heads} heads: "
                f"{embed_dim} / {num_heads} = {embed_dim / num_heads:g}"
            )
        if image_size % patch_size:
            raise ValueError(
                f"patches of {patch_size} pixels do not tile an image of {image_size}: "
                f"{image_size} = {image_size // patch_size} · {patch_size} + "
                f"{image_size % patch_size}; choose patch_size among the divisors of image_size"
            )
        self.image_size = image_size
        tokens = 1 + (image_size // patch_size) ** 2
        self.cls_token = Parameter(np.empty((1, 1, embed_dim), np.float32))
        self.pos_embed = Parameter(np.empty((1, tokens, embed_dim), np.float32))
        self.patch_embed = PatchEmbed(in_channels, embed_dim, patch_size)
        self.blocks = Sequential(*(Block(embed_dim, num_heads) for _ in range(depth)))
        self.norm = LayerNorm(embed_dim, eps=1e-6)
        self.head = Linear(embed_dim, num_classes)
        init.trunc_normal_(self.cls_token, std=0.02)
        init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, Linear):
                init.trunc_normal_(module.weight, std=0.02)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits for images of image_size × image_size pixels."""
        if tuple(x.shape[2:]) != (self.image_size, self.image_size):
            raise ValueError(
                f"this ViT was made for images of {self.image_size} × {self.image_size} pixels, "
                f"but got shape {tuple(x.shape)}: each place has a vector of its own in pos_embed. "
                "Resize the images, or make the model with another image_size"
            )
        x = self.patch_embed(x)  # (N, L − 1, E)
        first = self.cls_token.broadcast_to((x.shape[0], 1, x.shape[2]))  # (N, 1, E)
        x = F.concatenate([first, x], axis=1) + self.pos_embed  # (N, L, E)
        x = self.norm(self.blocks(x))  # (N, L, E)
        return self.head(x[:, 0])  # (N, num_classes)


_VARIANTS = {  # embed_dim, num_heads, parameters, MACs
    "tiny": (192, 3, 5_717_416, 1_074_851_328),
    "small": (384, 6, 22_050_664, 4_241_218_560),
    "base": (768, 12, 86_567_656, 16_848_500_736),
}

for _size, (_embed_dim, _num_heads, _parameters, _macs) in _VARIANTS.items():
    register(
        f"vit_{_size}",
        partial(VisionTransformer, embed_dim=_embed_dim, num_heads=_num_heads),
        paper="Dosovitskiy et al., An Image is Worth 16x16 Words: Transformers for Image "
        "Recognition at Scale, 2021",
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(
            options={
                "embed_dim": 128,
                "num_heads": 4,
                "depth": 6,
                "image_size": 32,
                "patch_size": 8,
            }
        ),
    )
