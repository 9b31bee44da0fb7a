"""HSE University, Deep Learning 1, lecture 4, Convolutional Neural Network architectures (2022)."""

import pytest

from tests.lectures.deck import Row, check
from tests.lectures.network import network

DECK = "HSE, Deep Learning 1, lecture 4"

SIZES = [  # slide, network, #params
    ("AlexNet (2012)", "alexnet_owt", "61.1M"),
    ("VGG (2014)", "vgg19", "143.7M"),
    ("ResNet (2015)", "resnet152", "60.2M"),
    ("DenseNet", "densenet201", "20.0M"),
    ("MobileNet", "mobilenet_v1", "4.2M"),
    ("NASNet", "nasnet_a_mobile", "5.3M"),
    ("EfficientNet", "efficientnet_b0", "5.3M"),
    ("What is next?", "convnext_base", "88.6M"),
]
ROWS = [
    *(
        Row(slide, f"parameters of {name}", printed, lambda name=name: network(name).parameters())
        for slide, name, printed in SIZES
    ),
    Row(
        "GoogLeNet (a.k.a Inception, 2014)",
        "parameters",
        "6.6M",
        lambda: network("googlenet").parameters(),
        ours=13_378_280,
        why="torchvision's variant with batch norm, without the two auxiliary heads",
        counted=lambda: network("googlenet_bn", aux=False).parameters(),
    ),
    Row("VGG (2014)", "layers", {16, 19}, lambda: {network(f"vgg{n}").depth for n in (16, 19)}),
    Row(
        "VGG (2014)",
        "convolutional kernels",
        {(3, 3)},
        lambda: {conv.kernel_size for conv in network("vgg19").weighted("features").values()},
    ),
    Row(
        "ImageNet Large Scale Visual Recognition Challenge (ILSVRC)",
        "classes",
        (1000,),
        lambda: network("alexnet_owt").steps[""].shape,
    ),
    Row("ResNet (2015)", "layers of ResNet-152", 152, lambda: network("resnet152").depth),
    Row("DenseNet", "layers of DenseNet-201", 201, lambda: network("densenet201").depth),
    Row(
        "MobileNet",
        "table 4, Conv MobileNet: mult-adds",
        "4866M",
        lambda: network("mobilenet_v1_conv").macs(),
        ours=4_867_293_184,
        why="the table leaves out the classifier",
        counted=lambda: (
            network("mobilenet_v1_conv").macs() - network("mobilenet_v1_conv").macs("classifier")
        ),
    ),
    Row(
        "MobileNet",
        "table 4, Conv MobileNet: parameters",
        "29.3M",
        lambda: network("mobilenet_v1_conv").parameters(),
    ),
    Row(
        "MobileNet", "table 4, MobileNet: mult-adds", "569M", lambda: network("mobilenet_v1").macs()
    ),
    Row(
        "MobileNet",
        "table 4, MobileNet: parameters",
        "4.2M",
        lambda: network("mobilenet_v1").parameters(),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    check(DECK, row)
