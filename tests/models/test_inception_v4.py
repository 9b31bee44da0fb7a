"""Inception v4: counts, the table, published names, what its modules compute.

Counts are those of timm 1.0's inception_v4.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.inception_v4 import (
    InceptionA,
    InceptionC,
    InceptionV4,
    Mixed3a,
    Mixed5a,
    ReductionB,
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


def full(**options: Any) -> InceptionV4:
    with minidl.shapes_only():
        return models.create("inception_v4", **options)


def small(**options: Any) -> InceptionV4:
    return models.create_small("inception_v4", **{"width": 0.0625, **options})


def thin(in_channels: int, channels: int, *window: Any, **options: Any) -> nn.Sequential:
    """1/32 of the channels."""
    return _conv(in_channels // 32, channels // 32, *window, **options)


# -------------------------------------------------------------------------------------- counts


def test_counts() -> None:
    model = full()
    assert parameter_count(model) == 42_679_816
    assert statistics_count(model) == 63_168
    assert multiply_accumulates(model, IMAGE) == 12_253_974_624


def test_the_docstring_prints_shape_parameters_and_macs_of_each_part() -> None:
    model = full()
    printed, table = printed_rows(model), parts(model, IMAGE)
    features = parts(model.features, IMAGE)
    assert len(features) == 22
    rows = {str(k): [str(k)] for k in (0, 1, 2, 3, 4, 5, 10, 18)} | {
        "6-9": ["6", "7", "8", "9"],
        "11-17": [str(k) for k in range(11, 18)],
        "19-21": ["19", "20", "21"],
    }
    for row, members in rows.items():
        for member in members:
            part = features[member]
            assert printed_shape(part.shape) in printed[row]
            counts = [f"{part.parameters:,}", f"{part.macs / 1e6:,.1f}", "M"]
            assert printed[row].split()[-3:] == counts
    assert f"{table['last_linear'].parameters:,}" in printed["linear"]
    assert f"{42_679_816:,}    {12_253_974_624 / 1e6:,.1f} M" in str(InceptionV4.__doc__)


def test_each_block_costs_what_the_table_says() -> None:
    model = full(blocks=(1, 2, 1))
    assert parameter_count(model) == 42_679_816 - 3 * 317_632 - 5 * 2_936_256 - 2 * 4_553_088


# -------------------------------------------------------------------------------------- shapes


def test_small_shapes() -> None:
    shapes = output_shapes(small(), (3, 32, 32))
    sides = [shapes[f"features.{k}"][1] for k in range(12)]
    assert sides == [32, 32, 32, 32, 32, 15, 15, 7, 7, 7, 3, 3]
    assert shapes["features.11"] == (96, 3, 3)
    assert shapes[""] == (10,)


def test_the_smallest_image() -> None:
    model = full()
    assert output_shapes(model, (3, 75, 75))["features.21"] == (1536, 1, 1)
    with pytest.raises(ValueError, match=r"features.18.branch0.1.conv: the window does not fit"):
        output_shapes(model, (3, 74, 74))


# --------------------------------------------------------------------------- state-dict names


def test_keys_are_timms() -> None:
    mixed = {
        "3a": "conv",
        "4a": "branch0.0 branch0.1 branch1.0 branch1.1 branch1.2 branch1.3",
        "5a": "conv",
        "A": "branch0 branch1.0 branch1.1 branch2.0 branch2.1 branch2.2 branch3.1",
        "reduction A": "branch0 branch1.0 branch1.1 branch1.2",
        "B": "branch0 branch1.0 branch1.1 branch1.2 branch2.0 branch2.1 branch2.2 branch2.3 "
        "branch2.4 branch3.1",
        "reduction B": "branch0.0 branch0.1 branch1.0 branch1.1 branch1.2 branch1.3",
        "C": "branch0 branch1_0 branch1_1a branch1_1b branch2_0 branch2_1 branch2_2 branch2_3a "
        "branch2_3b branch3.1",
    }
    order = ["3a", "4a", "5a", *4 * ["A"], "reduction A", *7 * ["B"], "reduction B", *3 * ["C"]]
    prefixes = ["features.0", "features.1", "features.2"]
    for position, kind in enumerate(order, start=3):
        prefixes += [f"features.{position}.{branch}" for branch in mixed[kind].split()]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = []
    for prefix in prefixes:
        expected += [f"{prefix}.conv.weight", *(f"{prefix}.bn.{part}" for part in norm)]
    expected += ["last_linear.weight", "last_linear.bias"]
    assert list(InceptionV4(width=0.03125).state_dict()) == expected


# ---------------------------------------------------------------------- what the parts compute


def test_average_pools_leave_out_the_zeros_around() -> None:
    """A corner is the mean of four pixels, an edge of six."""
    module, seen = InceptionA(thin).eval(), []
    module.branch3[1].register_forward_hook(lambda *args: seen.append(args[1][0].data))
    x = normal(2, 12, 5, 6)
    module(Tensor(x))
    for pixel, rows, columns in (((0, 0), (0, 2), (0, 2)), ((4, 3), (3, 5), (2, 5))):
        window = x[:, :, slice(*rows), slice(*columns)]
        np.testing.assert_allclose(
            seen[0][:, :, *pixel], window.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6
        )


def test_the_stem_pools_first_and_then_filters_first() -> None:
    """Mixed3a puts the pooled channels in front, Mixed5a behind."""
    x = Tensor(normal(1, 2, 9, 9))
    first = Mixed3a(thin, small=False)(x)
    assert first.shape == (1, 2 + 3, 4, 4)
    np.testing.assert_array_equal(first.data[:, :2], F.max_pool2d(x, 3, 2).data)
    x = Tensor(normal(1, 6, 9, 9))
    second = Mixed5a(thin)(x)
    assert second.shape == (1, 6 + 6, 4, 4)
    np.testing.assert_array_equal(second.data[:, 6:], F.max_pool2d(x, 3, 2).data)


def test_a_reduction_pools_the_input_beside_the_convolutions() -> None:
    x = Tensor(normal(2, 32, 7, 9))
    module = ReductionB(thin).eval()
    y = module(x)
    assert y.shape == (2, 6 + 10 + 32, 3, 4)
    np.testing.assert_array_equal(y.data[:, :6], module.branch0(x).data)
    np.testing.assert_array_equal(y.data[:, 16:], F.max_pool2d(x, 3, 2).data)


def test_the_widest_module_joins_lying_and_standing_filters() -> None:
    module, x = InceptionC(thin).eval(), Tensor(normal(2, 48, 5, 4))
    y = module(x).data
    one = module.branch1_0(x)
    two = module.branch2_2(module.branch2_1(module.branch2_0(x)))
    assert y.shape == (2, 48, 5, 4)
    for position, expected in enumerate(
        (
            module.branch0(x),
            module.branch1_1a(one),
            module.branch1_1b(one),
            module.branch2_3a(two),
            module.branch2_3b(two),
            module.branch3(x),
        )
    ):
        np.testing.assert_array_equal(y[:, 8 * position : 8 * position + 8], expected.data)
    windows = {
        name: getattr(module, name)[0].weight.shape[2:]
        for name in ("branch1_1a", "branch1_1b", "branch2_1", "branch2_2")
    }
    assert windows == {
        "branch1_1a": (1, 3),
        "branch1_1b": (3, 1),
        "branch2_1": (3, 1),
        "branch2_2": (1, 3),
    }


def test_batch_norms_have_the_published_eps() -> None:
    norms = [m for m in full().modules() if isinstance(m, nn.BatchNormReLU2d)]
    assert len(norms) == 149
    assert {norm.eps for norm in norms} == {1e-3}


def test_dropout_acts_in_training_only() -> None:
    x = normal(4, 3, 32, 32)
    model = small(drop_rate=0.5)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    assert np.array_equal(model(x).data, model(x).data)
    assert full().drop_rate == 0.2


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), within five standard errors σ/√(2n)."""
    weight = small(width=0.25).features[6].branch2[2][0].weight
    sigma = np.sqrt(2 / (24 * 9))
    assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        InceptionV4(stem="mnist")


@pytest.mark.parametrize(("width", "nearest"), [(0.3, 0.3125), (0.0, 0.03125), (-1.0, 0.03125)])
def test_width(width: float, nearest: float) -> None:
    words = rf"width={width} is not a multiple of 1/32.* the nearest is {nearest}$"
    with pytest.raises(ValueError, match=words):
        InceptionV4(width=width)
