"""VGG: the paper's tables, the lecture's list of VGG16, torchvision's names, counts of variants.

The paper's table 2 gives 133, 133, 134, 138 and 144 million parameters; the exact numbers are
torchvision 0.28's (A-LRN and C, which it lacks, follow from the paper's table 1).
"""

import re

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.vgg import CONFIGURATIONS, VGG
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

IMAGE = (3, 224, 224)
PLAIN = {  # name: configuration, layers with weights, table 2 of the paper, parameters, MACs
    "vgg11": ("A", 11, 133, 132_863_336, 7_609_090_048),
    "vgg11_lrn": ("A-LRN", 11, 133, 132_863_336, 7_609_090_048),
    "vgg13": ("B", 13, 133, 133_047_848, 11_308_466_176),
    "vgg16_c": ("C", 16, 134, 133_638_952, 11_770_888_192),
    "vgg16": ("D", 16, 138, 138_357_544, 15_470_264_320),
    "vgg19": ("E", 19, 144, 143_667_240, 19_632_062_464),
}
# The Aarhus lecture's list for VGG16: rows and channels of the output, weights.
LECTURE = [
    (224, 64, 1_728),
    (224, 64, 36_864),
    (112, 128, 73_728),
    (112, 128, 147_456),
    (56, 256, 294_912),
    (56, 256, 589_824),
    (56, 256, 589_824),
    (28, 512, 1_179_648),
    (28, 512, 2_359_296),
    (28, 512, 2_359_296),
    (14, 512, 2_359_296),
    (14, 512, 2_359_296),
    (14, 512, 2_359_296),
    (1, 4096, 102_760_448),
    (1, 4096, 16_777_216),
    (1, 1000, 4_096_000),
]


def blank(name: str, **options: object) -> nn.Module:
    """A model whose weights take neither time nor memory."""
    with minidl.shapes_only():
        return models.create(name, **options)


def weighted(model: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }


@pytest.mark.parametrize("name", PLAIN)
def test_the_papers_table_of_parameters(name: str) -> None:
    configuration, layers, million, parameters, macs = PLAIN[name]
    model = blank(name)
    assert len(weighted(model)) == layers
    assert parameter_count(model) == parameters
    assert round(parameters / 1e6) == million
    assert multiply_accumulates(model, IMAGE) == macs
    rows = [line.split() for line in str(VGG.__doc__).splitlines()]
    assert [configuration, name, str(layers), f"{parameters:,}", f"{macs / 1e6:,.1f}", "M"] in rows


@pytest.mark.parametrize(
    ("name", "added"),
    [("vgg11_bn", 5_504), ("vgg13_bn", 5_888), ("vgg16_bn", 8_448), ("vgg19_bn", 11_008)],
)
def test_batch_norm_adds_two_parameters_a_channel(name: str, added: int) -> None:
    model = blank(name)
    assert parameter_count(model) == PLAIN[name[:5]][3] + added
    assert statistics_count(model) == added
    assert re.search(rf"{name}\s+{parameter_count(model):,}", str(VGG.__doc__))


def test_the_lectures_list_of_vgg16() -> None:
    model = blank("vgg16")
    shapes = output_shapes(model, IMAGE)
    rows = []
    for name, layer in weighted(model).items():
        channels, *pixels = shapes[name]
        rows.append((pixels[0] if pixels else 1, channels, layer.weight.size))
    assert rows == LECTURE
    assert parameter_count(model) * 4 // 10**6 == 553  # the lecture, from 138 M: 552 MB


def test_memory_of_the_lectures_list_is_15_million_numbers_not_24() -> None:
    """Its lines add up to 15.2 M numbers, 61 MB an image; the lecture's total says 24 M, 96 MB."""
    model = blank("vgg16")
    shapes = output_shapes(model, IMAGE)
    kept = [np.prod(shapes[name]) for name in weighted(model)]
    kept += [np.prod(s) for k, s in shapes.items() if isinstance(_layer(model, k), nn.MaxPool2d)]
    assert 3 * 224 * 224 + sum(kept) == 15_237_608


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_papers_table_of_layers(configuration: str) -> None:
    """Each stage keeps its rows and ends in a pooling that halves them."""
    with minidl.shapes_only():
        features = VGG(configuration).features
    shapes = output_shapes(features, IMAGE)
    found: list[str] = [""]
    rows = 224
    for name, layer in features.named_children():
        if isinstance(layer, nn.Conv2d):
            found[-1] += f" {layer.kernel_size[0]}-{layer.out_channels}"
            assert shapes[name] == (layer.out_channels, rows, rows)
        elif isinstance(layer, nn.LocalResponseNorm):
            found[-1] += " LRN"
        elif isinstance(layer, nn.MaxPool2d):
            rows //= 2
            assert shapes[name][1:] == (rows, rows)
            stage = len(found)
            assert f"        {stage} " in str(VGG.__doc__)
            assert printed_shape(shapes[name]) in str(VGG.__doc__)
            found.append("")
    assert rows == 7
    assert tuple(stage.strip() for stage in found[:-1]) == CONFIGURATIONS[configuration]


