"""EfficientNet: scaling, stages, published names, squeeze and excitation, skipped blocks."""

from typing import Any

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.efficientnet import EfficientNet, MBConv, SqueezeExcitation
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)
TINY: dict[str, Any] = {"width": 0.25, "depth": 0.1, "stem_stride": 1, "num_classes": 10}


# Statistics are those of torchvision's models of these names.
@pytest.mark.parametrize(
    ("name", "statistics"),
    [("efficientnet_b0", 42_016), ("efficientnet_b1", 62_048), ("efficientnet_b2", 67_568)],
)
def test_statistics(name: str, statistics: int) -> None:
    assert statistics_count(models.create(name)) == statistics


def test_counts_of_b0_for_small_images() -> None:
    """10 classes in place of 1000: 990 · (1280 + 1) parameters fewer.

    32² pixels after the stem in place of 112² are 4/49 as many; but squeeze and excitation sees one
    pixel always. It costs 2 · 6c · c/4 multiply-accumulates in a block that c channels enter, and
    2 · 32 · 8 in the first.
    """
    entering = [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192]
    squeezing = 2 * 32 * 8 + sum(12 * c * (c // 4) for c in entering)
    model = models.create("efficientnet_b0", num_classes=10, stem_stride=1)
    assert parameter_count(model) == 5_288_548 - 990 * 1281
    elsewhere = 385_814_752 - 1_280_000 - squeezing
    assert multiply_accumulates(model, SMALL) == elsewhere * 4 // 49 + 12_800 + squeezing


def test_the_docstring_prints_the_counts() -> None:
    lines = {
        line.split()[0]: line for line in str(EfficientNet.__doc__).splitlines() if line.strip()
    }
    for k in range(8):
        entry = models.entry(f"efficientnet_b{k}")
        options: dict[str, float] = entry.build.keywords  # type: ignore[attr-defined]
        _, width, depth, side, dropout, parameters, macs, _ = lines[f"B{k}"].split()
        assert (float(width), float(depth)) == (options["width"], options["depth"])
        assert float(dropout) == options["dropout"]
        assert entry.input_shape == (3, int(side), int(side))
        assert parameters == f"{entry.parameters:,}"
        assert macs == f"{entry.macs / 1e6:,.1f}"


def test_stages_are_those_of_table_1() -> None:
    shapes = output_shapes(models.create("efficientnet_b0"), COLOUR)
    table = [  # channels, side at the output, layers
        (32, 112, None),
        (16, 112, 1),
        (24, 56, 2),
        (40, 28, 2),
        (80, 14, 3),
        (112, 14, 3),
        (192, 7, 4),
        (320, 7, 1),
        (1280, 7, None),
    ]
    for stage, (channels, side, layers) in enumerate(table):
        assert shapes[f"features.{stage}"] == (channels, side, side)
        if layers is not None:
            assert f"features.{stage}.{layers - 1}" in shapes
            assert f"features.{stage}.{layers}" not in shapes
    assert shapes["classifier"] == (1000,)


def test_small_images_end_as_2_by_2() -> None:
    shapes = output_shapes(models.create("efficientnet_b0", **TINY), SMALL)
    assert shapes["features.0"][1:] == (32, 32)
    assert shapes["features.8"][1:] == (2, 2)


def test_compound_scaling_of_b3() -> None:
    """Channels · 1.2 to multiples of 8, layers · 1.4 rounded up: torchvision's B3."""
    model = models.create("efficientnet_b3")
    shapes = output_shapes(model, (3, 32, 32))
    channels = [shapes[f"features.{stage}"][0] for stage in range(9)]
    assert channels == [40, 24, 32, 48, 96, 136, 232, 384, 1536]
    layers = [sum(f"features.{stage}.{k}" in shapes for k in range(9)) for stage in range(1, 8)]
    assert layers == [2, 3, 3, 5, 5, 6, 2]


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_keys_are_torchvisions() -> None:
    def conv(prefix: str) -> list[str]:
        return [f"{prefix}.0.weight", *norm_keys(f"{prefix}.1")]

    expected = conv("features.0")
    for stage, layers in enumerate((1, 2, 2, 3, 3, 4, 1), start=1):
        for layer in range(layers):
            prefix = f"features.{stage}.{layer}.block"
            steps = 1 if stage == 1 else 2
            for step in range(steps):
                expected += conv(f"{prefix}.{step}")
            expected += [
                f"{prefix}.{steps}.{linear}.{part}"
                for linear in ("fc1", "fc2")
                for part in ("weight", "bias")
            ]
            expected += conv(f"{prefix}.{steps + 1}")
    expected += [*conv("features.8"), "classifier.1.weight", "classifier.1.bias"]
    assert list(models.create("efficientnet_b0", width=0.25).state_dict()) == expected


def test_squeeze_and_excitation_weights_channels() -> None:
    """fc1 picks the mean of channel 1, fc2 gives that to channel 0; SiLU and sigmoid by hand."""
    layer = SqueezeExcitation(2, 1)
    layer.fc1.weight.data[:] = np.array([0, 1], np.float32).reshape(1, 2, 1, 1)
    layer.fc2.weight.data[:] = np.array([1, 0], np.float32).reshape(2, 1, 1, 1)
    for linear in (layer.fc1, layer.fc2):
        assert linear.bias is not None
        linear.bias.data[:] = 0
    x = np.array([[[[1, 2]], [[1, 3]]]], np.float32)  # the mean of channel 1 is 2
    hidden = 2 / (1 + np.exp(-2))
    expected = x * np.array([1 / (1 + np.exp(-hidden)), 0.5]).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-6)


def test_it_squeezes_to_a_quarter_of_what_enters_the_block() -> None:
    layers = [m for m in models.create("efficientnet_b0").modules() if isinstance(m, MBConv)]
    squeezed = [
        m.fc1.out_channels
        for layer in layers
        for m in layer.modules()
        if isinstance(m, SqueezeExcitation)
    ]
    assert squeezed == [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]


def test_later_blocks_are_skipped_more_often() -> None:
    model = models.create("efficientnet_b0", width=0.25)
    rates = [m.drop_path for m in model.modules() if isinstance(m, MBConv)]
    np.testing.assert_allclose(rates, 0.2 * np.arange(16) / 16)


def test_a_skipped_block_is_its_shortcut_image_by_image() -> None:
    block, x = MBConv(8, 8, 6, 3, 1, 0.5, nn.BatchNorm2d), normal(64, 8, 4, 5)
    y = block(x).data
    skipped = np.array([np.array_equal(y[n], x[n]) for n in range(64)])
    assert 16 < skipped.sum() < 48  # 64 · ½ ± 4 standard deviations of 4
    kept = block.block(x).data[~skipped] / 0.5  # what is kept is divided by 1 − p
    np.testing.assert_allclose(y[~skipped] - x[~skipped], kept, rtol=1e-4, atol=1e-5)


def test_chance_acts_in_training_only() -> None:
    x = normal(4, *SMALL)
    model = models.create("efficientnet_b0", **TINY)
    with minidl.no_grad():
        assert not np.array_equal(model(x).data, model(x).data)
        model.eval()
        np.testing.assert_array_equal(model(x).data, model(x).data)
        still = models.create("efficientnet_b0", **TINY, dropout=0.0, drop_path=0.0)
        np.testing.assert_array_equal(still(x).data, still(x).data)


@pytest.mark.parametrize(
    ("name", "eps", "momentum"),
    [("efficientnet_b4", 1e-5, 0.1), ("efficientnet_b5", 1e-3, 0.01)],
)
def test_batch_norms_are_those_of_the_published_weights(
    name: str, eps: float, momentum: float
) -> None:
    norms = [m for m in models.create(name, **TINY).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 22  # stem and head, two in the first block, three in the other six
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, momentum)}


def test_first_weights() -> None:
    """σ = √(2/fan_out) within five standard errors σ/√(2n); the classifier uniform ±1/√classes."""
    weights = dict(models.create("efficientnet_b0").named_parameters())
    head = weights["features.8.0.weight"]
    sigma = np.sqrt(2 / 1280)
    assert abs(head.data.std() - sigma) < 5 * sigma / np.sqrt(2 * head.size)
    linear = weights["classifier.1.weight"].data
    assert 0.999 / np.sqrt(1000) < np.abs(linear).max() <= 1 / np.sqrt(1000)
    assert not any(w.data.any() for name, w in weights.items() if name.endswith("fc1.bias"))
