"""EfficientNet: one small network, scaled up in width, depth and resolution together.

Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019.
"""

import math
from collections.abc import Callable
from functools import partial

import minidl.functional as F
from minidl.models.mobilenet_v2 import round_channels
from minidl.models.registry import Small, register
from minidl.nn import BatchNorm2d, Conv2d, Dropout, Linear, Module, Sequential, SiLU, init
from minidl.tensor import Tensor

BASELINE = [  # expansion, kernel, stride, channels, layers
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
]

Norm = Callable[[int], Module]


def conv_bn_silu(
    in_channels: int,
    channels: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    norm: Norm = BatchNorm2d,
) -> Sequential:
    """A convolution that keeps the size (but for its stride), batch norm, and x · sigmoid(x)."""
    return Sequential(
        Conv2d(
            in_channels, channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
        ),
        norm(channels),
        SiLU(),
    )


class SqueezeExcitation(Module):
    """y = x · sigmoid(fc2(silu(fc1(mean of x)))): each channel weighted by what all of them hold.

    Source: Hu et al., Squeeze-and-Excitation Networks, 2018 (there with ReLU).
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        self.fc1 = Conv2d(channels, squeezed, 1)
        self.fc2 = Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels of x (N, C, H, W)."""
        weights = F.adaptive_avg_pool2d(x, 1)  # (N, C, 1, 1)
        weights = F.sigmoid(self.fc2(F.silu(self.fc1(weights))))  # (N, C, 1, 1)
        return x * weights


