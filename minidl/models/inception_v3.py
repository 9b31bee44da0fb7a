"""Inception v3: large filters taken apart into small and narrow ones.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision,
2015.
"""

from collections.abc import Callable
from typing import Any, Literal

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import BatchNormReLU2d, Conv2d, Identity, Linear, MaxPool2d, Module, Sequential, init
from minidl.tensor import Tensor

Conv = Callable[..., Sequential]
"""What makes a convolution, batch norm and ReLU, of so many times the channels it is told."""


class InceptionA(Module):
    """The paper's figure 5: a 5×5 filter as two of 3×3, which see as much for 18/25 of the cost.

    Side by side: 1×1 · 1×1 → 5×5 · 1×1 → 3×3 → 3×3 · average pool → 1×1.
    """

    def __init__(self, in_channels: int, pool_channels: int, conv: Conv) -> None:
        self.branch1x1 = conv(in_channels, 64, 1)
        self.branch5x5_1 = conv(in_channels, 48, 1)
        self.branch5x5_2 = conv(48, 64, 5)
        self.branch3x3dbl_1 = conv(in_channels, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3)
        self.branch3x3dbl_3 = conv(96, 96, 3)
        self.branch_pool = conv(in_channels, pool_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 224 + pool_channels, H, W)."""
        one = self.branch1x1(x)
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(F.avg_pool2d(x, 3, 1, 1))
        return F.concatenate([one, five, double, pool], axis=1)


class ReductionA(Module):
    """Half the height and width: 3×3 · 1×1 → 3×3 → 3×3 · max pool, all with stride 2 at the end.

    The paper's figure 10. Pooling before more filters would squeeze what the map says through a
    bottleneck; more filters before pooling would cost four times as much; side by side is neither.
    """

    def __init__(self, in_channels: int, conv: Conv) -> None:
        self.branch3x3 = conv(in_channels, 384, 3, stride=2, padding="valid")
        self.branch3x3dbl_1 = conv(in_channels, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3)
        self.branch3x3dbl_3 = conv(96, 96, 3, stride=2, padding="valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 480 + in_channels, ⌊(H − 1)/2⌋, ⌊(W − 1)/2⌋)."""
        three = self.branch3x3(x)
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return F.concatenate([three, double, F.max_pool2d(x, 3, 2)], axis=1)


class InceptionB(Module):
    """The paper's figure 6: a 7×7 filter as 1×7 and 7×1, for 2/7 of the cost.

    Side by side: 1×1 · 1×1 → 1×7 → 7×1 · 1×1 → 7×1 → 1×7 → 7×1 → 1×7 · average pool → 1×1.
    """

    def __init__(self, channels: int, conv: Conv) -> None:
        self.branch1x1 = conv(768, 192, 1)
        self.branch7x7_1 = conv(768, channels, 1)
        self.branch7x7_2 = conv(channels, channels, (1, 7))
        self.branch7x7_3 = conv(channels, 192, (7, 1))
        self.branch7x7dbl_1 = conv(768, channels, 1)
        self.branch7x7dbl_2 = conv(channels, channels, (7, 1))
        self.branch7x7dbl_3 = conv(channels, channels, (1, 7))
        self.branch7x7dbl_4 = conv(channels, channels, (7, 1))
        self.branch7x7dbl_5 = conv(channels, 192, (1, 7))
        self.branch_pool = conv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 768, H, W) to as much."""
        one = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pool = self.branch_pool(F.avg_pool2d(x, 3, 1, 1))
        return F.concatenate([one, seven, double, pool], axis=1)


class ReductionB(Module):
    """Half the height and width: 1×1 → 3×3 · 1×1 → 1×7 → 7×1 → 3×3 · max pool."""

    def __init__(self, conv: Conv) -> None:
        self.branch3x3_1 = conv(768, 192, 1)
        self.branch3x3_2 = conv(192, 320, 3, stride=2, padding="valid")
        self.branch7x7x3_1 = conv(768, 192, 1)
        self.branch7x7x3_2 = conv(192, 192, (1, 7))
        self.branch7x7x3_3 = conv(192, 192, (7, 1))
        self.branch7x7x3_4 = conv(192, 192, 3, stride=2, padding="valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 768, H, W) to (N, 1280, ⌊(H − 1)/2⌋, ⌊(W − 1)/2⌋)."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return F.concatenate([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], axis=1)


class InceptionC(Module):
    """The paper's figure 7: 1×3 and 3×1 side by side, to widen the coarsest maps.

    Side by side: 1×1 · 1×1 → (1×3 · 3×1) · 1×1 → 3×3 → (1×3 · 3×1) · average pool → 1×1.
    """

    def __init__(self, in_channels: int, conv: Conv) -> None:
        self.branch1x1 = conv(in_channels, 320, 1)
        self.branch3x3_1 = conv(in_channels, 384, 1)
        self.branch3x3_2a = conv(384, 384, (1, 3))
        self.branch3x3_2b = conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = conv(in_channels, 448, 1)
        self.branch3x3dbl_2 = conv(448, 384, 3)
        self.branch3x3dbl_3a = conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = conv(384, 384, (3, 1))
        self.branch_pool = conv(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 2048, H, W)."""
        one = self.branch1x1(x)
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pool = self.branch_pool(F.avg_pool2d(x, 3, 1, 1))
        return F.concatenate(
            [
                one,
                self.branch3x3_2a(three),
                self.branch3x3_2b(three),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                pool,
            ],
            axis=1,
        )


