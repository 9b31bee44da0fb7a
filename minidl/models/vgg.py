"""VGG: depth by many small filters, in six configurations of 11 to 19 layers.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014.
"""

from functools import partial

from minidl.models.registry import Small, register
from minidl.nn import (
    AdaptiveAvgPool2d,
    BatchNormReLU2d,
    Conv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from minidl.tensor import Tensor

CONFIGURATIONS = {  # the paper's table 1: "3-64" is a convolution with 64 filters of 3×3
    "A": ("3-64", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "A-LRN": ("3-64 LRN", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "B": ("3-64 3-64", "3-128 3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "C": (
        "3-64 3-64",
        "3-128 3-128",
        "3-256 3-256 1-256",
        "3-512 3-512 1-512",
        "3-512 3-512 1-512",
    ),
    "D": (
        "3-64 3-64",
        "3-128 3-128",
        "3-256 3-256 3-256",
        "3-512 3-512 3-512",
        "3-512 3-512 3-512",
    ),
    "E": (
        "3-64 3-64",
        "3-128 3-128",
        "3-256 3-256 3-256 3-256",
        "3-512 3-512 3-512 3-512",
        "3-512 3-512 3-512 3-512",
    ),
}


class VGG(Module):
    """Five stages of convolutions, each closed by max pooling, and three linear layers.

    Two 3×3 filters on top of each other see 5×5 pixels, three see 7×7: as much as one large filter,
    with fewer weights (27 C² instead of 49 C² for C channels) and with ReLU in between.

        stage      output            configuration A     C                     E
        1           64 × 112 × 112   3-64                3-64 3-64             3-64 3-64
        2          128 × 56 × 56     3-128               3-128 3-128           3-128 3-128
        3          256 × 28 × 28     3-256 3-256         3-256 3-256 1-256     3-256 four times
        4          512 × 14 × 14     3-512 3-512         3-512 3-512 1-512     3-512 four times
        5          512 × 7 × 7       3-512 3-512         3-512 3-512 1-512     3-512 four times
        linear     4096, 4096, num_classes               dropout behind the first two

        configuration   name                  layers    parameters        MACs
        A               vgg11                 11       132,863,336    7,609.1 M
        A-LRN           vgg11_lrn             11       132,863,336    7,609.1 M
        B               vgg13                 13       133,047,848   11,308.5 M
        C               vgg16_c               16       133,638,952   11,770.9 M
        D               vgg16                 16       138,357,544   15,470.3 M
        E               vgg19                 19       143,667,240   19,632.1 M

    With batch norm, which is younger than the paper, the same depth trains from the start (the
    paper had to train A first and grow the others from it): vgg11_bn 132,868,840, vgg13_bn
    133,053,736, vgg16_bn 138,365,992, vgg19_bn 143,678,248 parameters. Batch norm and ReLU are one
    op here (`BatchNormReLU2d`), which saves a trip to memory.

    State-dict keys are torchvision's, where it has the configuration.

    Deviations: convolutions start as in torchvision (He et al., by fan_out). Linear layers start as
    He et al. say too; the paper's and torchvision's σ = 0.01 is about that for the 25,088 inputs of
    the first, but lets the signal of narrower ones fade.

    Args:
        configuration: "A", "A-LRN", "B", "C", "D" or "E", a column of the paper's table 1.
        batch_norm: normalise behind every convolution.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: all layers have this share of the channels.
        image_size: rows of the images it is meant for; others are averaged to the same last map.
        drop_rate: the share of hidden numbers dropped in training.

    Raises:
        ValueError: there is no such configuration, or no channel is left.

    Shapes: x (N, in_channels, H, W), H and W at least 32 → logits (N, num_classes).
    """

    def __init__(
        self,
        configuration: str,
        batch_norm: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
        image_size: int = 224,
        drop_rate: float = 0.5,
    ) -> None:
        if configuration not in CONFIGURATIONS:
            raise ValueError(
                f"the configurations are {', '.join(CONFIGURATIONS)}, not {configuration!r}"
            )
        if int(64 * width) < 1:
            raise ValueError(
                f"width={width} leaves the first stage 64 · {width} = {64 * width:g} channels; "
                "take 1/64 or more"
            )
        side, hidden = max(image_size // 32, 1), int(4096 * width)
        self.features, channels = _features(configuration, batch_norm, in_channels, width)
        self.avgpool = AdaptiveAvgPool2d(side)
        self.classifier = Sequential(
            Linear(channels * side * side, hidden),
            ReLU(),
            Dropout(drop_rate),
            Linear(hidden, hidden),
            ReLU(),
            Dropout(drop_rate),
            Linear(hidden, num_classes),
        )
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, Linear):
                init.kaiming_normal_(module.weight)
            if isinstance(module, Conv2d | Linear) and module.bias is not None:
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 512, H/32, W/32)
        x = self.avgpool(x).flatten(1)  # (N, 512 · 7 · 7)
        return self.classifier(x)  # (N, num_classes)


def _features(
    configuration: str, batch_norm: bool, in_channels: int, width: float
) -> tuple[Sequential, int]:
    """The five stages, and how many channels come out of them."""
    layers: list[Module | None] = []  # None: the place of a ReLU that is part of the batch norm
    channels = in_channels
    for stage in CONFIGURATIONS[configuration]:
        for layer in stage.split():
            if layer == "LRN":
                layers.append(LocalResponseNorm(5, alpha=5e-4, k=2))
                continue
            kernel_size, filters = (int(number) for number in layer.split("-"))
            filters = int(filters * width)
            layers.append(Conv2d(channels, filters, kernel_size, padding=kernel_size // 2))
            layers += [BatchNormReLU2d(filters), None] if batch_norm else [ReLU()]
            channels = filters
        layers.append(MaxPool2d(2))
    placed = {str(k): layer for k, layer in enumerate(layers) if layer is not None}
    return Sequential(placed), channels


_NAMES = {  # name: configuration, batch norm, parameters, MACs
    "vgg11": ("A", False, 132_863_336, 7_609_090_048),
    "vgg11_lrn": ("A-LRN", False, 132_863_336, 7_609_090_048),
    "vgg13": ("B", False, 133_047_848, 11_308_466_176),
    "vgg16_c": ("C", False, 133_638_952, 11_770_888_192),
    "vgg16": ("D", False, 138_357_544, 15_470_264_320),
    "vgg19": ("E", False, 143_667_240, 19_632_062_464),
    "vgg11_bn": ("A", True, 132_868_840, 7_609_090_048),
    "vgg13_bn": ("B", True, 133_053_736, 11_308_466_176),
    "vgg16_bn": ("D", True, 138_365_992, 15_470_264_320),
    "vgg19_bn": ("E", True, 143_678_248, 19_632_062_464),
}

for _name, (_configuration, _batch_norm, _parameters, _macs) in _NAMES.items():
    register(
        _name,
        partial(VGG, _configuration, _batch_norm),
        paper="Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
        f"Recognition, 2014 ({_configuration}{', with batch norm' if _batch_norm else ''})",
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(options={"width": 0.25, "image_size": 32, "drop_rate": 0.0}),
    )
