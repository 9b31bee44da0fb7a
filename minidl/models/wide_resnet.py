"""Wide residual networks: fewer layers than ResNet, and many more channels in each.

Zagoruyko, Komodakis: Wide Residual Networks, 2016.

On ImageNet wide_resnet50_2 is ResNet-50 (`minidl/models/resnet.py` has the table) with twice the
channels in the 3×3 convolutions: 68,883,240 parameters, 11,398.0 M MACs, torchvision's keys.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.models.resnet import Bottleneck, ResNet
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, Module, Sequential, init
from minidl.tensor import Tensor


class WideBlock(Module):
    """y = F(x) + shortcut(x), where F is BN-ReLU-conv-dropout-BN-ReLU-conv with 3×3 filters.

    Where the shape changes, the shortcut starts behind the first BN-ReLU and is a 1×1 convolution.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, drop_rate: float) -> None:
        self.drop_rate = drop_rate
        self.bn1 = BatchNormReLU2d(in_channels)
        self.conv1 = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.convShortcut: Module | None = None
        if in_channels != channels:
            self.convShortcut = Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        active = self.bn1(x)
        shortcut = x if self.convShortcut is None else self.convShortcut(active)
        out = self.conv1(active)  # (N, channels, H/stride, W/stride)
        out = F.dropout(out, self.drop_rate, self.training)
        return self.conv2(self.bn2(out)) + shortcut


class WideResNet(Module):
    """WRN-d-k: a convolution, three stages of n blocks with k times the channels, and a classifier.

        layer     output       filters                              WRN-28-10     WRN-40-4
        conv1     32 × 32      3×3, 16
        block1    32 × 32      [3×3, 16k; 3×3, 16k] × n             160, n = 4    64, n = 6
        block2    16 × 16      [3×3, 32k; 3×3, 32k] × n             320           128
        block3     8 × 8       [3×3, 64k; 3×3, 64k] × n             640           256
        fc        10           average pooling, fully connected
                               parameters                           36,479,194    8,949,210
                               MACs                                 5,243.3 M     1,298.6 M

    Depth d = 6n + 4. The paper finds that width pays as depth does, and is faster to compute: its
    16-layer network with k = 8 is as good as the pre-activation ResNet of 1001 layers.

    State-dict keys are those of xternalz/WideResNet-pytorch.

    Deviations: none known. Dropout stands behind the first convolution of a block, as in the
    published code.

    Args:
        depth: d.
        widen: k.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        drop_rate: dropout within the blocks; the paper uses 0.3, or none.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        depth: int = 28,
        widen: int = 10,
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        n, rest = divmod(depth - 4, 6)
        if n < 1 or rest:
            raise ValueError(f"the depth of a wide ResNet is 6n + 4 (10, 16, 22, …), not {depth}")
        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.block1 = _stage(16, 16 * widen, n, 1, drop_rate)
        self.block2 = _stage(16 * widen, 32 * widen, n, 2, drop_rate)
        self.block3 = _stage(32 * widen, 64 * widen, n, 2, drop_rate)
        self.bn1 = BatchNormReLU2d(64 * widen)
        self.fc = Linear(64 * widen, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        assert self.fc.bias is not None
        init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.conv1(x)  # (N, 16, H, W)
        x = self.block1(x)  # (N, 16k, H, W)
        x = self.block2(x)  # (N, 32k, H/2, W/2)
        x = self.block3(x)  # (N, 64k, H/4, W/4)
        x = F.adaptive_avg_pool2d(self.bn1(x), 1).flatten(1)  # (N, 64k)
        return self.fc(x)  # (N, num_classes)


def _stage(in_channels: int, channels: int, n: int, stride: int, drop_rate: float) -> Sequential:
    """n blocks, the first of which changes the shape; named as in the published code."""
    first = WideBlock(in_channels, channels, stride, drop_rate)
    others = [WideBlock(channels, channels, 1, drop_rate) for _ in range(n - 1)]
    return Sequential({"layer": Sequential(first, *others)})


_PAPER = "Zagoruyko and Komodakis, Wide Residual Networks, 2016"

register(
    "wide_resnet28_10",
    partial(WideResNet, depth=28, widen=10),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=36_479_194,
    macs=5_243_328_768,
    small=Small(options={"depth": 10, "widen": 2}),
)
register(
    "wide_resnet40_4",
    partial(WideResNet, depth=40, widen=4),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=8_949_210,
    macs=1_298_582_016,
    small=Small(options={"depth": 16, "widen": 1}),
)
register(
    "wide_resnet50_2",
    partial(ResNet, layers=(3, 4, 6, 3), block=partial(Bottleneck, group_width=128)),
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=68_883_240,
    macs=11_398_021_120,
    small=Small(options={"layers": (2, 2, 2, 2), "width": 8, "stem": "cifar"}),
)
