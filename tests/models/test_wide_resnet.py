"""Wide ResNets: widths, stages, published names, dropout, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import models
from minidl.models import wide_resnet
from minidl.models.wide_resnet import WideBlock, WideResNet
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

SMALL = (3, 32, 32)

# 28-10: xternalz/WideResNet-pytorch. 40-4 by hand: 8.9 million parameters in the paper's table 4;
# statistics 2·(16 + 11·64 + 64 + 11·128 + 128 + 11·256 + 256); MACs stage by stage below.
# (options, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[dict[str, Any], int, int, int]] = [
    ({"depth": 28, "widen": 10}, 36_479_194, 17_952, 5_243_328_768),
    (
        {"depth": 40, "widen": 4},
        8_949_210,
        10_784,
        1_024 * (432 + 9_216 + 11 * 36_864 + 1_024)
        + 256 * (73_728 + 11 * 147_456 + 8_192)
        + 64 * (294_912 + 11 * 589_824 + 32_768)
        + 2_560,
    ),
]
# More rows of that table: depth, k, millions of parameters.
ROUNDED = [(40, 1, 0.6), (40, 2, 2.2), (16, 8, 11.0), (22, 8, 17.2), (40, 8, 35.7)]


@pytest.mark.parametrize(("options", "parameters", "statistics", "macs"), COUNTS)
def test_counts(options: dict[str, Any], parameters: int, statistics: int, macs: int) -> None:
    model = WideResNet(**options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, SMALL) == macs


@pytest.mark.parametrize(("depth", "widen", "million"), ROUNDED)
def test_parameters_of_the_papers_tables(depth: int, widen: int, million: float) -> None:
    assert round(parameter_count(WideResNet(depth, widen)) / 1e6, 1) == million


def test_the_docstrings_print_the_counts() -> None:
    for name in ("wide_resnet28_10", "wide_resnet40_4"):
        entry = models.entry(name)
        assert f" {entry.parameters:,}" in str(WideResNet.__doc__)
        assert f" {entry.macs / 1e6:,.1f} M" in str(WideResNet.__doc__)
    entry = models.entry("wide_resnet50_2")
    assert f" {entry.parameters:,} parameters" in str(wide_resnet.__doc__)
    assert f" {entry.macs / 1e6:,.1f} M MACs" in str(wide_resnet.__doc__)


def test_stages() -> None:
    shapes = output_shapes(models.create("wide_resnet40_4"), SMALL)
    assert shapes["conv1"] == (16, 32, 32)
    for stage, (width, side) in enumerate(((64, 32), (128, 16), (256, 8)), start=1):
        assert shapes[f"block{stage}"] == (width, side, side)
        assert f"block{stage}.layer.5" in shapes
        assert f"block{stage}.layer.6" not in shapes
    assert shapes[""] == (10,)


def test_wide_resnet50_has_twice_the_channels_in_the_3x3() -> None:
    model: Any = models.create("wide_resnet50_2", layers=(1, 1, 1, 1))
    assert model.layer1[0].conv2.weight.shape == (128, 128, 3, 3)
    assert model.layer4[0].conv2.weight.shape == (1024, 1024, 3, 3)
    assert model.layer4[0].conv3.weight.shape == (2048, 1024, 1, 1)


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_keys_are_the_published_ones() -> None:
    expected = ["conv1.weight"]
    for stage in (1, 2, 3):
        for block in (0, 1):
            prefix = f"block{stage}.layer.{block}"
            for k in (1, 2):
                expected += [*norm_keys(f"{prefix}.bn{k}"), f"{prefix}.conv{k}.weight"]
            if block == 0:
                expected.append(f"{prefix}.convShortcut.weight")
    expected += [*norm_keys("bn1"), "fc.weight", "fc.bias"]
    assert list(WideResNet(16, 2).state_dict()) == expected


# ---------------------------------------------------------------------- what the blocks compute


def test_the_shortcut_is_untouched_or_starts_behind_the_activation() -> None:
    x = normal(2, 8, 6, 6)
    same: Any = WideBlock(8, 8, 1, drop_rate=0)
    wider: Any = WideBlock(8, 12, 2, drop_rate=0)
    for block in (same, wider):
        block.conv2.weight.data[:] = 0
    np.testing.assert_array_equal(same(x).data, x)
    np.testing.assert_array_equal(wider(x).data, wider.convShortcut(wider.bn1(x)).data)


def test_dropout_stands_behind_the_first_convolution() -> None:
    """A share p of the numbers that bn2 is given is zero, in training only."""
    block, seen = WideBlock(8, 16, 1, drop_rate=0.3), []
    block.bn2.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].data))
    x = normal(8, 8, 12, 12)
    block(x)
    block.eval()(x)
    zeros = [(numbers == 0).mean() for numbers in seen]
    assert abs(zeros[0] - 0.3) < 5 * np.sqrt(0.21 / seen[0].size)  # five standard errors
    assert zeros[1] == 0


def test_drop_rate_reaches_every_block() -> None:
    model = WideResNet(16, 1, drop_rate=0.25)
    rates = [layer.drop_rate for layer in model.modules() if isinstance(layer, WideBlock)]
    assert rates == [0.25] * 6


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("depth", [4, 12, 27, -2])
def test_depth(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"6n \+ 4 \(10, 16, 22, …\), not {depth}$"):
        WideResNet(depth)
