"""Xception: an Inception network in the extreme, with a filter for every channel.

Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2017.
"""

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    BatchNorm2d,
    BatchNormReLU2d,
    Conv2d,
    Identity,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from minidl.tensor import Tensor

ENTRY = [(128, 128), (256, 256), (728, 728)]  # the filters of each block; each halves the map
MIDDLE = (728, 728, 728)  # eight times, keeping the map
EXIT = (728, 1024)  # once, halving it


class Block(Module):
    """y = R(x) + S(x), where R is ReLU-separable-BN two or three times, then max pooling.

    S is the identity; where the map is halved, a 1×1 convolution with stride 2 and batch norm.
    Nothing stands between the 3×3 filters within the channels and the 1×1 filters across them:
    the paper finds a ReLU there does harm.

    Batch norm and the ReLU behind it are one op here (`BatchNormReLU2d`).
    """

    def __init__(
        self, in_channels: int, filters: list[int], stride: int, relu_first: bool = True
    ) -> None:
        self.skip: Module = Identity()
        self.skipbn: Module = Identity()
        if stride != 1:
            self.skip = Conv2d(in_channels, filters[-1], 1, stride, bias=False)
            self.skipbn = BatchNorm2d(filters[-1])
        layers: dict[str, Module] = {"0": ReLU()} if relu_first else {}
        position = len(layers)  # in the published code, where each ReLU counts
        for k, channels in enumerate(filters, start=1):
            norm = BatchNormReLU2d if k < len(filters) else BatchNorm2d
            layers[str(position)] = _separable(in_channels, channels)
            layers[str(position + 1)] = norm(channels)
            in_channels, position = channels, position + 3
        if stride != 1:
            layers["pool"] = MaxPool2d(3, stride, padding=1)
        self.rep = Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, filters[-1], ⌈H/stride⌉, ⌈W/stride⌉)."""
        return self.rep(x) + self.skipbn(self.skip(x))


class Xception(Module):
    """Two convolutions, 12 residual blocks, two separable convolutions, a classifier.

        flow     layer      output            filters                    parameters         MACs
        entry    conv1       32 × 149 × 149   3×3, stride 2                     928       19.2 M
                 conv2       64 × 147 × 147   3×3                            18,560      398.3 M
                 block1     128 × 74 × 74     128, 128, pool                 35,264      613.3 M
                 block2     256 × 37 × 37     256, 256, pool                136,064      602.1 M
                 block3     728 × 19 × 19     728, 728, pool                915,944    1,060.1 M
        middle   block4     728 × 19 × 19     728, 728, 728               1,613,976      581.1 M
        exit     block12   1024 × 10 × 10     728, 1024, pool             2,039,584      539.7 M
                 conv3     1536 × 10 × 10     separable                   1,585,152      158.2 M
                 conv4     2048 × 10 × 10     separable                   3,163,648      316.0 M
                 fc        1000               average pool, dropout       2,049,000        2.0 M
        with the seven blocks like block4 behind it, 5 to 11:            22,855,952    8,357.4 M

    State-dict keys are those of timm's legacy_xception.

    Deviations: none in the network; timm has no dropout unless asked. The paper says nothing of
    first weights; they are He et al.'s.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        middle: how many blocks the middle flow has.
        stem: "imagenet", or "cifar" for 32 × 32: padded, and without the first stride, so that the
            middle flow sees 4 × 4 pixels.
        width: all layers have so many times the channels.
        drop_rate: dropout before the classifier.

    Shapes: x (N, in_channels, 299, 299), with stem="cifar" (N, in_channels, 32, 32) → logits
    (N, num_classes). Other sizes will do.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        middle: int = 8,
        stem: str = "imagenet",
        width: float = 1.0,
        drop_rate: float = 0.5,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem of an Xception is 'imagenet' or 'cifar', not {stem!r}")
        stride, padding = (1, 1) if stem == "cifar" else (2, 0)

        def wide(*channels: int) -> list[int]:
            return [round(c * width) for c in channels]

        first, second, third, fourth = wide(32, 64, 1536, 2048)
        self.conv1 = Conv2d(in_channels, first, 3, stride, padding, bias=False)
        self.bn1 = BatchNormReLU2d(first)
        self.conv2 = Conv2d(first, second, 3, padding=padding, bias=False)
        self.bn2 = BatchNormReLU2d(second)
        rows = [*((filters, 2) for filters in ENTRY), *middle * [(MIDDLE, 1)], (EXIT, 2)]
        channels = second
        self.blocks = [f"block{k}" for k in range(1, len(rows) + 1)]
        for name, (filters, step) in zip(self.blocks, rows, strict=True):
            setattr(self, name, Block(channels, wide(*filters), step, name != "block1"))
            channels = wide(*filters)[-1]
        self.conv3 = _separable(channels, third)
        self.bn3 = BatchNormReLU2d(third)
        self.conv4 = _separable(third, fourth)
        self.bn4 = BatchNormReLU2d(fourth)
        self.drop_rate = drop_rate
        self.fc = Linear(fourth, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv1(x))  # (N, 32, 149, 149)
        x = self.bn2(self.conv2(x))  # (N, 64, 147, 147)
        for block in self.blocks:
            x = getattr(self, block)(x)  # (N, 728, 19, 19), the last (N, 1024, 10, 10)
        x = self.bn3(self.conv3(x))  # (N, 1536, 10, 10)
        x = self.bn4(self.conv4(x))  # (N, 2048, 10, 10)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 2048)
        return self.fc(F.dropout(x, self.drop_rate, self.training))  # (N, num_classes)


def _separable(in_channels: int, channels: int) -> Sequential:
    """3×3 within each channel, then 1×1 across them."""
    return Sequential(
        {
            "conv1": Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            "pointwise": Conv2d(in_channels, channels, 1, bias=False),
        }
    )


register(
    "xception",
    Xception,
    paper="Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017",
    input_shape=(3, 299, 299),
    parameters=22_855_952,
    macs=8_357_403_496,
    small=Small(options={"middle": 2, "stem": "cifar", "width": 0.25, "drop_rate": 0.0}),
)
