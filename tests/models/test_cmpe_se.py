"""Competitive squeeze-and-excitation: the pictures, every variant's counts, the blocks, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import Tensor, models
from minidl.models.cmpe_se import (
    CMPEBottleneck,
    CMPEResNet,
    CMPEWideBlock,
    CMPEWideResNet,
    DoubleSqueeze,
    InnerImaging,
    squeeze,
)
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

SMALL = (3, 32, 32)

# Read off scut-aitcm/Competitive-Inner-Imaging-SENet (MXNet), with the shortcut projected wherever
# the sum needs it, and without the batch norm of the image itself.
# (name, view, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[str, str, int, int, int]] = [
    ("cmpe_se_resnet164", "double_fc", 2_090_330, 24_224, 248_033_792),
    ("cmpe_se_resnet164", "1x1", 1_993_940, 24_476, 247_985_408),
    ("cmpe_se_resnet164", "2x1", 1_897_298, 24_476, 247_888_640),
    ("cmpe_se_resnet164", "3x3", 1_956_644, 24_476, 248_247_992),
    ("cmpe_se_wide_resnet28_10", "double_fc", 37_016_826, 17_984, 5_243_866_368),
    ("cmpe_se_wide_resnet28_10", "1x1", 36_883_266, 18_544, 5_244_000_768),
    ("cmpe_se_wide_resnet28_10", "2x1", 36_749_146, 18_544, 5_243_866_368),
    ("cmpe_se_wide_resnet28_10", "3x3", 36_848_546, 18_544, 5_245_781_568),
]


@pytest.mark.parametrize(("name", "view", "parameters", "statistics", "macs"), COUNTS)
def test_counts(name: str, view: str, parameters: int, statistics: int, macs: int) -> None:
    model = models.create(name, view=view)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, SMALL) == macs


@pytest.mark.parametrize(
    ("model", "name"),
    [(CMPEResNet, "cmpe_se_resnet164"), (CMPEWideResNet, "cmpe_se_wide_resnet28_10")],
)
def test_the_docstrings_print_the_counts(model: type, name: str) -> None:
    lines = {line.split()[0]: line for line in str(model.__doc__).splitlines() if line.strip()}
    for row in COUNTS:
        if row[0] == name:
            assert lines[row[1]].split() == [row[1], f"{row[2]:,}", f"{row[4]:,}"]


def test_the_default_is_the_folded_picture() -> None:
    for name in ("cmpe_se_resnet164", "cmpe_se_wide_resnet28_10"):
        assert (
            models.entry(name).parameters
            == {(row[0], row[1]): row[2] for row in COUNTS}[name, "3x3"]
        )


def test_stages() -> None:
    shapes = output_shapes(models.create("cmpe_se_resnet164"), SMALL)
    for stage, (width, side) in enumerate(((64, 32), (128, 16), (256, 8))):
        assert shapes[f"stages.{stage}"] == (width, side, side)
        # rows of 16: 2C/16 of them, and the filter takes two off each side
        picture = (width // 64, 2 * width // 16 - 2, 14)
        assert shapes[f"stages.{stage}.blocks.17.competition.conv"] == picture
    shapes = output_shapes(models.create("cmpe_se_wide_resnet28_10"), SMALL)
    for stage, (width, side) in enumerate(((160, 32), (320, 16), (640, 8)), start=1):
        assert shapes[f"block{stage}"] == (width, side, side)
        # 2k = 20 rows
        picture = (width // 16, 18, width // 10 - 2)
        assert shapes[f"block{stage}.layer.3.competition.conv"] == picture


# ------------------------------------------------------------------------------- what they compute


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_double_squeeze() -> None:
    layer: Any = DoubleSqueeze(48)
    residual, identity = normal(2, 48, 3, 4), normal(2, 48, 3, 4, seed=1)
    hidden = [
        np.maximum(x.mean((2, 3)) @ part.weight.data.T, 0)
        for x, part in ((residual, layer.residual), (identity, layer.identity))
    ]
    s = sigmoid(np.concatenate(hidden, 1) @ layer.excitation.weight.data.T)
    y = layer(Tensor(residual), Tensor(identity)).data
    np.testing.assert_allclose(y, s[:, :, None, None], rtol=1e-5, atol=1e-6)


def picture_seen(layer: InnerImaging, residual: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """What the convolution is given, for one image."""
    seen: list[np.ndarray] = []
    layer.conv.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].data))
    layer(Tensor(residual), Tensor(identity))
    return seen[0][0, 0]


@pytest.mark.parametrize("kernel", [(1, 1), (2, 1)])
def test_the_pair_view_has_the_residual_above_the_identity(kernel: tuple[int, int]) -> None:
    residual, identity = normal(1, 32, 2, 3), normal(1, 32, 2, 3, seed=1)
    picture = picture_seen(InnerImaging(32, 1, kernel, row=32), residual, identity)
    u, v = residual[0].mean((1, 2)), identity[0].mean((1, 2))
    np.testing.assert_allclose(picture, [u, v], rtol=1e-5, atol=1e-6)


def test_the_folded_picture_has_rows_of_both_by_turns() -> None:
    residual, identity = normal(1, 32, 2, 3), normal(1, 32, 2, 3, seed=1)
    picture = picture_seen(InnerImaging(32, 1, (3, 3), row=8), residual, identity)
    u, v = residual[0].mean((1, 2)), identity[0].mean((1, 2))
    expected = [u[:8], v[:8], u[8:16], v[8:16], u[16:24], v[16:24], u[24:], v[24:]]
    np.testing.assert_allclose(picture, expected, rtol=1e-5, atol=1e-6)


def test_inner_imaging_averages_its_maps() -> None:
    """2×1 with two maps: q = the mean over both of BN(w₀ u + w₁ v), then the two layers."""
    layer: Any = InnerImaging(32, 2, (2, 1), row=32).eval()
    residual, identity = normal(3, 32, 2, 3), normal(3, 32, 2, 3, seed=1)
    u, v = residual.mean((2, 3)), identity.mean((2, 3))
    w = layer.conv.weight.data[:, 0, :, 0]  # (maps, 2)
    q = (u[:, None] * w[None, :, :1] + v[:, None] * w[None, :, 1:]) / np.sqrt(1 + 1e-5)
    hidden = np.maximum(q.mean(1) @ layer.squeeze.weight.data.T, 0)
    s = sigmoid(hidden @ layer.excitation.weight.data.T)
    y = layer(Tensor(residual), Tensor(identity)).data
    np.testing.assert_allclose(y, s[:, :, None, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("view", ["double_fc", "1x1", "2x1", "3x3"])
def test_blocks_weigh_the_residual_by_both(view: str) -> None:
    """y − shortcut = s(F(x), shortcut) · F(x), computed anew from the block's own layers."""
    narrow: Any = CMPEBottleneck(64, 16, 1, view)
    wide: Any = CMPEWideBlock(32, 48, 2, view, row=16)
    x = Tensor(normal(4, 64, 6, 6))
    active = narrow.norm1(x)
    residual = narrow.conv3(narrow.norm3(narrow.conv2(narrow.norm2(narrow.conv1(active)))))
    expected = residual * narrow.competition(residual, x) + x
    np.testing.assert_allclose(narrow(x).data, expected.data, rtol=1e-5, atol=1e-6)
    x = Tensor(normal(4, 32, 6, 6))
    active = wide.bn1(x)
    shortcut = wide.convShortcut(active)
    residual = wide.conv2(wide.bn2(wide.conv1(active)))
    expected = residual * wide.competition(residual, shortcut) + shortcut
    np.testing.assert_allclose(wide(x).data, expected.data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("units", [4, 5, 2])
def test_no_input_leaves_a_squeezing_layer_dead(units: int) -> None:
    layer = squeeze(12, units)
    hidden = layer(normal(50, 12)).data
    assert hidden.max(axis=1).min() > 0
    np.testing.assert_array_equal(layer.weight.data[0], -layer.weight.data[units // 2])


def test_keys() -> None:
    state = CMPEResNet(layers=(1, 1, 1)).state_dict()
    inside = [key for key in state if key.startswith("stages.0.blocks.0.competition.")]
    prefix = "stages.0.blocks.0.competition"
    assert inside == [
        f"{prefix}.conv.weight",
        *(f"{prefix}.bn.{part}" for part in ("weight", "bias")),
        *(f"{prefix}.bn.running_{part}" for part in ("mean", "var")),
        f"{prefix}.bn.num_batches_tracked",
        f"{prefix}.squeeze.weight",
        f"{prefix}.excitation.weight",
    ]
    wide = list(CMPEWideResNet(depth=10, widen=2).state_dict())
    assert wide[:3] == ["conv1.weight", "bn0.weight", "bn0.bias"]
    assert "block1.layer.0.convShortcut.weight" in wide


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("name", ["cmpe_se_resnet164", "cmpe_se_wide_resnet28_10"])
def test_view(name: str) -> None:
    with pytest.raises(ValueError, match=r"'double_fc', '1x1', '2x1' or '3x3' .*, not '5x5'$"):
        models.create(name, view="5x5")


def test_a_picture_must_be_as_large_as_the_filter() -> None:
    with pytest.raises(
        ValueError, match=r"16 channels in rows of 16 .* 2 × 16, too small .* 3 × 3"
    ):
        CMPEWideResNet(depth=10, widen=1)
    assert CMPEWideResNet("2x1", depth=10, widen=1).fc.in_features == 64


@pytest.mark.parametrize("depth", [4, 27])
def test_depth(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"6n \+ 4 \(10, 16, 22, …\), not {depth}$"):
        CMPEWideResNet(depth=depth)
