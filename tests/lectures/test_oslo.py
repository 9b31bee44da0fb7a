"""University of Oslo, IN4310, Deep Architecture Evolution."""

from collections.abc import Iterator

import pytest

from minidl import models, nn
from minidl.models.mobilenet_v2 import STAGES, conv_bn_relu6
from tests.lectures.deck import Row, check
from tests.lectures.network import Network, network
from tests.lectures.tables import (
    DENSENETS,
    GROWTH_RATE,
    densenet_rows,
    googlenet_rows,
    growth_rates,
)

DECK = "Oslo, IN4310, Deep Architecture Evolution"

VGG = "Very Deep Convolutional Networks for Large-scale Image Recognition"
CONFIGURATIONS = {  # table 1 and table 2: weight layers, the stages between poolings, millions
    "vgg11": (11, "conv3-64|conv3-128|conv3-256 conv3-256|" + 2 * "conv3-512 conv3-512|", "133M"),
    "vgg11_lrn": (
        11,
        "conv3-64 LRN|conv3-128|conv3-256 conv3-256|" + 2 * "conv3-512 conv3-512|",
        "133M",
    ),
    "vgg13": (
        13,
        "conv3-64 conv3-64|conv3-128 conv3-128|conv3-256 conv3-256|" + 2 * "conv3-512 conv3-512|",
        "133M",
    ),
    "vgg16_c": (
        16,
        "conv3-64 conv3-64|conv3-128 conv3-128|conv3-256 conv3-256 conv1-256|"
        + 2 * "conv3-512 conv3-512 conv1-512|",
        "134M",
    ),
    "vgg16": (
        16,
        "conv3-64 conv3-64|conv3-128 conv3-128|conv3-256 conv3-256 conv3-256|"
        + 2 * "conv3-512 conv3-512 conv3-512|",
        "138M",
    ),
    "vgg19": (
        19,
        "conv3-64 conv3-64|conv3-128 conv3-128|conv3-256 conv3-256 conv3-256 conv3-256|"
        + 2 * "conv3-512 conv3-512 conv3-512 conv3-512|",
        "144M",
    ),
}
FINE_TUNING = "Why Does Fine Tuning Help?"
PRETRAINED = [  # alias, network and options, # Parameters, ours
    ("alexnet", "alexnet_owt", {}, "61,100,840", 61_100_840),
    ("densenet121", "densenet121", {}, "8,062,504", 7_978_856),
    ("densenet161", "densenet161", {}, "28,900,936", 28_681_000),
    ("densenet169", "densenet169", {}, "14,307,880", 14_149_480),
    ("densenet201", "densenet201", {}, "20,242,984", 20_013_928),
    ("inceptionv3", "inception_v3", {"aux": False}, "23,869,000", 23_834_568),
    ("mobilenet0.25", "mobilenet_v1", {"width": 0.25}, "475,544", 470_072),
    ("mobilenet0.5", "mobilenet_v1", {"width": 0.5}, "1,342,536", 1_331_592),
    ("mobilenet0.75", "mobilenet_v1", {"width": 0.75}, "2,601,976", 2_585_560),
    ("mobilenet1.0", "mobilenet_v1", {}, "4,253,864", 4_231_976),
]
PRETRAINED_V2 = [  # alias, width, # Parameters, ours
    ("mobilenetv2_1.0", 1.0, "3,539,136", 3_504_872),
    ("mobilenetv2_0.75", 0.75, "2,653,864", 2_636_424),
    ("mobilenetv2_0.5", 0.5, "1,983,104", 1_968_680),
    ("mobilenetv2_0.25", 0.25, "1,526,856", 1_519_112),
]
INCEPTION = "GoogLeNet v1/Inception v1 [Szegedy et al., CVPR15]"
INCEPTION_V3 = "Inception v3 [Szegedy et al., CVPR16]"
DENSENET = "Densenets [Huang et al., CVPR17]"


def stages(name: str) -> str:
    """A VGG as the paper's table 1 writes it, | for a pooling."""
    text = ""
    for layer in network(name).model.features:
        if isinstance(layer, nn.Conv2d):
            text += f" conv{layer.kernel_size[0]}-{layer.out_channels}"
        elif isinstance(layer, nn.LocalResponseNorm):
            text += " LRN"
        elif isinstance(layer, nn.MaxPool2d):
            text += "|"
    return text.replace("| ", "|").strip()


def vgg_rows() -> Iterator[Row]:
    for name, (layers, written, millions) in CONFIGURATIONS.items():
        yield Row(VGG, f"{name}: weight layers", layers, lambda name=name: network(name).depth)
        yield Row(VGG, f"{name}: stages", written, lambda name=name: stages(name))
        yield Row(
            VGG,
            f"{name}: FC-4096, FC-4096, FC-1000",
            [4096, 4096, 1000],
            lambda name=name: [
                layer.out_features for layer in network(name).weighted("classifier").values()
            ],
        )
        yield Row(
            VGG,
            f"{name}: parameters (table 2)",
            millions,
            lambda name=name: network(name).parameters(),
        )
    yield Row(
        "Architecture: VGG [Simonyan & Zisserman, ICLR15]",
        "parameters: 130 millions!",
        "130M",
        lambda: network("vgg11").parameters(),
        digits=2,
    )


