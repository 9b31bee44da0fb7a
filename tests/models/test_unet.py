"""U-Net: the paper's figure 1, counts, sizes that fit, what is cropped and joined.

31,030,658 parameters and 150,428,424,448 multiply-accumulates (at 572 × 572) are counted from the
paper: nine pairs of 3×3 convolutions, four 2×2 transposed ones, a 1×1, all with biases.
"""

import numpy as np
import pytest

import minidl
from minidl import Tensor, models, nn
from minidl.models.unet import DoubleConv, UNet
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count
from tests.models.tables import printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# Figure 1: channels and rows behind each pair of convolutions and each up-convolution.
FIGURE = {
    "encoder.0": (64, 568),
    "encoder.1": (128, 280),
    "encoder.2": (256, 136),
    "encoder.3": (512, 64),
    "encoder.4": (1024, 28),
    "up.0": (512, 56),
    "decoder.0": (512, 52),
    "up.1": (256, 104),
    "decoder.1": (256, 100),
    "up.2": (128, 200),
    "decoder.2": (128, 196),
    "up.3": (64, 392),
    "decoder.3": (64, 388),
    "head": (2, 388),
}
SMALL = {"width": 4, "depth": 2, "drop_rate": 0.0}


def test_the_papers_figure() -> None:
    with minidl.shapes_only():
        model = models.create("unet")
    shapes = output_shapes(model, (1, 572, 572))
    for name, (channels, rows) in FIGURE.items():
        assert shapes[name] == (channels, rows, rows)
        text = f"cropped to {rows}" if name.startswith("up") else printed_shape(shapes[name])
        assert text in str(UNet.__doc__)
    assert shapes["encoder.0.conv1"] == (64, 570, 570)
    assert shapes["decoder.3.conv1"] == (64, 390, 390)
    assert shapes[""] == (2, 388, 388)
    assert parameter_count(model) == 31_030_658
    macs = multiply_accumulates(model, (1, 572, 572))
    assert macs == 150_428_424_448
    assert f"31,030,658 parameters, {macs / 1e6:,.1f} M MACs" in str(UNet.__doc__)


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"num_classes": 1}, 31_030_593),  # 64 weights and a bias less
        ({"in_channels": 3}, 31_030_658 + 2 * 9 * 64),
        ({"padding": 1}, 31_030_658),
        # encoder 40 + 148, 296 + 584, 1,168 + 2,320; up 520, 132; decoder 1,160 + 584, 292 + 148;
        # head 10
        ({"width": 4, "depth": 2}, 7_402),
    ],
)
def test_counts(options: dict[str, int], parameters: int) -> None:
    with minidl.shapes_only():
        assert parameter_count(models.create("unet", **options)) == parameters


def test_small_counts() -> None:
    """Padded, 28, 14 and 7 rows: pixels times weights, level by level."""
    with minidl.shapes_only():
        model = models.create_small("unet")
    macs = 28**2 * 9 * (1 * 16 + 16 * 16) + 14**2 * 9 * (16 * 32 + 32 * 32)
    macs += 7**2 * 9 * (32 * 64 + 64 * 64) + 7**2 * 4 * 64 * 32 + 14**2 * 4 * 32 * 16
    macs += 14**2 * 9 * (64 * 32 + 32 * 32) + 28**2 * 9 * (32 * 16 + 16 * 16) + 28**2 * 16 * 2
    assert multiply_accumulates(model, (1, 28, 28)) == macs == 19_004_160
    assert output_shapes(model, (1, 28, 28))[""] == (2, 28, 28)


@pytest.mark.parametrize(
    ("depth", "padding", "sides", "loss"),
    [
        (4, 0, (188, 204, 572), 184),
        (2, 0, (44, 48, 60), 40),
        (1, 0, (18, 20, 30), 16),
        (4, 1, (16, 32, 160), 0),
        (2, 1, (4, 28, 32), 0),
    ],
)
def test_sizes_that_fit(depth: int, padding: int, sides: tuple[int, ...], loss: int) -> None:
    """And the sides between them, or below the first, do not."""
    with minidl.shapes_only():
        model = UNet(width=1, depth=depth, padding=padding)
        for side in sides:
            y = model(np.zeros((1, 1, side, sides[0]), np.float32))
            assert y.shape == (1, 2, side - loss, sides[0] - loss)
        step = 2**depth
        for side in (sides[0] - step, *range(sides[0] + 1, sides[0] + step)):
            with pytest.raises(ValueError, match=f"UNet: {side} pixels cannot be halved {depth} t"):
                model(np.zeros((1, 1, side, sides[0]), np.float32))
            with pytest.raises(ValueError, match=f"UNet: {side} pixels"):
                model(np.zeros((1, 1, sides[0], side), np.float32))


@pytest.mark.parametrize(
    ("options", "side", "words"),
    [
        ({}, 570, r"570 .* 4 pixels lost .* 188, 204, 220, … can\. Crop .* to 556 or 572 pixels"),
        ({}, 100, r"to 188 or 204 pixels"),
        (
            {"padding": 1},
            100,
            r"halved 4 times: sides of 16, 32, 48, … can\..* to 96 or 112 pixels",
        ),
        ({"padding": 1, "depth": 2}, 30, r"to 28 or 32 pixels"),
    ],
)
def test_sizes_that_do_not_fit_are_told_the_next(
    options: dict[str, int], side: int, words: str
) -> None:
    with minidl.shapes_only(), pytest.raises(ValueError, match=words):
        UNet(width=1, **options)(np.zeros((1, 1, side, side), np.float32))


