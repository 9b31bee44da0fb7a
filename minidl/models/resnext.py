"""Residual networks whose bottlenecks are split into many narrow paths, computed as one.

Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations for Deep Neural Networks, 2017.

A block sums C paths of the same form, y = x + Σ_{i=1}^{C} T_i(x), each a 1×1, a narrow 3×3 and a
1×1 convolution. The C first 1×1 side by side are one 1×1; the 3×3 that do not see each other are
one convolution with C groups; and summing the last 1×1 is one 1×1 over all their channels. So the
block is ResNet's `Bottleneck` with groups. C is called the cardinality.

On ImageNet it is ResNet's table, with these channels of the 1×1, 3×3 and 1×1 convolutions:

    layer     output       resnext50_32x4d               resnext101_32x8d
    layer1     56 × 56     128, 128, 256 × 3             256, 256, 256 × 3
    layer2     28 × 28     256, 256, 512 × 4             512, 512, 512 × 4
    layer3     14 × 14     512, 512, 1024 × 6            1024, 1024, 1024 × 23
    layer4      7 × 7      1024, 1024, 2048 × 3          2048, 2048, 2048 × 3
               parameters  25,028,904                    88,791,336
               MACs        4,230.5 M                     16,414.0 M

State-dict keys are torchvision's.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.models.resnet import Bottleneck, ResNet, stage
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, Module, init
from minidl.tensor import Tensor


class ResNeXtCIFAR(Module):
    """A convolution, three stages of n bottlenecks, global average pooling, and a classifier.

        layer     output       filters                                       29 (8 × 64d), n = 3
        conv1     32 × 32      3×3, 64
        layer1    32 × 32      [1×1, D; 3×3, D, C groups; 1×1, 256] × n      D = C · 64 = 512
        layer2    16 × 16      [1×1, 2D; 3×3, 2D; 1×1, 512] × n
        layer3     8 × 8       [1×1, 4D; 3×3, 4D; 1×1, 1024] × n
        fc        10           average pooling, fully connected
                               parameters                                    34,426,698
                               MACs                                          5,387.3 M

    Depth: 9n + 2. With 16 groups of 64 there are 68,155,210 parameters and 10,688.9 M MACs.

    State-dict keys are like torchvision's for ImageNet.

    Args:
        depth: 9n + 2.
        cardinality: C, the number of paths.
        group_width: channels of one path in layer1, for width = 64 and else in proportion.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: the channels of conv1, a quarter of those that layer1 ends with.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        depth: int = 29,
        cardinality: int = 8,
        group_width: int = 64,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
    ) -> None:
        n, rest = divmod(depth - 2, 9)
        if n < 1 or rest:
            raise ValueError(f"the depth of a CIFAR ResNeXt is 9n + 2 (11, 20, 29, …), not {depth}")
        block = partial(Bottleneck, groups=cardinality, group_width=group_width)
        self.conv1 = Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(width)
        self.layer1, channels = stage(block, width, width, n, 1)
        self.layer2, channels = stage(block, channels, 2 * width, n, 2)
        self.layer3, channels = stage(block, channels, 4 * width, n, 2)
        self.fc = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv1(x))  # (N, width, H, W)
        x = self.layer1(x)  # (N, 4 · width, H, W)
        x = self.layer2(x)  # (N, 8 · width, H/2, W/2)
        x = self.layer3(x)  # (N, 16 · width, H/4, W/4)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 16 · width)
        return self.fc(x)  # (N, num_classes)


_PAPER = "Xie et al., Aggregated Residual Transformations for Deep Neural Networks, 2017"

register(
    "resnext50_32x4d",
    partial(ResNet, layers=(3, 4, 6, 3), block=partial(Bottleneck, groups=32, group_width=4)),
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=25_028_904,
    macs=4_230_479_872,
    small=Small(options={"layers": (2, 2, 2, 2), "width": 16, "stem": "cifar"}),
)
register(
    "resnext101_32x8d",
    partial(ResNet, layers=(3, 4, 23, 3), block=partial(Bottleneck, groups=32, group_width=8)),
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=88_791_336,
    macs=16_414_015_488,
    small=Small(options={"layers": (1, 1, 1, 1), "width": 16, "stem": "cifar"}),
)
register(
    "resnext29_8x64d",
    ResNeXtCIFAR,
    paper=f"{_PAPER}, section 5.3",
    input_shape=(3, 32, 32),
    parameters=34_426_698,
    macs=5_387_266_048,
    small=Small(options={"depth": 20, "width": 16, "group_width": 16}),
)
