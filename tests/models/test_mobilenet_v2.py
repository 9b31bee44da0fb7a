"""MobileNetV2: widths, stages, published names, blocks that are linear at their narrow ends."""

from typing import Any

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.mobilenet_v2 import InvertedResidual, MobileNetV2, conv_bn_relu6, round_channels
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)

# torchvision's mobilenet_v2 with these width_mult; Google's table has 2.61 million parameters and
# 209 million MACs for 0.75, 1.95 and 97 for 0.5.
# (options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[dict[str, Any], tuple[int, int, int], int, int, int]] = [
    ({"width": 0.75}, COLOUR, 2_636_424, 26_640, 209_069_792),
    ({"width": 0.5}, COLOUR, 1_968_680, 18_544, 97_131_840),
    ({"width": 0.25}, COLOUR, 1_519_112, 10_656, 37_201_312),
    # 990 classes fewer: 990 · (1280 + 1) parameters. 32² pixels after the stem in place of 112²:
    # (300,774,272 − 1,280,000) · 4/49 + 12,800 multiply-accumulates.
    ({"stem_stride": 1, "num_classes": 10}, SMALL, 2_236_682, 34_112, 24_461_312),
    # the stem's 16 filters lose 2·9 weights each, which are used at 112² pixels
    ({"width": 0.5, "in_channels": 1}, (1, 224, 224), 1_968_392, 18_544, 93_519_168),
]


@pytest.mark.parametrize(("options", "shape", "parameters", "statistics", "macs"), COUNTS)
def test_counts(
    options: dict[str, Any],
    shape: tuple[int, int, int],
    parameters: int,
    statistics: int,
    macs: int,
) -> None:
    model = models.create("mobilenet_v2", **options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, shape) == macs


def test_the_docstring_prints_the_counts() -> None:
    lines = {
        line.split()[0]: line for line in str(MobileNetV2.__doc__).splitlines() if line.strip()
    }
    entry = models.entry("mobilenet_v2")
    rows = [(entry.parameters, entry.macs), *((row[2], row[4]) for row in COUNTS[:3])]
    assert lines["parameters"].split()[1:] == [f"{parameters:,}" for parameters, _ in rows]
    assert lines["MACs"].split()[1::2] == [f"{macs / 1e6:.1f}" for _, macs in rows]


def test_stages_are_those_of_table_2() -> None:
    shapes = output_shapes(models.create("mobilenet_v2"), COLOUR)
    table = {  # last layer of each row: channels, side
        0: (32, 112),
        1: (16, 112),
        3: (24, 56),
        6: (32, 28),
        10: (64, 14),
        13: (96, 14),
        16: (160, 7),
        17: (320, 7),
        18: (1280, 7),
    }
    for layer, (channels, side) in table.items():
        assert shapes[f"features.{layer}"] == (channels, side, side)
    assert "features.19" not in shapes
    assert shapes["classifier"] == (1000,)
    # the wide ends of a block: 6 · 24 channels
    assert shapes["features.3.conv.0"] == shapes["features.3.conv.1"] == (144, 56, 56)


def test_small_images_end_as_2_by_2() -> None:
    shapes = output_shapes(models.create("mobilenet_v2", width=0.25, stem_stride=1), SMALL)
    assert shapes["features.0"][1:] == (32, 32)
    assert shapes["features.18"] == (1280, 2, 2)


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_keys_are_torchvisions() -> None:
    expected = []
    for layer in range(19):
        steps = [f"features.{layer}.conv.{step}" for step in range(2 if layer == 1 else 3)]
        if layer in (0, 18):
            steps = []
            expected += [f"features.{layer}.0.weight", *norm_keys(f"features.{layer}.1")]
        for step in steps[:-1]:
            expected += [f"{step}.0.weight", *norm_keys(f"{step}.1")]
        if steps:
            expected += [f"{steps[-1]}.weight", *norm_keys(f"features.{layer}.conv.{len(steps)}")]
    expected += ["classifier.1.weight", "classifier.1.bias"]
    assert list(models.create("mobilenet_v2", width=0.25).state_dict()) == expected


def test_a_block_whose_branch_is_zero_is_its_shortcut() -> None:
    """Batch norm with scale 0 at the end, and no ReLU after it: y = x, below zero too."""
    x, block = normal(2, 8, 5, 6), InvertedResidual(8, 8, 1, 6)
    block.conv[3].weight.data[:] = 0  # type: ignore[attr-defined]
    np.testing.assert_array_equal(block(x).data, x)


@pytest.mark.parametrize(("channels", "stride"), [(8, 2), (16, 1)])
def test_no_shortcut_where_the_shape_changes(channels: int, stride: int) -> None:
    block = InvertedResidual(8, channels, stride, 6)
    block.conv[3].weight.data[:] = 0  # type: ignore[attr-defined]
    y = block(normal(2, 8, 5, 6)).data
    assert y.shape == (2, channels, 3, 3) if stride == 2 else (2, channels, 5, 6)
    assert not y.any()


def test_ten_of_seventeen_blocks_have_a_shortcut() -> None:
    blocks = [m for m in MobileNetV2().modules() if isinstance(m, InvertedResidual)]
    assert len(blocks) == 17
    assert sum(block.has_shortcut for block in blocks) == 10  # Σ (n − 1)


def test_activations_end_at_6() -> None:
    layer = conv_bn_relu6(3, 4, 3)
    layer[1].weight.data[:] = 20  # type: ignore[attr-defined]
    y = layer(normal(2, 3, 9, 9)).data
    assert y.min() == 0
    assert y.max() == 6


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(32 * 0.75, 24), (24 * 0.75, 24), (16 * 0.25, 8), (96 * 0.25, 24), (11.9, 16), (12, 16)],
)
def test_channels_are_multiples_of_8(channels: float, rounded: int) -> None:
    """18 is nearer to 16, but 16 is less than 90 % of it; so is 8 for 11.9."""
    assert round_channels(channels) == rounded


def test_only_a_width_above_1_changes_the_last_layer() -> None:
    narrow, wide = MobileNetV2(width=0.25), MobileNetV2(width=1.4)
    assert [m.in_features for m in narrow.modules() if isinstance(m, nn.Linear)] == [1280]
    assert [m.in_features for m in wide.modules() if isinstance(m, nn.Linear)] == [1792]


def test_dropout_acts_on_the_classifier_in_training() -> None:
    model = models.create("mobilenet_v2", width=0.25, dropout=0.5, stem_stride=1)
    x = normal(4, *SMALL)
    with minidl.no_grad():
        assert not np.array_equal(model(x).data, model(x).data)
        still = models.create("mobilenet_v2", width=0.25, dropout=0.0, stem_stride=1)
        np.testing.assert_array_equal(still(x).data, still(x).data)


def test_first_weights() -> None:
    """σ = √(2/fan_out) within five standard errors σ/√(2n); the classifier's is 0.01."""
    model = MobileNetV2()
    weights = dict(model.named_parameters())
    for name, sigma in (
        ("features.17.conv.2.weight", np.sqrt(2 / 320)),
        ("features.0.0.weight", np.sqrt(2 / (32 * 9))),
        ("classifier.1.weight", 0.01),
    ):
        weight = weights[name]
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
    assert not weights["classifier.1.bias"].data.any()
