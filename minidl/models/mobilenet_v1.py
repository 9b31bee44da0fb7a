"""MobileNet: convolutions taken apart into a spatial step and a step across channels.

Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam: MobileNets: Efficient Convolutional
Neural Networks for Mobile Vision Applications, 2017.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, Module, Sequential, init
from minidl.tensor import Tensor

STAGES = [  # blocks, filters, stride of the first block
    (1, 64, 1),
    (2, 128, 2),
    (2, 256, 2),
    (6, 512, 2),
    (2, 1024, 2),
]


class SeparableBlock(Module):
    """A 3×3 convolution within each channel, then a 1×1 across channels, each with BN and ReLU.

    For M channels in and N out it takes 9 M + M N multiplications a pixel; an ordinary 3×3
    convolution takes 9 M N, about nine times as many.

    Batch norm and ReLU are one op here (`BatchNormReLU2d`), which saves a trip to memory.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.conv_dw = Conv2d(
            in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False
        )
        self.bn1 = BatchNormReLU2d(in_channels)
        self.conv_pw = Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        x = self.bn1(self.conv_dw(x))  # (N, in_channels, H/stride, W/stride)
        return self.bn2(self.conv_pw(x))  # (N, channels, H/stride, W/stride)


class FullBlock(Module):
    """What `SeparableBlock` stands for: an ordinary 3×3 convolution with BN and ReLU."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.conv = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        return self.bn1(self.conv(x))


class MobileNetV1(Module):
    """A 3×3 convolution, 13 blocks, global average pooling, and a linear classifier.

        type / stride         filters              input             the paper's table 1
        conv / 2              3×3×3×32             224 × 224 × 3
        conv dw / 1           3×3×32 dw            112 × 112 × 32    conv_stem ↑, blocks.0 ↓
        conv / 1              1×1×32×64            112 × 112 × 32
        conv dw / 2           3×3×64 dw            112 × 112 × 64    blocks.1
        conv / 1              1×1×64×128            56 × 56 × 64
        conv dw / 1           3×3×128 dw            56 × 56 × 128
        conv / 1              1×1×128×128           56 × 56 × 128
        conv dw / 2           3×3×128 dw            56 × 56 × 128    blocks.2
        conv / 1              1×1×128×256           28 × 28 × 128
        conv dw / 1           3×3×256 dw            28 × 28 × 256
        conv / 1              1×1×256×256           28 × 28 × 256
        conv dw / 2           3×3×256 dw            28 × 28 × 256    blocks.3
        conv / 1              1×1×256×512           14 × 14 × 256
        5× conv dw / 1        3×3×512 dw            14 × 14 × 512
           conv / 1           1×1×512×512           14 × 14 × 512
        conv dw / 2           3×3×512 dw            14 × 14 × 512    blocks.4
        conv / 1              1×1×512×1024           7 × 7 × 512
        conv dw / 1           3×3×1024 dw            7 × 7 × 1024
        conv / 1              1×1×1024×1024          7 × 7 × 1024
        avg pool              7×7                    7 × 7 × 1024
        linear                1024×1000              1 × 1 × 1024    classifier

        width          1          0.75         0.5        0.25       1, full convolutions
        parameters     4,231,976  2,585,560    1,331,592  470,072    29,294,088
        MACs           568.7 M    325.4 M      149.5 M    41.0 M     4,867.3 M

    State-dict keys are those of timm's mobilenetv1_100.

    Deviations: the paper's table gives the last depthwise convolution stride 2, but its output is
    7 × 7 as its input is, so the stride is 1. ReLU as the paper says; the published code has ReLU6.
    Weights start as He et al. say; the paper says nothing about them.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: the paper's α: all layers have α times the channels.
        block: `SeparableBlock`, or `FullBlock` for the twin that shows what separating saves.
        stem_stride: 2; or 1 for small images, so that 32 × 32 end as 2 × 2.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
        block: type[SeparableBlock] | type[FullBlock] = SeparableBlock,
        stem_stride: int = 2,
    ) -> None:
        channels = int(32 * width)
        if channels < 1:
            raise ValueError(
                f"width={width} leaves the first convolution 32 · {width} = {32 * width:g} "
                "channels; the paper's widths are 1, 0.75, 0.5 and 0.25"
            )
        self.conv_stem = Conv2d(in_channels, channels, 3, stem_stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        stages = []
        for blocks, filters, stride in STAGES:
            stage = []
            for position in range(blocks):
                stage.append(block(channels, int(filters * width), 1 if position else stride))
                channels = int(filters * width)
            stages.append(Sequential(*stage))
        self.blocks = Sequential(*stages)
        self.classifier = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv_stem(x))  # (N, 32, H/2, W/2), times the width
        x = self.blocks(x)  # (N, 1024, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1024)
        return self.classifier(x)  # (N, num_classes)


_PAPER = (
    "Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
    "Applications, 2017"
)

register(
    "mobilenet_v1",
    MobileNetV1,
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=4_231_976,
    macs=568_740_352,
    small=Small(options={"width": 0.5, "stem_stride": 1}),
)
register(
    "mobilenet_v1_conv",
    partial(MobileNetV1, block=FullBlock),
    paper=f"{_PAPER} (table 4: full convolutions)",
    input_shape=(3, 224, 224),
    parameters=29_294_088,
    macs=4_867_293_184,
    small=Small(options={"width": 0.25, "stem_stride": 1}),
)
