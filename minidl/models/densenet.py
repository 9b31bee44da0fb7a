"""DenseNet for small images: every layer sees the outputs of all layers before it.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, 2017.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import register
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, Module, Sequential, init
from minidl.tensor import Tensor


class DenseLayer(Module):
    """y = [x, H(x)] along the channels, where H is BN-ReLU-conv3×3 and makes k new ones.

    Batch norm and ReLU are one op here (`BatchNormReLU2d`), which saves a trip to memory.

    With the bottleneck (DenseNet-B) a BN-ReLU-conv1×1 first reduces the channels to 4k.
    """

    def __init__(
        self, in_channels: int, growth_rate: int, bottleneck: bool, drop_rate: float
    ) -> None:
        self.bottleneck, self.drop_rate = bottleneck, drop_rate
        width = 4 * growth_rate if bottleneck else in_channels
        self.norm1 = BatchNormReLU2d(in_channels)
        if bottleneck:
            self.conv1 = Conv2d(in_channels, width, 1, bias=False)
            self.norm2 = BatchNormReLU2d(width)
            self.conv2 = Conv2d(width, growth_rate, 3, padding=1, bias=False)
        else:
            self.conv1 = Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, C + k, H, W)."""
        new = self._dropped(self.conv1(self.norm1(x)))
        if self.bottleneck:
            new = self._dropped(self.conv2(self.norm2(new)))
        return F.concatenate([x, new], axis=1)

    def _dropped(self, x: Tensor) -> Tensor:
        """Dropout after each convolution, as in the paper where the data is not augmented."""
        return F.dropout(x, self.drop_rate, self.training)


class Transition(Module):
    """BN-ReLU-conv1×1, then 2×2 average pooling: fewer channels, half the height and width."""

    def __init__(self, in_channels: int, out_channels: int, drop_rate: float) -> None:
        self.drop_rate = drop_rate
        self.norm = BatchNormReLU2d(in_channels)
        self.conv = Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, out_channels, H/2, W/2)."""
        x = self.conv(self.norm(x))
        return F.avg_pool2d(F.dropout(x, self.drop_rate, self.training), 2)


class DenseNetCIFAR(Module):
    """Three dense blocks of n layers each, with transitions between.

        layer           output       channels: L = 40, k = 12     BC, L = 100, k = 12
        conv0           32 × 32      16                           2k = 24
        denseblock1     32 × 32      16 + 12·12 = 160             24 + 16·12 = 216
        transition1     16 × 16      160                          108
        denseblock2     16 × 16      304                          300
        transition2      8 × 8       304                          150
        denseblock3      8 × 8       448                          342
        classifier      10           1,019,722 parameters         769,162 parameters
                                     264.8 M MACs                 287.9 M MACs

    A layer that follows l − 1 others sees k₀ + k (l − 1) channels. Depth: L = 3n + 4, and 6n + 4
    with bottlenecks, whose layers count twice.

    State-dict keys are torchvision's for the ImageNet DenseNets, as far as they go.

    Deviations: none known. The first convolution has 16 channels (2k with bottlenecks), as the
    paper says; the authors' later code has 2k always. Weights start as He et al. say, biases at 0.

    Args:
        depth: L.
        growth_rate: k, the channels each layer adds.
        bottleneck: the paper's B, a 1×1 convolution in front of each 3×3.
        compression: the paper's θ (its C is θ < 1): transitions keep ⌊θ · channels⌋.
        drop_rate: dropout after each convolution but the first; the paper uses 0.2 on data that is
            not augmented.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.

    Shapes: x (N, in_channels, H, W), H and W at least 4 → logits (N, num_classes).
    """

    def __init__(
        self,
        depth: int = 40,
        growth_rate: int = 12,
        bottleneck: bool = False,
        compression: float = 1.0,
        drop_rate: float = 0.0,
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        step = 6 if bottleneck else 3
        n, rest = divmod(depth - 4, step)
        if n < 1 or rest:
            raise ValueError(
                f"the depth is {step}n + 4 (n layers in each of 3 blocks), not {depth}; "
                f"the nearest is {max(round((depth - 4) / step), 1) * step + 4}"
            )
        if not 0 < compression <= 1:
            raise ValueError(f"compression is in (0, 1], not {compression}")
        channels = 2 * growth_rate if bottleneck else 16
        layers: dict[str, Module] = {
            "conv0": Conv2d(in_channels, channels, 3, padding=1, bias=False)
        }
        for block in (1, 2, 3):
            dense: dict[str, Module] = {}
            for layer in range(1, n + 1):
                dense[f"denselayer{layer}"] = DenseLayer(
                    channels, growth_rate, bottleneck, drop_rate
                )
                channels += growth_rate
            layers[f"denseblock{block}"] = Sequential(dense)
            if block < 3:
                reduced = int(compression * channels)
                layers[f"transition{block}"] = Transition(channels, reduced, drop_rate)
                channels = reduced
        layers["norm4"] = BatchNormReLU2d(channels)
        self.features = Sequential(layers)
        self.classifier = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
        assert self.classifier.bias is not None
        init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, channels, H/4, W/4)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, channels)
        return self.classifier(x)  # (N, num_classes)


_PAPER = "Huang et al., Densely Connected Convolutional Networks, 2017"

register(
    "densenet40",
    partial(DenseNetCIFAR, 40, 12),
    paper=f"{_PAPER} (k = 12)",
    input_shape=(3, 32, 32),
    parameters=1_019_722,
    macs=264_812_928,
)
register(
    "densenet_bc100",
    partial(DenseNetCIFAR, 100, 12, bottleneck=True, compression=0.5),
    paper=f"{_PAPER} (BC, k = 12)",
    input_shape=(3, 32, 32),
    parameters=769_162,
    macs=287_929_692,
)
