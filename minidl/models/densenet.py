"""DenseNet: every layer sees the outputs of all layers before it; for large and small images.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, 2017.
"""

from collections.abc import Sequence
from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import BatchNormReLU2d, Conv2d, Linear, MaxPool2d, Module, Sequential, init
from minidl.tensor import Tensor


class DenseLayer(Module):
    """x_l = H([x_0, x_1, …, x_{l−1}]), where H is BN-ReLU-conv3×3 and makes k channels.

    The brackets are the paper's: all earlier outputs side by side. Nobody has to put them there,
    for BN-ReLU (one op here, `BatchNormReLU2d`) takes the list and reads each where it lies.
    Copied for every layer anew, they would fill the memory with l copies of x_0.

    With the bottleneck (DenseNet-B) a BN-ReLU-conv1×1 first reduces the channels to 4k.
    """

    def __init__(
        self, in_channels: int, growth_rate: int, bottleneck: bool, drop_rate: float
    ) -> None:
        self.bottleneck, self.drop_rate = bottleneck, drop_rate
        self.norm1 = BatchNormReLU2d(in_channels)
        if bottleneck:
            self.conv1 = Conv2d(in_channels, 4 * growth_rate, 1, bias=False)
            self.norm2 = BatchNormReLU2d(4 * growth_rate)
            self.conv2 = Conv2d(4 * growth_rate, growth_rate, 3, padding=1, bias=False)
        else:
            self.conv1 = Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)

    def forward(self, earlier: list[Tensor]) -> Tensor:
        """Map l tensors of C channels in all, (N, C_i, H, W), to a new one, (N, k, H, W)."""
        new = self._dropped(self.conv1(self.norm1(earlier)))  # (N, 4k, H, W) with the bottleneck
        if self.bottleneck:
            new = self._dropped(self.conv2(self.norm2(new)))  # (N, k, H, W)
        return new

    def _dropped(self, x: Tensor) -> Tensor:
        """Dropout after each convolution, as in the paper where the data is not augmented."""
        return F.dropout(x, self.drop_rate, self.training)


class DenseBlock(Sequential):
    """Layers of which each is given the block's input and the outputs of all layers before it."""

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map x_0 (N, C, H, W) to [x_0, x_1, …, x_n], each x_1, …, x_n (N, k, H, W)."""
        outputs = [x]
        for layer in self:
            outputs.append(layer(outputs))
        return outputs


class Transition(Module):
    """BN-ReLU-conv1×1, then 2×2 average pooling: fewer channels, half the height and width."""

    def __init__(self, in_channels: int, out_channels: int, drop_rate: float) -> None:
        self.drop_rate = drop_rate
        self.norm = BatchNormReLU2d(in_channels)
        self.conv = Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, outputs: list[Tensor]) -> Tensor:
        """Map a block's outputs, in_channels in all, to (N, out_channels, H/2, W/2)."""
        x = self.conv(self.norm(outputs))  # (N, out_channels, H, W)
        return F.avg_pool2d(F.dropout(x, self.drop_rate, self.training), 2)


class DenseNet(Module):
    """A DenseNet-BC for ImageNet: a stem, and dense blocks with transitions between.

        layer         output        filters                             121  169  201  264  161
        conv0         112 × 112     7×7, 2k, stride 2
        pool0          56 × 56      3×3 max pooling, stride 2
        denseblock1    56 × 56      [1×1, 4k; 3×3, k] × n                 6    6    6    6    6
        transition1    28 × 28      1×1, then 2×2 average pooling
        denseblock2    28 × 28      [1×1, 4k; 3×3, k] × n                12   12   12   12   12
        transition2    14 × 14
        denseblock3    14 × 14      [1×1, 4k; 3×3, k] × n                24   32   48   64   36
        transition3     7 × 7
        denseblock4     7 × 7       [1×1, 4k; 3×3, k] × n                16   32   32   48   24
        classifier    1000          global average pooling, then fully connected

                 k     parameters     MACs
        121     32      7,978,856     2,834 M
        169     32     14,149,480     3,360 M
        201     32     20,013,928     4,291 M
        264     32     33,337,704     5,752 M
        161     48     28,681,000     7,728 M

    State-dict keys are torchvision's (which has no 264).

    Deviations: dropout stands behind both convolutions of a layer and in the transitions, as the
    paper says; torchvision has it behind the second only. It is off unless asked for.

    Args:
        layers: n, the number of layers in each block.
        growth_rate: k, the channels each layer makes.
        bottleneck: the paper's B, a 1×1 convolution in front of each 3×3.
        compression: the paper's θ (its C is θ < 1): transitions keep ⌊θ · channels⌋.
        stem: "imagenet" as in the table, or "cifar": one 3×3 convolution, no pooling.
        drop_rate: dropout after each convolution but the first; the paper uses 0.2 on data that is
            not augmented.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.

    Shapes: x (N, in_channels, H, W) → logits (N, num_classes). H and W are at least 32, with the
    stem "cifar" at least 2 for each transition: 8 for four blocks.
    """

    def __init__(
        self,
        layers: Sequence[int],
        growth_rate: int = 32,
        bottleneck: bool = True,
        compression: float = 0.5,
        stem: str = "imagenet",
        drop_rate: float = 0.0,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        if not 0 < compression <= 1:
            raise ValueError(f"compression is in (0, 1], not {compression}")
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem is 'imagenet' or 'cifar', not {stem!r}")
        channels = 2 * growth_rate if bottleneck else 16
        features: dict[str, Module] = {}
        if stem == "imagenet":
            features["conv0"] = Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False)
            features["norm0"] = BatchNormReLU2d(channels)
            features["pool0"] = MaxPool2d(3, stride=2, padding=1)
        else:
            features["conv0"] = Conv2d(in_channels, channels, 3, padding=1, bias=False)
        for block, n in enumerate(layers, start=1):
            if block > 1:
                reduced = int(compression * channels)
                features[f"transition{block - 1}"] = Transition(channels, reduced, drop_rate)
                channels = reduced
            dense: dict[str, Module] = {}
            for layer in range(1, n + 1):
                dense[f"denselayer{layer}"] = DenseLayer(
                    channels, growth_rate, bottleneck, drop_rate
                )
                channels += growth_rate
            features[f"denseblock{block}"] = DenseBlock(dense)
        features[f"norm{len(layers) + 1}"] = BatchNormReLU2d(channels)
        self.features = Sequential(features)
        self.classifier = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
        assert self.classifier.bias is not None
        init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, channels, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, channels)
        return self.classifier(x)  # (N, num_classes)