class MBConv(Module):
    """MobileNetV2's inverted residual block, with squeeze and excitation before it narrows.

    It squeezes to a quarter of the channels that enter the block. In training, a block with a
    shortcut is skipped with probability `drop_path`, for each image by itself.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        expansion: int,
        kernel_size: int,
        stride: int,
        drop_path: float,
        norm: Norm,
    ) -> None:
        hidden = expansion * in_channels
        self.has_shortcut = stride == 1 and in_channels == channels
        self.drop_path = drop_path
        widen = [conv_bn_silu(in_channels, hidden, 1, norm=norm)] if expansion > 1 else []
        self.block = Sequential(
            *widen,
            conv_bn_silu(hidden, hidden, kernel_size, stride, groups=hidden, norm=norm),
            SqueezeExcitation(hidden, max(1, in_channels // 4)),
            Sequential(Conv2d(hidden, channels, 1, bias=False), norm(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        y = self.block(x)
        return x + F.drop_path(y, self.drop_path, self.training) if self.has_shortcut else y


class EfficientNet(Module):
    """A 3×3 convolution, seven stages of MBConv, a 1×1 convolution, and a linear classifier.

        stage          operator          resolution    channels  layers     B0: the paper's table 1
        features.0     conv 3×3          224 × 224         32        1      (resolution: input)
        features.1     MBConv1, 3×3      112 × 112         16        1
        features.2     MBConv6, 3×3      112 × 112         24        2
        features.3     MBConv6, 5×5       56 × 56          40        2
        features.4     MBConv6, 3×3       28 × 28          80        3
        features.5     MBConv6, 5×5       14 × 14         112        3
        features.6     MBConv6, 5×5       14 × 14         192        4
        features.7     MBConv6, 3×3        7 × 7          320        1
        features.8     conv 1×1            7 × 7         1280        1
        classifier     pooling, linear     7 × 7         1000        1

    The rule of compound scaling: for 2^φ times the work take α^φ times the layers, β^φ times the
    channels and γ^φ times the pixels in a row, with α = 1.2, β = 1.1, γ = 1.15. (The work grows
    with the layers, the square of the channels and the square of the pixels in a row, and
    α · β² · γ² ≈ 2.) What was trained is near that, in round numbers:

             width    depth    resolution   dropout     parameters     MACs
        B0   1.0      1.0      224          0.2          5,288,548        385.8 M
        B1   1.0      1.1      240          0.2          7,794,184        686.8 M
        B2   1.1      1.2      260          0.3          9,109,994        993.6 M
        B3   1.2      1.4      300          0.3         12,233,232      1,827.1 M
        B4   1.4      1.8      380          0.4         19,341,616      4,393.8 M
        B5   1.6      2.2      456          0.4         30,389,784     10,266.4 M
        B6   1.8      2.6      528          0.5         43,040,704     19,067.6 M
        B7   2.0      3.1      600          0.5         66,347,960     37,745.9 M

    State-dict keys are torchvision's.

    Deviations: none from torchvision. The authors' code pads as TensorFlow does, more below and to
    the right where the stride is 2; here both sides get the same. Its batch norms have eps = 1e-3
    and momentum 0.01, which here B5 to B7 have; B0 to B4 have torchvision's 1e-5 and 0.1.
    torchvision evaluates B2 at 288.

    Args:
        width: this many times the channels, rounded to multiples of 8.
        depth: this many times the layers, rounded up.
        dropout: before the classifier.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        drop_path: of the L blocks, block l = 0 … L − 1 is skipped with probability drop_path · l/L.
        norm: makes the batch norm of a layer, given its channels.
        stem_stride: 2; or 1 for small images, so that 32 × 32 end as 2 × 2.

    Shapes: x (N, in_channels, H, W) of any size → logits (N, num_classes).
    """

    def __init__(
        self,
        width: float = 1.0,
        depth: float = 1.0,
        dropout: float = 0.2,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_path: float = 0.2,
        norm: Norm = BatchNorm2d,
        stem_stride: int = 2,
    ) -> None:
        repeats = [math.ceil(layers * depth) for *_, layers in BASELINE]
        rates = iter([drop_path * block / sum(repeats) for block in range(sum(repeats))])
        channels = round_channels(32 * width)
        stages = [conv_bn_silu(in_channels, channels, 3, stem_stride, norm=norm)]
        for (expansion, kernel, stride, filters, _), repeat in zip(BASELINE, repeats, strict=True):
            blocks = []
            for position in range(repeat):
                steps, out_channels = 1 if position else stride, round_channels(filters * width)
                blocks.append(
                    MBConv(channels, out_channels, expansion, kernel, steps, next(rates), norm)
                )
                channels = out_channels
            stages.append(Sequential(*blocks))
        self.features = Sequential(*stages, conv_bn_silu(channels, 4 * channels, 1, norm=norm))
        self.classifier = Sequential(Dropout(dropout), Linear(4 * channels, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, Linear):
                bound = 1 / math.sqrt(num_classes)
                init.uniform_(module.weight, -bound, bound)
            if isinstance(module, Conv2d | Linear) and module.bias is not None:
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 1280 · width, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 1280 · width)
        return self.classifier(x)  # (N, num_classes)


_PAPER = (
    "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019"
)
_SCALES = [  # width, depth, resolution, dropout, parameters, MACs
    (1.0, 1.0, 224, 0.2, 5_288_548, 385_814_752),
    (1.0, 1.1, 240, 0.2, 7_794_184, 686_802_832),
    (1.1, 1.2, 260, 0.3, 9_109_994, 993_561_872),
    (1.2, 1.4, 300, 0.3, 12_233_232, 1_827_141_392),
    (1.4, 1.8, 380, 0.4, 19_341_616, 4_393_771_024),
    (1.6, 2.2, 456, 0.4, 30_389_784, 10_266_384_752),
    (1.8, 2.6, 528, 0.5, 43_040_704, 19_067_593_536),
    (2.0, 3.1, 600, 0.5, 66_347_960, 37_745_884_192),
]
_TENSORFLOW_NORM = partial(BatchNorm2d, eps=1e-3, momentum=0.01)

for _phi, (_width, _depth, _side, _dropout, _parameters, _macs) in enumerate(_SCALES):
    register(
        f"efficientnet_b{_phi}",
        partial(
            EfficientNet,
            width=_width,
            depth=_depth,
            dropout=_dropout,
            norm=_TENSORFLOW_NORM if _phi >= 5 else BatchNorm2d,
        ),
        paper=_PAPER,
        input_shape=(3, _side, _side),
        parameters=_parameters,
        macs=_macs,
        small=Small(
            options={"width": 0.5, "depth": 0.5, "dropout": 0.0, "drop_path": 0.0, "stem_stride": 1}
        ),
    )
