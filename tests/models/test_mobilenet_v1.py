"""MobileNet: widths, the full-convolution twin, stages, published names, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import models
from minidl.models.mobilenet_v1 import FullBlock, MobileNetV1, SeparableBlock
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)

# Widths: the paper's table 6 has 4.2, 2.6, 1.3, 0.5 million parameters and 569, 325, 149, 41
# million mult-adds; these are the exact counts of pytorchcv's mobilenet_w1, w3d4, wd2, wd4.
# The twin: the paper's table 4 has 29.3 million parameters; the count follows from its table 1,
# and so do the statistics, 2·(32 + 64 + 2·128 + 2·256 + 6·512 + 2·1024) = 11,968.
# (options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[dict[str, Any], tuple[int, int, int], int, int, int]] = [
    ({"width": 0.75}, COLOUR, 2_585_560, 16_416, 325_400_448),
    ({"width": 0.5}, COLOUR, 1_331_592, 10_944, 149_497_088),
    ({"width": 0.25}, COLOUR, 470_072, 5_472, 41_030_272),
    # 990 classes fewer: 990 · (1024 + 1) parameters. 32² pixels after the stem in place of 112²:
    # (568,740,352 − 1,024,000) · 4/49 + 10,240 multiply-accumulates.
    ({"stem_stride": 1, "num_classes": 10}, SMALL, 3_217_226, 21_888, 46_354_432),
    # the stem's 8 filters lose 2·9 weights each, which are used at 112² pixels
    ({"width": 0.25, "in_channels": 1}, (1, 224, 224), 469_928, 5_472, 39_223_936),
]


@pytest.mark.parametrize(("options", "shape", "parameters", "statistics", "macs"), COUNTS)
def test_counts(
    options: dict[str, Any],
    shape: tuple[int, int, int],
    parameters: int,
    statistics: int,
    macs: int,
) -> None:
    model = models.create("mobilenet_v1", **options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, shape) == macs


def test_the_twin_has_no_statistics_of_depthwise_steps() -> None:
    model = models.create("mobilenet_v1_conv")
    assert statistics_count(model) == 11_968
    assert not any(getattr(layer, "groups", 1) > 1 for layer in model.modules())


def test_the_docstring_prints_the_counts() -> None:
    lines = {
        line.split()[0]: line for line in str(MobileNetV1.__doc__).splitlines() if line.strip()
    }
    for name in ("mobilenet_v1", "mobilenet_v1_conv"):
        entry = models.entry(name)
        assert f" {entry.parameters:,}" in lines["parameters"]
        assert f" {entry.macs / 1e6:,.1f} M" in lines["MACs"]
    for _, _, parameters, _, macs in COUNTS[:3]:
        assert f" {parameters:,}" in lines["parameters"]
        assert f" {macs / 1e6:.1f} M" in lines["MACs"]


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v1_conv"])
def test_stages_are_those_of_table_1(name: str) -> None:
    shapes = output_shapes(models.create(name, width=0.25), COLOUR)
    table = [(16, 112), (32, 56), (64, 28), (128, 14), (256, 7)]  # a quarter of the channels
    assert shapes["conv_stem"] == (8, 112, 112)
    for stage, (channels, side) in enumerate(table):
        assert shapes[f"blocks.{stage}"] == (channels, side, side)
    assert shapes["classifier"] == (1000,)
    blocks = [len(list(stage.children())) for stage in MobileNetV1(width=0.25).blocks]
    assert blocks == [1, 2, 2, 6, 2]


def test_small_images_end_as_2_by_2() -> None:
    shapes = output_shapes(models.create("mobilenet_v1", width=0.25, stem_stride=1), SMALL)
    sides = [shapes[f"blocks.{stage}"][1] for stage in range(5)]
    assert [shapes["conv_stem"][1], *sides] == [32, 32, 16, 8, 4, 2]


def test_a_separable_block_costs_9m_plus_mn() -> None:
    block, full = SeparableBlock(16, 24, 1), FullBlock(16, 24, 1)
    assert multiply_accumulates(block, (16, 5, 5)) == 25 * (9 * 16 + 16 * 24)
    assert multiply_accumulates(full, (16, 5, 5)) == 25 * 9 * 16 * 24


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_keys_are_timms() -> None:
    """mobilenetv1_100: a stem, five lists of blocks, and the classifier."""
    expected = ["conv_stem.weight", *norm_keys("bn1")]
    for stage, blocks in enumerate((1, 2, 2, 6, 2)):
        for position in range(blocks):
            prefix = f"blocks.{stage}.{position}"
            expected += [f"{prefix}.conv_dw.weight", *norm_keys(f"{prefix}.bn1")]
            expected += [f"{prefix}.conv_pw.weight", *norm_keys(f"{prefix}.bn2")]
    expected += ["classifier.weight", "classifier.bias"]
    assert list(models.create("mobilenet_v1", width=0.25).state_dict()) == expected


def test_every_convolution_is_followed_by_relu() -> None:
    """Nothing below zero leaves a step of a block, and something above does."""
    block = SeparableBlock(6, 8, 2)
    seen: list[np.ndarray] = []
    for layer in (block.bn1, block.bn2):
        layer.register_forward_hook(lambda module, inputs, output: seen.append(output.data))
    block(np.random.default_rng(0).standard_normal((4, 6, 9, 9)).astype(np.float32))
    assert [numbers.shape for numbers in seen] == [(4, 6, 5, 5), (4, 8, 5, 5)]
    for numbers in seen:
        assert numbers.min() == 0
        assert numbers.max() > 1


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), fan_in 9 in a depthwise step, within five standard errors σ/√(2n)."""
    last = list(MobileNetV1(width=0.5).blocks[4].children())[1]
    assert isinstance(last, SeparableBlock)
    for weight, fan_in in ((last.conv_dw.weight, 9), (last.conv_pw.weight, 512)):
        sigma = np.sqrt(2 / fan_in)
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)


def test_a_width_that_leaves_nothing() -> None:
    with pytest.raises(ValueError, match=r"width=0\.01 leaves .*32 · 0\.01 = 0\.32 channels"):
        models.create("mobilenet_v1", width=0.01)
