"""Labate, Deep Learning and Neural Networks, part 2.3, Advanced CNN design (2024)."""

from collections.abc import Iterator

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import nn
from minidl.data.transforms import Pad
from minidl.models import registry
from minidl.models.fractalnet import FractalNet
from minidl.models.googlenet import GoogLeNet
from minidl.models.nin import MLPConv
from tests.lectures.deck import Row, check
from tests.lectures.network import Network, hwc, network
from tests.lectures.tables import (
    DENSENETS,
    GROWTH_RATE,
    densenet_rows,
    googlenet,
    googlenet_rows,
    growth_rates,
    resnet_rows,
)

DECK = "Labate, part 2.3, Advanced CNN design"

# ---------------------------------------------------------- the first table: depths, input sizes

CNNS = "Convolutional Neural Networks"
DEPTHS = [  # depth as printed, network, options
    (8, "alexnet", {}),
    (8, "zfnet", {}),
    (16, "vgg16", {}),
    (19, "vgg19", {}),
    (22, "googlenet", {}),
    (48, "inception_v3", {}),
    (19, "highway19", {}),
    (32, "highway32", {}),
    (152, "resnet152", {}),
    (71, "xception", {}),
    (201, "densenet201", {}),
    (53, "mobilenet_v2", {}),
]
NO_RULE = (
    "the deck names no rule; layers with weights on the longest way give its depths of VGG, "
    "GoogLeNet, Inception v3 and Xception, but more here"
)
INPUTS = [  # input size as printed, network
    (227, "alexnet"),
    (32, "nin"),
    (224, "zfnet"),
    (224, "vgg16"),
    (224, "googlenet"),
    (32, "highway19"),
    (224, "resnet152"),
    (32, "fractalnet40"),
    (32, "wide_resnet28_10"),
    (224, "se_resnet152"),
    (224, "densenet201"),
    (32, "cmpe_se_resnet164"),
    (224, "mobilenet_v2"),
    (28, "capsnet"),
    (224, "hrnet_w18"),
]
MISPRINTED_INPUTS = ("inception_v3", "inception_v4", "inception_resnet_v2", "xception")
ATTENTION_MASKS = r"\.hourglass|stage[123]\.[1-9]\d*\.conv\d$"


def depth_rows() -> Iterator[Row]:
    for printed, name, options in DEPTHS:
        yield Row(
            CNNS,
            f"depth of {name}",
            printed,
            lambda name=name, options=options: network(name, **options).depth,
        )
    yield Row(
        CNNS,
        "depth of NIN",
        3,
        lambda: network("nin").depth,
        ours=9,
        why="the deck counts mlpconv blocks, each of three convolutions",
        counted=lambda: sum(
            isinstance(step.layer, MLPConv) for step in network("nin").steps.values()
        ),
    )
    for name, printed, ours in (("inception_v4", 70, 76), ("inception_resnet_v2", 164, 176)):
        yield Row(
            CNNS,
            f"depth of {name}",
            printed,
            lambda name=name: network(name).depth,
            ours=ours,
            why=NO_RULE,
        )
    for columns, printed, ours in ((4, 40, 41), (5, 80, 81)):
        yield Row(
            CNNS,
            f"depth of FractalNet with {columns} columns",
            printed,
            lambda columns=columns: fractalnet(columns).depth,
            ours=ours,
            why="the deck counts convolutions, without the classifier behind them",
            counted=lambda columns=columns: fractalnet(columns, skipping="^classifier$").depth,
        )
    yield Row(
        CNNS,
        "depth of WideResNet",
        28,
        lambda: network("wide_resnet28_10").depth,
        ours=26,
        why="the deck counts all convolutions, also the 3 beside others in shortcuts, but not the "
        "classifier",
        counted=lambda: sum(
            isinstance(layer, nn.Conv2d)
            for layer in network("wide_resnet28_10").weighted().values()
        ),
    )
    yield Row(
        CNNS,
        "depth of the residual attention network",
        452,
        lambda: attention452().depth,
        ours=740,
        why="the deck counts the trunk alone; in the three stages the way through a mask is 14, 8 "
        "and 2 layers longer, 12 times each",
        counted=lambda: attention452(skipping=ATTENTION_MASKS).depth,
    )
    yield Row(
        CNNS,
        "depth of the squeeze-and-excitation network",
        152,
        lambda: network("se_resnet152").depth,
        ours=252,
        why="the deck leaves out the two linear layers in each of the 50 blocks",
        counted=lambda: network("se_resnet152", skipping=r"\.se").depth,
    )
    yield Row(
        CNNS,
        "depth of CapsuleNet: layers with parameters before the decoder",
        3,
        lambda: len(
            [
                name
                for name, child in network("capsnet").model.named_children()
                if any(True for _ in child.parameters()) and name != "decoder"
            ]
        ),
    )


