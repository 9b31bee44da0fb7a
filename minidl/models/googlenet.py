"""GoogLeNet, the first Inception network: filters of several sizes side by side.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going Deeper with
Convolutions, 2015.
"""

from collections.abc import Sequence
from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNormReLU2d,
    Conv2d,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from minidl.tensor import Tensor

MODULES = {  # 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Inception(Module):
    """y = [1×1, 1×1 → 3×3, 1×1 → 5×5, max pool → 1×1] along the channels.

    Nobody has to choose the size of the filters: all work side by side, on the same input. A 1×1
    convolution in front of the large filters keeps that cheap. For 256 channels of 28 × 28 pixels
    and 128, 192 and 96 filters, the lecture's example, the three convolutions would take 854 M
    multiply-accumulates; behind reductions to 64 channels, and with a projection to 64 behind the
    pool, it is 271 M. (The slide's 358 M has 128 channels in front of the 3×3.)
    """

    def __init__(self, in_channels: int, filters: Sequence[int], batch_norm: bool) -> None:
        one, three_reduce, three, five_reduce, five, projection = filters
        self.out_channels = one + three + five + projection
        self.branch1 = _conv(in_channels, one, 1, batch_norm=batch_norm)
        self.branch2 = Sequential(
            _conv(in_channels, three_reduce, 1, batch_norm=batch_norm),
            _conv(three_reduce, three, 3, batch_norm=batch_norm),
        )
        self.branch3 = Sequential(
            _conv(in_channels, five_reduce, 1, batch_norm=batch_norm),
            _conv(five_reduce, five, 3 if batch_norm else 5, batch_norm=batch_norm),
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1),
            _conv(in_channels, projection, 1, batch_norm=batch_norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, out_channels, H, W)."""
        return F.concatenate(
            [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], axis=1
        )


class AuxiliaryHead(Module):
    """A small classifier halfway up: average pool, 1×1 convolution, two fully connected layers."""

    def __init__(
        self, pool: Module, in_channels: int, num_classes: int, batch_norm: bool, width: float
    ) -> None:
        filters, hidden = round(128 * width), round(1024 * width)
        self.pool = pool
        self.conv = _conv(in_channels, filters, 1, batch_norm=batch_norm)
        self.fc1 = Linear(filters * 4 * 4, hidden)
        self.fc2 = Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits from x (N, in_channels, 14, 14)."""
        x = self.conv(self.pool(x)).flatten(1)  # (N, 128 · 4 · 4)
        x = F.dropout(F.relu(self.fc1(x)), 0.7, self.training)  # (N, 1024)
        return self.fc2(x)  # (N, num_classes)


class GoogLeNet(Module):
    """Nine Inception modules on a stem of three convolutions; global average pooling, a classifier.

        layer       output           filters of the module              weights         MACs
        conv1      64 × 112 × 112    7×7, stride 2                        9,408      118.0 M
        conv2      64 × 56 × 56      max pool, then 1×1                   4,096       12.8 M
        conv3     192 × 56 × 56      3×3                                110,592      346.8 M
        3a        256 × 28 × 28      max pool before it                 163,328      128.0 M
        3b        480 × 28 × 28      the filters are listed             388,096      304.3 M
        4a        512 × 14 × 14      in MODULES; max pool before it     375,552       73.6 M
        4b        512 × 14 × 14                                         448,512       87.9 M
        4c        512 × 14 × 14                                         509,440       99.9 M
        4d        528 × 14 × 14                                         604,672      118.5 M
        4e        832 × 14 × 14                                         867,328      170.0 M
        5a        832 × 7 × 7        max pool before it               1,042,432       51.1 M
        5b       1024 × 7 × 7                                         1,442,816       70.7 M
        fc       1000                global average pool, dropout     1,024,000        1.0 M
                                     with 8,280 biases:               6,998,552    1,582.7 M
        aux1     1000                on 4a, in training only          3,188,840        4.2 M
        aux2     1000                on 4d, in training only          3,190,888        4.2 M
                                                                     13,378,280

    In training mode `forward` returns (logits, aux1, aux2), and the heads' losses count 0.3 each:

        logits, aux1, aux2 = model(images)
        loss = F.cross_entropy(logits, labels) + 0.3 * (
            F.cross_entropy(aux1, labels) + F.cross_entropy(aux2, labels)
        )

    which is also `minidl.models.auxiliary.auxiliary_loss(model(images), labels)`. In evaluation
    mode, or with aux=False, it returns the logits alone.

    With batch_norm it is torchvision's network: batch norm (eps 10⁻³) before each ReLU in place of
    the biases, no response normalisation, 3×3 filters where the paper has 5×5, a 2×2 max pool
    before 5a, heads on an adaptive pool, and 0.2 dropout before fc instead of 0.4: 6,624,904
    parameters, with heads 13,004,888; 1,498.4 M MACs.

    State-dict keys are torchvision's; without batch norm a convolution has a `bias` in place of a
    `bn`.

    Deviations: the paper's table has the same numbers within 2 % (its K is 1024) but for 4c (463 K
    weights), 5a (1072 K, 54 M) and conv1 (2.7 K, 34 M: those of a separable 7×7). The response
    normalisation divides α by the number of channels, as the Berkeley version does that the weights
    are counted from. The first weights are those of He et al., a year younger than the paper, which
    names none; without them the signal fades on its way through 22 layers.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        batch_norm: torchvision's variant.
        aux: whether to build the auxiliary heads.
        stem: "imagenet", or "cifar" for 32 × 32: conv1 is 3×3 with stride 1. Then 3a, 4a and 5a
            see 8 × 8, 4 × 4 and 2 × 2 pixels, and the heads take the 4 × 4 as they are.
        width: all layers have so many times the channels.
        drop_rate: dropout before fc.

    Shapes: x (N, in_channels, 224, 224), with stem="cifar" (N, in_channels, 32, 32) → logits
    (N, num_classes). In evaluation mode the size is free.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        batch_norm: bool = False,
        aux: bool = True,
        stem: str = "imagenet",
        width: float = 1.0,
        drop_rate: float = 0.4,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem of a GoogLeNet is 'imagenet' or 'cifar', not {stem!r}")
        small = stem == "cifar"
        first, second = round(64 * width), round(192 * width)

        def norm() -> Module:
            return Identity() if batch_norm else LocalResponseNorm(5, alpha=1e-4, beta=0.75)

        def module(in_channels: int, name: str) -> Inception:
            return Inception(in_channels, [round(c * width) for c in MODULES[name]], batch_norm)

        def head(in_channels: int) -> AuxiliaryHead:
            paper = Identity() if small else AvgPool2d(5, stride=3)
            pool = AdaptiveAvgPool2d(4) if batch_norm else paper
            return AuxiliaryHead(pool, in_channels, num_classes, batch_norm, width)

        self.conv1 = _conv(
            in_channels, first, 3 if small else 7, 1 if small else 2, batch_norm=batch_norm
        )
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = norm()
        self.conv2 = _conv(first, first, 1, batch_norm=batch_norm)
        self.conv3 = _conv(first, second, 3, batch_norm=batch_norm)
        self.norm2 = norm()
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = module(second, "3a")
        self.inception3b = module(self.inception3a.out_channels, "3b")
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = module(self.inception3b.out_channels, "4a")
        self.inception4b = module(self.inception4a.out_channels, "4b")
        self.inception4c = module(self.inception4b.out_channels, "4c")
        self.inception4d = module(self.inception4c.out_channels, "4d")
        self.inception4e = module(self.inception4d.out_channels, "4e")
        self.maxpool4 = MaxPool2d(2 if batch_norm else 3, stride=2, ceil_mode=True)
        self.inception5a = module(self.inception4e.out_channels, "5a")
        self.inception5b = module(self.inception5a.out_channels, "5b")
        self.aux1 = head(self.inception4a.out_channels) if aux else None
        self.aux2 = head(self.inception4d.out_channels) if aux else None
        self.drop_rate = drop_rate
        self.fc = Linear(self.inception5b.out_channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, Conv2d):
                init.kaiming_normal_(layer.weight)
            if isinstance(layer, Linear):
                init.normal_(layer.weight, std=0.01)
            if isinstance(layer, Conv2d | Linear) and layer.bias is not None:
                init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Compute logits; in training mode those of the two auxiliary heads as well."""
        x = self.norm1(self.maxpool1(self.conv1(x)))  # (N, 64, 56, 56)
        x = self.norm2(self.conv3(self.conv2(x)))  # (N, 192, 56, 56)
        x = self.maxpool2(x)  # (N, 192, 28, 28)
        x = self.inception3a(x)  # (N, 256, 28, 28)
        x = self.inception3b(x)  # (N, 480, 28, 28)
        x = self.maxpool3(x)  # (N, 480, 14, 14)
        x4a = self.inception4a(x)  # (N, 512, 14, 14)
        x = self.inception4b(x4a)  # (N, 512, 14, 14)
        x = self.inception4c(x)  # (N, 512, 14, 14)
        x4d = self.inception4d(x)  # (N, 528, 14, 14)
        x = self.inception4e(x4d)  # (N, 832, 14, 14)
        x = self.maxpool4(x)  # (N, 832, 7, 7)
        x = self.inception5a(x)  # (N, 832, 7, 7)
        x = self.inception5b(x)  # (N, 1024, 7, 7)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1024)
        logits = self.fc(F.dropout(x, self.drop_rate, self.training))  # (N, num_classes)
        if self.training and self.aux1 is not None and self.aux2 is not None:
            return logits, self.aux1(x4a), self.aux2(x4d)
        return logits


def _conv(
    in_channels: int, channels: int, kernel_size: int, stride: int = 1, *, batch_norm: bool
) -> Sequential:
    """A convolution (padded to keep the size at stride 1), batch norm or a bias, and ReLU."""
    conv = Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2, bias=not batch_norm)
    if batch_norm:
        return Sequential({"conv": conv, "bn": BatchNormReLU2d(channels, eps=1e-3)})
    return Sequential({"conv": conv, "relu": ReLU()})


_PAPER = "Szegedy et al., Going Deeper with Convolutions, 2015"

register(
    "googlenet",
    GoogLeNet,
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=13_378_280,
    macs=1_582_671_872,
    small=Small(options={"stem": "cifar", "width": 0.25, "drop_rate": 0.0}),
)
register(
    "googlenet_bn",
    partial(GoogLeNet, batch_norm=True, drop_rate=0.2),
    paper=f"{_PAPER}, with batch norm as in torchvision",
    input_shape=(3, 224, 224),
    parameters=13_004_888,
    macs=1_498_376_192,
    small=Small(options={"stem": "cifar", "width": 0.25, "drop_rate": 0.0}),
)
