"""The architectures: exact counts, shapes, published names, errors, and that they can learn.

Parameters, batch norm statistics and multiply-accumulates (of convolutions and linear layers, for
one image) are written down here from counts of the public implementations: akamaster's
pytorch_resnet_cifar10 for the ResNets, andreasveit's densenet-pytorch for the DenseNets (with 16
channels in the first convolution of densenet40, as the paper says). LeNet-5 and ResNet-8 are
counted by hand below.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.densenet import DenseLayer, DenseNetCIFAR, Transition
from minidl.models.lenet import LeNet5
from minidl.models.registry import register
from minidl.models.resnet_cifar import BasicBlock, ResNetCIFAR, ZeroPadShortcut
from minidl.optim import SGD

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
    ("densenet40", {}, COLOUR, 1_019_722, 18_096, 264_812_928),
    ("densenet_bc100", {}, COLOUR, 769_162, 23_988, 287_929_692),
]
STANDARD = {row[0]: row[2:] for row in COUNTS if not row[1]}


pytestmark = pytest.mark.usefixtures("numpy_kernels")


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.size for parameter in model.parameters())


def multiply_accumulates(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Each output number of a convolution or linear layer costs one filter of weights."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal total
        total += output.size * (layer.weight.size // len(layer.weight.data))

    handles = [
        layer.register_forward_hook(count)
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with minidl.no_grad():
        model.eval()(normal(1, *shape))
    for handle in handles:
        handle.remove()
    return total


def output_shapes(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The output shape, without the batch axis, of every layer that ran."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in model.named_modules():

        def note(layer: nn.Module, inputs: Any, output: Tensor, name: str = name) -> None:
            shapes[name] = output.shape[1:]

        layer.register_forward_hook(note)
    with minidl.no_grad():
        model.eval()(normal(1, *shape))
    return shapes


# -------------------------------------------------------------------------------------- counts


def test_every_registered_model_is_counted() -> None:
    assert set(models.list_models()) == set(STANDARD)


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
    moments = [b for key, b in model.named_buffers() if not key.endswith("num_batches_tracked")]
    assert sum(buffer.size for buffer in moments) == statistics
    assert multiply_accumulates(model, shape) == macs


@pytest.mark.parametrize("name", models.list_models())
def test_registry_agrees(name: str) -> None:
    shape, parameters, *_ = STANDARD[name]
    entry = models.entry(name)
    assert entry.name == name
    assert entry.input_shape == shape
    assert entry.parameters == parameters
    assert "20" in entry.paper or "19" in entry.paper, "the paper's year"


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
    for name in ("densenet40", "densenet_bc100"):
        _, parameters, _, macs = STANDARD[name]
        assert f"{parameters:,}" in str(DenseNetCIFAR.__doc__)
        assert million(macs) in str(DenseNetCIFAR.__doc__)


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


def test_densenet_shapes() -> None:
    """The table of DenseNetCIFAR's docstring, row by row."""
    table = {
        "features.conv0": [(16, 32), (24, 32)],
        "features.denseblock1": [(160, 32), (216, 32)],
        "features.transition1": [(160, 16), (108, 16)],
        "features.denseblock2": [(304, 16), (300, 16)],
        "features.transition2": [(304, 8), (150, 8)],
        "features.denseblock3": [(448, 8), (342, 8)],
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


@pytest.mark.parametrize("name", models.list_models())
def test_classes_and_channels_are_honoured(name: str) -> None:
    model = models.create(name, num_classes=7, in_channels=2).eval()
    side = 32 if name == "lenet5" else 8
    with minidl.no_grad():
        assert model(normal(3, 2, side, side)).shape == (3, 7)
    first = next(parameter for parameter in model.parameters())
    assert first.shape[1] == 2


@pytest.mark.parametrize("name", models.list_models())
def test_the_standard_input_is_what_the_model_takes_by_default(name: str) -> None:
    entry = models.entry(name)
    model = models.create(name).eval()
    channels = entry.input_shape[0]
    assert next(model.parameters()).shape[1] == channels
    side = 32 if name == "lenet5" else 8
    with minidl.no_grad():
        assert model(normal(1, channels, side, side)).shape == (1, 10)


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


def test_a_dense_layer_puts_the_new_channels_behind() -> None:
    x = normal(2, 6, 5, 4)
    layer = DenseLayer(6, 3, bottleneck=True, drop_rate=0.0)
    y = layer(x).data
    assert y.shape == (2, 9, 5, 4)
    np.testing.assert_array_equal(y[:, :6], x)
    new = layer.conv2(F.relu(layer.norm2(layer.conv1(F.relu(layer.norm1(x))))))
    np.testing.assert_array_equal(y[:, 6:], new.data)
    assert layer.conv1.weight.shape == (12, 6, 1, 1)


def test_a_transition_averages() -> None:
    x = normal(2, 6, 4, 6)
    transition = Transition(6, 3, drop_rate=0.0)
    y = transition.conv(F.relu(transition.norm(x))).data
    expected = (
        y[:, :, ::2, ::2] + y[:, :, 1::2, ::2] + y[:, :, ::2, 1::2] + y[:, :, 1::2, 1::2]
    ) / 4
    np.testing.assert_allclose(transition(x).data, expected, rtol=1e-5, atol=1e-6)


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
    y = layer(normal(8, 24, 12, 12)).data
    for numbers in (seen[0], y[:, 24:]):  # five standard errors √(0.3·0.7/n)
        assert abs((numbers == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / numbers.size)
    assert not (y[:, :24] == 0).any()


def test_dropout_stands_before_the_pooling_of_a_transition() -> None:
    """A mean is zero where all its four pixels were dropped: ½⁴ of them."""
    y = Transition(24, 16, drop_rate=0.5)(normal(8, 24, 24, 24)).data
    share = 1 / 16
    assert abs((y == 0).mean() - share) < 5 * np.sqrt(share * (1 - share) / y.size)


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


def test_list_models_is_a_copy() -> None:
    models.list_models().clear()
    assert "resnet20" in models.list_models()


# ------------------------------------------------------------------------------------ learning


@pytest.mark.parametrize("name", models.list_models())
def test_every_parameter_gets_a_gradient(name: str) -> None:
    channels = models.entry(name).input_shape[0]
    side = 32 if name == "lenet5" else 8
    model = models.create(name)
    output = model(normal(4, channels, side, side))
    output.backward(normal(4, 10, seed=1))
    for where, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{where} received no gradient"
        assert np.abs(parameter.grad).max() > 0, f"{where} received zeros"
        assert np.isfinite(parameter.grad).all(), where


SMALL: dict[str, tuple[Any, tuple[int, int, int], float]] = {
    "lenet5": (lambda: models.create("lenet5"), GREY, 0.05),
    "resnet8": (lambda: models.create("resnet8"), DIGIT, 0.05),
    "resnet8, option B": (lambda: models.create("resnet8", option="B"), DIGIT, 0.05),
    "densenet": (lambda: DenseNetCIFAR(10, 8), (3, 8, 8), 0.05),
    "densenet, bottleneck": (
        lambda: DenseNetCIFAR(16, 6, bottleneck=True, compression=0.5),
        (3, 8, 8),
        0.05,
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_overfits_32_random_images(name: str) -> None:
    """A network that learns can learn noise by heart; one with a wrong gradient seldom does."""
    make, shape, lr = SMALL[name]
    model = make()
    images, labels = normal(32, *shape), np.arange(32) % 10
    optimizer = SGD(model.parameters(), lr=lr, momentum=0.9)
    accuracy = 0.0
    for _ in range(100):
        optimizer.zero_grad()
        logits = model(images)
        accuracy = float((logits.argmax(axis=1) == labels).mean())
        if accuracy == 1:
            break
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
    assert accuracy == 1


def test_evaluation_of_an_image_does_not_depend_on_its_neighbours() -> None:
    model = models.create("resnet8")
    images = normal(6, *DIGIT)
    model(images)  # moves the running statistics
    together = model.eval()(images).data
    alone = np.concatenate([model(images[k : k + 1]).data for k in range(6)])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
