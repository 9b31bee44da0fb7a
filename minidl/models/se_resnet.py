"""Residual networks whose blocks weigh their channels by what the whole image shows.

Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, 2018.

The networks are ResNet's and ResNeXt's (`minidl/models/resnet.py` has the table) with a
squeeze-and-excitation in each block:

    network         blocks         parameters        MACs     without it
    se_resnet18     2, 2, 2, 2     11,779,624     1,814.2 M   11,689,512
    se_resnet50     3, 4, 6, 3     28,088,024     4,091.7 M   25,557,032
    se_resnet152    3, 8, 36, 3    66,821,848    11,520.2 M   60,192,808
    se_resnext50    3, 4, 6, 3     27,559,896     4,233.0 M   25,028,904   32 groups of 4

State-dict keys are timm's (seresnet18, seresnet50, seresnet152, seresnext50_32x4d).

Deviations: the bottleneck takes its stride in the 3×3 convolution, as in timm, where the authors'
takes it in the first 1×1 (3,860.5 M MACs). The paper's reduction r = 16 would leave 4 units in the
first stage of se_resnet18; timm makes them 8, for 1,032 more parameters.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.models.resnet import Block, Layers, MakeBlock, ResNet, inner_width, projection
from minidl.nn import BatchNorm2d, BatchNormReLU2d, Conv2d, Module
from minidl.tensor import Tensor


class SqueezeExcitation(Module):
    """y = s · x, one weight s[n,c] for each channel of each image.

        z[n,c] = (1/HW) Σ_{h,w} x[n,c,h,w]          squeeze: what the channel sees in the image
        s = σ(W₂ ReLU(W₁ z + b₁) + b₂)              excitation: in (0, 1)

    The two layers have C/16 units between them (the paper's r = 16), but at least 8. They are 1×1
    convolutions of an image of one pixel.
    """

    def __init__(self, channels: int) -> None:
        between = max(channels // 16, 8)
        self.fc1 = Conv2d(channels, between, 1)
        self.fc2 = Conv2d(between, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of x (N, C, H, W)."""
        z = F.adaptive_avg_pool2d(x, 1)  # (N, C, 1, 1)
        s = F.sigmoid(self.fc2(F.relu(self.fc1(z))))  # (N, C, 1, 1)
        return x * s


class SEBasicBlock(Block):
    """y = ReLU(SE(F(x)) + shortcut(x)), where F is conv-BN-ReLU-conv-BN with 3×3 filters."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.out_channels = channels
        self.conv1 = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(channels)
        self.se = SqueezeExcitation(channels)
        self.downsample = projection(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        out = self.bn1(self.conv1(x))  # (N, channels, H/stride, W/stride)
        out = self.bn2(self.conv2(out))
        return F.relu(self.se(out) + self.downsample(x))


class SEBottleneck(Block):
    """y = ReLU(SE(F(x)) + shortcut(x)), where F is 1×1, 3×3 and 1×1 convolutions, each with BN.

    Args as for ResNet's `Bottleneck`; with groups it is the block of SE-ResNeXt.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        groups: int = 1,
        group_width: int = 64,
    ) -> None:
        width = inner_width(channels, groups, group_width)
        self.out_channels = 4 * channels
        self.conv1 = Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = BatchNormReLU2d(width)
        self.conv2 = Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = BatchNormReLU2d(width)
        self.conv3 = Conv2d(width, self.out_channels, 1, bias=False)
        self.bn3 = BatchNorm2d(self.out_channels)
        self.se = SqueezeExcitation(self.out_channels)
        self.downsample = projection(in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 4 · channels, H/stride, W/stride)."""
        out = self.bn1(self.conv1(x))  # (N, width, H, W)
        out = self.bn2(self.conv2(out))  # (N, width, H/stride, W/stride)
        out = self.bn3(self.conv3(out))  # (N, 4 · channels, H/stride, W/stride)
        return F.relu(self.se(out) + self.downsample(x))


_PAPER = "Hu et al., Squeeze-and-Excitation Networks, 2018"
_RESNEXT = partial(SEBottleneck, groups=32, group_width=4)
_NETWORKS: dict[str, tuple[MakeBlock, Layers, int, int, Layers]] = {
    # block, blocks of each stage, parameters, MACs, blocks of the small one
    "se_resnet18": (SEBasicBlock, (2, 2, 2, 2), 11_779_624, 1_814_161_408, (2, 2, 2, 2)),
    "se_resnet50": (SEBottleneck, (3, 4, 6, 3), 28_088_024, 4_091_699_200, (2, 2, 2, 2)),
    "se_resnet152": (SEBottleneck, (3, 8, 36, 3), 66_821_848, 11_520_204_800, (1, 2, 4, 1)),
    "se_resnext50": (_RESNEXT, (3, 4, 6, 3), 27_559_896, 4_232_994_816, (2, 2, 2, 2)),
}

for _name, (_block, _layers, _parameters, _macs, _fewer) in _NETWORKS.items():
    register(
        _name,
        partial(ResNet, layers=_layers, block=_block),
        paper=_PAPER,
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(options={"layers": _fewer, "width": 16, "stem": "cifar"}),
    )
