"""AlexNet: the lecture's tables, counts, published names, what differs between the two editions.

The table of shapes, parameters and the sum 62,378,344 are the Aarhus lecture's, row by row;
61,100,840 and the state-dict names torchvision's; 60,965,224 the Caffe model's, with two towers.
"""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.alexnet import AlexNet, AlexNetOWT
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count
from tests.models.tables import parts, printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

NAMES = ["alexnet", "alexnet_owt"]
# The lecture's table: tensor size, weights and biases of each layer with weights.
LECTURE = {
    "conv1": ((96, 55, 55), 34_848, 96),
    "conv2": ((256, 27, 27), 614_400, 256),
    "conv3": ((384, 13, 13), 884_736, 384),
    "conv4": ((384, 13, 13), 1_327_104, 384),
    "conv5": ((256, 13, 13), 884_736, 256),
    "fc6": ((4096,), 37_748_736, 4_096),
    "fc7": ((4096,), 16_777_216, 4_096),
    "fc8": ((1000,), 4_096_000, 1_000),
}


def blank(name: str, **options: object) -> nn.Module:
    """A model whose weights take neither time nor memory."""
    with minidl.shapes_only():
        return models.create(name, **options)


def test_the_lectures_table() -> None:
    model = blank("alexnet")
    table = parts(model, (3, 227, 227))
    assert list(table) == list(LECTURE)
    for name, (shape, weights, biases) in LECTURE.items():
        assert table[name].shape == shape
        assert table[name].weights == weights
        assert table[name].parameters == weights + biases
    assert sum(part.parameters for part in table.values()) == 62_378_344
    assert parameter_count(model) * 4 // 10**6 == 249  # the lecture's megabytes


def test_pooling_comes_before_normalisation() -> None:
    """The lecture's [27x27x96] NORM1 and [13x13x256] NORM2."""
    shapes = output_shapes(blank("alexnet"), (3, 227, 227))
    assert shapes["norm1"] == (96, 27, 27)
    assert shapes["norm2"] == (256, 13, 13)


def test_the_docstring_prints_shape_parameters_and_macs_of_each_layer() -> None:
    model = blank("alexnet")
    printed = printed_rows(model)
    table = parts(model, (3, 227, 227))
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        assert f" {part.parameters:,} " in printed[name]
        assert f" {part.macs / 1e6:.1f} M" in printed[name]
    total = sum(part.macs for part in table.values())
    assert total == 1_135_256_096
    assert f"62,378,344{total / 1e6:>9,.1f} M" in str(AlexNet.__doc__)


def test_the_second_editions_docstring_prints_its_table() -> None:
    model = blank("alexnet_owt")
    shapes = output_shapes(model, (3, 224, 224))
    printed = printed_rows(model)
    for name, layer in model.named_modules():
        if name in printed:
            assert printed_shape(shapes[name]) in printed[name]
            if parameters := parameter_count(layer):
                assert f" {parameters:,}" in printed[name]
    assert f"{parameter_count(model):,}    714.2 M MACs" in str(AlexNetOWT.__doc__)


def test_the_two_towers_of_the_paper_have_60_965_224_parameters() -> None:
    """Half of conv2, conv4 and conv5: each filter sees the channels of its own tower."""
    halved = sum(LECTURE[name][1] // 2 for name in ("conv2", "conv4", "conv5"))
    assert parameter_count(blank("alexnet")) - halved == 60_965_224
    assert "60,965,224" in str(AlexNet.__doc__)


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        # conv 1,824 + 28,848 + 27,712 + 36,928 + 27,696, linear 110,848 + 65,792 + 2,570;
        # MACs 1024·1,800 + 225·28,800 + 49·(27,648 + 36,864 + 27,648) + 110,592 + 65,536 + 2,560
        ("alexnet", {}, 302_218, 13_017_728),
        ("alexnet_owt", {}, 302_218, 13_017_728),
        # 24·2·25 = 1,200 weights in conv1 less
        ("alexnet", {"in_channels": 1}, 301_018, 11_788_928),
        ("alexnet_owt", {"num_classes": 7}, 301_447, 13_016_960),
    ],
)
def test_small_counts(name: str, options: dict[str, int], parameters: int, macs: int) -> None:
    with minidl.shapes_only():
        model = models.create_small(name, **options)
    assert parameter_count(model) == parameters
    assert multiply_accumulates(model, (options.get("in_channels", 3), 32, 32)) == macs


