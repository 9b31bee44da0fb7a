"""Residual networks for small images: ResNet-20, 32, 44, 56, 110, and a ResNet-8 for digits.

With them plain-20 and plain-56, the same layers without shortcuts.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, section 4.2.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.models.resnet import PlainBlock
from minidl.nn import (
    BatchNorm2d,
    BatchNormReLU2d,
    Conv2d,
    Identity,
    Linear,
    Module,
    Sequential,
    init,
)
from minidl.tensor import Tensor


class ZeroPadShortcut(Module):
    """Option A: the identity where shapes differ, at the price of no parameters.

    Every second pixel of every second row is kept, and the new channels are zero. The zeros stand
    on both sides of the channel axis, half before and half after, as in the published weights.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        self.stride = stride
        added = out_channels - in_channels
        self.before, self.after = added // 2, added - added // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, C + added, H/stride, W/stride)."""
        seen = x[:, :, :: self.stride, :: self.stride]
        return F.pad(seen, (0, 0, 0, 0, self.before, self.after))


class BasicBlock(Module):
    """y = ReLU(F(x) + shortcut(x)), where F is conv-BN-ReLU-conv-BN with 3×3 filters.

    F learns what has to be added to x. If nothing has, its weights go to zero, which is easier
    than learning the identity; and the gradient of y reaches x undiminished along the shortcut.

    Batch norm, the sum and ReLU are one op here (`BatchNormReLU2d`), which saves trips to memory.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, option: str) -> None:
        self.conv1 = Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)
        self.shortcut: Module = Identity()
        if stride != 1 or in_channels != channels:
            if option == "A":
                self.shortcut = ZeroPadShortcut(in_channels, channels, stride)
            else:
                self.shortcut = Sequential(
                    Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                    BatchNorm2d(channels),
                )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        out = self.bn1(self.conv1(x))
        return self.bn2(self.conv2(out), self.shortcut(x))  # ReLU(BN(conv2(out)) + shortcut(x))


class ResNetCIFAR(Module):
    """A ResNet of 6n + 2 layers for 32 × 32 images.

        layer     output        filters
        conv1     32 × 32       3×3, 16
        layer1    32 × 32      [3×3, 16; 3×3, 16] × n
        layer2    16 × 16      [3×3, 32; 3×3, 32] × n    the first with stride 2
        layer3     8 × 8       [3×3, 64; 3×3, 64] × n    the first with stride 2
        linear    10            global average pooling, then fully connected

        depth      8        20         32         44         56        110
        n          1         3          5          7          9         18
        params  75,290  269,722    464,154    658,586    853,018  1,727,962      (option A)
        MACs    12.2 M   40.6 M     68.9 M     97.2 M    125.5 M    252.9 M

    For grey digits of 8 × 8 pixels ResNet-8 has 75,002 parameters and takes 747,136 MACs.

    Option A (the paper's choice on CIFAR) pads the shortcut with zeros where the shape changes;
    option B projects it by a 1×1 convolution with batch norm, for 2,752 more parameters. Without
    shortcuts the counts are those of option A; the paper shows that 56 such layers learn worse
    than 20, even on the images they are trained on.

    State-dict keys are those of the published CIFAR ResNets (akamaster/pytorch_resnet_cifar10), so
    their weights load by name.

    Deviations: the paper names no first weights for the classifier; here they are drawn like those
    of the convolutions (He et al.: normal with σ = √(2 / fan_in)), as in the published code.

    Args:
        depth: 6n + 2.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        option: "A" or "B", or "none" for a plain network.

    Shapes: x (N, in_channels, H, W) of any size from 1 × 1 → logits (N, num_classes).
    """

    def __init__(
        self, depth: int, num_classes: int = 10, in_channels: int = 3, option: str = "A"
    ) -> None:
        n, rest = divmod(depth - 2, 6)
        if n < 1 or rest:
            raise ValueError(
                f"the depth of a CIFAR ResNet is 6n + 2 (8, 14, 20, 26, …), not {depth}"
            )
        if option not in ("A", "B", "none"):
            raise ValueError(
                f"the shortcut option is 'A' (zero padding) or 'B' (projection), 'none' makes a "
                f"plain network; not {option!r}"
            )
        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(16)
        self.layer1 = _stage(16, 16, n, 1, option)
        self.layer2 = _stage(16, 32, n, 2, option)
        self.layer3 = _stage(32, 64, n, 2, option)
        self.linear = Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d | Linear):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.bn1(self.conv1(x))  # (N, 16, H, W)
        x = self.layer1(x)  # (N, 16, H, W)
        x = self.layer2(x)  # (N, 32, H/2, W/2)
        x = self.layer3(x)  # (N, 64, H/4, W/4)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 64)
        return self.linear(x)  # (N, num_classes)


def _stage(in_channels: int, channels: int, n: int, stride: int, option: str) -> Sequential:
    """n blocks, the first of which changes the shape."""
    if option == "none":
        plain = [PlainBlock(channels, channels, 1) for _ in range(n - 1)]
        return Sequential(PlainBlock(in_channels, channels, stride), *plain)
    first = BasicBlock(in_channels, channels, stride, option)
    return Sequential(first, *(BasicBlock(channels, channels, 1, option) for _ in range(n - 1)))


_PAPER = "He et al., Deep Residual Learning for Image Recognition, 2015, section 4.2"
_COUNTS = {  # depth: parameters, MACs
    20: (269_722, 40_551_040),
    32: (464_154, 68_862_592),
    44: (658_586, 97_174_144),
    56: (853_018, 125_485_696),
    110: (1_727_962, 252_887_680),
}

register(
    "resnet8",
    partial(ResNetCIFAR, 8, in_channels=1),
    paper=f"{_PAPER}, with n = 1",
    input_shape=(1, 8, 8),
    parameters=75_002,
    macs=747_136,
)
for _depth, (_parameters, _macs) in _COUNTS.items():
    register(
        f"resnet{_depth}",
        partial(ResNetCIFAR, depth=_depth),
        paper=_PAPER,
        input_shape=(3, 32, 32),
        parameters=_parameters,
        macs=_macs,
        small=Small(options={"depth": 20}) if _depth > 20 else None,
    )
for _depth in (20, 56):
    _parameters, _macs = _COUNTS[_depth]
    register(
        f"plain{_depth}",
        partial(ResNetCIFAR, depth=_depth, option="none"),
        paper=_PAPER,
        input_shape=(3, 32, 32),
        parameters=_parameters,
        macs=_macs,
        small=Small(options={"depth": 20}) if _depth > 20 else None,
    )
