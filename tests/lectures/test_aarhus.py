"""Aarhus University, Deep Learning for Visual Recognition, lecture 7, ConvNet Architectures."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn
from minidl.models.auxiliary import auxiliary_loss
from minidl.models.googlenet import Inception
from minidl.models.resnet import Bottleneck, ResNet
from minidl.models.unet import UNet
from minidl.models.zfnet import ZFNet
from tests.lectures.deck import Row, check
from tests.lectures.network import Network, hwc, network
from tests.lectures.tables import googlenet, resnet_rows

DECK = "Aarhus, Deep Learning for Visual Recognition, lecture 7"

# ------------------------------------------------------------------------------------- AlexNet

ALEXNET = [  # layer, our name or number of the pooling, size, weights, biases, parameters
    ("Conv-1", "conv1", (55, 55, 96), 34_848, 96, 34_944),
    ("MaxPool-1", 0, (27, 27, 96), 0, 0, 0),
    ("Conv-2", "conv2", (27, 27, 256), 614_400, 256, 614_656),
    ("MaxPool-2", 1, (13, 13, 256), 0, 0, 0),
    ("Conv-3", "conv3", (13, 13, 384), 884_736, 384, 885_120),
    ("Conv-4", "conv4", (13, 13, 384), 1_327_104, 384, 1_327_488),
    ("Conv-5", "conv5", (13, 13, 256), 884_736, 256, 884_992),
    ("MaxPool-3", 2, (6, 6, 256), 0, 0, 0),
    ("FC-6", "fc6", (4096,), 37_748_736, 4_096, 37_752_832),
    ("FC-7", "fc7", (4096,), 16_777_216, 4_096, 16_781_312),
    ("FC-8", "fc8", (1000,), 4_096_000, 1_000, 4_097_000),
]
FULL = [  # layer, filter, stride, pad
    ("conv1", (11, 11), 4, 0),
    ("conv2", (5, 5), 1, 2),
    ("conv3", (3, 3), 1, 1),
    ("conv4", (3, 3), 1, 1),
    ("conv5", (3, 3), 1, 1),
]
ARCHITECTURE = "AlexNet architecture"


def alexnet_rows() -> Iterator[Row]:
    yield Row(
        ARCHITECTURE,
        "the order of the layers",
        "CONV-POOL-NORM-CONV-POOL-NORM-CONV-CONV-CONV-POOL-FC-FC-FC",
        lambda: network("alexnet").sequence(),
    )
    yield Row(
        ARCHITECTURE, "input", (227, 227, 3), lambda: hwc(network("alexnet").steps["conv1"].seen)
    )
    yield Row(
        ARCHITECTURE,
        "CONV1: (227-11)/4+1",
        (55, 55, 96),
        lambda: hwc(Network(nn.Conv2d(3, 96, 11, stride=4), 3, 227, 227).steps[""].shape),
    )
    yield Row(
        "Recall",
        "N channels, one feature map each",
        96,
        lambda: network("alexnet").steps["conv1"].shape[0],
    )
    yield Row(
        ARCHITECTURE,
        "parameters in the first layer",
        "35K",
        lambda: network("alexnet").parameters("conv1"),
    )
    yield Row(
        ARCHITECTURE,
        "POOL1: (55-3)/2+1",
        (27, 27, 96),
        lambda: hwc(Network(nn.MaxPool2d(3, 2), 96, 55, 55).steps[""].shape),
    )
    yield Row(
        ARCHITECTURE,
        "parameters in the second layer",
        0,
        lambda: Network(nn.MaxPool2d(3, 2), 96, 55, 55).parameters(),
    )
    for name, kernel, stride, padding in FULL:
        yield Row(
            "Full architecture",
            f"{name}: filters, stride, pad",
            (kernel, stride, padding),
            lambda name=name: convolution(network("alexnet").steps[name].layer),
        )
    for k in range(3):
        yield Row(
            "Full architecture",
            f"MAX POOL{k + 1}: filters, stride",
            ((3, 3), (2, 2)),
            lambda k=k: network("alexnet").pools[k][:2],
        )
    for k, shape in ((1, (27, 27, 96)), (2, (13, 13, 256))):
        yield Row(
            "Full architecture",
            f"NORM{k}",
            shape,
            lambda k=k: hwc(network("alexnet").steps[f"norm{k}"].shape),
        )
    for what, printed, padding, side in (
        ("CONV2: 27 + 2*2", 31, 2, 27),
        ("CONV3/4/6: 13 + 2", 15, 1, 13),
    ):
        yield Row(
            "Full architecture",
            what,
            printed,
            lambda padding=padding, side=side: F.pad(
                np.zeros((1, 1, side, side), np.float32), (padding,) * 4
            ).shape[2],
        )
    yield Row(
        "Full architecture",
        "6 × 6 × 256 reshaped before FC6",
        (9_216,),
        lambda: network("alexnet").steps["fc6"].seen,
    )
    slide = "Number of parameters"
    for layer, name, shape, weights, biases, parameters in ALEXNET:
        yield Row(slide, f"{layer}: tensor size", shape, lambda name=name: alexnet_shape(name))
        if isinstance(name, str):
            yield Row(
                slide,
                f"{layer}: weights, biases, parameters",
                (weights, biases, parameters),
                lambda name=name: (
                    network("alexnet").weights(name),
                    network("alexnet").steps[name].layer.bias.size,
                    network("alexnet").parameters(name),
                ),
            )
        else:
            yield Row(
                slide,
                f"{layer}: weights, biases, parameters",
                (weights, biases, parameters),
                lambda: (Network(nn.MaxPool2d(3, 2), 1, 13, 13).parameters(),) * 3,
            )
    yield Row(slide, "total", "62,378,344", lambda: network("alexnet").parameters())
    yield Row(
        slide,
        "memory at 4 bytes per parameter (249.5 MB)",
        "249 MB",
        lambda: parameter_bytes("alexnet"),
        cut=True,
    )
    yield Row(
        "Scenario 3 explained",
        "the code behind AlexNet's last FC layer but one",
        (4096,),
        lambda: network("alexnet").steps["fc8"].seen,
    )
    yield Row(
        "Scenario 1 and 2 explained",
        "class probabilities",
        (1000,),
        lambda: network("alexnet").steps[""].shape,
    )


def convolution(layer: nn.Conv2d) -> tuple[object, ...]:
    return layer.kernel_size, layer.stride, layer.padding


def alexnet_shape(name: str | int) -> tuple[int, ...]:
    found = network("alexnet")
    shape = found.pools[name][2] if isinstance(name, int) else found.steps[name].shape
    return hwc(shape) if len(shape) == 3 else shape


def parameter_bytes(name: str) -> int:
    return sum(parameter.data.nbytes for parameter in network(name).model.parameters())


LENET = "Review: LeNet-5"
LENET_ROWS = [
    Row(
        LENET,
        "conv filters and stride",
        {((5, 5), 1)},
        lambda: {
            convolution(layer)[:2]
            for layer in network("lenet5").weighted().values()
            if isinstance(layer, nn.Conv2d)
        },
    ),
    Row(
        LENET,
        "subsampling and stride",
        [((2, 2), (2, 2))] * 2,
        lambda: [pool[:2] for pool in network("lenet5").pools],
    ),
    Row(
        LENET,
        "architecture",
        "CONV-POOL-CONV-POOL-FC-FC",
        lambda: network("lenet5").sequence(),
        ours="CONV-POOL-CONV-POOL-FC-FC-FC",
        why="the slide leaves one out: the paper's C5, F6 and its output layer are linear layers",
    ),
]


def zfnet() -> Network:
    return Network(ZFNet(channels=(96, 256, 512, 1024, 512)), 3, 224, 224)


ZFNET = "ZFNet architecture"
ZFNET_ROWS = [
    Row(
        ZFNET,
        "CONV1: from 11×11 stride 4",
        ((11, 11), 4),
        lambda: convolution(network("alexnet").steps["conv1"].layer)[:2],
    ),
    Row(
        ZFNET,
        "CONV1: to 7×7 stride 2",
        ((7, 7), 2),
        lambda: convolution(network("zfnet").steps["conv1"].layer)[:2],
    ),
    Row(
        ZFNET,
        "CONV3,4,5: instead of",
        [384, 384, 256],
        lambda: [network("alexnet").steps[f"conv{k}"].shape[0] for k in (3, 4, 5)],
    ),
    Row(
        ZFNET,
        "CONV3,4,5: use",
        [512, 1024, 512],
        lambda: [network("zfnet").steps[f"conv{k}"].shape[0] for k in (3, 4, 5)],
        ours=[384, 384, 256],
        why="the wider layers are one of the paper's experiments (table 3); its main network keeps "
        "AlexNet's widths",
        counted=lambda: [zfnet().steps[f"conv{k}"].shape[0] for k in (3, 4, 5)],
    ),
]

# ----------------------------------------------------------------------------------------- VGG

MEMORY = "Memory and number of parameters"
VGG16 = [  # line, shape, memory, params
    ("CONV3-64", (224, 224, 64), "3.2M", 1_728),
    ("CONV3-64", (224, 224, 64), "3.2M", 36_864),
    ("POOL2", (112, 112, 64), "800K", 0),
    ("CONV3-128", (112, 112, 128), "1.6M", 73_728),
    ("CONV3-128", (112, 112, 128), "1.6M", 147_456),
    ("POOL2", (56, 56, 128), "400K", 0),
    ("CONV3-256", (56, 56, 256), "800K", 294_912),
    ("CONV3-256", (56, 56, 256), "800K", 589_824),
    ("CONV3-256", (56, 56, 256), "800K", 589_824),
    ("POOL2", (28, 28, 256), "200K", 0),
    ("CONV3-512", (28, 28, 512), "400K", 1_179_648),
    ("CONV3-512", (28, 28, 512), "400K", 2_359_296),
    ("CONV3-512", (28, 28, 512), "400K", 2_359_296),
    ("POOL2", (14, 14, 512), "100K", 0),
    ("CONV3-512", (14, 14, 512), "100K", 2_359_296),
    ("CONV3-512", (14, 14, 512), "100K", 2_359_296),
    ("CONV3-512", (14, 14, 512), "100K", 2_359_296),
    ("POOL2", (7, 7, 512), "25K", 0),
    ("FC", (4096,), 4096, 102_760_448),
    ("FC", (4096,), 4096, 16_777_216),
    ("FC", (1000,), 1000, 4_096_000),
]


def vgg_steps() -> list[str]:
    """The names of VGG16's convolutions, poolings and linear layers in their order."""
    kinds = nn.Conv2d | nn.MaxPool2d | nn.Linear
    return [path for path, step in network("vgg16").steps.items() if isinstance(step.layer, kinds)]


