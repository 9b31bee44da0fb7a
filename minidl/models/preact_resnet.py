"""Residual networks whose shortcuts carry the signal untouched from the first block to the last.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, 2016.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.models.resnet import Block, MakeBlock, first_layers, stage, strides
from minidl.models.resnet_cifar import ZeroPadShortcut
from minidl.nn import BatchNormReLU2d, Conv2d, Module, Sequential, init
from minidl.tensor import Tensor


class PreActBlock(Block):
    """y = F(x) + shortcut(x), where F is BN-ReLU-conv-BN-ReLU-conv with 3×3 filters.

    In the blocks of 2015 a ReLU follows the sum; here nothing does. Block by block

        x_L = x_l + Σ_{i=l}^{L−1} F_i(x_i)        ∂loss/∂x_l = ∂loss/∂x_L (1 + …)

    so the gradient of the last block reaches every other, however many lie between.

    Where the shape changes, the shortcut starts behind the first BN-ReLU and is padded with zeros.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.out_channels = channels
        self.norm1 = BatchNormReLU2d(in_channels)
        self.conv1 = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.downsample: Module | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = ZeroPadShortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        active = self.norm1(x)
        shortcut = x if self.downsample is None else self.downsample(active)
        out = self.conv1(active)  # (N, channels, H/stride, W/stride)
        return self.conv2(self.norm2(out)) + shortcut


class PreActBottleneck(Block):
    """y = F(x) + shortcut(x), where F is 1×1, 3×3 and 1×1 convolutions, BN-ReLU before each.

    Where the shape changes, the shortcut starts behind the first BN-ReLU and is a 1×1 convolution.

    Args:
        in_channels: of x.
        channels: C; there are 4C at the end.
        stride: of one of the convolutions.
        stride_in: which: "3x3", or "1x1" for the first.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, stride_in: str = "3x3"
    ) -> None:
        first, second = strides(stride, stride_in)
        self.out_channels = 4 * channels
        self.downsample: Module | None = None
        if stride != 1 or in_channels != self.out_channels:
            projection = Conv2d(in_channels, self.out_channels, 1, stride, bias=False)
            self.downsample = Sequential({"conv": projection})
        self.norm1 = BatchNormReLU2d(in_channels)
        self.conv1 = Conv2d(in_channels, channels, 1, first, bias=False)
        self.norm2 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.norm3 = BatchNormReLU2d(channels)
        self.conv3 = Conv2d(channels, self.out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 4 · channels, H/stride, W/stride)."""
        active = self.norm1(x)
        shortcut = x if self.downsample is None else self.downsample(active)
        out = self.conv1(active)  # (N, channels, H, W)
        out = self.conv2(self.norm2(out))  # (N, channels, H/stride, W/stride)
        return self.conv3(self.norm3(out)) + shortcut


class PreActResNet(Module):
    """A convolution, stages of blocks, BN-ReLU, global average pooling, and a linear classifier.

        ImageNet   output       50 layers                  CIFAR      output     164 or 1001 layers
        stem       112 × 112    7×7, 64, stride 2          stem       32 × 32    3×3, 16
                    56 × 56     3×3 max pool, stride 2
        stages.0    56 × 56     [1×1, 64                   stages.0   32 × 32    [1×1, 16
                                 3×3, 64                                          3×3, 16
                                 1×1, 256] × 3                                    1×1, 64] × n
        stages.1    28 × 28     128, 128, 512 × 4          stages.1   16 × 16    32, 32, 128 × n
        stages.2    14 × 14     256, 256, 1024 × 6         stages.2    8 × 8     64, 64, 256 × n
        stages.3     7 × 7      512, 512, 2048 × 3
        head       1000         average pooling, linear    head       10         likewise

        network            blocks           parameters       MACs
        preact_resnet110   18, 18, 18        1,727,962      252.9 M    two 3×3 convolutions each
        preact_resnet164   18, 18, 18        1,703,258      244.5 M
        preact_resnet1001  111, 111, 111    10,327,706    1,487.8 M
        preact_resnet50    3, 4, 6, 3       25,549,352    4,089.2 M

    State-dict keys are timm's (resnetv2_50), whose classifier is a 1×1 convolution.

    Deviations: on CIFAR the bottleneck takes its stride in the first 1×1, as in the authors' code,
    on ImageNet in the 3×3, as in timm. On ImageNet the first BN-ReLU stands behind the max pooling
    (timm), in fb.resnet.torch before it. In the 110-layer network the paper starts the shortcut
    of the very first block behind BN-ReLU too; here it starts behind the convolution.

    Args:
        layers: the blocks of each stage.
        block: makes a block of (in_channels, channels, stride).
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: the channels of the first convolution and stage; each later stage has twice as many.
        stem: "imagenet", or "cifar" for small images: a 3×3 convolution with stride 1, no pooling.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        layers: tuple[int, ...] = (3, 4, 6, 3),
        block: MakeBlock = PreActBottleneck,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        stem: str = "imagenet",
    ) -> None:
        if not layers or min(layers) < 1:
            raise ValueError(
                f"layers is the number of blocks of each stage, at least 1, not {layers}; "
                "ResNet-50 has (3, 4, 6, 3)"
            )
        conv, pool = first_layers(stem, in_channels, width)
        self.stem = Sequential({"conv": conv, "pool": pool})
        channels, stages = width, []
        for k, blocks in enumerate(layers):
            made, channels = stage(block, channels, width * 2**k, blocks, 2 if k else 1)
            stages.append(Sequential({"blocks": made}))
        self.stages = Sequential(*stages)
        self.norm = BatchNormReLU2d(channels)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        classifier = Conv2d(channels, num_classes, 1)
        init.normal_(classifier.weight, 0, 0.01)
        assert classifier.bias is not None
        init.zeros_(classifier.bias)
        self.head = Sequential({"fc": classifier})

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.stem(x)  # (N, width, H/4, W/4), for stem="cifar" (N, width, H, W)
        x = self.stages(x)  # (N, channels, H/32, W/32), for three stages of CIFAR H/4
        x = F.adaptive_avg_pool2d(self.norm(x), 1)  # (N, channels, 1, 1)
        return self.head(x).flatten(1)  # (N, num_classes)


_PAPER = "He et al., Identity Mappings in Deep Residual Networks, 2016"
_CIFAR = partial(PreActResNet, num_classes=10, width=16, stem="cifar")
_STRIDE_FIRST = partial(PreActBottleneck, stride_in="1x1")

register(
    "preact_resnet110",
    partial(_CIFAR, layers=(18, 18, 18), block=PreActBlock),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=1_727_962,
    macs=252_887_680,
    small=Small(options={"layers": (3, 3, 3)}),
)
register(
    "preact_resnet164",
    partial(_CIFAR, layers=(18, 18, 18), block=_STRIDE_FIRST),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=1_703_258,
    macs=244_500_992,
    small=Small(options={"layers": (2, 2, 2)}),
)
register(
    "preact_resnet1001",
    partial(_CIFAR, layers=(111, 111, 111), block=_STRIDE_FIRST),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=10_327_706,
    macs=1_487_849_984,
    small=Small(options={"layers": (3, 3, 3)}),
)
register(
    "preact_resnet50",
    PreActResNet,
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=25_549_352,
    macs=4_089_184_256,
    small=Small(options={"layers": (2, 2, 2, 2), "width": 16, "stem": "cifar"}),
)
