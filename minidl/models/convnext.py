"""ConvNeXt: a ResNet brought up to date, step by step, with what transformers do.

Liu, Mao, Wu, Feichtenhofer, Darrell, Xie: A ConvNet for the 2020s, 2022.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    GELU,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Module,
    Parameter,
    Sequential,
    init,
)
from minidl.tensor import Tensor


class LayerNorm2d(LayerNorm):
    """Layer normalisation of images: every pixel gets mean 0 and variance 1 over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the pixels of x (N, C, H, W)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Permute(Module):
    """The axes in another order."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        """Axis k of the result is axis axes[k] of x."""
        return x.permute(*self.axes)


class ConvNeXtBlock(Module):
    """y = x + λ · F(x), where F filters each channel by 7×7, then mixes channels in each pixel.

    The mixing is a transformer's: layer norm, a linear layer to four times the channels, GELU, a
    linear layer back. It takes the channels as last axis. λ is learned for each channel and starts
    at 10⁻⁶, so that a block begins as the identity (layer scale: Touvron et al., 2021). In
    training F is dropped with probability `drop_path`, for each image by itself.
    """

    def __init__(self, channels: int, drop_path: float) -> None:
        self.layer_scale = Parameter(np.full((channels, 1, 1), 1e-6, np.float32))
        self.block = Sequential(
            Conv2d(channels, channels, 7, padding=3, groups=channels),
            Permute((0, 2, 3, 1)),  # (N, H, W, C)
            LayerNorm(channels, eps=1e-6),
            Linear(channels, 4 * channels),
            GELU(),
            Linear(4 * channels, channels),
            Permute((0, 3, 1, 2)),  # (N, C, H, W)
        )
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to the same shape."""
        return x + F.drop_path(self.layer_scale * self.block(x), self.drop_path, self.training)


class ConvNeXt(Module):
    """A patch embedding, four stages of blocks with halvings between, and a linear classifier.

        layer         output       T            S            B            L
        features.0    56 × 56      4×4 convolution with stride 4, layer norm
        features.1    56 × 56       96 × 3       96 × 3      128 × 3      192 × 3
        features.2    28 × 28      layer norm, 2×2 convolution with stride 2
        features.3    28 × 28      192 × 3      192 × 3      256 × 3      384 × 3
        features.4    14 × 14      as before
        features.5    14 × 14      384 × 9      384 × 27     512 × 27     768 × 27
        features.6     7 × 7       as before
        features.7     7 × 7       768 × 3      768 × 3     1024 × 3     1536 × 3
        classifier    1000         pooling, layer norm, linear

        parameters                  28,589,128   50,223,688   88,591,464   197,767,336
        MACs                         4,455.5 M    8,683.7 M   15,354.7 M    34,361.4 M
        drop_path                  0.1          0.4          0.5          0.5

        channels × blocks in each stage; input 224 × 224

    State-dict keys are torchvision's.

    Deviations: none known.

    Args:
        channels: of the first stage; each of the others has twice those of the one before.
        depths: how many blocks each stage has.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        drop_path: with what probability the last block is dropped; it rises evenly from 0 for the
            first.
        patch_size: the kernel and stride of the first convolution: 4; less for small images.

    Shapes: x (N, in_channels, H, W), H and W at least 8 · patch_size → logits (N, num_classes).
    """

    def __init__(
        self,
        channels: int = 96,
        depths: Sequence[int] = (3, 3, 9, 3),
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_path: float = 0.1,
        patch_size: int = 4,
    ) -> None:
        layers: list[Module] = [
            Sequential(
                Conv2d(in_channels, channels, patch_size, patch_size),
                LayerNorm2d(channels, eps=1e-6),
            )
        ]
        rates = iter(np.linspace(0, drop_path, sum(depths)).tolist())
        for stage, depth in enumerate(depths):
            if stage > 0:
                layers.append(
                    Sequential(
                        LayerNorm2d(channels, eps=1e-6), Conv2d(channels, 2 * channels, 2, 2)
                    )
                )
                channels *= 2
            layers.append(Sequential(*(ConvNeXtBlock(channels, next(rates)) for _ in range(depth))))
        self.features = Sequential(*layers)
        self.classifier = Sequential(
            LayerNorm2d(channels, eps=1e-6), Flatten(), Linear(channels, num_classes)
        )
        for module in self.modules():
            if isinstance(module, Conv2d | Linear):
                init.trunc_normal_(module.weight, std=0.02)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 8 · channels, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1)  # (N, 8 · channels, 1, 1)
        return self.classifier(x)  # (N, num_classes)


_VARIANTS = {  # channels, depths, drop_path, parameters, MACs
    "tiny": (96, (3, 3, 9, 3), 0.1, 28_589_128, 4_455_531_264),
    "small": (96, (3, 3, 27, 3), 0.4, 50_223_688, 8_683_712_256),
    "base": (128, (3, 3, 27, 3), 0.5, 88_591_464, 15_354_729_472),
    "large": (192, (3, 3, 27, 3), 0.5, 197_767_336, 34_361_433_600),
}

for _size, (_channels, _depths, _drop_path, _parameters, _macs) in _VARIANTS.items():
    register(
        f"convnext_{_size}",
        partial(ConvNeXt, channels=_channels, depths=_depths, drop_path=_drop_path),
        paper="Liu et al., A ConvNet for the 2020s, 2022",
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(
            options={"channels": 32, "depths": (1, 1, 3, 1), "drop_path": 0.0, "patch_size": 2}
        ),
    )
