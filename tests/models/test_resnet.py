"""ResNets for ImageNet: the paper's stride, stems, stages, published names, errors."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from minidl import models, nn
from minidl.models.resnet import BasicBlock, Bottleneck, PlainBlock, ResNet, projection
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)
PAPER = partial(Bottleneck, stride_in="1x1")

# The paper's stride: the authors' Caffe files of ResNet-50 (less the 64 biases of its conv1), 101
# and 152; the paper's table 1 has 3.8, 7.6 and 11.3 · 10⁹. Statistics as torchvision's.
# (name, options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[str, dict[str, Any], tuple[int, int, int], int, int, int]] = [
    ("resnet18", {}, COLOUR, 11_689_512, 9_600, 1_814_073_344),
    ("resnet50", {}, COLOUR, 25_557_032, 53_120, 4_089_184_256),
    ("resnet50", {"block": PAPER}, COLOUR, 25_557_032, 53_120, 3_857_973_248),
    ("resnet101", {"block": PAPER}, COLOUR, 44_549_160, 105_344, 7_570_194_432),
    ("resnet152", {"block": PAPER}, COLOUR, 60_192_808, 151_424, 11_282_415_616),
    # without the three projections of 64·128 + 128·256 + 256·512 weights and their batch norms
    ("plain34", {}, COLOUR, 21_797_672 - 172_032 - 2 * 896, 17_024 - 2 * 896, 3_644_493_824),
    # conv1 16·27, layer1 4·16·16·9, the others 16·32·9 + 3·32·32·9 + 16·32 and 4 and 16 times that;
    # batch norms 2·(5·16 + 5·32 + 5·64 + 5·128); fc 128·10 + 10.
    # MACs 1,024 · (432 + 9,216) + 3 · 256 · 32,768 + 1,280
    (
        "resnet18",
        {"stem": "cifar", "width": 16, "num_classes": 10},
        SMALL,
        432 + 9_216 + 21 * 32_768 + 2 * 1_200 + 1_290,
        2 * 1_200,
        1_024 * 9_648 + 3 * 256 * 32_768 + 1_280,
    ),
]


@pytest.mark.parametrize(("name", "options", "shape", "parameters", "statistics", "macs"), COUNTS)
def test_counts(
    name: str,
    options: dict[str, Any],
    shape: tuple[int, int, int],
    parameters: int,
    statistics: int,
    macs: int,
) -> None:
    model = models.create(name, **options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, shape) == macs


def test_the_docstring_prints_the_counts() -> None:
    lines = {line.split()[0]: line for line in str(ResNet.__doc__).splitlines() if line.strip()}
    for name in (
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "plain18",
        "plain34",
    ):
        entry = models.entry(name)
        assert lines[name].split()[1:4] == [
            f"{entry.parameters:,}",
            f"{entry.macs / 1e6:,.1f}",
            "M",
        ]
    for name, options, _, _, _, macs in COUNTS:
        if options.get("block") is PAPER:
            assert lines[name].endswith(f" {macs / 1e6:,.1f} M")


@pytest.mark.parametrize(
    ("name", "widths", "blocks"),
    [
        ("resnet34", (64, 128, 256, 512), (3, 4, 6, 3)),
        ("plain18", (64, 128, 256, 512), (2, 2, 2, 2)),
        ("resnet50", (256, 512, 1024, 2048), (3, 4, 6, 3)),
        ("resnet152", (256, 512, 1024, 2048), (3, 8, 36, 3)),
    ],
)
def test_stages_are_those_of_table_1(
    name: str, widths: tuple[int, ...], blocks: tuple[int, ...]
) -> None:
    model: Any = models.create(name)
    shapes = output_shapes(model, COLOUR)
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes["maxpool"] == (64, 56, 56)
    for stage, (width, side) in enumerate(zip(widths, (56, 28, 14, 7), strict=True), start=1):
        assert shapes[f"layer{stage}"] == (width, side, side)
    assert shapes["fc"] == shapes[""] == (1000,)
    stages = (model.layer1, model.layer2, model.layer3, model.layer4)
    assert tuple(len(stage) for stage in stages) == blocks


@pytest.mark.parametrize(("block", "side"), [(PAPER, 28), (Bottleneck, 56)])
def test_where_the_stride_is(block: Any, side: int) -> None:
    shapes = output_shapes(ResNet(block=block), COLOUR)
    assert shapes["layer2.0.conv1"] == (128, side, side)
    assert shapes["layer2.0.conv2"] == (128, 28, 28)
    assert shapes["layer2.1.conv1"] == (128, 28, 28)


def test_the_stem_for_small_images_keeps_all_pixels() -> None:
    shapes = output_shapes(models.create("resnet18", stem="cifar"), SMALL)
    assert shapes["conv1"] == shapes["maxpool"] == shapes["layer1"] == (64, 32, 32)
    assert shapes["layer4"] == (512, 4, 4)


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


@pytest.mark.parametrize(
    ("name", "convolutions", "projected"),
    [("resnet18", 2, (2, 3, 4)), ("resnet50", 3, (1, 2, 3, 4)), ("plain18", 2, ())],
)
def test_keys_are_torchvisions(name: str, convolutions: int, projected: tuple[int, ...]) -> None:
    expected = ["conv1.weight", *norm_keys("bn1")]
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            prefix = f"layer{stage}.{block}"
            for k in range(1, convolutions + 1):
                expected += [f"{prefix}.conv{k}.weight", *norm_keys(f"{prefix}.bn{k}")]
            if block == 0 and stage in projected:
                expected += [f"{prefix}.downsample.0.weight", *norm_keys(f"{prefix}.downsample.1")]
    expected += ["fc.weight", "fc.bias"]
    assert list(models.create(name, layers=(2, 2, 2, 2), width=16).state_dict()) == expected


# ---------------------------------------------------------------------- what the blocks compute


@pytest.mark.parametrize("block", [BasicBlock(16, 16, 1), Bottleneck(16, 4, 1)])
def test_a_block_whose_branch_is_zero_is_its_shortcut(block: Any) -> None:
    x = normal(2, 16, 6, 6)
    last = block.bn2 if isinstance(block, BasicBlock) else block.bn3
    last.weight.data[:] = 0
    np.testing.assert_array_equal(block(x).data, np.maximum(x, 0))


def test_a_plain_block_whose_branch_is_zero_is_zero() -> None:
    block: Any = PlainBlock(16, 16, 1)
    block.bn2.weight.data[:] = 0
    assert not block(normal(2, 16, 6, 6)).data.any()


def test_a_plain_block_is_a_basic_block_on_a_zero_shortcut() -> None:
    plain, basic = PlainBlock(8, 12, 2), BasicBlock(8, 12, 2)
    basic.load_state_dict({**basic.state_dict(), **plain.state_dict()})
    shortcut: Any = basic.downsample
    shortcut[1].weight.data[:] = 0
    x = normal(3, 8, 7, 7)
    np.testing.assert_array_equal(plain(x).data, basic(x).data)


def test_the_shortcut_projects_only_where_it_must() -> None:
    assert type(projection(8, 8, 1)) is nn.Identity
    for arguments in ((8, 16, 1), (8, 8, 2)):
        assert type(projection(*arguments)) is nn.Sequential


def test_first_weights() -> None:
    """He, with fan_out as in torchvision: σ = √(2/fan_out), within five standard errors σ/√(2n)."""
    model: Any = models.create("resnet18")
    for weight, fan_out in ((model.conv1.weight, 64 * 49), (model.layer3[0].conv1.weight, 256 * 9)):
        sigma = np.sqrt(2 / fan_out)
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("layers", [(2, 2, 2), (2, 2, 2, 0), (1, 2, 3, 4, 5)])
def test_layers(layers: Any) -> None:
    with pytest.raises(ValueError, match=r"each of 4 stages, at least 1, not \(.*\(2, 2, 2, 2\)$"):
        models.create("resnet18", layers=layers)


def test_stem() -> None:
    with pytest.raises(ValueError, match=r"'imagenet' .* or 'cifar' .*, not 'small'$"):
        models.create("resnet18", stem="small")


def test_stride_in() -> None:
    with pytest.raises(ValueError, match=r"'3x3', or '1x1' as in the paper, not '2x2'$"):
        models.create("resnet50", block=partial(Bottleneck, stride_in="2x2"))
