"""LeNet-5, the CIFAR ResNets and the list of all architectures: counts, names, shapes, errors.

Parameters, batch norm statistics and multiply-accumulates (of convolutions and linear layers, for
one image) are written down here from counts of the public implementations: akamaster's
pytorch_resnet_cifar10 for the ResNets. LeNet-5 and ResNet-8 are counted by hand below. What holds
for all architectures alike is in test_every_model.py.
"""

from typing import Any

import numpy as np
import pytest

import minidl
from minidl import Tensor, models
from minidl.models.lenet import LeNet5
from minidl.models.registry import register
from minidl.models.resnet_cifar import BasicBlock, ResNetCIFAR, ZeroPadShortcut
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

COLOUR, DIGIT, GREY = (3, 32, 32), (1, 8, 8), (1, 32, 32)

# (model, options, input, parameters, batch norm statistics, multiply-accumulates)
COUNTS: list[tuple[str, dict[str, Any], tuple[int, int, int], int, int, int]] = [
    # parameters 156 + 2,416 + 48,120 + 10,164 + 850;
    # MACs 28²·150 + 10²·2,400 + 48,000 + 10,080 + 840
    ("lenet5", {}, GREY, 61_706, 0, 416_520),
    # conv1 144, three stages 4,608 + 13,824 + 55,296, batch norm 480, linear 650;
    # MACs 64·(144 + 4,608) + 16·13,824 + 4·55,296 + 640
    ("resnet8", {}, DIGIT, 75_002, 480, 747_136),
    # with conv1 of 432; MACs 1,024·(432 + 4,608) + 256·13,824 + 64·55,296 + 640
    ("resnet8", {"in_channels": 3}, COLOUR, 75_290, 480, 12_239_488),
    ("resnet20", {}, COLOUR, 269_722, 1_376, 40_551_040),
    ("resnet20", {"option": "B"}, COLOUR, 272_474, 1_568, 40_813_184),
    ("resnet32", {}, COLOUR, 464_154, 2_272, 68_862_592),
    ("resnet32", {"option": "B"}, COLOUR, 466_906, 2_464, 69_124_736),
    ("resnet44", {}, COLOUR, 658_586, 3_168, 97_174_144),
    ("resnet44", {"option": "B"}, COLOUR, 661_338, 3_360, 97_436_288),
    ("resnet56", {}, COLOUR, 853_018, 4_064, 125_485_696),
    ("resnet56", {"option": "B"}, COLOUR, 855_770, 4_256, 125_747_840),
    ("resnet110", {}, COLOUR, 1_727_962, 8_096, 252_887_680),
    ("resnet110", {"option": "B"}, COLOUR, 1_730_714, 8_288, 253_149_824),
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
    model = models.create(name, **options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, shape) == macs


def million(count: int) -> str:
    return f"{count / 1e6:.1f} M"


def test_docstrings_print_these_counts() -> None:
    assert "61,706" in str(LeNet5.__doc__)
    assert "416,520 multiply-accumulates" in str(LeNet5.__doc__)
    rows = [row for row in COUNTS if row[0].startswith("resnet") and row[2] == COLOUR]
    option_a = [row for row in rows if "option" not in row[1]]
    lines = {
        line.split()[0]: line for line in str(ResNetCIFAR.__doc__).splitlines() if line.strip()
    }
    assert lines["depth"].split()[1:] == [row[0].removeprefix("resnet") for row in option_a]
    assert lines["params"].split()[1:-2] == [f"{row[3]:,}" for row in option_a]
    assert lines["MACs"].split()[1:] == " ".join(million(row[5]) for row in option_a).split()
    assert "2,752 more parameters" in str(ResNetCIFAR.__doc__)


# -------------------------------------------------------------------------------------- shapes


def test_lenet_shapes() -> None:
    shapes = output_shapes(models.create("lenet5"), GREY)
    assert shapes == {
        "conv1": (6, 28, 28),
        "conv2": (16, 10, 10),
        "fc1": (120,),
        "fc2": (84,),
        "fc3": (10,),
        "": (10,),
    }


@pytest.mark.parametrize("option", ["A", "B"])
def test_resnet_shapes(option: str) -> None:
    shapes = output_shapes(models.create("resnet20", option=option), COLOUR)
    assert shapes["conv1"] == (16, 32, 32)
    assert shapes["layer1"] == shapes["layer1.2"] == (16, 32, 32)
    assert shapes["layer2"] == shapes["layer2.0"] == shapes["layer2.0.conv1"] == (32, 16, 16)
    assert shapes["layer3"] == shapes["layer3.0.shortcut"] == (64, 8, 8)
    assert shapes["linear"] == shapes[""] == (10,)
    assert "layer1.3" not in shapes


def test_more_classes_cost_one_row_each() -> None:
    """100 classes instead of 10: 90 rows of 64 weights and a bias."""
    model = models.create("resnet20", num_classes=100)
    assert parameter_count(model) == 269_722 + 90 * 65


@pytest.mark.parametrize("side", [1, 3, 5, 13])
def test_resnet_takes_any_size(side: int) -> None:
    model = models.create("resnet8").eval()
    assert model(normal(2, 1, side, side + 1)).shape == (2, 10)


# --------------------------------------------------------------------------- state-dict names


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


@pytest.mark.parametrize("option", ["A", "B"])
def test_resnet_keys_are_the_published_ones(option: str) -> None:
    expected = ["conv1.weight", *norm_keys("bn1")]
    for stage in (1, 2, 3):
        for block in (0, 1, 2):
            prefix = f"layer{stage}.{block}"
            expected += [f"{prefix}.conv1.weight", *norm_keys(f"{prefix}.bn1")]
            expected += [f"{prefix}.conv2.weight", *norm_keys(f"{prefix}.bn2")]
            if option == "B" and stage > 1 and block == 0:
                expected += [f"{prefix}.shortcut.0.weight", *norm_keys(f"{prefix}.shortcut.1")]
    expected += ["linear.weight", "linear.bias"]
    assert list(models.create("resnet20", option=option).state_dict()) == expected


def test_lenet_keys() -> None:
    layers = ("conv1", "conv2", "fc1", "fc2", "fc3")
    expected = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert list(models.create("lenet5").state_dict()) == expected


# ---------------------------------------------------------------------- what the blocks compute


def test_option_a_pads_on_both_sides_of_the_channel_axis() -> None:
    """16 channels to 32: 8 of zeros, the 16, 8 of zeros; every second row and column."""
    x = Tensor(normal(2, 16, 5, 6), requires_grad=True)
    y = ZeroPadShortcut(16, 32, 2)(x)
    assert y.shape == (2, 32, 3, 3)
    assert not y.data[:, :8].any()
    assert not y.data[:, 24:].any()
    np.testing.assert_array_equal(y.data[:, 8:24], x.data[:, :, ::2, ::2])
    g = normal(2, 32, 3, 3, seed=1)
    y.backward(g)
    expected = np.zeros_like(x.data)
    expected[:, :, ::2, ::2] = g[:, 8:24]
    np.testing.assert_array_equal(x.grad, expected)


def test_a_block_whose_branch_is_zero_is_its_shortcut() -> None:
    """bn2 with scale 0: y = ReLU(shortcut(x)), the identity where the shape stays."""
    x = normal(2, 16, 6, 6)
    block = BasicBlock(16, 16, 1, "A")
    block.bn2.weight.data[:] = 0
    np.testing.assert_array_equal(block(x).data, np.maximum(x, 0))
    down = BasicBlock(16, 32, 2, "A")
    down.bn2.weight.data[:] = 0
    np.testing.assert_array_equal(down(x).data[:, 8:24], np.maximum(x, 0)[:, :, ::2, ::2])


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), within five standard errors σ/√(2n)."""
    resnet, densenet = models.create("resnet20"), models.create("densenet40")
    for weight, fan_in in (
        (resnet.layer3[1].conv1.weight, 64 * 9),
        (resnet.linear.weight, 64),
        (densenet.features.transition2.conv.weight, 304),
    ):
        sigma = np.sqrt(2 / fan_in)
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
    assert not densenet.classifier.bias.data.any()


def test_the_same_seed_builds_the_same_model() -> None:
    states = []
    for seed in (4, 4, 5):
        minidl.manual_seed(seed)
        states.append(models.create("resnet8").state_dict())
    same, other = (
        all(np.array_equal(states[0][key], state[key]) for key in states[0]) for state in states[1:]
    )
    assert same
    assert not other


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("depth", [0, 2, 7, 21, 110 + 1])
def test_resnet_depth(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"6n \+ 2 .*not {depth}$"):
        ResNetCIFAR(depth)


def test_resnet_option() -> None:
    with pytest.raises(ValueError, match=r"'A' .*or 'B' .*not 'C'"):
        models.create("resnet20", option="C")


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"no model 'resnet2O'; did you mean .*resnet20"):
        models.create("resnet2O")
    with pytest.raises(ValueError, match=r"did you mean densenet40"):
        models.entry("densenet-40")
    with pytest.raises(ValueError, match=r"no model 'xyz'; known: .*lenet5, .*resnet110") as caught:
        models.create("xyz")
    assert all(name in str(caught.value) for name in models.list_models())


def test_unknown_options() -> None:
    for name in models.list_models():
        with pytest.raises(TypeError, match="num_class'"):
            models.create(name, num_class=5)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'resnet20' is taken"):
        register("resnet20", ResNetCIFAR, paper="", input_shape=COLOUR, parameters=0, macs=0)
    assert models.entry("resnet20").parameters == 269_722


def test_the_list_is_sorted_and_numbers_count_as_numbers() -> None:
    names = models.list_models()
    resnets = [name for name in names if name.removeprefix("resnet").isdigit()]
    assert resnets == [f"resnet{n}" for n in (8, 18, 20, 32, 34, 44, 50, 56, 101, 110, 152)]
    assert names.index("alexnet") < names.index("lenet5") < names.index("resnet8")


def test_list_models_is_a_copy() -> None:
    models.list_models().clear()
    assert "resnet20" in models.list_models()