def pretrained_rows() -> Iterator[Row]:
    for alias, name, options, printed, ours in PRETRAINED:
        both = int(printed.replace(",", "")) != ours
        yield Row(
            FINE_TUNING,
            f"parameters of {alias}",
            printed,
            lambda name=name, options=options: network(name, **options).parameters(),
            ours=ours if both else None,
            why="the table also counts the running means and variances of batch norms"
            if both
            else "",
            counted=lambda name=name, options=options: (
                network(name, **options).parameters() + network(name, **options).statistics()
            ),
        )
    for alias, width, printed, ours in PRETRAINED_V2:
        yield Row(
            FINE_TUNING,
            f"parameters of {alias}",
            printed,
            lambda width=width: network("mobilenet_v2", width=width).parameters(),
            ours=ours,
            why="another reading of the paper (see `gluon_mobilenet_v2`), and with its running "
            "means and variances",
            counted=lambda width=width: both_counts(gluon_mobilenet_v2(width)),
        )


def both_counts(model: nn.Module) -> int:
    found = Network(model, 3, 224, 224)
    return found.parameters() + found.statistics()


def gluon_mobilenet_v2(width: float) -> nn.Module:
    """MobileNetV2 as MXNet's model zoo reads it.

    Widths are cut to integers and not rounded to multiples of 8, the first block widens too, by 1,
    and the classifier has no bias.
    """
    channels = int(32 * width)
    layers: list[nn.Module] = [conv_bn_relu6(3, channels, 3, 2)]
    for expansion, filters, blocks, stride in STAGES:
        for position in range(blocks):
            hidden, out_channels = expansion * channels, int(filters * width)
            layers += [
                conv_bn_relu6(channels, hidden, 1),
                conv_bn_relu6(hidden, hidden, 3, 1 if position else stride, groups=hidden),
                nn.Conv2d(hidden, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            ]
            channels = out_channels
    last = int(1280 * max(width, 1))
    head = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(last, 1000, 1, bias=False)]
    return nn.Sequential(*layers, conv_bn_relu6(channels, last, 1), *head)


def two_steps(channels: int = 8) -> Network:
    """A 3×1 and a 1×3 convolution."""
    return Network(
        nn.Sequential(
            nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=False),
            nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False),
        ),
        channels,
        17,
        17,
    )


def one_step(kernel_size: int, times: int = 1, channels: int = 8) -> Network:
    """Square convolutions on top of each other."""
    layers = [
        nn.Conv2d(channels, channels, kernel_size, padding="same", bias=False) for _ in range(times)
    ]
    return Network(nn.Sequential(*layers), channels, 17, 17)


def middle_modules() -> set[tuple[tuple[int, ...], tuple[int, int]]]:
    """Output and largest filter of the modules that Inception v3 has in its middle."""
    net = network("inception_v3")
    return {
        (
            net.steps[path].shape[1:],
            max(conv.kernel_size for conv in net.weighted(path).values()),
        )
        for path in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")
    }


def channels_seen(name: str, block: int) -> list[int]:
    """Input channels of each layer of a dense block."""
    convs = network(name).weighted(f"features.denseblock{block}")
    return [conv.in_channels for path, conv in convs.items() if path.endswith("conv1")]


ROWS = [
    *vgg_rows(),
    *googlenet_rows(INCEPTION),
    Row(
        INCEPTION_V3,
        "rows and columns that 3×1 and then 1×3 see",
        (3, 3),
        lambda: two_steps().sees(),
    ),
    Row(
        INCEPTION_V3,
        "how much cheaper 3×1 and 1×3 are than 3×3",
        "33%",
        lambda: 1 - two_steps().macs() / one_step(3).macs(),
    ),
    Row(INCEPTION_V3, "n, the filters on the 17×17 grid", {((17, 17), (7, 1))}, middle_modules),
    Row(
        INCEPTION_V3,
        "two 3×3 see what one 5×5 does",
        (5, 5),
        lambda: one_step(3, times=2).sees(),
    ),
    *(
        Row(
            "ResNets [He et al., CVPR16]: SoTA on ImageNet Challenge",
            f"extra parameters of the residual network with {n} layers against the plain one",
            0,
            lambda n=n: network(f"resnet{n}").parameters() - network(f"plain{n}").parameters(),
            ours=173_824,
            why="true of shortcuts padded with zeros (option A), as our networks for CIFAR have; "
            "here they are 1×1 convolutions where the shape changes (option B)",
            counted=lambda: network("resnet20").parameters() - network("plain20").parameters(),
        )
        for n in (18, 34)
    ),
    *densenet_rows(DENSENET),
    *(
        Row(DENSENET, f"growth rate of {name}", {GROWTH_RATE}, lambda name=name: growth_rates(name))
        for name in DENSENETS
    ),
    *(
        Row(
            DENSENET,
            f"inputs of layer l in block {block} of densenet121: k₀ + (l − 1) · growth rate",
            [k0 + (l - 1) * GROWTH_RATE for l in range(1, n + 1)],
            lambda block=block: channels_seen("densenet121", block),
        )
        for block, (k0, n) in enumerate(((64, 6), (128, 12), (256, 24), (512, 16)), start=1)
    ),
    *(
        Row(
            DENSENET,
            f"Densenet-C: what transition {k} of densenet121 leaves of the channels",
            "50%",
            lambda k=k: transition(k),
        )
        for k in (1, 2, 3)
    ),
    Row(
        "How to Fine Tune?",
        "a densenet for 102 flowers classes",
        (102,),
        lambda: Network(models.create("densenet121", num_classes=102), 3, 224, 224).steps[""].shape,
    ),
    *pretrained_rows(),
]


def transition(k: int) -> float:
    conv = network("densenet121").steps[f"features.transition{k}.conv"].layer
    return conv.out_channels / conv.in_channels


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    check(DECK, row)
