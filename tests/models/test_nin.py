"""Network in Network: counts, the blocks' table, what a block computes, names and options.

966,986 parameters and 222,486,528 multiply-accumulates are those of pytorchcv 0.0.74's nin_cifar10.
"""

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.nin import NIN, MLPConv
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import parts, printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR = (3, 32, 32)


def blank(**options: object) -> nn.Module:
    """A model whose weights take neither time nor memory."""
    with minidl.shapes_only():
        return models.create("nin", **options)


def test_the_docstring_prints_shape_parameters_and_macs_of_each_block() -> None:
    model = blank()
    printed = printed_rows(model)
    table = parts(model, COLOUR)
    assert list(table) == ["mlpconv1", "mlpconv2", "mlpconv3"]
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        assert printed[name].split()[-3:] == [
            f"{part.parameters:,}",
            f"{part.macs / 1e6:.1f}",
            "M",
        ]
    total = sum(part.macs for part in table.values())
    assert total == 222_486_528
    assert parameter_count(model) == 966_986
    assert f"966,986{total / 1e6:9.1f} M" in str(NIN.__doc__)


def test_shapes() -> None:
    """Poolings of 3×3 at stride 2 round up: 32, 16 and 8 rows."""
    shapes = output_shapes(blank(), COLOUR)
    assert shapes["mlpconv1.conv"] == (192, 32, 32)
    assert shapes["mlpconv1.cccp1"] == (160, 32, 32)
    assert shapes["mlpconv1"] == (96, 32, 32)
    assert shapes["mlpconv2"] == shapes["mlpconv2.cccp1"] == (192, 16, 16)
    assert shapes["mlpconv3.conv"] == shapes["mlpconv3.cccp1"] == (192, 8, 8)
    assert shapes["mlpconv3"] == (10, 8, 8)
    assert shapes[""] == (10,)


@pytest.mark.parametrize(
    ("options", "parameters", "statistics", "macs"),
    [
        # 2 · (192 + 160 + 96 + 5 · 192 + 10) scales and shifts, and as many statistics
        ({"batch_norm": True}, 966_986 + 2_836, 2_836, 222_486_528),
        # mlpconv3.cccp2 has 192 weights and a bias for each class, at 8 · 8 pixels
        ({"num_classes": 100}, 966_986 + 90 * 193, 0, 222_486_528 + 90 * 192 * 64),
        # weights 75·48, 48·40, 40·24; 25·24·48, 48², 48²; 9·48², 48², 480; biases 112, 144, 106
        ({"width": 0.25}, 6_480 + 33_408 + 23_520 + 362, 0, 16_693_248),
    ],
)
def test_counts(options: dict[str, float], parameters: int, statistics: int, macs: int) -> None:
    model = blank(**options)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, COLOUR) == macs


def test_a_block_is_a_perceptron_at_each_pixel() -> None:
    """y[n,:,i,j] = ReLU(W₂ ReLU(W₁ ReLU(W₀ · window + b₀) + b₁) + b₂)."""
    block = MLPConv(2, (5, 4, 3), 3, batch_norm=False)
    x = normal(2, 2, 6, 7)
    window = x[1, :, 2:5, 3:6].reshape(-1)  # around the pixel (3, 4)
    for layer in (block.conv, block.cccp1, block.cccp2):
        assert layer.bias is not None
        layer.bias.data += 0.1
        weight = layer.weight.data
        window = np.maximum(weight.reshape(len(weight), -1) @ window + layer.bias.data, 0)
    y = block(x).data
    assert y.shape == (2, 3, 6, 7)
    np.testing.assert_allclose(y[1, :, 3, 4], window, rtol=1e-5, atol=1e-6)


def test_batch_norm_stands_behind_every_layer_of_a_block() -> None:
    block = MLPConv(2, (5, 4, 3), 3, batch_norm=True)
    x = normal(4, 2, 6, 6)

    def normalised(z: minidl.Tensor) -> np.ndarray:
        mean, var = z.data.mean(axis=(0, 2, 3)), z.data.var(axis=(0, 2, 3))
        shape = (1, -1, 1, 1)
        return (z.data - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + 1e-5)

    expected = x
    for layer in (block.conv, block.cccp1, block.cccp2):
        expected = np.maximum(normalised(layer(expected.astype(np.float32))), 0)
    np.testing.assert_allclose(block(x).data, expected, rtol=1e-4, atol=1e-5)