def fractalnet(columns: int, skipping: str = "$^") -> Network:
    return Network(FractalNet(columns), 3, 32, 32, skipping=skipping)


def attention452(skipping: str = "$^") -> Network:
    """The one for small images: 12 attention modules in each stage."""
    return network(
        "residual_attention56", (3, 32, 32), skipping, attentions=(12, 12, 12), stem="cifar"
    )


def input_rows() -> Iterator[Row]:
    for side, name in INPUTS:
        channels = 1 if name == "capsnet" else 3
        yield Row(
            CNNS,
            f"input size of {name}",
            (side, side, channels),
            lambda name=name: hwc(network(name).steps[""].seen),
        )
    for name in MISPRINTED_INPUTS:
        yield Row(
            CNNS,
            f"input size of {name}",
            (229, 229, 3),
            lambda name=name: hwc(network(name).steps[""].seen),
            ours=(299, 299, 3),
            why="a misprint: the papers have 299 × 299",
        )
    yield Row(
        CNNS,
        "input size of the residual attention network",
        (40, 40, 3),
        lambda: hwc(registry.entry("residual_attention56").small.input_shape),
        ours=(32, 32, 3),
        why="40 × 40 are the padded images, of which the network is given random 32 × 32",
        counted=padded,
    )


def padded() -> tuple[int, ...]:
    images = np.zeros((1, 3, 32, 32), np.uint8)
    return hwc(Pad(4)(images, np.random.default_rng(0)).shape[1:])


# ------------------------------------------------------------- LeNet, AlexNet, NiN, VGG, dropout

ALEXNET = "Convolutional Neural Networks - AlexNet"
NIN = "Convolutional Neural Networks - NiN"
VGG = "Convolutional Neural Networks - VGG"
EARLY_ROWS = [
    Row(
        ALEXNET,
        "convolution kernels in the first layer of LeNet",
        6,
        lambda: network("lenet5").steps["conv1"].shape[0],
    ),
    Row(
        ALEXNET,
        "convolution kernels in the first layer of AlexNet",
        95,
        lambda: network("alexnet").steps["conv1"].shape[0],
        ours=96,
        why="a misprint; the paper has 96",
    ),
    Row(ALEXNET, "feature extraction stages of LeNet", 5, lambda: network("lenet5").depth),
    Row(
        ALEXNET,
        "feature extraction stages of AlexNet",
        7,
        lambda: network("alexnet").depth,
        ours=8,
        why="the deck leaves out the classifier here but not in LeNet; its table says 8",
        counted=lambda: network("alexnet").steps["fc8"].before,
    ),
    Row(
        ALEXNET,
        "large-size filters in the earlier layers",
        [(11, 11), (5, 5)],
        lambda: [network("alexnet").steps[name].layer.kernel_size for name in ("conv1", "conv2")],
    ),
    Row(
        NIN,
        "parameters of global average pooling",
        0,
        lambda: Network(nn.AdaptiveAvgPool2d(1), 10, 8, 8).parameters(),
    ),
    Row(
        NIN,
        "the MLP behind a linear convolution: layers, and their filters",
        [(1, 1), (1, 1)],
        lambda: [c.kernel_size for c in network("nin").weighted("mlpconv1").values()][1:],
    ),
    Row(VGG, "layers", [16, 19], lambda: [network(f"vgg{n}").depth for n in (16, 19)]),
    *(
        Row(
            VGG,
            f"weights of three 3×3 layers: 27 C² for C = {C}",
            27 * C**2,
            lambda C=C: stack(3, 3, C).parameters(),
        )
        for C in (1, 3, 64, 512)
    ),
    *(
        Row(
            VGG,
            f"weights of one 7×7 layer: 49 C² for C = {C}",
            49 * C**2,
            lambda C=C: stack(7, 1, C).parameters(),
        )
        for C in (1, 3, 64, 512)
    ),
    Row(
        VGG,
        "how much more that is",
        "81%",
        lambda: stack(7, 1, 64).parameters() / stack(3, 3, 64).parameters() - 1,
    ),
    Row(
        VGG,
        "1×1 convolutions keep the number of channels",
        {(256, 256), (512, 512)},
        lambda: {
            (conv.in_channels, conv.out_channels)
            for conv in network("vgg16_c").weighted("features").values()
            if conv.kernel_size == (1, 1)
        },
    ),
    *(
        Row(
            VGG,
            f"around 140 million parameters: {name}",
            "140M",
            lambda name=name: network(name).parameters(),
            digits=2,
        )
        for name in ("vgg16", "vgg19")
    ),
]


