"""ZFNet: the paper's figure 3, counts, the lecture's wider variant, names.

62,357,608 parameters and 1,168,032,896 multiply-accumulates are those of pytorchcv 0.0.74's zfnet;
the paper gives none.
"""

import re

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.zfnet import ZFNet
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count
from tests.models.tables import parts, printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

IMAGE = (3, 224, 224)


def blank(**options: object) -> nn.Module:
    """A model whose weights take neither time nor memory."""
    with minidl.shapes_only():
        return models.create("zfnet", **options)


def test_the_papers_figure() -> None:
    """Figure 3: 110, 55, 26, 13 rows, and 6 behind the last pooling."""
    model = blank()
    shapes = output_shapes(model, IMAGE)
    assert shapes["conv1"] == (96, 110, 110)
    assert shapes["norm1"] == (96, 55, 55)
    assert shapes["conv2"] == (256, 26, 26)
    assert shapes["norm2"] == (256, 13, 13)
    assert shapes["conv3"] == shapes["conv4"] == (384, 13, 13)
    assert shapes["conv5"] == (256, 13, 13)
    assert shapes["pool"] == (256, 6, 6)
    assert shapes["fc6"] == shapes["fc7"] == (4096,)
    assert model.conv1.kernel_size == (7, 7)
    assert model.conv1.stride == model.conv2.stride == 2


def test_the_docstring_prints_shape_parameters_and_macs_of_each_layer() -> None:
    model = blank()
    printed = printed_rows(model)
    table = parts(model, IMAGE)
    assert list(table) == [f"conv{k}" for k in range(1, 6)] + ["fc6", "fc7", "fc8"]
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        assert f" {part.parameters:,} " in printed[name]
        assert f" {part.macs / 1e6:.1f} M" in printed[name]
    total = sum(part.macs for part in table.values())
    assert total == 1_168_032_896
    assert parameter_count(model) == 62_357_608
    assert f"62,357,608{total / 1e6:>9,.1f} M" in str(ZFNet.__doc__)


def test_the_lectures_wider_variant() -> None:
    """The Aarhus lecture's "CONV3,4,5: 512, 1024, 512"; 3×3 filters, and fc6 on 512 maps of 6×6.

    The convolutions have 3·96·49, 96·256·25, 9·256·512, 9·512·1024, 9·1024·512 weights.
    """
    with minidl.shapes_only():
        wide = ZFNet(channels=(96, 256, 512, 1024, 512))
    weights = [14_112, 614_400, 1_179_648, 4_718_592, 4_718_592, 75_497_472, 4096**2, 4_096_000]
    biases = 96 + 256 + 512 + 1024 + 512 + 4096 + 4096 + 1000
    assert [layer.weight.size for layer in _layers(wide)] == weights
    assert parameter_count(wide) == sum(weights) + biases == 107_627_624
    assert "107,627,624" in str(ZFNet.__doc__)
    pixels = [110**2, 26**2, 13**2, 13**2, 13**2, 1, 1, 1]
    expected = sum(p * w for p, w in zip(pixels, weights, strict=True))
    assert multiply_accumulates(wide, IMAGE) == expected


def test_small_counts() -> None:
    """32 × 32 pixels: 16, 8 and 4 rows behind the poolings.

    Weights 3·24·49, 24·48·25, 9·48·64, 9·64·64, 9·64·48, 768·512, 512², 5,120.
    """
    with minidl.shapes_only():
        model = models.create_small("zfnet")
    weights = [3_528, 28_800, 27_648, 36_864, 27_648, 393_216, 262_144, 5_120]
    assert [layer.weight.size for layer in _layers(model)] == weights
    assert parameter_count(model) == sum(weights) + 248 + 512 + 512 + 10 == 786_250
    pixels = [1024, 256, 64, 64, 64, 1, 1, 1]
    expected = sum(p * w for p, w in zip(pixels, weights, strict=True))
    assert multiply_accumulates(model, (3, 32, 32)) == expected == 17_544_192
    assert output_shapes(model, (3, 32, 32))["pool"] == (48, 4, 4)


def test_layers_are_named_as_in_caffe() -> None:
    names = [f"conv{k}" for k in range(1, 6)] + ["fc6", "fc7", "fc8"]
    expected = [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    assert list(models.create_small("zfnet").state_dict()) == expected


def test_dropout_acts_in_training_only() -> None:
    x = normal(1, 3, 32, 32)
    model = models.create_small("zfnet", drop_rate=0.5)
    assert not np.array_equal(model(x).data, model(x).data)
    assert np.array_equal(model.eval()(x).data, model(x).data)


def test_options() -> None:
    model = models.create_small("zfnet", num_classes=7, in_channels=2)
    assert model(normal(3, 2, 32, 32)).shape == (3, 7)


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), within five standard errors σ/√(2n)."""
    for layer in _layers(models.create_small("zfnet")):
        weight = layer.weight.data
        sigma = np.sqrt(2 / weight[0].size)
        assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
        assert layer.bias is not None
        assert not layer.bias.data.any()


def test_unknown_stem() -> None:
    with pytest.raises(ValueError, match=re.escape("'cifar' (stride 1, for") + ".*not 'small'"):
        models.create("zfnet", stem="small")


def _layers(model: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
