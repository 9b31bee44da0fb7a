"""Highway networks: the gate, counts, stages, first weights, dropout, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import Tensor, models
from minidl.models.highway import HighwayConv2d, HighwayNetwork
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

SMALL = (3, 32, 32)


def counts(
    widths: tuple[int, int, int], highways: tuple[int, int, int], classes: int
) -> tuple[int, int]:
    """Parameters and MACs by hand: 3×3 convolutions, two in each highway layer, 1×1, linear."""
    weights = np.array(
        [
            9 * before * width + 2 * count * 9 * width**2
            for before, width, count in zip((3, *widths[:2]), widths, highways, strict=True)
        ]
    )
    biases = sum((1 + 2 * count) * width for width, count in zip(widths, highways, strict=True))
    last = 100 * widths[2]
    parameters = int(weights.sum()) + biases + last + 100 + 101 * classes
    macs = int(weights @ np.array([32**2, 16**2, 8**2])) + 64 * last + 100 * classes
    return parameters, macs


def test_counts_of_19_layers() -> None:
    """The authors' Caffe files for CIFAR-10 and CIFAR-100."""
    for classes, parameters, macs in ((10, 2_256_838, 330_826_728), (100, 2_265_928, 330_835_728)):
        assert counts((32, 80, 128), (4, 5, 5), classes) == (parameters, macs)
        model = models.create("highway19", num_classes=classes)
        assert parameter_count(model) == parameters
        assert multiply_accumulates(model, SMALL) == macs


def test_counts_of_32_layers() -> None:
    """9/16 of the widths, and 27 highway layers: the paper has about 1.25 million parameters."""
    model = models.create("highway32")
    expected = counts((18, 45, 72), (9, 9, 9), 10)
    assert (parameter_count(model), multiply_accumulates(model, SMALL)) == expected
    assert expected == (1_268_157, 196_168_168)


def test_the_docstring_prints_the_counts() -> None:
    for name in ("highway19", "highway32"):
        entry = models.entry(name)
        assert f" {entry.parameters:,} parameters" in str(HighwayNetwork.__doc__)
        assert f" {entry.macs / 1e6:.1f} M MACs" in str(HighwayNetwork.__doc__)


@pytest.mark.parametrize(("name", "layers"), [("highway19", 19), ("highway32", 32)])
def test_the_name_counts_the_layers(name: str, layers: int) -> None:
    """Convolutions and linear layers, both convolutions of a highway layer as one."""
    model = models.create(name)
    kinds = [type(layer).__name__ for layer in model.modules()]
    gates = kinds.count("HighwayConv2d")
    assert kinds.count("Conv2d") - gates + kinds.count("Linear") == layers


def test_stages() -> None:
    shapes = output_shapes(models.create("highway19"), SMALL)
    assert shapes["stage1"] == (32, 32, 32)
    assert shapes["stage2"] == (80, 16, 16)
    assert shapes["stage3"] == (128, 8, 8)
    assert shapes["conv"] == (100, 8, 8)
    assert shapes["fc"] == (10,)


# ---------------------------------------------------------------------- what a layer computes


def test_a_gate_chooses_between_carrying_and_transforming() -> None:
    x, layer = normal(2, 6, 5, 5), HighwayConv2d(6)
    transformed = np.maximum(layer.conv(Tensor(x)).data, 0)
    gate: Any = layer.gate
    gate.weight.data[:] = 0
    for bias, expected in ((-100, x), (100, transformed), (0, (x + transformed) / 2)):
        gate.bias.data[:] = bias
        np.testing.assert_allclose(layer(Tensor(x)).data, expected, rtol=1e-5, atol=1e-6)


def test_the_gate_depends_on_the_pixel() -> None:
    """y = T H + (1 − T) x with T = σ(gate(x)), element by element."""
    x, layer = Tensor(normal(2, 6, 5, 5)), HighwayConv2d(6)
    T = 1 / (1 + np.exp(-layer.gate(x).data))
    H = np.maximum(layer.conv(x).data, 0)
    np.testing.assert_allclose(layer(x).data, T * H + (1 - T) * x.data, rtol=1e-4, atol=1e-5)
    assert T.std() > 0.1


def test_gates_start_nearly_closed() -> None:
    model = models.create("highway19")
    layers: list[Any] = [layer for layer in model.modules() if isinstance(layer, HighwayConv2d)]
    assert len(layers) == 14
    for layer in layers:
        assert (layer.gate.bias.data == -2).all()
        assert not layer.conv.bias.data.any()
        sigma = np.sqrt(2 / (9 * layer.conv.in_channels))
        standard_error = sigma / np.sqrt(2 * layer.gate.weight.size)
        assert abs(layer.gate.weight.data.std() - sigma) < 5 * standard_error


def test_dropout() -> None:
    """Of the image, behind both poolings and before the classifier; in training only."""
    x, model = normal(4, 3, 16, 16), HighwayNetwork((1, 1, 1), (6, 8, 10), drop_rate=0.4)
    given: dict[str, np.ndarray] = {}
    places: dict[str, Any] = {
        "image": model.stage1[0],
        "pool1": model.stage2[0],
        "pool2": model.stage3[0],
        "fc": model.fc,
    }
    for name, layer in places.items():
        layer.register_forward_hook(
            lambda module, inputs, output, name=name: given.update({name: inputs[0].data})
        )
    model(x)
    dropped = given["image"] == 0
    assert abs(dropped.mean() - 0.4) < 5 * np.sqrt(0.24 / dropped.size)
    np.testing.assert_allclose(given["image"][~dropped], x[~dropped] / 0.6, rtol=1e-5)
    before = {name: (numbers == 0).mean() for name, numbers in given.items()}
    np.testing.assert_array_equal(model.eval()(x).data, model(x).data)
    np.testing.assert_array_equal(given["image"], x)
    assert all(before[name] > (given[name] == 0).mean() + 0.1 for name in given)


@pytest.mark.parametrize("options", [{"highways": (4, 5)}, {"widths": (8, 8, 8, 8)}])
def test_three_stages(options: Any) -> None:
    with pytest.raises(ValueError, match=r"three stages, .* not \(.*\) and \(.*\)$"):
        HighwayNetwork(**options)