def stack(kernel_size: int, times: int, channels: int) -> Network:
    """Convolutions on top of each other that keep the channels, without biases."""
    layers = [
        nn.Conv2d(channels, channels, kernel_size, padding="same", bias=False) for _ in range(times)
    ]
    return Network(nn.Sequential(*layers), channels, 14, 14)


# ----------------------------------------------------------------------------------- GoogLeNet

GOOGLENET = "GoogLeNet"


def head(k: int) -> Network:
    return Network(getattr(network("googlenet").model, f"aux{k}"), (0, 512, 528)[k], 14, 14)


def stands_where_said(k: int) -> bool:
    """Whether the k-th auxiliary classifier is given what module 4a, or 4d, returned."""
    model = GoogLeNet()
    seen = []
    getattr(model, f"aux{k}").register_forward_hook(lambda layer, x, y: seen.append(x[0]))
    module = "inception4a" if k == 1 else "inception4d"
    getattr(model, module).register_forward_hook(lambda layer, x, y: seen.append(y))
    model.train()(np.zeros((1, 3, 224, 224), np.float32))
    module_output, heads_input = seen
    return module_output is heads_input


def parallel() -> list[tuple[int, ...]]:
    """The 1×1, the two larger filters, and the max pooling of module 3a."""
    last = {path.split(".")[1]: c for path, c in googlenet().weighted("inception3a").items()}
    pool = next(pool for pool in googlenet().pools if pool[1] == (1, 1))
    return [*(last[f"branch{k}"].kernel_size for k in (1, 2, 3)), pool[0]]


GOOGLENET_ROWS = [
    Row(GOOGLENET, "layers", 22, lambda: googlenet().depth),
    Row(
        GOOGLENET,
        "filters of different sizes in parallel",
        [(1, 1), (3, 3), (5, 5), (3, 3)],
        parallel,
    ),
    *(
        row
        for k in (1, 2)
        for row in (
            Row(
                GOOGLENET,
                f"auxiliary classifier {k}: average pooling 5×5, stride 3",
                ((5, 5), (3, 3)),
                lambda k=k: head(k).pools[0][:2],
            ),
            Row(
                GOOGLENET,
                f"auxiliary classifier {k}: 1×1 convolutions, filters",
                ((1, 1), 128),
                lambda k=k: (
                    head(k).steps["conv.conv"].layer.kernel_size,
                    head(k).steps["conv.conv"].shape[0],
                ),
            ),
            Row(
                GOOGLENET,
                f"auxiliary classifier {k}: outputs of its fully connected layers and softmax",
                [1024, 1024, 1000],
                lambda k=k: [head(k).steps[name].shape[0] for name in ("fc1", "fc2")],
                ours=[1024, 1000],
                why="the paper has one layer of 1024 outputs; the second has the 1000 classes",
            ),
            Row(
                GOOGLENET,
                f"auxiliary classifier {k} stands on Inception (4{'ad'[k - 1]})",
                True,
                lambda k=k: stands_where_said(k),
            ),
        )
    ),
    *googlenet_rows(GOOGLENET),
]


# -------------------------------------------------------------------------------------- ResNet

RESNET = "ResNet"


def shape(name: str) -> tuple[int, ...]:
    return hwc(network("resnet50").steps[name].shape)


