"""Inception v3: counts, the table, published names, what its modules compute, and its head.

Counts are those of torchvision 0.28's inception_v3.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.inception_v3 import InceptionC, InceptionV3, ReductionA, _conv
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


def full(**options: bool) -> InceptionV3:
    with minidl.shapes_only():
        return models.create("inception_v3", **options)


def small(**options: object) -> InceptionV3:
    return models.create_small("inception_v3", **{"width": 0.0625, **options})


# -------------------------------------------------------------------------------------- counts


def test_counts() -> None:
    model = full()
    assert parameter_count(model) == 27_161_264
    assert statistics_count(model) == 36_224
    bare = full(aux=False)
    assert parameter_count(bare) == 23_834_568
    assert statistics_count(bare) == 34_432
    assert multiply_accumulates(bare, IMAGE) == 5_713_216_096


def test_the_docstring_prints_shape_parameters_and_macs_of_each_part() -> None:
    model = full()
    printed, table = printed_rows(model), parts(model, IMAGE)
    assert len(table) == 5 + 11 + 1
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        assert printed[name].split()[-3:] == [f"{part.parameters:,}", f"{part.macs / 1e6:.1f}", "M"]
    parameters, macs = (
        sum(getattr(part, count) for part in table.values()) for count in ("parameters", "macs")
    )
    assert f"{parameters:,}    {macs / 1e6:,.1f} M" in str(InceptionV3.__doc__)
    head = multiply_accumulates(model.AuxLogits, (768, 17, 17))
    assert printed["AuxLogits"].split()[-3:] == [
        f"{parameter_count(model.AuxLogits):,}",
        f"{head / 1e6:.1f}",
        "M",
    ]


# -------------------------------------------------------------------------------------- shapes


def test_small_shapes() -> None:
    model = small()
    shapes = output_shapes(model, (3, 32, 32))
    assert shapes["Conv2d_1a_3x3"] == (2, 32, 32)
    assert shapes["Conv2d_4a_3x3"] == (12, 32, 32)
    assert shapes["Mixed_5b"] == (16, 15, 15)
    assert shapes["Mixed_6e"] == (48, 7, 7)
    assert shapes["Mixed_7c"] == (128, 3, 3)
    assert [logits.shape for logits in model.train()(normal(2, 3, 32, 32))] == [(2, 10)] * 2


def test_the_smallest_image() -> None:
    model = full().eval()
    assert output_shapes(model, (3, 75, 75))["Mixed_7c"] == (2048, 1, 1)
    with pytest.raises(ValueError, match=r"Mixed_7a.branch3x3_2.conv: the window does not fit"):
        output_shapes(model, (3, 74, 74))


# --------------------------------------------------------------------------- state-dict names


def test_keys_are_torchvisions() -> None:
    units = {
        "5": "1x1 5x5_1 5x5_2 3x3dbl_1 3x3dbl_2 3x3dbl_3 _pool",
        "6a": "3x3 3x3dbl_1 3x3dbl_2 3x3dbl_3",
        "6": "1x1 7x7_1 7x7_2 7x7_3 7x7dbl_1 7x7dbl_2 7x7dbl_3 7x7dbl_4 7x7dbl_5 _pool",
        "7a": "3x3_1 3x3_2 7x7x3_1 7x7x3_2 7x7x3_3 7x7x3_4",
        "7": "1x1 3x3_1 3x3_2a 3x3_2b 3x3dbl_1 3x3dbl_2 3x3dbl_3a 3x3dbl_3b _pool",
    }
    prefixes = [f"Conv2d_{name}" for name in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")]
    for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "aux", "7a", "7b", "7c"):
        if name == "aux":
            prefixes += ["AuxLogits.conv0", "AuxLogits.conv1", "AuxLogits.fc"]
        else:
            branches = units.get(name, units.get(name[0]))
            prefixes += [f"Mixed_{name}.branch{branch}" for branch in branches.split()]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = []
    for prefix in [*prefixes, "fc"]:
        if prefix.endswith("fc"):
            expected += [f"{prefix}.weight", f"{prefix}.bias"]
        else:
            expected += [f"{prefix}.conv.weight", *(f"{prefix}.bn.{part}" for part in norm)]
    assert list(small().state_dict()) == expected


# ---------------------------------------------------------------------- what the parts compute


def test_narrow_filters_lie_and_stand() -> None:
    """(1, 7) is one row of seven pixels, and "same" padding keeps both sizes."""
    model = small()
    assert model.Mixed_6b.branch7x7_2[0].weight.shape[2:] == (1, 7)
    assert model.Mixed_6b.branch7x7_3[0].weight.shape[2:] == (7, 1)
    assert model.Mixed_7b.branch3x3_2a[0].weight.shape[2:] == (1, 3)
    assert model.Mixed_7b.branch3x3dbl_3b[0].weight.shape[2:] == (3, 1)
    assert _conv(2, 3, (1, 7))(Tensor(normal(1, 2, 5, 9))).shape == (1, 3, 5, 9)


def thin(in_channels: int, channels: int, *window: Any, **options: Any) -> nn.Sequential:
    """1/32 of the channels."""
    return _conv(in_channels // 32, channels // 32, *window, **options)


def test_a_reduction_pools_the_input_beside_the_convolutions() -> None:
    x = Tensor(normal(2, 8, 9, 11))
    y = ReductionA(256, thin)(x)
    assert y.shape == (2, 12 + 3 + 8, 4, 5)
    np.testing.assert_array_equal(y.data[:, 15:], F.max_pool2d(x, 3, 2).data)


def test_the_widest_module_joins_lying_and_standing_filters() -> None:
    """320 · 384 of 1×3 · 384 of 3×1 · the same again, two filters deep · 192 behind the pool."""
    module, x = InceptionC(384, thin).eval(), Tensor(normal(2, 12, 5, 4))
    y = module(x).data
    three = module.branch3x3_1(x)
    double = module.branch3x3dbl_2(module.branch3x3dbl_1(x))
    assert y.shape == (2, 64, 5, 4)
    for channels, expected in (
        (slice(0, 10), module.branch1x1(x)),
        (slice(10, 22), module.branch3x3_2a(three)),
        (slice(22, 34), module.branch3x3_2b(three)),
        (slice(34, 46), module.branch3x3dbl_3a(double)),
        (slice(46, 58), module.branch3x3dbl_3b(double)),
        (slice(58, 64), module.branch_pool(F.avg_pool2d(x, 3, 1, 1))),
    ):
        np.testing.assert_array_equal(y[:, channels], expected.data)


def test_average_pools_count_the_zeros_around() -> None:
    """A corner sees four pixels and five zeros of nine."""
    model, seen = small().eval(), []
    unit = model.Mixed_5b.branch_pool
    unit.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].data))
    model.maxpool2.register_forward_hook(lambda layer, inputs, output: seen.append(output.data))
    model(normal(1, 3, 32, 32))
    pooled, before = seen[1], seen[0]
    np.testing.assert_allclose(
        pooled[0, :, 0, 0], before[0, :, :2, :2].sum(axis=(1, 2)) / 9, rtol=1e-5, atol=1e-6
    )


def test_batch_norms_have_the_published_eps() -> None:
    norms = [m for m in small().modules() if isinstance(m, nn.BatchNormReLU2d)]
    assert len(norms) == 96
    assert {norm.eps for norm in norms} == {1e-3}


# ------------------------------------------------------------------------------ auxiliary head


def test_the_head_answers_in_training_only() -> None:
    x = normal(2, 3, 32, 32)
    logits, aux = small().train()(x)
    assert logits.shape == aux.shape == (2, 10)
    assert isinstance(small().eval()(x), Tensor)
    assert isinstance(small(aux=False).train()(x), Tensor)
    assert not any(key.startswith("Aux") for key in small(aux=False).state_dict())


def test_the_head_stands_on_6e() -> None:
    model, seen = small(), {}
    for name in ("Mixed_6e", "AuxLogits"):
        getattr(model, name).register_forward_hook(
            lambda layer, inputs, output, name=name: seen.update({name: (inputs[0], output)})
        )
    model(normal(2, 3, 32, 32))
    assert seen["AuxLogits"][0] is seen["Mixed_6e"][1]


def test_the_head_pools_17_pixels_to_5_and_filters_them_to_1() -> None:
    shapes = output_shapes(full().AuxLogits, (768, 17, 17))
    assert shapes == {
        "conv0": (128, 5, 5),
        "conv0.conv": (128, 5, 5),
        "conv0.bn": (128, 5, 5),
        "conv1": (768, 1, 1),
        "conv1.conv": (768, 1, 1),
        "conv1.bn": (768, 1, 1),
        "fc": (1000,),
        "": (1000,),
    }


def test_first_weights() -> None:
    """σ = 0.1 cut off at ±0.2, in the head 0.01 and 0.001; what is left spreads 0.88 as much."""
    model = small(width=0.25, num_classes=40)
    for layer, sigma in (
        (model.Mixed_7c.branch3x3dbl_1[0], 0.1),
        (model.fc, 0.1),
        (model.AuxLogits.conv0[0], 0.1),
        (model.AuxLogits.conv1[0], 0.01),
        (model.AuxLogits.fc, 0.001),
    ):
        weight = layer.weight.data
        assert abs(weight).max() <= 2 * sigma * (1 + 1e-6)
        assert abs(weight.std() - 0.88 * sigma) < 5 * sigma / np.sqrt(2 * weight.size)


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        InceptionV3(stem="mnist")


@pytest.mark.parametrize(("width", "nearest"), [(0.3, 0.3125), (0.0, 0.0625), (-1.0, 0.0625)])
def test_width(width: float, nearest: float) -> None:
    words = rf"width={width} is not a multiple of 1/16.* the nearest is {nearest}$"
    with pytest.raises(ValueError, match=words):
        InceptionV3(width=width)