def test_padding_is_0_or_1() -> None:
    with pytest.raises(ValueError, match=r"padding is 0 .* or 1 .*, not 2"):
        UNet(padding=2)


def test_a_double_convolution() -> None:
    """Two convolutions, ReLU behind both, and a rim of two pixels on each side gone."""
    block, x = DoubleConv(2, 3, padding=0), normal(2, 2, 8, 9)
    y = block(x).data
    inner = np.maximum(block.conv1(x).data, 0)
    np.testing.assert_allclose(y, np.maximum(block.conv2(inner).data, 0), rtol=1e-6)
    assert y.shape == (2, 3, 4, 5)
    assert DoubleConv(2, 3, padding=1)(x).shape == (2, 3, 8, 9)


def test_the_middle_of_the_encoders_map_stands_before_the_one_from_below() -> None:
    model = UNet(**SMALL)
    inputs: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    for name, layer in model.named_modules():

        def note(layer: nn.Module, given: tuple, output: Tensor, name: str = name) -> None:
            inputs[name], outputs[name] = given[0].data, output.data

        layer.register_forward_hook(note)
    model(normal(2, 1, 44, 48))
    assert outputs["encoder.1"].shape == (2, 8, 16, 18)
    across = outputs["encoder.1"][:, :, 4:12, 4:14]  # 16 × 18 cropped to 8 × 10
    below = np.maximum(outputs["up.0"], 0)
    np.testing.assert_array_equal(inputs["decoder.0"], np.concatenate([across, below], axis=1))
    assert outputs["encoder.0"].shape == (2, 4, 40, 44)
    across = outputs["encoder.0"][:, :, 16:24, 16:28]  # to 8 × 12
    below = np.maximum(outputs["up.1"], 0)
    np.testing.assert_array_equal(inputs["decoder.1"], np.concatenate([across, below], axis=1))


def test_a_padded_answer_is_as_large_as_the_image() -> None:
    model = UNet(**SMALL, num_classes=5, in_channels=3, padding=1)
    assert model(normal(2, 3, 8, 12)).shape == (2, 5, 8, 12)


def test_tiles_fit_together() -> None:
    """The answer to a large image is that to its overlapping tiles, side by side."""
    model, image = UNet(**SMALL).eval(), normal(1, 1, 52, 44)
    whole = model(image).data
    assert whole.shape == (1, 2, 12, 4)
    tiles = [model(image[:, :, top : top + 44]).data for top in (0, 4, 8)]
    np.testing.assert_allclose(np.concatenate(tiles, axis=2), whole, rtol=1e-4, atol=1e-5)


def test_dropout_acts_on_the_two_lowest_levels_in_training() -> None:
    """What goes up or across is doubled or gone, by halves; from the first level it comes as is."""
    model = UNet(width=4, depth=2, drop_rate=0.5)
    x = normal(2, 1, 44, 44)
    inputs: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    for name, layer in model.named_modules():

        def note(layer: nn.Module, given: tuple, output: Tensor, name: str = name) -> None:
            inputs[name], outputs[name] = given[0].data, output.data

        layer.register_forward_hook(note)
    model(x)
    lowest = outputs["encoder.2"], inputs["up.0"]
    across = outputs["encoder.1"][:, :, 4:12, 4:12], inputs["decoder.0"][:, :8]
    for before, behind in (lowest, across):
        kept = behind != 0
        np.testing.assert_allclose(behind[kept], 2 * before[kept], rtol=1e-6)
        positive = int((before > 0).sum())
        assert abs(kept.sum() / positive - 0.5) < 5 * np.sqrt(0.25 / positive)
    first = outputs["encoder.0"][:, :, 16:24, 16:24]
    np.testing.assert_array_equal(inputs["decoder.1"][:, :4], first)
    assert not np.array_equal(model(x).data, model(x).data)
    assert np.array_equal(model.eval()(x).data, model(x).data)


def test_names_and_order() -> None:
    layers = [f"encoder.{k}.{conv}" for k in range(3) for conv in ("conv1", "conv2")]
    layers += ["up.0", "up.1"]
    layers += [f"decoder.{k}.{conv}" for k in range(2) for conv in ("conv1", "conv2")]
    expected = [f"{layer}.{part}" for layer in [*layers, "head"] for part in ("weight", "bias")]
    assert list(UNet(**SMALL).state_dict()) == expected


def test_first_weights() -> None:
    """σ = √(2/n), n the numbers each output sees: 9 C, and C in front of a 2×2 up-convolution."""
    model = UNet(width=32, depth=2)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            weight = layer.weight.data
            window = np.prod(layer.kernel_size) if isinstance(layer, nn.Conv2d) else 1
            sigma = np.sqrt(2 / (layer.in_channels * window))
            assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
            assert layer.bias is not None
            assert not layer.bias.data.any()
