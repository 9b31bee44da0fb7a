"""Inception v4: the modules of Inception v3 made uniform, and more of them.

Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning, 2016.
"""

from collections.abc import Callable
from typing import Any, Literal

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    AvgPool2d,
    BatchNormReLU2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    init,
)
from minidl.tensor import Tensor

Conv = Callable[..., Sequential]
"""What makes a convolution, batch norm and ReLU, of so many times the channels it is told."""


class Mixed3a(Module):
    """Half the height and width, by pooling and by a convolution side by side (figure 3).

    On small images neither takes a stride.
    """

    def __init__(self, conv: Conv, small: bool) -> None:
        if small:
            self.maxpool = MaxPool2d(3, stride=1, padding=1)
            self.conv = conv(64, 96, 3)
        else:
            self.maxpool = MaxPool2d(3, stride=2)
            self.conv = conv(64, 96, 3, stride=2, padding="valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 64, 147, 147) to (N, 160, 73, 73)."""
        return F.concatenate([self.maxpool(x), self.conv(x)], axis=1)


class Mixed4a(Module):
    """1×1 → 3×3 beside 1×1 → 1×7 → 7×1 → 3×3 (figure 3)."""

    def __init__(self, conv: Conv, padding: str) -> None:
        self.branch0 = Sequential(conv(160, 64, 1), conv(64, 96, 3, padding=padding))
        self.branch1 = Sequential(
            conv(160, 64, 1),
            conv(64, 64, (1, 7)),
            conv(64, 64, (7, 1)),
            conv(64, 96, 3, padding=padding),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 160, 73, 73) to (N, 192, 71, 71)."""
        return F.concatenate([self.branch0(x), self.branch1(x)], axis=1)


class Mixed5a(Module):
    """Half the height and width, by a convolution and by pooling side by side (figure 3)."""

    def __init__(self, conv: Conv) -> None:
        self.conv = conv(192, 192, 3, stride=2, padding="valid")
        self.maxpool = MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 192, 71, 71) to (N, 384, 35, 35)."""
        return F.concatenate([self.conv(x), self.maxpool(x)], axis=1)


class InceptionA(Module):
    """Figure 4: 1×1 · 1×1 → 3×3 · 1×1 → 3×3 → 3×3 · average pool → 1×1."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(384, 96, 1)
        self.branch1 = Sequential(conv(384, 64, 1), conv(64, 96, 3))
        self.branch2 = Sequential(conv(384, 64, 1), conv(64, 96, 3), conv(96, 96, 3))
        self.branch3 = Sequential(_average(), conv(384, 96, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 384, 35, 35) to as much."""
        return F.concatenate(
            [self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], axis=1
        )


class ReductionA(Module):
    """Figure 7: 3×3 · 1×1 → 3×3 → 3×3 · max pool, all with stride 2 at the end."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(384, 384, 3, stride=2, padding="valid")
        self.branch1 = Sequential(
            conv(384, 192, 1), conv(192, 224, 3), conv(224, 256, 3, stride=2, padding="valid")
        )
        self.branch2 = MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 384, 35, 35) to (N, 1024, 17, 17)."""
        return F.concatenate([self.branch0(x), self.branch1(x), self.branch2(x)], axis=1)


class InceptionB(Module):
    """Figure 5: 1×1 · 1×1 → 1×7 → 7×1 · 1×1 → 7×1 → 1×7 → 7×1 → 1×7 · average pool → 1×1."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(1024, 384, 1)
        self.branch1 = Sequential(
            conv(1024, 192, 1), conv(192, 224, (1, 7)), conv(224, 256, (7, 1))
        )
        self.branch2 = Sequential(
            conv(1024, 192, 1),
            conv(192, 192, (7, 1)),
            conv(192, 224, (1, 7)),
            conv(224, 224, (7, 1)),
            conv(224, 256, (1, 7)),
        )
        self.branch3 = Sequential(_average(), conv(1024, 128, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 1024, 17, 17) to as much."""
        return F.concatenate(
            [self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], axis=1
        )


class ReductionB(Module):
    """Figure 8: 1×1 → 3×3 · 1×1 → 1×7 → 7×1 → 3×3 · max pool, all with stride 2 at the end."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = Sequential(conv(1024, 192, 1), conv(192, 192, 3, stride=2, padding="valid"))
        self.branch1 = Sequential(
            conv(1024, 256, 1),
            conv(256, 256, (1, 7)),
            conv(256, 320, (7, 1)),
            conv(320, 320, 3, stride=2, padding="valid"),
        )
        self.branch2 = MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 1024, 17, 17) to (N, 1536, 8, 8)."""
        return F.concatenate([self.branch0(x), self.branch1(x), self.branch2(x)], axis=1)


class InceptionC(Module):
    """Figure 6: two branches end in 1×3 and 3×1 side by side.

    1×1 · 1×1 → (1×3 · 3×1) · 1×1 → 3×1 → 1×3 → (1×3 · 3×1) · average pool → 1×1.
    """

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(1536, 256, 1)
        self.branch1_0 = conv(1536, 384, 1)
        self.branch1_1a = conv(384, 256, (1, 3))
        self.branch1_1b = conv(384, 256, (3, 1))
        self.branch2_0 = conv(1536, 384, 1)
        self.branch2_1 = conv(384, 448, (3, 1))
        self.branch2_2 = conv(448, 512, (1, 3))
        self.branch2_3a = conv(512, 256, (1, 3))
        self.branch2_3b = conv(512, 256, (3, 1))
        self.branch3 = Sequential(_average(), conv(1536, 256, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 1536, 8, 8) to as much."""
        one = self.branch1_0(x)
        two = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        return F.concatenate(
            [
                self.branch0(x),
                self.branch1_1a(one),
                self.branch1_1b(one),
                self.branch2_3a(two),
                self.branch2_3b(two),
                self.branch3(x),
            ],
            axis=1,
        )


class InceptionV4(Module):
    """A stem, then 4 + 7 + 3 Inception modules with reductions between them, and a classifier.

        features   output            module                     parameters          MACs
        0           32 × 149 × 149   3×3, stride 2                     928        19.2 M
        1           32 × 147 × 147   3×3                             9,280       199.1 M
        2           64 × 147 × 147   3×3, padded                    18,560       398.3 M
        3          160 × 73 × 73     Mixed3a                        55,488       294.7 M
        4          192 × 71 × 71     Mixed4a                       189,312       972.2 M
        5          384 × 35 × 35     Mixed5a                       332,160       406.4 M
        6-9        384 × 35 × 35     InceptionA × 4, each          317,632       387.6 M
        10        1024 × 17 × 17     ReductionA                  2,306,112     1,097.2 M
        11-17     1024 × 17 × 17     InceptionB × 7, each        2,936,256       847.3 M
        18        1536 × 8 × 8       ReductionB                  2,747,392       511.1 M
        19-21     1536 × 8 × 8       InceptionC × 3, each        4,553,088       291.0 M
        linear    1000               average pool, dropout       1,537,000         1.5 M
                                                                42,679,816    12,254.0 M

    State-dict keys are timm's.

    Deviations: where the figures and the published weights differ, these are the weights': figure 3
    leaves out the stride of the convolution in Mixed5a, and figure 5 draws 1×7 twice where 1×7 and
    7×1 follow each other. Average pools leave out the zeros around the map, as TensorFlow's do. The
    paper says nothing of first weights; they are He et al.'s.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        blocks: how many InceptionA, InceptionB and InceptionC.
        stem: "imagenet", or "cifar" for 32 × 32: padded, and without the first two strides, so that
            the modules see 15 × 15, 7 × 7 and 3 × 3 pixels.
        width: all layers have so many times the channels; a multiple of 1/32.
        drop_rate: dropout before the classifier.

    Shapes: x (N, in_channels, 299, 299), with stem="cifar" (N, in_channels, 32, 32) → logits
    (N, num_classes). Other sizes will do, from 75 × 75.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        blocks: tuple[int, int, int] = (4, 7, 3),
        stem: str = "imagenet",
        width: float = 1.0,
        drop_rate: float = 0.2,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem of an Inception v4 is 'imagenet' or 'cifar', not {stem!r}")
        if width <= 0 or width * 32 % 1:
            raise ValueError(
                f"width={width} is not a multiple of 1/32, so the channels (32, 64, 96, …) would "
                f"not stay whole; the nearest is {max(round(width * 32), 1) / 32}"
            )

        def conv(in_channels: int, channels: int, *window: Any, **options: Any) -> Sequential:
            return _conv(round(in_channels * width), round(channels * width), *window, **options)

        small = stem == "cifar"
        padding: Literal["same", "valid"] = "same" if small else "valid"
        a, b, c = blocks
        self.features = Sequential(
            _conv(in_channels, round(32 * width), 3, 1 if small else 2, padding),
            conv(32, 32, 3, padding=padding),
            conv(32, 64, 3),
            Mixed3a(conv, small),
            Mixed4a(conv, padding),
            Mixed5a(conv),
            *(InceptionA(conv) for _ in range(a)),
            ReductionA(conv),
            *(InceptionB(conv) for _ in range(b)),
            ReductionB(conv),
            *(InceptionC(conv) for _ in range(c)),
        )
        self.drop_rate = drop_rate
        self.last_linear = Linear(round(1536 * width), num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 1536, 8, 8)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1536)
        x = F.dropout(x, self.drop_rate, self.training)
        return self.last_linear(x)  # (N, num_classes)


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


def _average() -> AvgPool2d:
    """The mean of the 3 × 3 pixels around each, as far as there are any."""
    return AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


register(
    "inception_v4",
    InceptionV4,
    paper="Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections "
    "on Learning, 2016",
    input_shape=(3, 299, 299),
    parameters=42_679_816,
    macs=12_253_974_624,
    small=Small(options={"blocks": (1, 2, 1), "stem": "cifar", "width": 0.125, "drop_rate": 0.0}),
)