def vgg_shape(k: int) -> tuple[int, ...]:
    shape = network("vgg16").steps[vgg_steps()[k]].shape
    return hwc(shape) if len(shape) == 3 else shape


def vgg_line(k: int) -> str:
    layer = network("vgg16").steps[vgg_steps()[k]].layer
    if isinstance(layer, nn.Conv2d):
        return f"CONV{layer.kernel_size[0]}-{layer.out_channels}"
    return f"POOL{layer.kernel_size}" if isinstance(layer, nn.MaxPool2d) else "FC"


def vgg_memory() -> int:
    """Numbers in the image and behind every line of the table."""
    image = network("vgg16").steps[""].seen
    return math.prod(image) + sum(math.prod(vgg_shape(k)) for k in range(len(VGG16)))


def vgg16_rows() -> Iterator[Row]:
    yield Row(
        MEMORY,
        "INPUT: shape",
        (224, 224, 3),
        lambda: hwc(network("vgg16").steps["features.0"].seen),
    )
    yield Row(
        MEMORY,
        "INPUT: memory",
        "150K",
        lambda: math.prod(network("vgg16").steps["features.0"].seen),
        digits=2,
    )
    for k, (line, shape, memory, params) in enumerate(VGG16):
        what = f"line {k + 1}, {line}"
        yield Row(MEMORY, f"{what}: layer", line, lambda k=k: vgg_line(k))
        yield Row(MEMORY, f"{what}: shape", shape, lambda k=k: vgg_shape(k))
        yield Row(MEMORY, f"{what}: memory", memory, lambda k=k: math.prod(vgg_shape(k)), digits=2)
        yield Row(
            MEMORY, f"{what}: params", params, lambda k=k: network("vgg16").weights(vgg_steps()[k])
        )
    yield Row(MEMORY, "number of lines", len(VGG16), lambda: len(vgg_steps()))
    yield Row(
        MEMORY,
        "total memory",
        "24M",
        vgg_memory,
        ours=15_237_608,
        why="the lines of the slide add up to 15.2 million numbers",
    )
    yield Row(
        MEMORY,
        "total memory in bytes",
        "96 MB",
        lambda: 4 * vgg_memory(),
        ours=60_950_432,
        why="follows from the 24 million above",
        counted=lambda: 4 * 24_000_000,
    )
    yield Row(MEMORY, "total params", "138M", lambda: network("vgg16").parameters())
    yield Row(
        MEMORY,
        "total params in bytes",
        "552 MB",
        lambda: parameter_bytes("vgg16"),
        ours=553_430_176,
        why="the slide multiplies the rounded 138 million",
        counted=lambda: 4 * 10**6 * round(network("vgg16").parameters() / 10**6),
    )


