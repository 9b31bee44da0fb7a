"""Squeeze-and-excitation ResNets: what the block computes, counts, published names."""

from typing import Any

import numpy as np
import pytest

from minidl import models
from minidl.models import se_resnet
from minidl.models.se_resnet import SEBasicBlock, SEBottleneck, SqueezeExcitation
from tests.models.draws import normal
from tests.models.ledger import output_shapes, parameter_count, statistics_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

NAMES = ("se_resnet18", "se_resnet50", "se_resnet152", "se_resnext50")


@pytest.mark.parametrize(
    ("name", "plain", "widths", "blocks"),
    [
        ("se_resnet18", "resnet18", (64, 128, 256, 512), (2, 2, 2, 2)),
        ("se_resnet50", "resnet50", (256, 512, 1024, 2048), (3, 4, 6, 3)),
        ("se_resnet152", "resnet152", (256, 512, 1024, 2048), (3, 8, 36, 3)),
        ("se_resnext50", "resnext50_32x4d", (256, 512, 1024, 2048), (3, 4, 6, 3)),
    ],
)
def test_what_the_excitation_adds(
    name: str, plain: str, widths: tuple[int, ...], blocks: tuple[int, ...]
) -> None:
    """Beyond the plain network, 2 C²/r weights, C/r + C biases a block; r = 16, C/r at least 8."""
    added = 0
    for C, n in zip(widths, blocks, strict=True):
        between = max(C // 16, 8)
        added += n * (2 * C * between + between + C)
    assert models.entry(name).parameters == models.entry(plain).parameters + added
    short = [models.create(which, layers=(1, 1, 1, 1)) for which in (name, plain)]
    assert statistics_count(short[0]) == statistics_count(short[1])


def test_the_published_counts() -> None:
    """The authors' Caffe file of SE-ResNet-50; timm's seresnet18, seresnet152, seresnext50."""
    counts = [parameter_count(models.create(name)) for name in NAMES]
    assert counts == [11_779_624, 28_088_024, 66_821_848, 27_559_896]


def test_the_docstring_prints_the_counts() -> None:
    lines = {line.split()[0]: line for line in str(se_resnet.__doc__).splitlines() if line.strip()}
    for name in NAMES:
        entry = models.entry(name)
        assert f" {entry.parameters:,} " in lines[name]
        assert f" {entry.macs / 1e6:,.1f} M" in lines[name]


def test_stages() -> None:
    shapes = output_shapes(models.create("se_resnet50"), (3, 224, 224))
    for stage, (width, side) in enumerate(((256, 56), (512, 28), (1024, 14), (2048, 7)), start=1):
        assert shapes[f"layer{stage}"] == (width, side, side)
        assert shapes[f"layer{stage}.0.se.fc1"] == (width // 16, 1, 1)
        assert shapes[f"layer{stage}.0.se.fc2"] == (width, 1, 1)


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


@pytest.mark.parametrize(
    ("name", "convolutions", "projected"),
    [("se_resnet18", 2, (2, 3, 4)), ("se_resnext50", 3, (1, 2, 3, 4))],
)
def test_keys_are_timms(name: str, convolutions: int, projected: tuple[int, ...]) -> None:
    expected = ["conv1.weight", *norm_keys("bn1")]
    for stage in (1, 2, 3, 4):
        prefix = f"layer{stage}.0"
        for k in range(1, convolutions + 1):
            expected += [f"{prefix}.conv{k}.weight", *norm_keys(f"{prefix}.bn{k}")]
        for k in (1, 2):
            expected += [f"{prefix}.se.fc{k}.weight", f"{prefix}.se.fc{k}.bias"]
        if stage in projected:
            expected += [f"{prefix}.downsample.0.weight", *norm_keys(f"{prefix}.downsample.1")]
    expected += ["fc.weight", "fc.bias"]
    assert list(models.create(name, layers=(1, 1, 1, 1)).state_dict()) == expected


# ---------------------------------------------------------------------- what the blocks compute


def test_squeeze_and_excitation() -> None:
    """z = means over the image, s = σ(W₂ ReLU(W₁ z + b₁) + b₂), y = s · x."""
    layer: Any = SqueezeExcitation(6)
    x = normal(3, 6, 4, 5)
    z = x.mean((2, 3))
    w1, w2 = layer.fc1.weight.data[:, :, 0, 0], layer.fc2.weight.data[:, :, 0, 0]
    h = np.maximum(z @ w1.T + layer.fc1.bias.data, 0)
    s = 1 / (1 + np.exp(-(h @ w2.T + layer.fc2.bias.data)))
    assert h.shape == (3, 8)
    np.testing.assert_allclose(layer(x).data, s[:, :, None, None] * x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("block", [SEBasicBlock(16, 16, 1), SEBottleneck(16, 4, 1)])
def test_the_excitation_weighs_the_residual_and_not_the_shortcut(block: Any) -> None:
    """With s → 0, y = ReLU(x): nothing of the residual, and all of the shortcut."""
    x = normal(2, 16, 5, 5)
    assert np.abs(block(x).data - np.maximum(x, 0)).max() > 0.1
    block.se.fc2.bias.data[:] = -50
    np.testing.assert_allclose(block(x).data, np.maximum(x, 0), atol=1e-6)