def test_c_has_1x1_filters_where_d_has_3x3() -> None:
    kernels = {
        name: [
            layer.kernel_size[0]
            for layer in weighted(blank(name)).values()
            if isinstance(layer, nn.Conv2d)
        ]
        for name in ("vgg16_c", "vgg16")
    }
    assert kernels["vgg16"] == [3] * 13
    assert kernels["vgg16_c"] == [3] * 4 + [3, 3, 1] * 3


@pytest.mark.parametrize(
    ("name", "features"),
    [  # the indices of convolutions in torchvision, with batch norm right behind
        ("vgg11", [0, 3, 6, 8, 11, 13, 16, 18]),
        ("vgg13", [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]),
        ("vgg16", [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]),
        ("vgg19", [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]),
        ("vgg11_bn", [0, 4, 8, 11, 15, 18, 22, 25]),
        ("vgg16_bn", [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]),
    ],
)
def test_names_are_torchvisions(name: str, features: list[int]) -> None:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = []
    for k in features:
        expected += [f"features.{k}.weight", f"features.{k}.bias"]
        if name.endswith("bn"):
            expected += [f"features.{k + 1}.{part}" for part in parts]
    expected += [f"classifier.{k}.{part}" for k in (0, 3, 6) for part in ("weight", "bias")]
    assert list(models.create_small(name).state_dict()) == expected


def test_small_counts() -> None:
    """VGG11 with a quarter of the channels on 32 × 32: the last map has 1 × 1.

    Weights 27·16, 9·16·32, 9·32·64, 9·64², 9·64·128 and three of 9·128²; 128·1024, 1024², 10,240.
    """
    with minidl.shapes_only():
        model = models.create_small("vgg11")
    weights = [432, 4_608, 18_432, 36_864, 73_728, 147_456, 147_456, 147_456]
    weights += [131_072, 1_048_576, 10_240]
    assert [layer.weight.size for layer in weighted(model).values()] == weights
    assert parameter_count(model) == sum(weights) + 16 + 32 + 128 + 512 + 2_058
    pixels = [1024, 256, 64, 64, 16, 16, 4, 4, 1, 1, 1]
    macs = sum(p * w for p, w in zip(pixels, weights, strict=True))
    assert multiply_accumulates(model, (3, 32, 32)) == macs == 11_069_440


def test_response_normalisation_follows_the_first_relu() -> None:
    model = models.create_small("vgg11_lrn").eval()
    kinds = [type(layer).__name__ for layer in model.features][:4]
    assert kinds == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert sum(isinstance(layer, nn.LocalResponseNorm) for layer in model.modules()) == 1


def test_batch_norm_and_relu_stand_behind_every_convolution() -> None:
    """Two images: what stage 2 is given is the pooled ReLU of the normalised convolution."""
    model = models.create_small("vgg11_bn")
    given = []
    model.features[3].register_forward_hook(lambda layer, x, y: given.append(x[0].data))
    x = normal(2, 3, 32, 32)
    model(x)
    z = model.features[0](x).data
    z = (z - z.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(
        z.var(axis=(0, 2, 3), keepdims=True) + 1e-5
    )
    pooled = np.maximum(z, 0).reshape(2, 16, 16, 2, 16, 2).max(axis=(3, 5))
    np.testing.assert_allclose(given[0], pooled, rtol=1e-4, atol=1e-5)


def test_options() -> None:
    model = models.create_small("vgg11", num_classes=7, in_channels=2, drop_rate=0.5)
    x = normal(1, 2, 32, 33)
    assert model(x).shape == (1, 7)
    assert not np.array_equal(model(x).data, model(x).data)
    assert np.array_equal(model.eval()(x).data, model(x).data)


def test_larger_images_are_averaged_to_the_same_last_map() -> None:
    with minidl.shapes_only():
        model = VGG("A", width=0.25)
        assert model(np.zeros((1, 3, 300, 260), np.float32)).shape == (1, 1000)
        with pytest.raises(ValueError, match=r"max_pool2d in layer features\.20"):
            model(np.zeros((1, 3, 31, 31), np.float32))


def test_first_weights() -> None:
    """He, by fan_out for convolutions: σ within five standard errors σ/√(2n)."""
    for layer in weighted(models.create_small("vgg11")).values():
        weight = layer.weight.data
        fan = weight[:, 0].size if isinstance(layer, nn.Conv2d) else weight.shape[1]
        sigma = np.sqrt(2 / fan)
        assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
        assert layer.bias is not None
        assert not layer.bias.data.any()


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"A, A-LRN, B, C, D, E, not 'F'"):
        VGG("F")
    with pytest.raises(ValueError, match=r"width=0.01 .* 64 · 0.01 = 0.64 channels; .*1/64"):
        VGG("A", width=0.01)


def _layer(model: nn.Module, name: str) -> nn.Module:
    return dict(model.named_modules())[name]
