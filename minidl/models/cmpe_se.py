"""Residual networks in which residual and identity compete for the weights of the channels.

Hu, Wen, Luo, Cao: Competitive Inner-Imaging Squeeze and Excitation for Residual Network, 2018.
"""

from functools import partial

import minidl.functional as F
from minidl.models.preact_resnet import PreActBottleneck, PreActResNet
from minidl.models.registry import Small, register
from minidl.models.wide_resnet import WideBlock
from minidl.nn import BatchNorm2d, BatchNormReLU2d, Conv2d, Linear, Module, Sequential, init
from minidl.tensor import Tensor

KERNELS = {"1x1": (1, 1), "2x1": (2, 1), "3x3": (3, 3)}


class DoubleSqueeze(Module):
    """s = σ(W [ReLU(W_u u), ReLU(W_v v)]): each of the two has its own squeezing layer.

    u[n,c] and v[n,c] are the means of residual and identity over the image. W_u and W_v have C/16
    rows; no layer has a bias.
    """

    def __init__(self, channels: int) -> None:
        self.residual = squeeze(channels, channels // 16)
        self.identity = squeeze(channels, channels // 16)
        self.excitation = Linear(2 * (channels // 16), channels, bias=False)

    def forward(self, residual: Tensor, identity: Tensor) -> Tensor:
        """The weight s[n,c] in (0, 1) of each channel of the residual (N, C, H, W)."""
        N, C = residual.shape[0], residual.shape[1]
        u = F.adaptive_avg_pool2d(residual, 1).flatten(1)  # (N, C)
        v = F.adaptive_avg_pool2d(identity, 1).flatten(1)  # (N, C)
        both = F.concatenate([F.relu(self.residual(u)), F.relu(self.identity(v))], axis=1)
        return F.sigmoid(self.excitation(both)).reshape(N, C, 1, 1)


class InnerImaging(Module):
    """s = σ(W₂ ReLU(W₁ q)): the two are laid out as a picture p, which a convolution looks at.

        p = the rows of u and v by turns, each of `row` numbers          (N, 1, 2C/row, row)
        q = the mean of BN(conv(p)) over all its `maps` filters

    u[n,c] and v[n,c] are the means of residual and identity over the image. With row = C the
    picture has two rows, u above v (the paper's pair view); with shorter rows it is folded, so that
    a 3×3 filter sees channels that are far apart. W₁ has C/16 rows; no layer has a bias.
    """

    def __init__(self, channels: int, maps: int, kernel: tuple[int, int], row: int) -> None:
        height, width = 2 * channels // row - kernel[0] + 1, row - kernel[1] + 1  # of q
        if height < 1 or width < 1:
            raise ValueError(
                f"{channels} channels in rows of {row} make a picture of {2 * channels // row} × "
                f"{row}, too small for a filter of {kernel[0]} × {kernel[1]}; take more channels "
                "(a wider network) or view='2x1'"
            )
        self.row = row
        self.conv = Conv2d(1, maps, kernel, bias=False)
        self.bn = BatchNorm2d(maps)
        self.squeeze = squeeze(height * width, channels // 16)
        self.excitation = Linear(channels // 16, channels, bias=False)

    def forward(self, residual: Tensor, identity: Tensor) -> Tensor:
        """The weight s[n,c] in (0, 1) of each channel of the residual (N, C, H, W)."""
        N, C, row = residual.shape[0], residual.shape[1], self.row
        u = F.adaptive_avg_pool2d(residual, 1).reshape(N, C // row, 1, row)
        v = F.adaptive_avg_pool2d(identity, 1).reshape(N, C // row, 1, row)
        p = F.concatenate([u, v], axis=2).reshape(N, 1, 2 * C // row, row)
        q = self.bn(self.conv(p)).mean(1).flatten(1)  # (N, height · width)
        return F.sigmoid(self.excitation(F.relu(self.squeeze(q)))).reshape(N, C, 1, 1)


def squeeze(features: int, units: int) -> Linear:
    """A layer without bias whose rows start in pairs w and −w.

    It is followed by ReLU, and there are as few as 4 units. With all rows at random, all of them
    would start dead, and the layers before them without a gradient, in one of 2⁴ blocks.
    """
    layer, half = Linear(features, units, bias=False), units // 2
    layer.weight.data[half : 2 * half] = -layer.weight.data[:half]
    return layer


def competition(view: str, channels: int, maps: int, row: int) -> Module:
    """What weighs the channels: "double_fc", or inner imaging by one of KERNELS."""
    if view == "double_fc":
        return DoubleSqueeze(channels)
    if view not in KERNELS:
        raise ValueError(f"the view is 'double_fc', '1x1', '2x1' or '3x3' (folded), not {view!r}")
    return InnerImaging(channels, maps, KERNELS[view], row if view == "3x3" else channels)


class CMPEBottleneck(PreActBottleneck):
    """y = s · F(x) + shortcut(x), with F of `PreActBottleneck` and s[n,c] seen in both."""

    def __init__(self, in_channels: int, channels: int, stride: int, view: str) -> None:
        super().__init__(in_channels, channels, stride)
        self.competition = competition(view, 4 * channels, maps=channels // 16, row=16)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 4 · channels, H/stride, W/stride)."""
        active = self.norm1(x)
        shortcut = x if self.downsample is None else self.downsample(active)
        out = self.conv1(active)  # (N, channels, H, W)
        out = self.conv2(self.norm2(out))  # (N, channels, H/stride, W/stride)
        out = self.conv3(self.norm3(out))  # (N, 4 · channels, H/stride, W/stride)
        return out * self.competition(out, shortcut) + shortcut


class CMPEResNet(PreActResNet):
    """The pre-activation ResNet of 9n + 2 layers for CIFAR, its channels weighed in each block.

        view         parameters, n = 18    MACs
        (none)       1,703,258             247,646,720
        double_fc    2,090,330             248,033,792
        1x1          1,993,940             247,985,408
        2x1          1,897,298             247,888,640
        3x3          1,956,644             248,247,992

    The published code is for MXNet; state-dict keys are those of `PreActResNet`, and within a block
    `competition.conv`, `bn`, `squeeze`, `excitation`.

    Deviations: the published code projects the shortcut where the block's inner channels change,
    so that its first block would add 16 channels to 64; here it projects where the sum needs it.
    That code also normalises the image itself by a batch norm without parameters, which is left to
    the data here. The stride is in the 3×3 convolution, as there. The squeezing layers start with
    rows in pairs of opposite sign (`squeeze` says why).

    Args:
        view: what s is computed from: "double_fc", "1x1", "2x1", or "3x3" for the folded picture.
        layers: the blocks of each stage.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        view: str = "3x3",
        layers: tuple[int, ...] = (18, 18, 18),
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        block = partial(CMPEBottleneck, view=view)
        super().__init__(layers, block, num_classes, in_channels, width=16, stem="cifar")


class CMPEWideBlock(WideBlock):
    """y = s · F(x) + shortcut(x), with F of `WideBlock` and s[n,c] seen in both."""

    def __init__(self, in_channels: int, channels: int, stride: int, view: str, row: int) -> None:
        super().__init__(in_channels, channels, stride, drop_rate=0)
        self.competition = competition(view, channels, maps=channels // 16, row=row)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        active = self.bn1(x)
        shortcut = x if self.convShortcut is None else self.convShortcut(active)
        out = self.conv1(active)  # (N, channels, H/stride, W/stride)
        out = self.conv2(self.bn2(out))
        return out * self.competition(out, shortcut) + shortcut


class CMPEWideResNet(Module):
    """The wide ResNet of 6n + 4 layers for CIFAR, its channels weighed in each block.

        view         parameters, 28 layers, k = 10    MACs
        (none)       36,479,226                       5,243,328,768
        double_fc    37,016,826                       5,243,866,368
        1x1          36,883,266                       5,244,000,768
        2x1          36,749,146                       5,243,866,368
        3x3          36,848,546                       5,245,781,568

    The channels of a stage are folded into k rows each, which with those of the identity between
    them make a picture of 2k rows.

    State-dict keys are those of `WideResNet` but for `bn0`.

    Deviations: like the published code, and unlike the wide ResNet, it has a batch norm behind the
    first convolution (`bn0`, 32 parameters); the next one undoes what it learns. That code also
    normalises the image itself by a batch norm without parameters, which is left to the data here.

    Args:
        view: what s is computed from: "double_fc", "1x1", "2x1", or "3x3" for the folded picture.
        depth: 6n + 4.
        widen: k; for "3x3" at least 2.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        view: str = "3x3",
        depth: int = 28,
        widen: int = 10,
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        n, rest = divmod(depth - 4, 6)
        if n < 1 or rest:
            raise ValueError(f"the depth of a wide ResNet is 6n + 4 (10, 16, 22, …), not {depth}")
        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn0 = BatchNorm2d(16)
        self.block1 = _stage(16, 16, widen, n, 1, view)
        self.block2 = _stage(16 * widen, 32, widen, n, 2, view)
        self.block3 = _stage(32 * widen, 64, widen, n, 2, view)
        self.bn1 = BatchNormReLU2d(64 * widen)
        self.fc = Linear(64 * widen, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn0(self.conv1(x))  # (N, 16, H, W)
        x = self.block1(x)  # (N, 16k, H, W)
        x = self.block2(x)  # (N, 32k, H/2, W/2)
        x = self.block3(x)  # (N, 64k, H/4, W/4)
        x = F.adaptive_avg_pool2d(self.bn1(x), 1).flatten(1)  # (N, 64k)
        return self.fc(x)  # (N, num_classes)


def _stage(in_channels: int, row: int, widen: int, n: int, stride: int, view: str) -> Sequential:
    """n blocks of row · widen channels, the first of which changes the shape."""
    channels = row * widen
    first = CMPEWideBlock(in_channels, channels, stride, view, row)
    others = [CMPEWideBlock(channels, channels, 1, view, row) for _ in range(n - 1)]
    return Sequential({"layer": Sequential(first, *others)})


_PAPER = "Hu et al., Competitive Inner-Imaging Squeeze and Excitation for Residual Network, 2018"

register(
    "cmpe_se_resnet164",
    CMPEResNet,
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=1_956_644,
    macs=248_247_992,
    small=Small(options={"layers": (1, 2, 2)}),
)
register(
    "cmpe_se_wide_resnet28_10",
    CMPEWideResNet,
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=36_848_546,
    macs=5_245_781_568,
    small=Small(options={"depth": 10, "widen": 2}),
)
