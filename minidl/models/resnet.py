"""Residual networks for ImageNet: ResNet-18, 34, 50, 101, 152, and plain ones without shortcuts.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015.
"""

from collections.abc import Callable
from functools import partial

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
    Sequential,
    init,
)
from minidl.tensor import Tensor


class Block(Module):
    """What a stage is made of: (N, in_channels, H, W) → (N, out_channels, H/stride, W/stride)."""

    out_channels: int


MakeBlock = Callable[[int, int, int], Block]  # (in_channels, channels, stride) → a block
Layers = tuple[int, int, int, int]  # the blocks of each stage


class PlainBlock(Block):
    """Two 3×3 convolutions, each with BN and ReLU: a `BasicBlock` without its shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.out_channels = channels
        self.conv1 = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        x = self.bn1(self.conv1(x))  # (N, channels, H/stride, W/stride)
        return self.bn2(self.conv2(x))


class BasicBlock(PlainBlock):
    """y = ReLU(F(x) + shortcut(x)), where F is conv-BN-ReLU-conv-BN with 3×3 filters.

    Batch norm, the sum and ReLU are one op here (`BatchNormReLU2d`), which saves trips to memory.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(in_channels, channels, stride)
        self.downsample = projection(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        out = self.bn1(self.conv1(x))  # (N, channels, H/stride, W/stride)
        return self.bn2(self.conv2(out), self.downsample(x))  # ReLU(BN(conv2(out)) + shortcut)


class Bottleneck(Block):
    """y = ReLU(F(x) + shortcut(x)), where F is 1×1, 3×3 and 1×1 convolutions, each with BN.

    The first 1×1 reduces the channels to a quarter of what the last one restores, so that the 3×3
    in the middle is cheap: 17 C² multiplications a pixel for 4C channels in and out, where two 3×3
    convolutions of 4C channels would take 288 C².

    Args:
        in_channels: of x.
        channels: C; there are 4C at the end.
        stride: 2 in the first block of a stage, else 1.
        groups: of the 3×3 convolution; more than one in ResNeXt.
        group_width: channels of a group for C = 64, in proportion for other C. The 3×3 has
            groups · group_width · C / 64 channels, here C; more in wide ResNets and ResNeXt.
        stride_in: which convolution takes the stride: "3x3" as in today's published code, or "1x1"
            (the first) as in the paper, where it skips three quarters of the pixels unread.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        groups: int = 1,
        group_width: int = 64,
        stride_in: str = "3x3",
    ) -> None:
        first, second = strides(stride, stride_in)
        width = inner_width(channels, groups, group_width)
        self.out_channels = 4 * channels
        self.conv1 = Conv2d(in_channels, width, 1, first, bias=False)
        self.bn1 = BatchNormReLU2d(width)
        self.conv2 = Conv2d(width, width, 3, second, padding=1, groups=groups, bias=False)
        self.bn2 = BatchNormReLU2d(width)
        self.conv3 = Conv2d(width, self.out_channels, 1, bias=False)
        self.bn3 = BatchNormReLU2d(self.out_channels)
        self.downsample = projection(in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 4 · channels, H/stride, W/stride)."""
        out = self.bn1(self.conv1(x))  # (N, width, H, W)
        out = self.bn2(self.conv2(out))  # (N, width, H/stride, W/stride)
        return self.bn3(self.conv3(out), self.downsample(x))  # ReLU(BN(conv3(out)) + shortcut)


def inner_width(channels: int, groups: int, group_width: int) -> int:
    """The channels of a bottleneck's 3×3 convolution: groups · ⌊group_width · channels / 64⌋."""
    share = channels * group_width // 64
    if share < 1:
        raise ValueError(
            f"group_width={group_width} is for 64 channels; with {channels} it leaves a group "
            f"{group_width} · {channels} / 64 = {group_width * channels / 64:g} channels. Use a "
            "larger group_width or a wider network"
        )
    return groups * share


def strides(stride: int, stride_in: str) -> tuple[int, int]:
    """The strides of the first 1×1 and of the 3×3 convolution of a bottleneck."""
    if stride_in not in ("1x1", "3x3"):
        raise ValueError(
            f"stride_in is the convolution of a bottleneck that takes the stride: '3x3', or '1x1' "
            f"as in the paper, not {stride_in!r}"
        )
    return (stride, 1) if stride_in == "1x1" else (1, stride)


def projection(in_channels: int, out_channels: int, stride: int) -> Module:
    """Shortcut option B: the identity, or a 1×1 convolution with BN where the shape changes."""
    if stride == 1 and in_channels == out_channels:
        return Identity()
    return Sequential(
        Conv2d(in_channels, out_channels, 1, stride, bias=False), BatchNorm2d(out_channels)
    )


def stage(
    block: MakeBlock, in_channels: int, channels: int, blocks: int, stride: int
) -> tuple[Sequential, int]:
    """Blocks one after the other, the first with the stride, and the channels they end with."""
    made = [block(in_channels, channels, stride)]
    while len(made) < blocks:
        made.append(block(made[-1].out_channels, channels, 1))
    return Sequential(*made), made[-1].out_channels


def first_layers(stem: str, in_channels: int, channels: int) -> tuple[Conv2d, Module]:
    """The first convolution, and the pooling that comes some layers later.

    For stem="imagenet" they are 7×7 and 3×3, both with stride 2, which leaves a sixteenth of the
    pixels. For "cifar" they are 3×3 and none, so that all pixels of a small image are kept.
    """
    if stem == "imagenet":
        return Conv2d(in_channels, channels, 7, 2, 3, bias=False), MaxPool2d(3, 2, 1)
    if stem == "cifar":
        return Conv2d(in_channels, channels, 3, 1, 1, bias=False), Identity()
    raise ValueError(
        f"the stem is 'imagenet' (7×7 convolution and pooling) or 'cifar' (3×3, for small "
        f"images), not {stem!r}"
    )


class ResNet(Module):
    """A convolution, four stages of blocks, global average pooling, and a linear classifier.

        layer     output       18         34         50                   101      152
        conv1     112 × 112    7×7, 64, stride 2
        maxpool    56 × 56     3×3, stride 2
        layer1     56 × 56     [3×3, 64   [3×3, 64   [1×1, 64             as 50    as 50
                                3×3, 64]   3×3, 64]   3×3, 64
                                × 2        × 3        1×1, 256] × 3       × 3      × 3
        layer2     28 × 28     128, × 2   128, × 4   128, 128, 512 × 4    × 4      × 8
        layer3     14 × 14     256, × 2   256, × 6   256, 256, 1024 × 6   × 23     × 36
        layer4      7 × 7      512, × 2   512, × 3   512, 512, 2048 × 3   × 3      × 3
        fc        1000         global average pooling, then fully connected

        network      parameters       MACs     stride in the 1×1, as in the paper
        resnet18     11,689,512    1,814.1 M
        resnet34     21,797,672    3,663.8 M
        resnet50     25,557,032    4,089.2 M    3,858.0 M
        resnet101    44,549,160    7,801.4 M    7,570.2 M
        resnet152    60,192,808   11,513.6 M   11,282.4 M
        plain18      11,515,688    1,794.8 M
        plain34      21,623,848    3,644.5 M

    The first block of layer2, 3 and 4 has stride 2. The plain networks have no shortcuts; the paper
    shows that 34 such layers learn worse than 18, and with shortcuts better.

    State-dict keys are torchvision's, so its weights load by name.

    Deviations: the bottleneck takes its stride in the 3×3 convolution, as torchvision's and most
    published weights do; `block=partial(Bottleneck, stride_in="1x1")` is the paper's. Where the
    paper's table says 3.8, 7.6 and 11.3 · 10⁹ FLOPs it counts the latter, a multiply-add as one.

    Args:
        layers: the blocks of each stage.
        block: makes a block of (in_channels, channels, stride): `BasicBlock`, `Bottleneck`,
            `PlainBlock`, or one of those with options, as above.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: the channels of the first convolution and stage; each later stage has twice as many.
        stem: "imagenet", or "cifar" for small images: a 3×3 convolution with stride 1, no pooling.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        layers: Layers = (2, 2, 2, 2),
        block: MakeBlock = BasicBlock,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        stem: str = "imagenet",
    ) -> None:
        if len(layers) != 4 or min(layers) < 1:
            raise ValueError(
                f"layers is the number of blocks of each of 4 stages, at least 1, not {layers}; "
                "ResNet-18 has (2, 2, 2, 2)"
            )
        self.conv1, self.maxpool = first_layers(stem, in_channels, width)
        self.bn1 = BatchNormReLU2d(width)
        self.layer1, channels = stage(block, width, width, layers[0], 1)
        self.layer2, channels = stage(block, channels, 2 * width, layers[1], 2)
        self.layer3, channels = stage(block, channels, 4 * width, layers[2], 2)
        self.layer4, channels = stage(block, channels, 8 * width, layers[3], 2)
        self.fc = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv1(x))  # (N, width, H/2, W/2)
        x = self.maxpool(x)  # (N, width, H/4, W/4)
        x = self.layer1(x)  # (N, width, H/4, W/4), with bottlenecks 4 times the channels
        x = self.layer2(x)  # (N, 2 · width, H/8, W/8)
        x = self.layer3(x)  # (N, 4 · width, H/16, W/16)
        x = self.layer4(x)  # (N, 8 · width, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 8 · width)
        return self.fc(x)  # (N, num_classes)


_PAPER = "He et al., Deep Residual Learning for Image Recognition, 2015"
_SMALL = {"stem": "cifar", "width": 16}
_NETWORKS: dict[str, tuple[MakeBlock, Layers, int, int, Layers]] = {
    # block, blocks of each stage, parameters, MACs, blocks of the small one
    "resnet18": (BasicBlock, (2, 2, 2, 2), 11_689_512, 1_814_073_344, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3), 21_797_672, 3_663_761_408, (2, 3, 4, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3), 25_557_032, 4_089_184_256, (2, 2, 2, 2)),
    "resnet101": (Bottleneck, (3, 4, 23, 3), 44_549_160, 7_801_405_440, (1, 2, 3, 1)),
    "resnet152": (Bottleneck, (3, 8, 36, 3), 60_192_808, 11_513_626_624, (1, 2, 4, 1)),
    "plain18": (PlainBlock, (2, 2, 2, 2), 11_515_688, 1_794_805_760, (2, 2, 2, 2)),
    "plain34": (PlainBlock, (3, 4, 6, 3), 21_623_848, 3_644_493_824, (2, 3, 4, 2)),
}

for _name, (_block, _layers, _parameters, _macs, _fewer) in _NETWORKS.items():
    register(
        _name,
        partial(ResNet, layers=_layers, block=_block),
        paper=_PAPER,
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(options={**_SMALL, "layers": _fewer}),
    )