def bottlenecks() -> list[int]:
    """Convolutions of the residual blocks of each stage, without those in shortcuts."""
    return [
        sum("downsample" not in path for path in network("resnet50").weighted(f"layer{k}"))
        for k in (1, 2, 3, 4)
    ]


STAGES = [  # stage, what the deck says comes out, what does, and why
    (2, (56, 56, 64), (56, 56, 256), "the deck's own table: the last convolution has 256 filters"),
    (5, (7, 7, 512), (7, 7, 2048), "the deck's own table: the last convolution has 2048 filters"),
]
RESNET_ROWS = [
    Row(RESNET, "layers of the winner of 2015", 152, lambda: network("resnet152").depth),
    *(
        Row(
            RESNET,
            f"layers of the standard CNN with {n}",
            n,
            lambda n=n: network(f"plain{n}").depth,
        )
        for n in (20, 56)
    ),
    *resnet_rows(RESNET),
    Row(RESNET, "layers in the stages: 3·3, 4·3, 6·3, 3·3", [9, 12, 18, 9], bottlenecks),
    Row(RESNET, "layers in the stages together", 48, lambda: sum(bottlenecks())),
    Row(RESNET, "layers of ResNet50", 50, lambda: network("resnet50").depth),
    Row(
        RESNET,
        "the bottleneck's first convolution leaves of its input",
        {0.25},
        lambda: {
            conv.out_channels / conv.in_channels
            for path, conv in network("resnet50").weighted("layer1").items()
            if path.endswith("conv1") and not path.startswith("layer1.0")
        },
    ),
    Row(
        RESNET,
        "stage 1: the image",
        (224, 224, 3),
        lambda: hwc(network("resnet50").steps["conv1"].seen),
    ),
    Row(RESNET, "stage 1: behind the convolution", (112, 112, 64), lambda: shape("conv1")),
    Row(RESNET, "stage 1: behind the pooling", (56, 56, 64), lambda: shape("maxpool")),
    *(
        Row(
            RESNET,
            f"stage {stage}: output",
            printed,
            lambda stage=stage: shape(f"layer{stage - 1}"),
            ours=ours,
            why=why,
        )
        for stage, printed, ours, why in STAGES
    ),
    Row(
        RESNET,
        "stages 2 to 5: residual blocks",
        [3, 4, 6, 3],
        lambda: [len(getattr(network("resnet50").model, f"layer{k}")) for k in (1, 2, 3, 4)],
    ),
    Row(
        RESNET,
        "stage 2: filters of the three layers of a block",
        [64, 64, 256],
        lambda: [c.out_channels for c in network("resnet50").weighted("layer1.1").values()],
    ),
    *(
        Row(
            RESNET,
            f"stage {stage}: height, width and channels against the stage before",
            (0.5, 0.5, 2),
            lambda stage=stage: tuple(
                behind / before
                for behind, before in zip(
                    shape(f"layer{stage - 1}"), shape(f"layer{stage - 2}"), strict=True
                )
            ),
        )
        for stage in (3, 4, 5)
    ),
    Row(RESNET, "neurons of the output", (1000,), lambda: network("resnet50").steps["fc"].shape),
]

# ------------------------------------------------------------------------------------ DenseNet

DENSENET = "DenseNet"
ARCHITECTURES = "DenseNet - Architectures"
DENSENET121 = "DenseNet-121"


def channels_behind(layer: int) -> int:
    """Channels in the first dense block of DenseNet-121 behind so many of its layers."""
    convs = network("densenet121").weighted("features.denseblock1")
    first = convs["features.denseblock1.denselayer1.conv1"].in_channels
    added = [c.out_channels for path, c in convs.items() if path.endswith("conv2")]
    return first + sum(added[:layer])


def halved(k: int) -> tuple[float, ...]:
    step = network("densenet121").steps[f"features.transition{k}.conv"]
    rows = step.shape[1]
    behind = network("densenet121").steps[f"features.transition{k}"].shape
    return behind[0] / step.layer.in_channels, behind[1] / rows


