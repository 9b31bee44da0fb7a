"""DenseNets: counts, stage shapes, torchvision's names, what the blocks compute, errors.

Counts of the ImageNet ones are those of torchvision (264: of its class with the paper's layers),
those of densenet40 and densenet_bc100 of andreasveit's densenet-pytorch, with 16 channels in the
first convolution of densenet40, as the paper says. The others are added up below.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models
from minidl.autograd import observe
from minidl.models.densenet import DenseLayer, DenseNet, DenseNetCIFAR, Transition
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

COLOUR, IMAGENET = (3, 32, 32), (3, 224, 224)

# (model, options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[str, dict[str, Any], tuple[int, int, int], int, int, int]] = [
    ("densenet40", {}, COLOUR, 1_019_722, 18_096, 264_812_928),
    ("densenet_bc100", {}, COLOUR, 769_162, 23_988, 287_929_692),
    ("densenet121", {}, IMAGENET, 7_978_856, 83_648, 2_834_161_664),
    ("densenet161", {}, IMAGENET, 28_681_000, 219_936, 7_727_907_072),
    ("densenet169", {}, IMAGENET, 14_149_480, 158_400, 3_359_843_328),
    ("densenet201", {}, IMAGENET, 20_013_928, 229_056, 4_291_365_888),
    ("densenet264", {}, IMAGENET, 33_337_704, 398_528, 5_751_653_376),
]

pytestmark = pytest.mark.usefixtures("numpy_kernels")


# -------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(("name", "options", "shape", "parameters", "statistics", "macs"), COUNTS)
def test_counts(
    name: str,
    options: dict[str, Any],
    shape: tuple[int, int, int],
    parameters: int,
    statistics: int,
    macs: int,
) -> None:
    with minidl.shapes_only():
        model = models.create(name, **options)
        assert parameter_count(model) == parameters
        assert statistics_count(model) == statistics
        assert multiply_accumulates(model, shape) == macs


@pytest.mark.parametrize(
    ("name", "depth", "k"),
    [("densenet_bc40", 40, 12), ("densenet_bc100", 100, 12), ("densenet_bc250", 250, 24)],
)
def test_bc_counts_added_up(name: str, depth: int, k: int) -> None:
    """Layer by layer, c channels: BN 2c, 1×1 4kc, BN 8k, 3×3 36k²; as in the paper's table 1."""
    weights, norms, macs, c = 3 * 2 * k * 9, 0, 3 * 2 * k * 9 * 32**2, 2 * k
    for side in (32, 16, 8):
        for _ in range((depth - 4) // 6):
            new = c * 4 * k + 4 * k * k * 9
            weights, macs, norms = weights + new, macs + new * side**2, norms + 2 * (c + 4 * k)
            c += k
        norms += 2 * c
        if side > 8:
            new = c * (c // 2)
            weights, macs, c = weights + new, macs + new * side**2, c // 2
    entry = models.entry(name)
    assert entry.parameters == weights + norms + c * 10 + 10
    assert entry.macs == macs + c * 10


def test_docstrings_print_these_counts() -> None:
    for name in models.list_models():
        if name.startswith("densenet"):
            entry = models.entry(name)
            imagenet = entry.input_shape == IMAGENET
            text = str((DenseNet if imagenet else DenseNetCIFAR).__doc__)
            assert f"{entry.parameters:,}" in text
            million = f"{entry.macs / 1e6:,.0f} M" if imagenet else f"{entry.macs / 1e6:.1f} M"
            assert million in text


# -------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("name", "k", "last"), [("densenet121", 32, 1024), ("densenet161", 48, 2208)]
)
def test_imagenet_shapes(name: str, k: int, last: int) -> None:
    """The table of DenseNet's docstring; the paper's Table 1."""
    with minidl.shapes_only():
        shapes = output_shapes(models.create(name), IMAGENET)
    assert shapes["features.conv0"] == (2 * k, 112, 112)
    assert shapes["features.pool0"] == (2 * k, 56, 56)
    for block, side in ((1, 56), (2, 28), (3, 14), (4, 7)):
        assert shapes[f"features.denseblock{block}.denselayer1.conv1"] == (4 * k, side, side)
        assert shapes[f"features.denseblock{block}.denselayer1"] == (k, side, side)
    assert shapes["features.transition1"] == (4 * k, 28, 28)  # half of 2k + 6k
    assert shapes["features.norm5"] == (last, 7, 7)
    assert shapes[""] == (1000,)


def test_densenet_shapes() -> None:
    """The table of DenseNetCIFAR's docstring; the dense blocks by what transitions make of them."""
    table = {
        "features.conv0": [(16, 32), (24, 32)],
        "features.transition1": [(160, 16), (108, 16)],
        "features.transition2": [(304, 8), (150, 8)],
        "features.denseblock3.denselayer1": [(12, 8), (12, 8)],
        "features.norm4": [(448, 8), (342, 8)],
    }
    for column, name in enumerate(("densenet40", "densenet_bc100")):
        shapes = output_shapes(models.create(name), COLOUR)
        for layer, sizes in table.items():
            channels, side = sizes[column]
            assert shapes[layer] == (channels, side, side), (name, layer)
        assert shapes["classifier"] == (10,)


def test_compression_rounds_down() -> None:
    """k = 5, three layers: 10 + 15 = 25 → 12, 12 + 15 = 27 → 13, 13 + 15 = 28."""
    model = DenseNetCIFAR(22, 5, bottleneck=True, compression=0.5)
    widths = [layer.conv.weight.shape[:2] for layer in model.modules() if type(layer) is Transition]
    assert widths == [(12, 25), (13, 27)]
    assert model.classifier.in_features == 28


# ------------------------------------------------------- names, blocks, dropout, errors


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def test_densenet_keys_follow_torchvision() -> None:
    expected = ["features.conv0.weight"]
    for block in (1, 2, 3):
        for layer in (1, 2):
            prefix = f"features.denseblock{block}.denselayer{layer}"
            expected += [*norm_keys(f"{prefix}.norm1"), f"{prefix}.conv1.weight"]
            expected += [*norm_keys(f"{prefix}.norm2"), f"{prefix}.conv2.weight"]
        if block < 3:
            prefix = f"features.transition{block}"
            expected += [*norm_keys(f"{prefix}.norm"), f"{prefix}.conv.weight"]
    expected += [*norm_keys("features.norm4"), "classifier.weight", "classifier.bias"]
    assert list(DenseNetCIFAR(16, 4, bottleneck=True).state_dict()) == expected


def test_densenet_without_bottleneck_has_one_convolution_a_layer() -> None:
    keys = DenseNetCIFAR(10, 4).state_dict()
    layer = [key for key in keys if key.startswith("features.denseblock2.denselayer1.")]
    prefix = "features.denseblock2.denselayer1"
    assert layer == [*norm_keys(f"{prefix}.norm1"), f"{prefix}.conv1.weight"]
    assert keys[f"{prefix}.conv1.weight"].shape == (4, 24, 3, 3)


def test_a_dense_layer_sees_all_before_it() -> None:
    """x_l = H([x_0, …, x_{l−1}]): the same as of their concatenation, which nobody makes."""
    parts = [normal(2, 4, 5, 4), normal(2, 3, 5, 4, seed=1), normal(2, 3, 5, 4, seed=2)]
    layer = DenseLayer(10, 3, bottleneck=True, drop_rate=0.0)
    new = layer([Tensor(part) for part in parts]).data
    x = np.concatenate(parts, axis=1)
    chain = layer.conv2(F.relu(layer.norm2(layer.conv1(F.relu(layer.norm1(x))))))
    assert new.shape == (2, 3, 5, 4)
    np.testing.assert_allclose(new, chain.data, rtol=1e-5, atol=1e-6)
    assert layer.conv1.weight.shape == (12, 10, 1, 1)


def test_a_dense_block_returns_its_input_and_every_output() -> None:
    block = DenseNetCIFAR(10, 4).features.denseblock1
    x = Tensor(normal(2, 16, 5, 4))
    first, *made = block(x)
    assert first is x
    assert [y.shape for y in made] == [(2, 4, 5, 4)] * 2
    np.testing.assert_array_equal(made[1].data, block[1]([x, made[0]]).data)


def test_no_concatenation_is_made() -> None:
    """The parts are read where they lie: none of the ops of a step joins arrays."""
    names: list[str] = []
    with observe(lambda op, direction, seconds: names.append(type(op).__name__)):
        DenseNetCIFAR(10, 4)(normal(2, 3, 8, 8))
    assert "BatchNormReLU" in names
    assert "Concatenate" not in names


def test_gradients_are_those_of_the_concatenations() -> None:
    """A block as older code writes it: every layer is given one array, joined anew."""
    minidl.manual_seed(0)
    block = DenseNetCIFAR(16, 3, bottleneck=True).astype("float64").features.denseblock1
    x, cotangent = normal(3, 6, 5, 4).astype(np.float64), normal(3, 12, 5, 4, seed=1)
    results = []
    for joined in (False, True):
        block.zero_grad()
        given = Tensor(x, requires_grad=True)
        outputs = [given]
        for layer in block:
            outputs.append(layer(F.concatenate(outputs, 1) if joined else outputs))
        F.concatenate(outputs, 1).backward(cotangent.astype(np.float64))
        results.append([given.grad, *(p.grad.copy() for p in block.parameters())])
    for parts, whole in zip(*results, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)


def test_a_transition_averages() -> None:
    x = normal(2, 6, 4, 6)
    transition = Transition(6, 3, drop_rate=0.0)
    y = transition.conv(F.relu(transition.norm(x))).data
    expected = (
        y[:, :, ::2, ::2] + y[:, :, 1::2, ::2] + y[:, :, ::2, 1::2] + y[:, :, 1::2, 1::2]
    ) / 4
    np.testing.assert_allclose(
        transition([Tensor(x[:, :2]), Tensor(x[:, 2:])]).data, expected, rtol=1e-5, atol=1e-6
    )


def test_drop_rate_acts_in_training_only() -> None:
    x = normal(4, 3, 8, 8)
    model = DenseNetCIFAR(10, 4, drop_rate=0.2)
    assert not np.array_equal(model(x).data, model(x).data)
    assert np.array_equal(model.eval()(x).data, model(x).data)
    still = DenseNetCIFAR(10, 4)
    assert np.array_equal(still(x).data, still(x).data)


def test_dropout_stands_behind_every_convolution_of_a_dense_layer() -> None:
    """A share p of the numbers is zero: what norm2 is given, and what the layer adds."""
    layer, seen = DenseLayer(24, 16, bottleneck=True, drop_rate=0.3), []
    layer.norm2.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].data))
    y = layer([normal(8, 24, 12, 12)]).data
    for numbers in (seen[0], y):  # five standard errors √(0.3·0.7/n)
        assert abs((numbers == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / numbers.size)


def test_dropout_stands_before_the_pooling_of_a_transition() -> None:
    """A mean is zero where all its four pixels were dropped: ½⁴ of them."""
    y = Transition(24, 16, drop_rate=0.5)([normal(8, 24, 24, 24)]).data
    share = 1 / 16
    assert abs((y == 0).mean() - share) < 5 * np.sqrt(share * (1 - share) / y.size)


@pytest.mark.parametrize(
    ("depth", "bottleneck", "words"),
    [
        (41, False, r"3n \+ 4 .*not 41; the nearest is 40$"),
        (42, False, "not 42; the nearest is 43$"),
        (4, False, "nearest is 7$"),
        (101, True, r"6n \+ 4 .*not 101; the nearest is 100$"),
        (99, True, "nearest is 100$"),
        (-5, True, "nearest is 10$"),
    ],
)
def test_densenet_depth(depth: int, bottleneck: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DenseNetCIFAR(depth, bottleneck=bottleneck)


@pytest.mark.parametrize("compression", [0, -0.5, 1.01, 50, float("nan")])
def test_densenet_compression(compression: float) -> None:
    with pytest.raises(ValueError, match=rf"compression is in \(0, 1\], not {compression}"):
        DenseNetCIFAR(10, 4, compression=compression)


def test_imagenet_keys_are_torchvisions() -> None:
    with minidl.shapes_only():
        state = models.create("densenet121").state_dict()
    keys = list(state)
    layer = "features.denseblock1.denselayer1"
    assert keys[:6] == ["features.conv0.weight", *norm_keys("features.norm0")]
    assert keys[6:12] == [*norm_keys(f"{layer}.norm1"), f"{layer}.conv1.weight"]
    assert keys[12:18] == [*norm_keys(f"{layer}.norm2"), f"{layer}.conv2.weight"]
    assert keys[-7:] == [*norm_keys("features.norm5"), "classifier.weight", "classifier.bias"]
    # 121 convolutions and linear layers, one bias, and 121 norms of five arrays each
    assert len(keys) == 121 + 1 + 121 * 5
    assert state["features.denseblock4.denselayer16.conv1.weight"].shape == (128, 992, 1, 1)
    assert state["features.transition3.conv.weight"].shape == (512, 1024, 1, 1)


def test_the_stem_of_small_images_does_not_shrink_them() -> None:
    model = models.create_small("densenet121")
    shapes = output_shapes(model, COLOUR)
    assert shapes["features.conv0"] == (24, 32, 32)
    assert shapes["features.norm5"][1:] == (4, 4)
    assert "features.pool0" not in shapes


def test_unknown_stem() -> None:
    with pytest.raises(ValueError, match="the stem is 'imagenet' or 'cifar', not 'small'"):
        DenseNet((2, 2), stem="small")