class AuxiliaryHead(Module):
    """A small classifier on the last 17 × 17 map, for training only.

    The paper finds that it does not help the lower layers to learn, but regularises: networks with
    it end up better, and without batch norm in it worse.
    """

    def __init__(self, num_classes: int, conv: Conv, width: float, pooled: bool) -> None:
        self.pooled = pooled
        self.conv0 = conv(768, 128, 1)
        self.conv1 = conv(128, 768, 5, padding="valid")
        self.fc = Linear(round(768 * width), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits from x (N, 768, 17, 17)."""
        if self.pooled:
            x = F.avg_pool2d(x, 5, 3)  # (N, 768, 5, 5)
        x = self.conv1(self.conv0(x))  # (N, 768, 1, 1)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 768)
        return self.fc(x)  # (N, num_classes)


class InceptionV3(Module):
    """Five convolutions, eleven modules on maps of three sizes, average pooling, a classifier.

        layer             output            module                          parameters         MACs
        Conv2d_1a_3x3      32 × 149 × 149   3×3, stride 2                          928       19.2 M
        Conv2d_2a_3x3      32 × 147 × 147   3×3                                  9,280      199.1 M
        Conv2d_2b_3x3      64 × 147 × 147   3×3, padded                         18,560      398.3 M
        Conv2d_3b_1x1      80 × 73 × 73     max pool, then 1×1                   5,280       27.3 M
        Conv2d_4a_3x3     192 × 71 × 71     3×3                                138,624      696.9 M
        Mixed_5b          256 × 35 × 35     max pool, then InceptionA          255,904      312.3 M
        Mixed_5c          288 × 35 × 35     InceptionA                         277,472      338.7 M
        Mixed_5d          288 × 35 × 35     InceptionA                         285,152      348.1 M
        Mixed_6a          768 × 17 × 17     ReductionA                       1,153,280      401.9 M
        Mixed_6b          768 × 17 × 17     InceptionB with 128 channels     1,297,408      374.1 M
        Mixed_6c          768 × 17 × 17     InceptionB with 160              1,691,008      487.7 M
        Mixed_6d          768 × 17 × 17     InceptionB with 160              1,691,008      487.7 M
        Mixed_6e          768 × 17 × 17     InceptionB with 192              2,141,952      617.9 M
        Mixed_7a         1280 × 8 × 8       ReductionB                       1,698,304      291.0 M
        Mixed_7b         2048 × 8 × 8       InceptionC                       5,044,608      322.4 M
        Mixed_7c         2048 × 8 × 8       InceptionC                       6,076,800      388.5 M
        fc               1000               average pool, dropout            2,049,000        2.0 M
                                                                            23,834,568    5,713.2 M
        AuxLogits        1000               on Mixed_6e, in training only    3,326,696        5.7 M
                                                                            27,161,264

    In training mode `forward` returns (logits, aux). The head's loss counts 0.4 in TensorFlow's
    code, from which the published weights are:

        logits, aux = model(images)
        loss = F.cross_entropy(logits, labels) + 0.4 * F.cross_entropy(aux, labels)

    which is also `minidl.models.auxiliary.auxiliary_loss(model(images), labels, weight=0.4)`. In
    evaluation mode, or with aux=False, it returns the logits alone.

    State-dict keys are torchvision's.

    Deviations: the stem is that of the published code; the paper's table 1 has 3×3 filters where
    Conv2d_3b is 1×1, stride 2 in place of the second max pool, and a third convolution behind it.
    Average pools count the zeros around the map, as in torchvision; TensorFlow does not.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        aux: whether to build the auxiliary head.
        stem: "imagenet", or "cifar" for 32 × 32: without the first stride and the first pool, as
            the paper's section 8 does for small images, and padded. The modules see 15 × 15, 7 × 7
            and 3 × 3 pixels, and the head takes the 7 × 7 as they are.
        width: all layers have so many times the channels; a multiple of 1/16.
        drop_rate: dropout before fc.

    Shapes: x (N, in_channels, 299, 299), with stem="cifar" (N, in_channels, 32, 32) → logits
    (N, num_classes). Other sizes will do, in evaluation mode from 75 × 75.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        aux: bool = True,
        stem: str = "imagenet",
        width: float = 1.0,
        drop_rate: float = 0.5,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem of an Inception v3 is 'imagenet' or 'cifar', not {stem!r}")
        if width <= 0 or width * 16 % 1:
            raise ValueError(
                f"width={width} is not a multiple of 1/16, so the channels (16, 32, 48, …) would "
                f"not stay whole; the nearest is {max(round(width * 16), 1) / 16}"
            )

        def conv(in_channels: int, channels: int, *window: Any, **options: Any) -> Sequential:
            return _conv(round(in_channels * width), round(channels * width), *window, **options)

        small = stem == "cifar"
        padding: Literal["same", "valid"] = "same" if small else "valid"
        self.Conv2d_1a_3x3 = _conv(in_channels, round(32 * width), 3, 1 if small else 2, padding)
        self.Conv2d_2a_3x3 = conv(32, 32, 3, padding=padding)
        self.Conv2d_2b_3x3 = conv(32, 64, 3)
        self.maxpool1 = Identity() if small else MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, 1)
        self.Conv2d_4a_3x3 = conv(80, 192, 3, padding=padding)
        self.maxpool2 = MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32, conv)
        self.Mixed_5c = InceptionA(256, 64, conv)
        self.Mixed_5d = InceptionA(288, 64, conv)
        self.Mixed_6a = ReductionA(288, conv)
        self.Mixed_6b = InceptionB(128, conv)
        self.Mixed_6c = InceptionB(160, conv)
        self.Mixed_6d = InceptionB(160, conv)
        self.Mixed_6e = InceptionB(192, conv)
        self.AuxLogits = AuxiliaryHead(num_classes, conv, width, not small) if aux else None
        self.Mixed_7a = ReductionB(conv)
        self.Mixed_7b = InceptionC(1280, conv)
        self.Mixed_7c = InceptionC(2048, conv)
        self.drop_rate = drop_rate
        self.fc = Linear(round(2048 * width), num_classes)
        deviations = {"AuxLogits.conv1.conv": 0.01, "AuxLogits.fc": 0.001}  # as published
        for name, layer in self.named_modules():
            if isinstance(layer, Conv2d | Linear):
                sigma = deviations.get(name, 0.1)
                init.trunc_normal_(layer.weight, std=sigma, a=-2 * sigma, b=2 * sigma)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Compute logits; in training mode those of the auxiliary head as well."""
        x = self.Conv2d_1a_3x3(x)  # (N, 32, 149, 149)
        x = self.Conv2d_2a_3x3(x)  # (N, 32, 147, 147)
        x = self.Conv2d_2b_3x3(x)  # (N, 64, 147, 147)
        x = self.maxpool1(x)  # (N, 64, 73, 73)
        x = self.Conv2d_3b_1x1(x)  # (N, 80, 73, 73)
        x = self.Conv2d_4a_3x3(x)  # (N, 192, 71, 71)
        x = self.maxpool2(x)  # (N, 192, 35, 35)
        x = self.Mixed_5b(x)  # (N, 256, 35, 35)
        x = self.Mixed_5c(x)  # (N, 288, 35, 35)
        x = self.Mixed_5d(x)  # (N, 288, 35, 35)
        x = self.Mixed_6a(x)  # (N, 768, 17, 17)
        x = self.Mixed_6b(x)  # (N, 768, 17, 17)
        x = self.Mixed_6c(x)  # (N, 768, 17, 17)
        x = self.Mixed_6d(x)  # (N, 768, 17, 17)
        x6e = self.Mixed_6e(x)  # (N, 768, 17, 17)
        x = self.Mixed_7a(x6e)  # (N, 1280, 8, 8)
        x = self.Mixed_7b(x)  # (N, 2048, 8, 8)
        x = self.Mixed_7c(x)  # (N, 2048, 8, 8)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 2048)
        logits = self.fc(F.dropout(x, self.drop_rate, self.training))  # (N, num_classes)
        if self.training and self.AuxLogits is not None:
            return logits, self.AuxLogits(x6e)
        return logits


def _conv(
    in_channels: int,
    channels: int,
    kernel_size: int | tuple[int, int],
    stride: int = 1,
    padding: Literal["same", "valid"] = "same",
) -> Sequential:
    """A convolution without bias, batch norm, and ReLU."""
    return Sequential(
        {
            "conv": Conv2d(in_channels, channels, kernel_size, stride, padding, bias=False),
            "bn": BatchNormReLU2d(channels, eps=1e-3),
        }
    )


register(
    "inception_v3",
    InceptionV3,
    paper="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015",
    input_shape=(3, 299, 299),
    parameters=27_161_264,
    macs=5_713_216_096,
    small=Small(options={"stem": "cifar", "width": 0.125, "drop_rate": 0.0}),
)
