"""Pre-activation ResNets: strides, stages, published names, the clean path, errors."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from minidl import Tensor, models
from minidl.models.preact_resnet import PreActBlock, PreActBottleneck, PreActResNet
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)

# Stride in the 3×3: pytorchcv's preresnet164bn_cifar10 and preresnet1001_cifar10; the paper has
# 1.7 and 10.2 million parameters. In the first 1×1 (the default): KaimingHe/resnet-1k-layers.
# 110 layers: as many as option A of the ResNet of 2015 (akamaster's), whose batch norms stand
# elsewhere. 50 layers: timm's resnetv2_50.
# (name, options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[str, dict[str, Any], tuple[int, int, int], int, int, int]] = [
    ("preact_resnet110", {}, SMALL, 1_727_962, 8_096, 252_887_680),
    ("preact_resnet164", {}, SMALL, 1_703_258, 24_224, 244_500_992),
    ("preact_resnet164", {"block": PreActBottleneck}, SMALL, 1_703_258, 24_224, 247_646_720),
    ("preact_resnet1001", {"block": PreActBottleneck}, SMALL, 10_327_706, 149_216, 1_490_995_712),
    ("preact_resnet50", {}, COLOUR, 25_549_352, 45_440, 4_089_184_256),
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
    lines = {
        line.split()[0]: line for line in str(PreActResNet.__doc__).splitlines() if line.strip()
    }
    for depth in (110, 164, 1001, 50):
        entry = models.entry(f"preact_resnet{depth}")
        assert f" {entry.parameters:,} " in lines[entry.name]
        assert f" {entry.macs / 1e6:,.1f} M" in lines[entry.name]


def test_stages_of_imagenet() -> None:
    shapes = output_shapes(models.create("preact_resnet50"), COLOUR)
    assert shapes["stem.conv"] == (64, 112, 112)
    table = [(256, 56), (512, 28), (1024, 14), (2048, 7)]
    assert shapes["stem"] == (64, 56, 56)
    for stage, (width, side) in enumerate(table):
        assert shapes[f"stages.{stage}"] == (width, side, side)
    assert shapes["head"] == (1000, 1, 1)
    assert shapes[""] == (1000,)


@pytest.mark.parametrize(
    ("name", "widths"), [("preact_resnet110", (16, 32, 64)), ("preact_resnet164", (64, 128, 256))]
)
def test_stages_of_cifar(name: str, widths: tuple[int, ...]) -> None:
    shapes = output_shapes(models.create(name), SMALL)
    assert shapes["stem"] == (16, 32, 32)
    for stage, (width, side) in enumerate(zip(widths, (32, 16, 8), strict=True)):
        assert shapes[f"stages.{stage}"] == (width, side, side)
        assert f"stages.{stage}.blocks.17" in shapes
        assert f"stages.{stage}.blocks.18" not in shapes
    assert shapes[""] == (10,)


def test_where_the_stride_is() -> None:
    sides = []
    for stride_in in ("1x1", "3x3"):
        block = PreActBottleneck(16, 8, 2, stride_in=stride_in)
        shapes = output_shapes(block, (16, 12, 12))
        assert shapes["conv2"] == (8, 6, 6)
        sides.append(shapes["conv1"][1])
    assert sides == [6, 12]


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_keys_are_timms() -> None:
    expected = ["stem.conv.weight"]
    for stage in range(4):
        for block in (0, 1):
            prefix = f"stages.{stage}.blocks.{block}"
            if block == 0:
                expected.append(f"{prefix}.downsample.conv.weight")
            for k in (1, 2, 3):
                expected += [*norm_keys(f"{prefix}.norm{k}"), f"{prefix}.conv{k}.weight"]
    expected += [*norm_keys("norm"), "head.fc.weight", "head.fc.bias"]
    state = models.create("preact_resnet50", layers=(2, 2, 2, 2)).state_dict()
    assert list(state) == expected
    assert state["head.fc.weight"].shape == (1000, 2048, 1, 1)


# ---------------------------------------------------------------------- what the blocks compute


@pytest.mark.parametrize("make", [partial(PreActBlock, 16, 16), partial(PreActBottleneck, 16, 4)])
def test_the_shortcut_is_untouched(make: Any) -> None:
    """With the last weights zero, y = x, below zero too; and the gradient of y is that of x."""
    block = make(1)
    last = block.conv2 if isinstance(block, PreActBlock) else block.conv3
    last.weight.data[:] = 0
    x, g = Tensor(normal(2, 16, 6, 6), requires_grad=True), normal(2, 16, 6, 6, seed=1)
    y = block(x)
    np.testing.assert_array_equal(y.data, x.data)
    y.backward(g)
    np.testing.assert_array_equal(x.grad, g)


def test_where_the_shape_changes_the_shortcut_starts_behind_the_activation() -> None:
    x = normal(2, 8, 6, 6)
    wide: Any = PreActBottleneck(8, 4, 2)
    wide.conv3.weight.data[:] = 0
    expected = wide.downsample(wide.norm1(x))
    np.testing.assert_array_equal(wide(x).data, expected.data)
    padded: Any = PreActBlock(8, 12, 2)
    padded.conv2.weight.data[:] = 0
    y, active = padded(x).data, padded.norm1(x).data
    np.testing.assert_array_equal(y[:, 2:10], active[:, :, ::2, ::2])
    assert not y[:, :2].any()
    assert not y[:, 10:].any()


def test_relu_stands_before_every_convolution_but_the_first() -> None:
    """What each convolution of a block, and the classifier, is given is nowhere below zero."""
    model = PreActResNet((1, 1), num_classes=3, width=8, stem="cifar")
    least = {}
    for name, layer in model.named_modules():
        if name.endswith(("conv1", "conv2", "conv3", "downsample.conv", "fc")):
            layer.register_forward_hook(
                lambda module, inputs, output, name=name: least.update({name: inputs[0].data.min()})
            )
    model(normal(2, 3, 8, 8))
    assert len(least) == 2 * 4 + 1
    assert all(number >= 0 for number in least.values())


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("layers", [(), (3, 0, 3)])
def test_layers(layers: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"blocks of each stage, at least 1, not \(.*\(3, 4, 6, 3\)"
    ):
        models.create("preact_resnet164", layers=layers)


def test_stride_in() -> None:
    with pytest.raises(ValueError, match="'3x3', or '1x1' as in the paper, not '5x5'"):
        PreActBottleneck(8, 2, 1, stride_in="5x5")