def test_names_are_caffes_and_torchvisions() -> None:
    def keys(layers: list[str]) -> list[str]:
        return [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]

    assert list(models.create_small("alexnet").state_dict()) == keys(list(LECTURE))
    torchvision = [f"features.{k}" for k in (0, 3, 6, 8, 10)]
    torchvision += [f"classifier.{k}" for k in (1, 4, 6)]
    assert list(models.create_small("alexnet_owt").state_dict()) == keys(torchvision)


def test_response_normalisation_has_the_papers_constants() -> None:
    """y[c] = x[c] / (2 + 10⁻⁴ · Σ x[j]²)^¾ over the five channels around c."""
    x = 100 * normal(1, 9, 1, 1)
    y = models.create_small("alexnet").norm1(x).data
    squares = (x[:, 2:7] ** 2).sum(axis=1)
    np.testing.assert_allclose(y[:, 4], x[:, 4] / (2 + 1e-4 * squares) ** 0.75, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_acts_in_training_only(name: str) -> None:
    x = normal(1, 3, 32, 32)
    model = models.create_small(name, drop_rate=0.5)
    assert not np.array_equal(model(x).data, model(x).data)
    assert np.array_equal(model.eval()(x).data, model(x).data)


def test_dropout_stands_behind_the_hidden_layers() -> None:
    """What fc7 and fc8 are given: half of the positive numbers are gone, the others doubled."""
    model = models.create_small("alexnet", drop_rate=0.5, hidden=2000)
    seen: dict[str, np.ndarray] = {}
    for name, layer in model.named_children():

        def note(layer: nn.Module, inputs: tuple, output: Tensor, name: str = name) -> None:
            seen[name] = inputs[0].data
            seen[f"after {name}"] = output.data

        layer.register_forward_hook(note)
    model(normal(4, 3, 32, 32))
    for before, behind in (("fc6", "fc7"), ("fc7", "fc8")):
        hidden = F.relu(seen[f"after {before}"]).data
        kept = seen[behind] != 0
        np.testing.assert_allclose(seen[behind][kept], 2 * hidden[kept], rtol=1e-6)
        positive = int((hidden > 0).sum())
        assert abs(kept.sum() / positive - 0.5) < 5 * np.sqrt(0.25 / positive)


def test_the_second_edition_takes_other_sizes_but_63_is_the_least() -> None:
    with minidl.shapes_only():
        model = models.create("alexnet_owt")
        for side in (63, 100, 256):
            assert model(np.zeros((2, 3, side, side + 1), np.float32)).shape == (2, 1000)
        with pytest.raises(ValueError, match=r"max_pool2d in layer .*features\.12"):
            model(np.zeros((2, 3, 62, 62), np.float32))


def test_the_first_edition_takes_227_pixels_not_224() -> None:
    with (
        minidl.shapes_only(),
        pytest.raises(ValueError, match=r"layer .*fc6: .* 9216 features.* has 6400"),
    ):
        models.create("alexnet")(np.zeros((1, 3, 224, 224), np.float32))


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), within five standard errors σ/√(2n)."""
    for name in NAMES:
        for layer in models.create_small(name).modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                weight = layer.weight.data
                sigma = np.sqrt(2 / weight[0].size)
                assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
                assert layer.bias is not None
                assert not layer.bias.data.any()


@pytest.mark.parametrize("name", NAMES)
def test_unknown_stem(name: str) -> None:
    with pytest.raises(ValueError, match=r"'imagenet' .*or 'cifar' .*not 'small'"):
        models.create(name, stem="small")
