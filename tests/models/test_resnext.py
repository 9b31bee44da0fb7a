"""ResNeXt: paths as groups, widths, stages, published names, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import Tensor, models
from minidl.models import resnext
from minidl.models.resnet import Bottleneck
from minidl.models.resnext import ResNeXtCIFAR
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)

# bearpaw/pytorch-classification, cardinality 8 and 16; the paper's table 7 has 34.4 and 68.1
# million parameters.
# (cardinality, parameters, batch norm statistics, multiply-accumulates)
COUNTS = [
    (8, 34_426_698, 57_472, 5_387_266_048),
    (16, 68_155_210, 100_480, 10_688_866_304),
]


@pytest.mark.parametrize(("cardinality", "parameters", "statistics", "macs"), COUNTS)
def test_counts(cardinality: int, parameters: int, statistics: int, macs: int) -> None:
    model = models.create("resnext29_8x64d", cardinality=cardinality)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, SMALL) == macs


def test_statistics_of_imagenet_are_torchvisions() -> None:
    assert statistics_count(models.create("resnext50_32x4d")) == 68_224


def test_the_docstrings_print_the_counts() -> None:
    for name, text in (
        ("resnext50_32x4d", resnext.__doc__),
        ("resnext101_32x8d", resnext.__doc__),
        ("resnext29_8x64d", ResNeXtCIFAR.__doc__),
    ):
        entry = models.entry(name)
        assert f" {entry.parameters:,}" in str(text)
        assert f" {entry.macs / 1e6:,.1f} M" in str(text)
    _, parameters, _, macs = COUNTS[1]
    assert f"{parameters:,} parameters and {macs / 1e6:,.1f} M MACs" in str(ResNeXtCIFAR.__doc__)


def test_stages_of_imagenet() -> None:
    """The paper's table 1: 32 × 4d is 128 channels in groups of 4, and so on."""
    model: Any = models.create("resnext50_32x4d")
    shapes = output_shapes(model, COLOUR)
    for stage, (width, side) in enumerate(((256, 56), (512, 28), (1024, 14), (2048, 7)), start=1):
        assert shapes[f"layer{stage}"] == (width, side, side)
        assert shapes[f"layer{stage}.1.conv2"] == (width // 2, side, side)
    assert model.layer1[0].conv2.weight.shape == (128, 4, 3, 3)
    assert model.layer4[0].conv2.weight.shape == (1024, 32, 3, 3)


def test_stages_of_cifar() -> None:
    shapes = output_shapes(models.create("resnext29_8x64d"), SMALL)
    assert shapes["conv1"] == (64, 32, 32)
    for stage, (width, side) in enumerate(((256, 32), (512, 16), (1024, 8)), start=1):
        assert shapes[f"layer{stage}"] == (width, side, side)
        assert shapes[f"layer{stage}.2.conv2"] == (2 * width, side, side)
        assert f"layer{stage}.3" not in shapes


def test_keys_of_cifar() -> None:
    keys = list(ResNeXtCIFAR(11, 2, 8, width=8).state_dict())
    assert keys[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    block = [f"layer1.0.{part}" for part in ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")]
    assert [key.removesuffix(".weight") for key in keys if key.endswith(".weight")][2:10] == [
        *block,
        "layer1.0.downsample.0",
        "layer1.0.downsample.1",
    ]
    assert keys[-2:] == ["fc.weight", "fc.bias"]


def test_groups_are_paths_side_by_side() -> None:
    """Figure 3: a block with C groups is C narrow blocks whose outputs, before ReLU, add up."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((2, 16, 5, 5)).astype(np.float32))
    block: Any = Bottleneck(16, 4, 1, groups=4, group_width=32).eval()  # 4 paths of 2 channels
    total = x.data.copy()
    for path in range(4):
        mine = slice(2 * path, 2 * path + 2)
        one: Any = Bottleneck(16, 4, 1, group_width=32).eval()
        one.conv1.weight.data[:] = block.conv1.weight.data[mine]
        one.conv2.weight.data[:] = block.conv2.weight.data[mine]
        one.conv3.weight.data[:] = block.conv3.weight.data[:, mine]
        seen = one.bn2(one.conv2(one.bn1(one.conv1(x))))
        total += one.conv3(seen).data / np.float32(np.sqrt(1 + 1e-5))  # bn3, as it starts
    np.testing.assert_allclose(block(x).data, np.maximum(total, 0), rtol=1e-4, atol=1e-5)


def test_groups_need_a_channel() -> None:
    with pytest.raises(
        ValueError, match=r"leaves a group 4 · 8 / 64 = 0.5 channels.*wider network"
    ):
        models.create("resnext50_32x4d", width=8)


@pytest.mark.parametrize("depth", [2, 28, 30])
def test_depth(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"9n \+ 2 \(11, 20, 29, …\), not {depth}$"):
        ResNeXtCIFAR(depth)