def stack(kernel_size: int, times: int = 1, channels: int = 3) -> Network:
    """Convolutions with stride 1 on top of each other, without biases."""
    layers = [
        nn.Conv2d(channels, channels, kernel_size, padding="same", bias=False) for _ in range(times)
    ]
    return Network(nn.Sequential(*layers), channels, 32, 32)


def one_filter_each(net: Network) -> int:
    """Weights of a single filter of each layer."""
    return sum(layer.weight[0].size for layer in net.weighted().values())


VGG = "VGGNet"
VGG_ROWS = [
    Row(VGG, "layers of AlexNet", 8, lambda: network("alexnet").depth),
    Row(VGG, "layers of VGGNet", [16, 19], lambda: [network(f"vgg{n}").depth for n in (16, 19)]),
    Row(
        VGG,
        "only 3×3 CONV stride 1, pad 1",
        {((3, 3), 1, 1)},
        lambda: {convolution(layer) for layer in network("vgg19").weighted("features").values()},
    ),
    Row(
        VGG,
        "2×2 MAX POOL stride 2",
        {((2, 2), (2, 2))},
        lambda: {pool[:2] for pool in network("vgg19").pools},
    ),
    Row(VGG, "what 2 layers of 3×3 filters see", (5, 5), lambda: stack(3, times=2).sees()),
    Row(VGG, "what 3 layers of 3×3 filters see", (7, 7), lambda: stack(3, times=3).sees()),
    Row(VGG, "what one 7×7 layer sees", (7, 7), lambda: stack(7).sees()),
    Row(
        VGG,
        "parameters of one 7×7 filter",
        147,
        lambda: stack(7).parameters(),
        ours=441,
        why="the slide counts one filter; a layer that keeps the 3 channels has three",
        counted=lambda: one_filter_each(stack(7)),
    ),
    Row(
        VGG,
        "parameters of three 3×3 filters",
        81,
        lambda: stack(3, times=3).parameters(),
        ours=243,
        why="the slide counts one filter a layer; layers that keep the 3 channels have three",
        counted=lambda: one_filter_each(stack(3, times=3)),
    ),
    *vgg16_rows(),
]

