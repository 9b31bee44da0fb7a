"""Inception-ResNet v2: counts, the table, published names, scaled sums.

Counts are those of timm 1.0's inception_resnet_v2.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.inception_resnet_v2 import (
    InceptionResNetV2,
    ReductionB,
    ResidualModule,
    _conv,
)
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import parts, printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

IMAGE = (3, 299, 299)


def full(**options: Any) -> InceptionResNetV2:
    with minidl.shapes_only():
        return models.create("inception_resnet_v2", **options)


def small(**options: Any) -> InceptionResNetV2:
    return models.create_small("inception_resnet_v2", **{"width": 0.0625, **options})


# -------------------------------------------------------------------------------------- counts


def test_counts() -> None:
    model = full()
    assert parameter_count(model) == 55_843_464
    assert statistics_count(model) == 60_544
    assert multiply_accumulates(model, IMAGE) == 13_155_794_016


def test_the_docstring_prints_shape_parameters_and_macs_of_each_part() -> None:
    model = full()
    printed, table = printed_rows(model), parts(model, IMAGE)
    assert len(table) == 14
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        counts = [f"{part.parameters:,}", f"{part.macs / 1e6:,.1f}", "M"]
        assert printed[name].split()[-3:] == counts
    total = f"{55_843_464:,}    {13_155_794_016 / 1e6:,.1f} M"
    assert total in str(InceptionResNetV2.__doc__)


def test_blocks() -> None:
    """Each block costs a tenth, a twentieth, a ninth of its row."""
    model = full(blocks=(2, 3, 4))
    assert [len(part) for part in (model.repeat, model.repeat_1, model.repeat_2)] == [2, 3, 3]
    saved = 8 * 1_231_680 // 10 + 17 * 22_535_680 // 20 + 6 * 18_318_816 // 9
    assert parameter_count(model) == 55_843_464 - saved


# -------------------------------------------------------------------------------------- shapes


def test_small_shapes() -> None:
    shapes = output_shapes(small(), (3, 32, 32))
    assert shapes["conv2d_1a"] == (2, 32, 32)
    assert shapes["conv2d_4a"] == (12, 32, 32)
    assert shapes["repeat"] == (20, 15, 15)
    assert shapes["repeat_1"] == (68, 7, 7)
    assert shapes["block8"] == (130, 3, 3)
    assert shapes["classif"] == (10,)


def test_the_smallest_image() -> None:
    model = full()
    assert output_shapes(model, (3, 75, 75))["block8"] == (2080, 1, 1)
    with pytest.raises(ValueError, match=r"mixed_7a.branch0.1.conv: the window does not fit"):
        output_shapes(model, (3, 74, 74))


# --------------------------------------------------------------------------- state-dict names


def test_keys_are_timms() -> None:
    residual = {
        "repeat": "branch0 branch1.0 branch1.1 branch2.0 branch2.1 branch2.2",
        "repeat_1": "branch0 branch1.0 branch1.1 branch1.2",
        "repeat_2": "branch0 branch1.0 branch1.1 branch1.2",
    }
    mixed = {
        "mixed_5b": "branch0 branch1.0 branch1.1 branch2.0 branch2.1 branch2.2 branch3.1",
        "mixed_6a": "branch0 branch1.0 branch1.1 branch1.2",
        "mixed_7a": "branch0.0 branch0.1 branch1.0 branch1.1 branch2.0 branch2.1 branch2.2",
    }
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

    def unit(prefix: str) -> list[str]:
        return [f"{prefix}.conv.weight", *(f"{prefix}.bn.{part}" for part in norm)]

    def module(prefix: str, branches: str) -> list[str]:
        keys = [key for branch in branches.split() for key in unit(f"{prefix}.{branch}")]
        return [*keys, f"{prefix}.conv2d.weight", f"{prefix}.conv2d.bias"]

    expected = [key for name in ("1a", "2a", "2b", "3b", "4a") for key in unit(f"conv2d_{name}")]
    for name, repeat, count in (
        ("mixed_5b", "repeat", 2),
        ("mixed_6a", "repeat_1", 3),
        ("mixed_7a", "repeat_2", 1),
    ):
        expected += [key for branch in mixed[name].split() for key in unit(f"{name}.{branch}")]
        for k in range(count):
            expected += module(f"{repeat}.{k}", residual[repeat])
    expected += module("block8", residual["repeat_2"])
    expected += [*unit("conv2d_7b"), "classif.weight", "classif.bias"]
    assert list(small(blocks=(2, 3, 2)).state_dict()) == expected


# ---------------------------------------------------------------------- what the parts compute


@pytest.mark.parametrize("relu", [True, False])
def test_a_module_adds_its_branches_scaled(relu: bool) -> None:
    branches = [_conv(4, 3, 1), nn.Sequential(_conv(4, 2, 1), _conv(2, 5, (1, 3)))]
    module = ResidualModule(branches, 8, 4, scale=0.3, relu=relu).eval()
    x = Tensor(normal(2, 4, 5, 6))
    found = np.concatenate([branch(x).data for branch in branches], axis=1)
    weight, bias = module.conv2d.weight.data[:, :, 0, 0], module.conv2d.bias.data
    sums = x.data + 0.3 * (np.einsum("oc,nchw->nohw", weight, found) + bias[:, None, None])
    expected = np.maximum(sums, 0) if relu else sums
    assert (sums < 0).any()
    np.testing.assert_allclose(module(x).data, expected, rtol=1e-5, atol=1e-5)


def test_scales_and_the_last_module() -> None:
    model = full()
    scales = [
        {(module.scale, module.relu) for module in part}
        for part in (model.repeat, model.repeat_1, model.repeat_2, [model.block8])
    ]
    assert scales == [{(0.17, True)}, {(0.10, True)}, {(0.20, True)}, {(1.0, False)}]


def test_a_reduction_pools_the_input_beside_the_convolutions() -> None:
    def thin(in_channels: int, channels: int, *window: Any, **options: Any) -> nn.Sequential:
        return _conv(in_channels // 32, channels // 32, *window, **options)

    x = Tensor(normal(2, 34, 7, 9))
    module = ReductionB(thin).eval()
    y = module(x)
    assert y.shape == (2, 12 + 9 + 10 + 34, 3, 4)
    np.testing.assert_array_equal(y.data[:, 12:21], module.branch1(x).data)
    np.testing.assert_array_equal(y.data[:, 31:], F.max_pool2d(x, 3, 2).data)


def test_narrow_filters_lie_and_stand() -> None:
    model = full()
    windows = [unit[0].weight.shape[2:] for unit in model.repeat_1[0].branch1]
    assert windows == [(1, 1), (1, 7), (7, 1)]
    windows = [unit[0].weight.shape[2:] for unit in model.block8.branch1]
    assert windows == [(1, 1), (1, 3), (3, 1)]


def test_the_stems_average_pool_leaves_out_the_zeros_around() -> None:
    model, seen = small().eval(), []
    model.mixed_5b.branch3[1].register_forward_hook(lambda *args: seen.append(args[1][0].data))
    x = normal(2, 12, 5, 6)
    model.mixed_5b(Tensor(x))
    np.testing.assert_allclose(
        seen[0][:, :, 0, 0], x[:, :, :2, :2].mean(axis=(2, 3)), rtol=1e-5, atol=1e-6
    )


def test_batch_norms_have_the_published_eps() -> None:
    norms = [m for m in full().modules() if isinstance(m, nn.BatchNormReLU2d)]
    assert len(norms) == 204
    assert {norm.eps for norm in norms} == {1e-3}


def test_dropout_acts_in_training_only() -> None:
    x = normal(4, 3, 32, 32)
    model = small(drop_rate=0.5)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    assert np.array_equal(model(x).data, model(x).data)
    assert full().drop_rate == 0.2


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        InceptionResNetV2(stem="mnist")


@pytest.mark.parametrize(("width", "nearest"), [(0.3, 0.3125), (0.0, 0.0625), (-1.0, 0.0625)])
def test_width(width: float, nearest: float) -> None:
    words = rf"width={width} is not a multiple of 1/16.* the nearest is {nearest}$"
    with pytest.raises(ValueError, match=words):
        InceptionResNetV2(width=width)


def test_number_of_blocks() -> None:
    with pytest.raises(ValueError, match=r"blocks=\(1, 1, 0\): .*at least one module of each"):
        InceptionResNetV2(blocks=(1, 1, 0))
