"""MobileNetV2: residual blocks that are wide inside and narrow outside.

Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018.
"""

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU6, Sequential, init
from minidl.tensor import Tensor

STAGES = [  # expansion t, channels c, blocks n, stride s of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def conv_bn_relu6(
    in_channels: int, channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> Sequential:
    """A convolution that keeps the size (but for its stride), batch norm, and min(max(x, 0), 6)."""
    return Sequential(
        Conv2d(
            in_channels, channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
        ),
        BatchNorm2d(channels),
        ReLU6(),
    )


class InvertedResidual(Module):
    """y = x + F(x), where F widens x by 1×1, filters each channel by 3×3, and narrows by 1×1.

    The shortcut joins the narrow ends. The last step is linear: in few channels ReLU would lose too
    much. Where the shape changes there is no shortcut; at expansion 1 there is no first step.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, expansion: int) -> None:
        hidden = expansion * in_channels
        self.has_shortcut = stride == 1 and in_channels == channels
        widen = [conv_bn_relu6(in_channels, hidden, 1)] if expansion > 1 else []
        self.conv = Sequential(
            *widen,
            conv_bn_relu6(hidden, hidden, 3, stride, groups=hidden),
            Conv2d(hidden, channels, 1, bias=False),
            BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV2(Module):
    """A 3×3 convolution, 17 inverted residual blocks, a 1×1 convolution, and a linear classifier.

        input              operator           t      c     n    s      the paper's table 2
        224 × 224 × 3      conv 3×3           –     32     1    2      features.0
        112 × 112 × 32     InvertedResidual   1     16     1    1      features.1
        112 × 112 × 16     InvertedResidual   6     24     2    2      features.2, 3
         56 × 56 × 24      InvertedResidual   6     32     3    2      features.4 – 6
         28 × 28 × 32      InvertedResidual   6     64     4    2      features.7 – 10
         14 × 14 × 64      InvertedResidual   6     96     3    1      features.11 – 13
         14 × 14 × 96      InvertedResidual   6    160     3    2      features.14 – 16
          7 × 7 × 160      InvertedResidual   6    320     1    1      features.17
          7 × 7 × 320      conv 1×1           –   1280     1    1      features.18
          7 × 7 × 1280     avg pool 7×7       –      –     1    –
          1 × 1 × 1280     linear             –   1000          –      classifier

        t: expansion, c: channels, n: blocks, s: stride of the first of them.

        width          1             0.75          0.5          0.25
        parameters     3,504,872     2,636,424     1,968,680    1,519,112
        MACs           300.8 M       209.1 M       97.1 M       37.2 M

    State-dict keys are torchvision's.

    Deviations: none from torchvision, which has a linear layer for the paper's last 1×1 convolution
    and rounds widths to multiples of 8. Another reading, that of MXNet's model zoo, cuts widths to
    integers, widens in the first block too, and has no bias in the classifier: 3,504,960 parameters
    for width 1. (A lecture's 3,539,136 are these and 34,176 running means and variances.)

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: all layers have `width` times the channels, but the last, where it is less than 1.
        dropout: before the classifier.
        stem_stride: 2; or 1 for small images, so that 32 × 32 end as 2 × 2.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
        dropout: float = 0.2,
        stem_stride: int = 2,
    ) -> None:
        channels = round_channels(32 * width)
        layers: list[Module] = [conv_bn_relu6(in_channels, channels, 3, stem_stride)]
        for t, c, n, s in STAGES:
            for position in range(n):
                out_channels = round_channels(c * width)
                layers.append(InvertedResidual(channels, out_channels, 1 if position else s, t))
                channels = out_channels
        last = round_channels(1280 * max(1.0, width))
        self.features = Sequential(*layers, conv_bn_relu6(channels, last, 1))
        self.classifier = Sequential(Dropout(dropout), Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 1280, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1280)
        return self.classifier(x)  # (N, num_classes)


def round_channels(channels: float) -> int:
    """The multiple of 8 next to `channels`, at least 8 and not below 90 % of it.

    Source: the published code; processors like such numbers.
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


register(
    "mobilenet_v2",
    MobileNetV2,
    paper="Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018",
    input_shape=(3, 224, 224),
    parameters=3_504_872,
    macs=300_774_272,
    small=Small(options={"width": 0.5, "dropout": 0.0, "stem_stride": 1}),
)