def test_the_logit_of_a_class_is_the_mean_of_its_map() -> None:
    model = models.create_small("nin").eval()
    maps = []
    model.mlpconv3.register_forward_hook(lambda layer, inputs, output: maps.append(output.data))
    logits = model(normal(2, 3, 32, 32)).data
    np.testing.assert_allclose(logits, maps[0].mean(axis=(2, 3)), rtol=1e-5)
    assert (logits >= 0).all()


def test_the_first_pooling_takes_the_largest_the_second_the_mean() -> None:
    """A window on the lower right edge holds the 2 × 2 pixels there are."""
    model = models.create_small("nin").eval()
    given: dict[str, np.ndarray] = {}
    made: dict[str, np.ndarray] = {}
    for name in ("mlpconv1", "mlpconv2", "mlpconv3"):

        def note(layer: object, inputs: tuple, output: minidl.Tensor, name: str = name) -> None:
            given[name], made[name] = inputs[0].data, output.data

        getattr(model, name).register_forward_hook(note)
    model(normal(2, 3, 32, 32))
    corners = made["mlpconv1"][:, :, 30:, 30:]
    np.testing.assert_array_equal(given["mlpconv2"][:, :, 15, 15], corners.max(axis=(2, 3)))
    corners = made["mlpconv2"][:, :, 14:, 14:]
    np.testing.assert_allclose(given["mlpconv3"][:, :, 7, 7], corners.mean(axis=(2, 3)), rtol=1e-5)


def test_names_stand_in_the_order_of_the_published_model() -> None:
    """There conv1, cccp1, cccp2, conv2, cccp3, cccp4, conv3, cccp5, cccp6."""
    expected = [
        f"mlpconv{block}.{layer}.{part}"
        for block in (1, 2, 3)
        for layer in ("conv", "cccp1", "cccp2")
        for part in ("weight", "bias")
    ]
    model = models.create("nin")
    assert list(model.state_dict()) == expected
    assert [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)] == [
        *(192, 160, 96),
        *(192, 192, 192),
        *(192, 192, 10),
    ]


def test_dropout_stands_between_the_blocks_in_training() -> None:
    """A share of 0.3 of what block 2 is given is zero, beyond what ReLU left at zero."""
    x, zeros = normal(2, 3, 32, 32), []
    for drop_rate in (0.0, 0.3):
        minidl.manual_seed(1)
        model = NIN(width=0.25, batch_norm=True, drop_rate=drop_rate)
        hook = model.mlpconv2.register_forward_hook(
            lambda layer, inputs, output: zeros.append((inputs[0].data == 0).mean())
        )
        first = model(x).data
        hook.remove()
        assert np.array_equal(first, model(x).data) is (drop_rate == 0)
        assert np.array_equal(model.eval()(x).data, model(x).data)
    numbers = 2 * 24 * 16 * 16
    assert abs(zeros[1] - (0.3 + 0.7 * zeros[0])) < 5 * np.sqrt(0.21 / numbers)


@pytest.mark.parametrize("side", [4, 5, 13])
def test_other_sizes(side: int) -> None:
    model = models.create_small("nin", in_channels=2).eval()
    assert model(normal(2, 2, side, side + 1)).shape == (2, 10)


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), within five standard errors σ/√(2n)."""
    for layer in models.create_small("nin").modules():
        if isinstance(layer, nn.Conv2d):
            weight = layer.weight.data
            sigma = np.sqrt(2 / weight[0].size)
            assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
            assert layer.bias is not None
            assert not layer.bias.data.any()


def test_too_narrow() -> None:
    with pytest.raises(ValueError, match=r"width=0.01 .* 96 · 0.01 = 0.96 channels; .*1/96"):
        NIN(width=0.01)
