"""Residual attention networks: a branch that looks at the whole says where the other one counts.

Wang, Jiang, Qian, Yang, Li, Zhang, Wang, Tang: Residual Attention Network for Image
Classification, 2017.
"""

from functools import partial

import minidl.functional as F
from minidl.models.preact_resnet import PreActBottleneck as Unit
from minidl.models.registry import Small, register
from minidl.models.resnet import first_layers
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, Module, Sequential, init
from minidl.tensor import Tensor


class Hourglass(Module):
    """Look at a coarse version of x and go back to its size.

        d = down(pool(x))
        y = enlarge(up(z)),     z = d at depth 1, else skip(d) + hourglass(d)

    Each depth halves height and width once more, so that the units within see more of the image;
    down, up and skip are residual units. The paper calls this bottom-up, then top-down.
    """

    def __init__(self, channels: int, depth: int) -> None:
        self.depth = depth
        self.down = Unit(4 * channels, channels, 1)
        if depth > 1:
            self.skip = Unit(4 * channels, channels, 1)
            self.inner = Hourglass(channels, depth - 1)
        self.up = Unit(4 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 4 · channels, H, W) to the same shape."""
        H, W = x.shape[2], x.shape[3]
        x = self.down(F.max_pool2d(x, 3, 2, 1))  # (N, 4 · channels, H/2, W/2)
        if self.depth > 1:
            x = self.skip(x) + self.inner(x)
        return F.interpolate(self.up(x), (H, W), None, "bilinear", True)


class AttentionModule(Module):
    """y = (1 + M(x)) · T(x), with one residual unit before and one behind.

    The trunk T is two residual units. The mask M is an hourglass, two 1×1 convolutions and a
    sigmoid: a number in (0, 1) for every pixel of every channel. It turns what matters up, and with
    the 1 it turns nothing off; many such modules in a row would otherwise fade the signal.
    """

    def __init__(self, channels: int, depth: int) -> None:
        width = 4 * channels
        self.before = Unit(width, channels, 1)
        self.trunk = Sequential(Unit(width, channels, 1), Unit(width, channels, 1))
        self.hourglass = Hourglass(channels, depth)
        self.norm1 = BatchNormReLU2d(width)
        self.conv1 = Conv2d(width, width, 1, bias=False)
        self.norm2 = BatchNormReLU2d(width)
        self.conv2 = Conv2d(width, width, 1, bias=False)
        self.behind = Unit(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, 4 · channels, H, W) to the same shape."""
        x = self.before(x)
        mask = self.conv1(self.norm1(self.hourglass(x)))
        mask = F.sigmoid(self.conv2(self.norm2(mask)))
        return self.behind((1 + mask) * self.trunk(x))


class ResidualAttentionNetwork(Module):
    """Four stages of pre-activation residual units, with attention modules behind the first three.

        layer      output       56                             92        a unit's convolutions
        conv1      112 × 112    7×7, 64, stride 2
        maxpool     56 × 56     3×3, stride 2
        stage1      56 × 56     unit, attention × 1            × 1       1×1, 64; 3×3, 64; 1×1, 256
        stage2      28 × 28     unit, attention × 1            × 2       128, 128, 512
        stage3      14 × 14     unit, attention × 1            × 3       256, 256, 1024
        stage4       7 × 7      unit × 3                       unit × 3  512, 512, 2048
        fc         1000         average pooling, fully connected
        parameters              31,810,728                     52,466,344
        MACs                    6,270.8 M                      10,533.8 M

    The hourglasses of the three stages are 3, 2 and 1 deep: all reach down to 7 × 7.

    The published code is for Caffe; state-dict keys are the paper's words.

    Deviations: the mask ends in a sigmoid as in the paper; the authors' file has tanh there. Max
    poolings have padding 1, where Caffe rounds up; the sizes are the same. (The paper says 31.9 M
    and 51.3 M parameters; the counts above are those of the authors' files.)

    Args:
        attentions: the attention modules of each of the first three stages.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: the channels of the first convolution; a quarter of those stage1 ends with.
        stem: "imagenet", or "cifar" for small images: a 3×3 convolution with stride 1, no pooling.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        attentions: tuple[int, int, int] = (1, 1, 1),
        num_classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        stem: str = "imagenet",
    ) -> None:
        if len(attentions) != 3:
            raise ValueError(
                "attentions is the number of attention modules of each of three stages, not "
                f"{attentions}; Attention-56 has (1, 1, 1)"
            )
        self.conv1, self.maxpool = first_layers(stem, in_channels, width)
        self.bn1 = BatchNormReLU2d(width)
        self.stage1 = _stage(width, width, 1, attentions[0], 3)
        self.stage2 = _stage(4 * width, 2 * width, 2, attentions[1], 2)
        self.stage3 = _stage(8 * width, 4 * width, 2, attentions[2], 1)
        self.stage4 = Sequential(
            Unit(16 * width, 8 * width, 2),
            Unit(32 * width, 8 * width, 1),
            Unit(32 * width, 8 * width, 1),
        )
        self.norm = BatchNormReLU2d(32 * width)
        self.fc = Linear(32 * width, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv1(x))  # (N, width, H/2, W/2)
        x = self.maxpool(x)  # (N, width, H/4, W/4)
        x = self.stage1(x)  # (N, 4 · width, H/4, W/4)
        x = self.stage2(x)  # (N, 8 · width, H/8, W/8)
        x = self.stage3(x)  # (N, 16 · width, H/16, W/16)
        x = self.stage4(x)  # (N, 32 · width, H/32, W/32)
        x = F.adaptive_avg_pool2d(self.norm(x), 1).flatten(1)  # (N, 32 · width)
        return self.fc(x)  # (N, num_classes)


def _stage(in_channels: int, channels: int, stride: int, attentions: int, depth: int) -> Sequential:
    """A unit that changes the shape, then attention modules."""
    first = Unit(in_channels, channels, stride)
    return Sequential(first, *(AttentionModule(channels, depth) for _ in range(attentions)))


_PAPER = "Wang et al., Residual Attention Network for Image Classification, 2017"

register(
    "residual_attention56",
    ResidualAttentionNetwork,
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=31_810_728,
    macs=6_270_836_736,
    small=Small(options={"width": 4, "stem": "cifar"}),
)
register(
    "residual_attention92",
    partial(ResidualAttentionNetwork, attentions=(1, 2, 3)),
    paper=_PAPER,
    input_shape=(3, 224, 224),
    parameters=52_466_344,
    macs=10_533_789_696,
    small=Small(options={"attentions": (1, 1, 2), "width": 4, "stem": "cifar"}),
)