class DenseNetCIFAR(DenseNet):
    """A DenseNet for small images: three dense blocks of n layers each.

        layer           output       channels: L = 40, k = 12     BC, L = 100, k = 12
        conv0           32 × 32      16                           2k = 24
        denseblock1     32 × 32      16 + 12·12 = 160             24 + 16·12 = 216
        transition1     16 × 16      160                          108
        denseblock2     16 × 16      304                          300
        transition2      8 × 8       304                          150
        denseblock3      8 × 8       448                          342
        classifier      10           1,019,722 parameters         769,162 parameters
                                     264.8 M MACs                 287.9 M MACs

        BC, L = 40, k = 12           176,122 parameters, 72.4 M MACs
        BC, L = 250, k = 24          15,324,406 parameters, 5418.8 M MACs

    A layer that follows l − 1 others sees k₀ + k (l − 1) channels. Depth: L = 3n + 4, and 6n + 4
    with bottlenecks, whose layers count twice.

    State-dict keys are torchvision's for the ImageNet DenseNets, as far as they go.

    Deviations: none known. The first convolution has 16 channels (2k with bottlenecks), as the
    paper says; the authors' later code has 2k always. Weights start as He et al. say, biases at 0.

    Args:
        depth: L.
        growth_rate: k, the channels each layer makes.
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
        super().__init__(
            (n, n, n),
            growth_rate,
            bottleneck,
            compression,
            "cifar",
            drop_rate,
            num_classes,
            in_channels,
        )


_PAPER = "Huang et al., Densely Connected Convolutional Networks, 2017"

for _depth, _layers, _growth_rate, _parameters, _macs in (
    (121, (6, 12, 24, 16), 32, 7_978_856, 2_834_161_664),
    (161, (6, 12, 36, 24), 48, 28_681_000, 7_727_907_072),
    (169, (6, 12, 32, 32), 32, 14_149_480, 3_359_843_328),
    (201, (6, 12, 48, 32), 32, 20_013_928, 4_291_365_888),
    (264, (6, 12, 64, 48), 32, 33_337_704, 5_751_653_376),
):
    register(
        f"densenet{_depth}",
        partial(DenseNet, layers=_layers, growth_rate=_growth_rate),
        paper=_PAPER,
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(
            options={"layers": tuple(n // 3 for n in _layers), "growth_rate": 12, "stem": "cifar"}
        ),
    )

_BC = partial(DenseNetCIFAR, bottleneck=True, compression=0.5)

register(
    "densenet40",
    DenseNetCIFAR,
    paper=f"{_PAPER} (k = 12)",
    input_shape=(3, 32, 32),
    parameters=1_019_722,
    macs=264_812_928,
    small=Small(options={"depth": 22}),
)
register(
    "densenet_bc40",
    partial(_BC, depth=40),
    paper=f"{_PAPER} (BC, k = 12)",
    input_shape=(3, 32, 32),
    parameters=176_122,
    macs=72_365_352,
)
register(
    "densenet_bc100",
    partial(_BC, depth=100),
    paper=f"{_PAPER} (BC, k = 12)",
    input_shape=(3, 32, 32),
    parameters=769_162,
    macs=287_929_692,
    small=Small(options={"depth": 40}),
)
register(
    "densenet_bc250",
    partial(_BC, depth=250, growth_rate=24),
    paper=f"{_PAPER} (BC, k = 24)",
    input_shape=(3, 32, 32),
    parameters=15_324_406,
    macs=5_418_785_724,
    small=Small(options={"depth": 40, "growth_rate": 12}),
)