# ----------------------------------------------------------------------------------- GoogLeNet


def reduced() -> Network:
    """The 5×5 convolution of the slide behind a 1×1 that leaves 16 of 480 channels."""
    layers = nn.Sequential(nn.Conv2d(480, 16, 1), nn.Conv2d(16, 48, 5, padding=2))
    return Network(layers, 480, 14, 14)


def naive_macs() -> int:
    """The convolutions of the naive module on 256 channels of 28 × 28."""
    filters = ((128, 1), (192, 3), (96, 5))
    convs = [nn.Conv2d(256, channels, k, padding=k // 2) for channels, k in filters]
    return sum(Network(conv, 256, 28, 28).macs() for conv in convs)


def module(reduce: int) -> Network:
    """The module with 1×1 convolutions, `reduce` channels in front of its 3×3."""
    return Network(Inception(256, (128, reduce, 192, 64, 96, 64), batch_norm=False), 256, 28, 28)


def wide_three() -> int:
    """The listed terms, but 128 channels in front of the 3×3 and the 1×1 before it unchanged."""
    wide, listed = module(128), module(64)
    three = "branch2.1"
    return listed.macs() - listed.macs(three) + wide.macs(three)


def head() -> Network:
    return Network(network("googlenet").model.aux1, 512, 14, 14)


def weight_of_a_head() -> float:
    """What auxiliary_loss adds for a head, in terms of the head's own loss."""
    labels = np.zeros(2, np.int64)
    sure, uniform = Tensor(np.float32([[99, 0], [99, 0]])), Tensor(np.zeros((2, 2), np.float32))
    return float(auxiliary_loss((sure, uniform), labels).data / np.log(2))


ONE = "The 1×1 Convolution"
MODULE = "Inception Module"
GAP = "Global Average Pooling"
AUX = "Auxiliary classifiers"
DETAILS = "GoogLeNet details"
GOOGLENET_ROWS = [
    Row(
        ONE,
        "operations of 5×5 without 1×1",
        "112.9M",
        lambda: Network(nn.Conv2d(480, 48, 5, padding=2), 480, 14, 14).macs(),
    ),
    Row(ONE, "operations for 1×1", "1.5M", lambda: reduced().macs("0")),
    Row(ONE, "operations for 5×5", "3.8M", lambda: reduced().macs("1")),
    Row(ONE, "total number of operations", "5.3M", lambda: reduced().macs()),
    Row(MODULE, "naive module", "854M", naive_macs),
    Row(
        MODULE,
        "module with dimension reduction",
        "358M",
        lambda: module(64).macs(),
        ours=271_351_808,
        why="the terms on the slide sum to 271 M; 358 M has 128 channels in front of the 3×3",
        counted=wide_three,
    ),
    Row(
        MODULE,
        "filters of the module with dimension reduction",
        [(128, 1), (64, 1), (192, 3), (64, 1), (96, 5), (64, 1)],
        lambda: [(c.out_channels, c.kernel_size[0]) for c in module(64).weighted().values()],
    ),
    Row(
        GAP,
        "weights in the FC example",
        "51.3M",
        lambda: Network(nn.Linear(7 * 7 * 1024, 1024, bias=False), 7 * 7 * 1024).parameters(),
        cut=True,
    ),
    Row(
        GAP,
        "weights of global average pooling",
        0,
        lambda: Network(nn.AdaptiveAvgPool2d(1), 1024, 7, 7).parameters(),
    ),
    Row(
        GAP,
        "from 7×7 to 1×1",
        ((7, 7), (1, 1)),
        lambda: (
            googlenet().steps["inception5b"].shape[1:],
            Network(nn.AdaptiveAvgPool2d(1), 1024, 7, 7).steps[""].shape[1:],
        ),
    ),
    Row(AUX, "5×5 average pooling, stride 3", ((5, 5), (3, 3)), lambda: head().pools[0][:2]),
    Row(
        AUX,
        "1×1 conv, filters",
        ((1, 1), 128),
        lambda: (head().steps["conv.conv"].layer.kernel_size, head().steps["conv.conv"].shape[0]),
    ),
    Row(AUX, "FC", [(1024,), (1000,)], lambda: [head().steps[k].shape for k in ("fc1", "fc2")]),
    Row(DETAILS, "layers", 22, lambda: googlenet().depth),
    Row(
        DETAILS,
        "parameters",
        "5M",
        lambda: googlenet().parameters(),
        ours=6_998_552,
        why="often quoted, but no reading of the paper's table gives it; 7.0 M without and 13.4 M "
        "with the auxiliary heads",
    ),
    Row(
        DETAILS,
        "AlexNet's parameters over GoogLeNet's",
        "12",
        lambda: round(network("alexnet").parameters() / googlenet().parameters(), 2),
        ours=8.91,
        why="follows from the 5 million above",
        counted=lambda: network("alexnet").parameters() / 5_000_000,
    ),
]

# -------------------------------------------------------------------------------------- ResNet


def paper_macs(layers: tuple[int, int, int, int]) -> int:
    """With the stride in the first 1×1 convolution of a bottleneck, as in the paper."""

    def block(in_channels: int, channels: int, stride: int) -> Bottleneck:
        return Bottleneck(in_channels, channels, stride, stride_in="1x1")

    return Network(ResNet(layers, block), 3, 224, 224).macs()


STRIDE = "the paper's bottlenecks have their stride in the first 1×1, ours in the 3×3"
FLOPS = "Variants"
RESNET_ROWS = [
    Row("ResNet: Deep residual networks", "layers", 152, lambda: network("resnet152").depth),
    Row("ResNet", "layers of the deeper plain network", 56, lambda: network("plain56").depth),
    Row(
        "Full architecture (ResNet-34)",
        "two 3×3 conv layers in every residual block",
        {((3, 3), (3, 3))},
        lambda: {
            (block.conv1.kernel_size, block.conv2.kernel_size)
            for k in (1, 2, 3, 4)
            for block in getattr(network("resnet34").model, f"layer{k}")
        },
    ),
    Row(
        "Full architecture (ResNet-34)",
        "FC layers: only FC 1000",
        [(1000,)],
        lambda: [
            step.shape
            for step in network("resnet34").steps.values()
            if isinstance(step.layer, nn.Linear)
        ],
    ),
    Row("Bottleneck layers", "layers of ResNet-34", 34, lambda: network("resnet34").depth),
    Row(
        "Bottleneck layers",
        "layers with bottlenecks in its blocks",
        50,
        lambda: (
            Network(
                ResNet(
                    tuple(
                        len(getattr(network("resnet34").model, f"layer{k}")) for k in (1, 2, 3, 4)
                    ),
                    Bottleneck,
                ),
                3,
                224,
                224,
            ).depth
        ),
    ),
    *resnet_rows(FLOPS),
    Row(FLOPS, "FLOPs of resnet18", "1.8 × 10⁹", lambda: network("resnet18").macs()),
    Row(
        FLOPS,
        "FLOPs of resnet34",
        "3.6 × 10⁹",
        lambda: network("resnet34").macs(),
        ours=3_663_761_408,
        why="the paper's shortcuts cost nothing (option A); ours are 1×1 convolutions where the "
        "shape changes (option B)",
        counted=lambda: network("plain34").macs(),
    ),
    *(
        Row(
            FLOPS,
            f"FLOPs of {name}",
            printed,
            lambda name=name: network(name).macs(),
            ours=ours,
            why=STRIDE,
            counted=lambda layers=layers: paper_macs(layers),
            cut=cut,
        )
        for name, layers, printed, ours, cut in (
            ("resnet50", (3, 4, 6, 3), "3.8 × 10⁹", 4_089_184_256, True),
            ("resnet101", (3, 4, 23, 3), "7.6 × 10⁹", 7_801_405_440, False),
            ("resnet152", (3, 8, 36, 3), "11.3 × 10⁹", 11_513_626_624, False),
        )
    ),
    *(
        Row(
            "Comparison with/without skip",
            f"layers of {name}",
            n,
            lambda name=name: network(name).depth,
        )
        for name, n in (
            ("resnet34", 34),
            ("plain34", 34),
            ("vgg19", 19),
            ("resnet18", 18),
            ("plain18", 18),
        )
    ),
]

# ----------------------------------------------------------------------------------- MobileNet


def separable(channels: int, filters: int, side: int) -> Network:
    """A depthwise 3×3 and a pointwise convolution with side × side outputs."""
    depthwise = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
    pointwise = nn.Conv2d(channels, filters, 1, bias=False)
    return Network(nn.Sequential(depthwise, pointwise), channels, side + 2, side + 2)


def standard(channels: int, filters: int, side: int) -> Network:
    conv = nn.Conv2d(channels, filters, 3, bias=False)
    return Network(conv, channels, side + 2, side + 2)


def saving(channels: int, filters: int, side: int = 14) -> float:
    """How many times as much a standard convolution computes."""
    return standard(channels, filters, side).macs() / separable(channels, filters, side).macs()


SEPARABLE = "Depthwise Separable Convolution"
BODY = "Network architecture"
MOBILENET = [  # our layers, stride, filter shape, input size
    (["conv_stem"], 2, (3, 3, 3, 32), (224, 224, 3)),
    (["blocks.0.0.conv_dw"], 1, (3, 3, 32), (112, 112, 32)),
    (["blocks.0.0.conv_pw"], 1, (1, 1, 32, 64), (112, 112, 32)),
    (["blocks.1.0.conv_dw"], 2, (3, 3, 64), (112, 112, 64)),
    (["blocks.1.0.conv_pw"], 1, (1, 1, 64, 128), (56, 56, 64)),
    (["blocks.1.1.conv_dw"], 1, (3, 3, 128), (56, 56, 128)),
    (["blocks.1.1.conv_pw"], 1, (1, 1, 128, 128), (56, 56, 128)),
    (["blocks.2.0.conv_dw"], 2, (3, 3, 128), (56, 56, 128)),
    (["blocks.2.0.conv_pw"], 1, (1, 1, 128, 256), (28, 28, 128)),
    (["blocks.2.1.conv_dw"], 1, (3, 3, 256), (28, 28, 256)),
    (["blocks.2.1.conv_pw"], 1, (1, 1, 256, 256), (28, 28, 256)),
    (["blocks.3.0.conv_dw"], 2, (3, 3, 256), (28, 28, 256)),
    (["blocks.3.0.conv_pw"], 1, (1, 1, 256, 512), (14, 14, 256)),
    ([f"blocks.3.{k}.conv_dw" for k in range(1, 6)], 1, (3, 3, 512), (14, 14, 512)),
    ([f"blocks.3.{k}.conv_pw" for k in range(1, 6)], 1, (1, 1, 512, 512), (14, 14, 512)),
    (["blocks.4.0.conv_dw"], 2, (3, 3, 512), (14, 14, 512)),
    (["blocks.4.0.conv_pw"], 1, (1, 1, 512, 1024), (7, 7, 512)),
    (["blocks.4.1.conv_dw"], 2, (3, 3, 1024), (7, 7, 1024)),
    (["blocks.4.1.conv_pw"], 1, (1, 1, 1024, 1024), (7, 7, 1024)),
]


def filters_of(path: str) -> tuple[int, ...]:
    """As the table writes them: rows, columns, input channels unless depthwise, filters."""
    layer = network("mobilenet_v1").steps[path].layer
    channels, seen, *window = layer.weight.shape
    return (*window, channels) if layer.groups > 1 else (*window, seen, channels)


def body_rows() -> Iterator[Row]:
    for line, (paths, stride, filters, seen) in enumerate(MOBILENET, start=1):
        what, n = f"table 1, line {line}", len(paths)
        misprinted = line == 18
        yield Row(
            BODY,
            f"{what}: stride",
            [stride] * n,
            lambda paths=paths: [network("mobilenet_v1").steps[p].layer.stride for p in paths],
            ours=[1] if misprinted else None,
            why="the next line's input is 7 × 7 as this one's, so the stride is 1"
            if misprinted
            else "",
        )
        yield Row(
            BODY,
            f"{what}: filter shape",
            [filters] * n,
            lambda paths=paths: [filters_of(p) for p in paths],
        )
        yield Row(
            BODY,
            f"{what}: input size",
            [seen] * n,
            lambda paths=paths: [hwc(network("mobilenet_v1").steps[p].seen) for p in paths],
        )
    yield Row(
        BODY,
        "table 1: every convolution has its line",
        sorted(path for paths, *_ in MOBILENET for path in paths),
        lambda: sorted(path for path in network("mobilenet_v1").weighted() if "conv" in path),
    )
    yield Row(
        BODY,
        "table 1, Avg Pool: input size",
        (7, 7, 1024),
        lambda: hwc(network("mobilenet_v1").steps["blocks"].shape),
    )
    yield Row(
        BODY,
        "table 1, FC: filter shape",
        (1024, 1000),
        lambda: network("mobilenet_v1").steps["classifier"].layer.weight.shape[::-1],
    )
    yield Row(
        BODY,
        "table 1, FC: input size",
        (1024,),
        lambda: network("mobilenet_v1").steps["classifier"].seen,
    )
    yield Row(
        BODY,
        "table 1, Softmax: input size",
        (1000,),
        lambda: network("mobilenet_v1").steps["classifier"].shape,
    )


MOBILENET_ROWS = [
    Row(
        "Standard convolution",
        "3 · 3 · 3 · 128 · 5 · 5",
        86_400,
        lambda: standard(3, 128, 5).macs(),
    ),
    Row(SEPARABLE, "depthwise: 3 · 3 · 3 · 5 · 5", 675, lambda: separable(3, 128, 5).macs("0")),
    Row(SEPARABLE, "pointwise: 3 · 128 · 5 · 5", 9_600, lambda: separable(3, 128, 5).macs("1")),
    Row(SEPARABLE, "both", 10_275, lambda: separable(3, 128, 5).macs()),
    *(
        Row(
            SEPARABLE,
            f"the reduction 1/N + 1/D² for N = {N}, D = 3",
            round(1 / N + 1 / 3**2, 12),
            lambda N=N: round(1 / saving(3, N), 12),
        )
        for N in (32, 128, 1024)
    ),
    *(
        Row(
            SEPARABLE,
            f"8 to 9 times less computation with {N} filters",
            True,
            lambda N=N: 8 < saving(N, N) < 9,
        )
        for N in (128, 256, 512, 1024)
    ),
    Row(
        SEPARABLE,
        "8 to 9 times less computation with 64 filters",
        True,
        lambda: 8 < saving(32, 64) < 9,
        ours=False,
        why="1 / (1/64 + 1/9) = 7.9: true from 72 filters on, so not in MobileNet's first block",
        counted=lambda: saving(32, 72) >= 8,
    ),
    *body_rows(),
]

# ------------------------------------------------------------------- autoencoder, U-Net, siamese

KERAS = "Convolutional autoencoder"
AUTOENCODER = [  # Keras's name, output shape, the layer or pooling that has it, Param #, ours
    ("input_4", (28, 28, 1), ("seen", "conv1"), 0, None),
    ("conv2d_13", (26, 26, 32), ("shape", "conv1"), 320, "conv1"),
    ("max_pooling2d_7", (13, 13, 32), ("seen", "conv2"), 0, None),
    ("conv2d_14", (11, 11, 64), ("shape", "conv2"), 18_496, "conv2"),
    ("max_pooling2d_8", (5, 5, 64), ("seen", "conv3"), 0, None),
    ("conv2d_15", (3, 3, 64), ("shape", "conv3"), 36_928, "conv3"),
    ("flatten_4", (576,), ("seen", "dense"), 0, None),
    ("dense_4", (49,), ("shape", "dense"), 28_273, "dense"),
    ("reshape_4", (7, 7, 1), ("seen", "up1"), 0, None),
    ("conv2d_transpose_8", (14, 14, 64), ("seen", "bn1"), 640, "up1"),
    ("batch_normalization_8", (14, 14, 64), ("shape", "bn1"), 256, "bn1"),
    ("conv2d_transpose_9", (28, 28, 64), ("seen", "bn2"), 36_928, "up2"),
    ("batch_normalization_9", (28, 28, 64), ("shape", "bn2"), 256, "bn2"),
    ("conv2d_transpose_10", (28, 28, 32), ("shape", "up3"), 18_464, "up3"),
    ("conv2d_16", (28, 28, 1), ("shape", "conv4"), 289, "conv4"),
]


def autoencoder_rows() -> Iterator[Row]:
    for keras, shape, (side, path), params, owner in AUTOENCODER:
        yield Row(
            KERAS,
            f"{keras}: output shape",
            shape,
            lambda side=side, path=path: last_axis(
                getattr(network("conv_autoencoder").steps[path], side)
            ),
        )
        if owner:
            yield Row(
                KERAS,
                f"{keras}: Param #",
                params,
                lambda owner=owner: (
                    network("conv_autoencoder").parameters(owner)
                    + network("conv_autoencoder").statistics(owner)
                ),
            )
    yield Row(
        KERAS,
        "Total params",
        "140,850",
        lambda: network("conv_autoencoder").parameters(),
        ours=140_594,
        why="Keras also counts the moving means and variances",
        counted=lambda: (
            network("conv_autoencoder").parameters() + network("conv_autoencoder").statistics()
        ),
    )
    yield Row(
        KERAS, "Trainable params", "140,594", lambda: network("conv_autoencoder").parameters()
    )
    yield Row(
        KERAS, "Non-trainable params", "256", lambda: network("conv_autoencoder").statistics()
    )
    yield Row(
        KERAS,
        "up-sampling a 2×2 input to a 5×5 output",
        (5, 5),
        lambda: Network(nn.ConvTranspose2d(1, 1, 3, stride=2), 1, 2, 2).steps[""].shape[1:],
    )


def last_axis(shape: tuple[int, ...]) -> tuple[int, ...]:
    return hwc(shape) if len(shape) == 3 else shape


def unet() -> Network:
    """With padding, as the listing has, for n_filters = 16."""
    return Network(UNet(num_classes=1, width=16, padding=1), 1, 128, 128)


UNET = "U-Net"
UNET_ROWS = [
    Row(
        UNET,
        "n_filters * … in the contracting path",
        [1, 2, 4, 8, 16],
        lambda: [unet().steps[f"encoder.{k}"].shape[0] / 16 for k in range(5)],
    ),
    Row(
        UNET,
        "n_filters * … in the expansive path",
        [8, 4, 2, 1],
        lambda: [unet().steps[f"decoder.{k}"].shape[0] / 16 for k in range(4)],
    ),
    Row(
        UNET,
        "n_filters * … of the upsampling",
        [8, 4, 2, 1],
        lambda: [unet().steps[f"up.{k}"].shape[0] / 16 for k in range(4)],
    ),
    Row(
        UNET,
        "kernel_size of the blocks",
        {(3, 3)},
        lambda: {conv.kernel_size for conv in unet().weighted("encoder").values()},
    ),
    Row(
        UNET,
        "MaxPooling2D",
        [((2, 2), (2, 2))] * 4,
        lambda: [pool[:2] for pool in unet().pools],
    ),
    Row(
        UNET,
        "kernel of Conv2DTranspose",
        [(3, 3)] * 4,
        lambda: [conv.kernel_size for conv in unet().weighted("up").values()],
        ours=[(2, 2)] * 4,
        why="the listing's; the paper's up-convolution has 2×2, and ours too",
    ),
    Row(
        UNET,
        "strides of Conv2DTranspose",
        [2] * 4,
        lambda: [conv.stride for conv in unet().weighted("up").values()],
    ),
    Row(
        UNET,
        "u6 … u9 have the shapes of c4 … c1",
        True,
        lambda: all(
            unet().steps[f"up.{k}"].shape == unet().steps[f"encoder.{3 - k}"].shape
            for k in range(4)
        ),
    ),
    Row(
        UNET,
        "outputs = Conv2D(1, (1, 1))",
        (1, (1, 1)),
        lambda: (unet().steps["head"].shape[0], unet().steps["head"].layer.kernel_size),
    ),
]

ROWS = [
    *LENET_ROWS,
    *alexnet_rows(),
    *ZFNET_ROWS,
    *VGG_ROWS,
    *GOOGLENET_ROWS,
    *RESNET_ROWS,
    *MOBILENET_ROWS,
    *autoencoder_rows(),
    *UNET_ROWS,
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    check(DECK, row)


def test_the_loss_of_an_auxiliary_head_counts_three_tenths() -> None:
    """Slide "Auxiliary classifiers": the loss is added with weight 0.3. Numbers are computed."""
    assert weight_of_a_head() == pytest.approx(0.3, rel=1e-6)
