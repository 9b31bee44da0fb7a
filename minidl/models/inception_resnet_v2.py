"""Inception-ResNet v2: Inception modules that add to their input, scaled down.

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
    Identity,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    init,
)
from minidl.tensor import Tensor

Conv = Callable[..., Sequential]
"""What makes a convolution, batch norm and ReLU, of so many times the channels it is told."""


class Mixed5b(Module):
    """1×1 · 1×1 → 5×5 · 1×1 → 3×3 → 3×3 · average pool → 1×1, side by side: the stem's end."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(192, 96, 1)
        self.branch1 = Sequential(conv(192, 48, 1), conv(48, 64, 5))
        self.branch2 = Sequential(conv(192, 64, 1), conv(64, 96, 3), conv(96, 96, 3))
        self.branch3 = Sequential(
            AvgPool2d(3, stride=1, padding=1, count_include_pad=False), conv(192, 64, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 192, 35, 35) to (N, 320, 35, 35)."""
        return F.concatenate(
            [self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], axis=1
        )


class ResidualModule(Module):
    """y = ReLU(x + scale · W[branches of x]), where W is a 1×1 convolution without batch norm.

    W brings the branches to the channels of x. Where there are more than a thousand filters, the
    paper saw training die early, the last layer putting out nothing but zeros; with the sum scaled
    by 0.1 to 0.3 it does not. Neither a lower learning rate nor more batch norm helped.

    Args:
        branches: run side by side on x.
        features: how many channels they have in all.
        channels: how many x has.
        scale: what the branches count.
        relu: whether a ReLU follows the sum.
    """

    def __init__(
        self,
        branches: list[Sequential],
        features: int,
        channels: int,
        scale: float,
        relu: bool = True,
    ) -> None:
        self.branch_names = [f"branch{k}" for k in range(len(branches))]
        for name, branch in zip(self.branch_names, branches, strict=True):
            setattr(self, name, branch)
        self.conv2d = Conv2d(features, channels, 1)
        self.scale, self.relu = scale, relu

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, channels, H, W) to as much."""
        found = F.concatenate([getattr(self, name)(x) for name in self.branch_names], axis=1)
        y = x + self.scale * self.conv2d(found)
        return F.relu(y) if self.relu else y


def module_a(conv: Conv, width: float) -> ResidualModule:
    """Figure 16, for 35 × 35 maps: 1×1 · 1×1 → 3×3 · 1×1 → 3×3 → 3×3."""
    branches = [
        conv(320, 32, 1),
        Sequential(conv(320, 32, 1), conv(32, 32, 3)),
        Sequential(conv(320, 32, 1), conv(32, 48, 3), conv(48, 64, 3)),
    ]
    return ResidualModule(branches, round(128 * width), round(320 * width), scale=0.17)


def module_b(conv: Conv, width: float) -> ResidualModule:
    """Figure 17, for 17 × 17 maps: 1×1 · 1×1 → 1×7 → 7×1."""
    branches = [
        conv(1088, 192, 1),
        Sequential(conv(1088, 128, 1), conv(128, 160, (1, 7)), conv(160, 192, (7, 1))),
    ]
    return ResidualModule(branches, round(384 * width), round(1088 * width), scale=0.10)


def module_c(conv: Conv, width: float, scale: float = 0.20, relu: bool = True) -> ResidualModule:
    """Figure 19, for 8 × 8 maps: 1×1 · 1×1 → 1×3 → 3×1."""
    branches = [
        conv(2080, 192, 1),
        Sequential(conv(2080, 192, 1), conv(192, 224, (1, 3)), conv(224, 256, (3, 1))),
    ]
    return ResidualModule(branches, round(448 * width), round(2080 * width), scale, relu)


class ReductionA(Module):
    """Figure 7: 3×3 · 1×1 → 3×3 → 3×3 · max pool, all with stride 2 at the end."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = conv(320, 384, 3, stride=2, padding="valid")
        self.branch1 = Sequential(
            conv(320, 256, 1), conv(256, 256, 3), conv(256, 384, 3, stride=2, padding="valid")
        )
        self.branch2 = MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 320, 35, 35) to (N, 1088, 17, 17)."""
        return F.concatenate([self.branch0(x), self.branch1(x), self.branch2(x)], axis=1)


class ReductionB(Module):
    """Figure 18: 1×1 → 3×3 · 1×1 → 3×3 · 1×1 → 3×3 → 3×3 · max pool, stride 2 at the end."""

    def __init__(self, conv: Conv) -> None:
        self.branch0 = Sequential(conv(1088, 256, 1), conv(256, 384, 3, stride=2, padding="valid"))
        self.branch1 = Sequential(conv(1088, 256, 1), conv(256, 288, 3, stride=2, padding="valid"))
        self.branch2 = Sequential(
            conv(1088, 256, 1), conv(256, 288, 3), conv(288, 320, 3, stride=2, padding="valid")
        )
        self.branch3 = MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 1088, 17, 17) to (N, 2080, 8, 8)."""
        return F.concatenate(
            [self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], axis=1
        )


class InceptionResNetV2(Module):
    """A stem, then 10 + 20 + 10 residual modules with reductions between them, and a classifier.

        layer        output            module                       parameters          MACs
        conv2d_1a     32 × 149 × 149   3×3, stride 2                       928        19.2 M
        conv2d_2a     32 × 147 × 147   3×3                               9,280       199.1 M
        conv2d_2b     64 × 147 × 147   3×3, padded                      18,560       398.3 M
        conv2d_3b     80 × 73 × 73     max pool, then 1×1                5,280        27.3 M
        conv2d_4a    192 × 71 × 71     3×3                             138,624       696.9 M
        mixed_5b     320 × 35 × 35     max pool, then Mixed5b          268,320       327.4 M
        repeat       320 × 35 × 35     module_a × 10                 1,231,680     1,499.0 M
        mixed_6a    1088 × 17 × 17     ReductionA                    2,664,960     1,398.2 M
        repeat_1    1088 × 17 × 17     module_b × 20                22,535,680     6,498.8 M
        mixed_7a    2080 × 8 × 8       ReductionB                    3,880,960       585.4 M
        repeat_2    2080 × 8 × 8       module_c × 9                 18,318,816     1,170.2 M
        block8      2080 × 8 × 8       module_c, unscaled            2,035,424       130.0 M
        conv2d_7b   1536 × 8 × 8       1×1                           3,197,952       204.5 M
        classif     1000               average pool, dropout         1,537,000         1.5 M
                                                                    55,843,464    13,155.8 M

    State-dict keys are timm's.

    Deviations: the network is that of the published weights, which differs from the paper's figures
    15 to 19: the stem is Inception v3's with Mixed5b at its end, there are twice as many modules,
    they add to 1,088 and 2,080 channels where the figures say 1,154 and 2,048, and conv2d_7b
    follows. The paper says nothing of first weights; they are He et al.'s.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        blocks: how many `module_a`, `module_b` and `module_c`; the last of them has scale 1
            and no ReLU.
        stem: "imagenet", or "cifar" for 32 × 32: padded, without the first stride and the first
            pool, so that the modules see 15 × 15, 7 × 7 and 3 × 3 pixels.
        width: all layers have so many times the channels; a multiple of 1/16.
        drop_rate: dropout before the classifier.

    Shapes: x (N, in_channels, 299, 299), with stem="cifar" (N, in_channels, 32, 32) → logits
    (N, num_classes). Other sizes will do, from 75 × 75.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        blocks: tuple[int, int, int] = (10, 20, 10),
        stem: str = "imagenet",
        width: float = 1.0,
        drop_rate: float = 0.2,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(
                f"the stem of an Inception-ResNet v2 is 'imagenet' or 'cifar', not {stem!r}"
            )
        if width <= 0 or width * 16 % 1:
            raise ValueError(
                f"width={width} is not a multiple of 1/16, so the channels (32, 48, 64, …) would "
                f"not stay whole; the nearest is {max(round(width * 16), 1) / 16}"
            )

        def conv(in_channels: int, channels: int, *window: Any, **options: Any) -> Sequential:
            return _conv(round(in_channels * width), round(channels * width), *window, **options)

        if min(blocks) < 1:
            raise ValueError(f"blocks={blocks}: there is at least one module of each kind")
        small = stem == "cifar"
        padding: Literal["same", "valid"] = "same" if small else "valid"
        a, b, c = blocks
        self.conv2d_1a = _conv(in_channels, round(32 * width), 3, 1 if small else 2, padding)
        self.conv2d_2a = conv(32, 32, 3, padding=padding)
        self.conv2d_2b = conv(32, 64, 3)
        self.maxpool_3a = Identity() if small else MaxPool2d(3, stride=2)
        self.conv2d_3b = conv(64, 80, 1)
        self.conv2d_4a = conv(80, 192, 3, padding=padding)
        self.maxpool_5a = MaxPool2d(3, stride=2)
        self.mixed_5b = Mixed5b(conv)
        self.repeat = Sequential(*(module_a(conv, width) for _ in range(a)))
        self.mixed_6a = ReductionA(conv)
        self.repeat_1 = Sequential(*(module_b(conv, width) for _ in range(b)))
        self.mixed_7a = ReductionB(conv)
        self.repeat_2 = Sequential(*(module_c(conv, width) for _ in range(c - 1)))
        self.block8 = module_c(conv, width, scale=1.0, relu=False)
        self.conv2d_7b = conv(2080, 1536, 1)
        self.drop_rate = drop_rate
        self.classif = Linear(round(1536 * width), num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.conv2d_1a(x)  # (N, 32, 149, 149)
        x = self.conv2d_2a(x)  # (N, 32, 147, 147)
        x = self.conv2d_2b(x)  # (N, 64, 147, 147)
        x = self.maxpool_3a(x)  # (N, 64, 73, 73)
        x = self.conv2d_3b(x)  # (N, 80, 73, 73)
        x = self.conv2d_4a(x)  # (N, 192, 71, 71)
        x = self.maxpool_5a(x)  # (N, 192, 35, 35)
        x = self.mixed_5b(x)  # (N, 320, 35, 35)
        x = self.repeat(x)  # (N, 320, 35, 35)
        x = self.mixed_6a(x)  # (N, 1088, 17, 17)
        x = self.repeat_1(x)  # (N, 1088, 17, 17)
        x = self.mixed_7a(x)  # (N, 2080, 8, 8)
        x = self.block8(self.repeat_2(x))  # (N, 2080, 8, 8)
        x = self.conv2d_7b(x)  # (N, 1536, 8, 8)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1536)
        x = F.dropout(x, self.drop_rate, self.training)
        return self.classif(x)  # (N, num_classes)


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
    "inception_resnet_v2",
    InceptionResNetV2,
    paper="Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections "
    "on Learning, 2016",
    input_shape=(3, 299, 299),
    parameters=55_843_464,
    macs=13_155_794_016,
    small=Small(options={"blocks": (1, 2, 2), "stem": "cifar", "width": 0.125, "drop_rate": 0.0}),
)