DENSENET_ROWS = [
    Row(DENSENET, "ResNet50: parameters", "25.6M", lambda: network("resnet50").parameters()),
    Row(DENSENET, "DenseNet-201: parameters", "20.0M", lambda: network("densenet201").parameters()),
    *(
        Row(
            DENSENET,
            f"k_l = k_0 + k (l − 1) in dense block {block} of densenet121",
            [k0 + GROWTH_RATE * (l - 1) for l in range(1, n + 1)],
            lambda block=block: [
                conv.in_channels
                for path, conv in network("densenet121")
                .weighted(f"features.denseblock{block}")
                .items()
                if path.endswith("conv1")
            ],
        )
        for block, (k0, n) in enumerate(((64, 6), (128, 12), (256, 24), (512, 16)), start=1)
    ),
    *densenet_rows(ARCHITECTURES),
    Row(
        DENSENET121,
        "input",
        (224, 224, 3),
        lambda: hwc(network("densenet121").steps["features.conv0"].seen),
    ),
    *(
        Row(
            DENSENET121,
            f"growth rate of {name}",
            {GROWTH_RATE},
            lambda name=name: growth_rates(name),
        )
        for name in DENSENETS
    ),
    Row(DENSENET121, "channels before DL1", 64, lambda: channels_behind(0)),
    Row(DENSENET121, "channels behind DL6", 256, lambda: channels_behind(6)),
    Row(
        DENSENET121,
        "what the transition is given in place of DL6's 256",
        256,
        lambda: network("densenet121").steps["features.transition1.conv"].layer.in_channels,
    ),
    Row(
        DENSENET121,
        "the transition's 1×1 convolution",
        ((1, 1), 128),
        lambda: (
            network("densenet121").steps["features.transition1.conv"].layer.kernel_size,
            network("densenet121").steps["features.transition1.conv"].shape[0],
        ),
    ),
    Row(
        DENSENET121,
        "the transition's pooling and its stride",
        ((2, 2), (2, 2)),
        lambda: network("densenet121").pools[1][:2],
    ),
    *(
        Row(
            DENSENET121,
            f"transition {k} halves channels and rows",
            (0.5, 0.5),
            lambda k=k: halved(k),
        )
        for k in (1, 2, 3)
    ),
    Row(
        DENSENET121,
        "the first dense layer: 1×1 with 128 filters, 3×3 with 32",
        [((1, 1), 128), ((3, 3), 32)],
        lambda: [
            (conv.kernel_size, conv.out_channels)
            for conv in network("densenet121").weighted("features.denseblock1.denselayer1").values()
        ],
    ),
]

ROWS = [
    *depth_rows(),
    *input_rows(),
    *EARLY_ROWS,
    *GOOGLENET_ROWS,
    *RESNET_ROWS,
    *DENSENET_ROWS,
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    check(DECK, row)


# Numbers are computed in the following: dropout is about values.


def test_dropout_drops_half_of_1000_neurons() -> None:
    """Slide "Convolutional Neural Networks - Dropout": 500 of 1000 at p = 0.5.

    Each neuron is drawn by itself, so it is 500 on average only: each time about 16 more or less
    (√(1000 · 0.5 · 0.5)), and over 400 times the mean within 5 · 16 / √400 = 4.
    """
    minidl.manual_seed(1)
    dropped = (F.dropout(np.ones((400, 1000), np.float32), 0.5).data == 0).sum(axis=1)
    assert abs(dropped.mean() - 500) < 4
    assert abs(dropped.std() - 15.8) < 5 * 15.8 / np.sqrt(2 * 400)


def test_dropout_keeps_the_mean_while_training() -> None:
    """Same slide: {1, 2, 3, 4, 5} at p = 0.2 becomes {1, 0, 3, 4, 5}, and weights are scaled after.

    Here, as in today's libraries, what stays is divided by 1 − p while training, and nothing is
    scaled after: 1 becomes 1 / 0.8 = 1.25.
    """
    x = np.float32([1, 2, 3, 4, 5])
    minidl.manual_seed(1)
    seen = {tuple(F.dropout(x, 0.2).data) for _ in range(200)}
    assert (1.25, 0.0, 3.75, 5.0, 6.25) in seen
    assert (1.25, 2.5, 0.0, 5.0, 6.25) in seen
    for values in seen:
        assert all(y in (0, np.float32(k / 0.8)) for y, k in zip(values, x, strict=True))
    np.testing.assert_array_equal(F.dropout(x, 0.2, training=False).data, x)
