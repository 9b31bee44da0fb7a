"""Residual attention networks: hourglass, mask, stages, names, errors."""

from typing import Any

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, models
from minidl.models.preact_resnet import PreActBottleneck
from minidl.models.residual_attention import (
    AttentionModule,
    Hourglass,
    ResidualAttentionNetwork,
)
from tests.models.draws import normal
from tests.models.ledger import output_shapes, parameter_count, statistics_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR, SMALL = (3, 224, 224), (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "parameters", "statistics"),
    [
        ("residual_attention56", 31_810_728, 72_704),
        ("residual_attention92", 52_466_344, 133_632),
    ],
)
def test_counts(name: str, parameters: int, statistics: int) -> None:
    """The authors' Caffe files of Attention-56 and 92."""
    model = models.create(name)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics


def test_the_docstring_prints_the_counts() -> None:
    lines = {
        line.split()[0]: line
        for line in str(ResidualAttentionNetwork.__doc__).splitlines()
        if line.strip()
    }
    for name in ("residual_attention56", "residual_attention92"):
        entry = models.entry(name)
        assert f" {entry.parameters:,}" in lines["parameters"]
        assert f" {entry.macs / 1e6:,.1f} M" in lines["MACs"]


@pytest.mark.parametrize(
    ("name", "layers"), [("residual_attention56", 56), ("residual_attention92", 92)]
)
def test_the_name_counts_the_layers_of_the_trunk(name: str, layers: int) -> None:
    """conv1, three convolutions in each unit outside the hourglasses, and fc."""
    model = models.create(name, width=8)
    units = [
        path
        for path, layer in model.named_modules()
        if isinstance(layer, PreActBottleneck) and "hourglass" not in path
    ]
    assert 1 + 3 * len(units) + 1 == layers


def test_stages() -> None:
    """The paper's table 2."""
    shapes = output_shapes(models.create("residual_attention56", width=16), COLOUR)
    assert shapes["conv1"] == (16, 112, 112)
    assert shapes["maxpool"] == (16, 56, 56)
    for stage, (width, side) in enumerate(((64, 56), (128, 28), (256, 14), (512, 7)), start=1):
        assert shapes[f"stage{stage}"] == (width, side, side)
    assert shapes["stage1.1.hourglass.inner.inner.up"] == (64, 7, 7)
    assert shapes["stage2.1.hourglass.inner.up"] == (128, 7, 7)
    assert shapes["stage3.1.hourglass.up"] == (256, 7, 7)
    assert "stage1.1.hourglass.inner.inner.skip" not in shapes
    assert shapes[""] == (1000,)


def test_attention_modules_of_each_stage() -> None:
    model: Any = models.create("residual_attention92", width=8)
    kinds = [
        [isinstance(part, AttentionModule) for part in stage]
        for stage in (model.stage1, model.stage2, model.stage3, model.stage4)
    ]
    assert kinds == [
        [False, True],
        [False, True, True],
        [False, True, True, True],
        [False, False, False],
    ]


# ---------------------------------------------------------------------- what the parts compute


def test_an_hourglass_of_depth_2_is_the_papers_figure_2() -> None:
    """Pool, unit, pool, unit, unit, enlarge; add the skip; unit, enlarge."""
    glass: Any = Hourglass(4, 2).eval()
    x = Tensor(normal(2, 16, 9, 12))
    once = glass.down(F.max_pool2d(x, 3, 2, 1))
    twice = glass.inner.down(F.max_pool2d(once, 3, 2, 1))
    assert (once.shape[2:], twice.shape[2:]) == ((5, 6), (3, 3))
    back = F.interpolate(glass.inner.up(twice), (5, 6), mode="bilinear", align_corners=True)
    up = glass.up(back + glass.skip(once))
    expected = F.interpolate(up, (9, 12), mode="bilinear", align_corners=True)
    np.testing.assert_array_equal(glass(x).data, expected.data)


@pytest.mark.parametrize(("logit", "factor"), [(-60.0, 1.0), (60.0, 2.0)])
def test_the_mask_turns_up_and_never_off(logit: float, factor: float) -> None:
    """(1 + M) T lies between T and 2T: conv2 is made to give ±60 everywhere."""
    module: Any = AttentionModule(4, 1)
    module.norm2.weight.data[:] = 0
    module.norm2.bias.data[:] = 1  # conv2 is given ones
    module.conv2.weight.data[:] = logit / 16
    x = Tensor(normal(2, 16, 6, 6))
    trunk = module.trunk(module.before(x))
    np.testing.assert_allclose(
        module(x).data, module.behind(trunk * factor).data, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("side", [5, 20])
def test_sizes_that_do_not_halve_evenly(side: int) -> None:
    model = models.create_small("residual_attention56").eval()
    assert model(normal(1, 3, side, side + 1)).shape == (1, 10)


def test_keys() -> None:
    state = ResidualAttentionNetwork(width=4).state_dict()
    units = {key.split(".conv1.weight")[0] for key in state if key.endswith(".conv1.weight")}
    module = {name.removeprefix("stage2.1.") for name in units if name.startswith("stage2.1.")}
    hourglass = {"hourglass.down", "hourglass.skip", "hourglass.up"}
    inner = {"hourglass.inner.down", "hourglass.inner.up"}
    assert module == {"before", "trunk.0", "trunk.1", "behind", *hourglass, *inner}
    assert {"stage2.1.conv1.weight", "stage2.1.norm2.running_var"} <= set(state)
    assert list(state)[-2:] == ["fc.weight", "fc.bias"]


def test_attentions() -> None:
    with pytest.raises(ValueError, match=r"each of three stages, not \(1, 1\); .*\(1, 1, 1\)$"):
        models.create("residual_attention56", attentions=(1, 1))
