"""The convolutional autoencoder: the lecture's table, Keras's geometry, options, names."""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.conv_autoencoder import ConvAutoencoder
from tests.models.draws import uniform
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

DIGIT = (1, 28, 28)
# The Aarhus lecture's table, channels first: output shape and "Param #", with moving statistics.
LECTURE = {
    "conv1": ((32, 26, 26), 320),
    "conv2": ((64, 11, 11), 18_496),
    "conv3": ((64, 3, 3), 36_928),
    "dense": ((49,), 28_273),
    "up1": ((64, 15, 15), 640),  # 15 and 29 rows, of which the last is dropped
    "bn1": ((64, 14, 14), 256),
    "up2": ((64, 29, 29), 36_928),
    "bn2": ((64, 28, 28), 256),
    "up3": ((32, 28, 28), 18_464),
    "conv4": ((1, 28, 28), 289),
}
MACS = {  # output pixels (of transposed convolutions: input pixels) times weights
    "conv1": 26 * 26 * 288,
    "conv2": 11 * 11 * 18_432,
    "conv3": 3 * 3 * 36_864,
    "dense": 28_224,
    "up1": 7 * 7 * 576,
    "up2": 14 * 14 * 36_864,
    "up3": 28 * 28 * 18_432,
    "conv4": 28 * 28 * 288,
}


def test_the_lectures_table() -> None:
    model = models.create("conv_autoencoder")
    shapes = output_shapes(model, DIGIT)
    assert [name for name, _ in model.named_children()] == list(LECTURE)
    for name, layer in model.named_children():
        shape, numbers = LECTURE[name]
        assert shapes[name] == shape
        assert parameter_count(layer) + statistics_count(layer) == numbers
    assert shapes[""] == DIGIT
    assert parameter_count(model) == 140_594
    assert statistics_count(model) == 256
    assert multiply_accumulates(model, DIGIT) == sum(MACS.values()) == 24_715_008


def test_the_docstring_prints_the_table() -> None:
    printed = printed_rows(models.create("conv_autoencoder"))
    for name, (shape, numbers) in LECTURE.items():
        after = (shape[0], *(side - side % 2 for side in shape[1:])) if "up" in name else shape
        assert printed_shape(after) in printed[name]
        assert f" {numbers:,} " in printed[name]
        assert name not in MACS or f" {MACS[name]:,} " in printed[name]
    assert "140,850   24,715,008    140,594 learned, 256 moving" in str(ConvAutoencoder.__doc__)


def test_poolings_and_code() -> None:
    model = models.create("conv_autoencoder").eval()
    given: dict[str, tuple[int, ...]] = {}
    for name, layer in model.named_children():

        def note(layer: nn.Module, inputs: tuple, output: Tensor, name: str = name) -> None:
            given[name] = inputs[0].shape[1:]

        layer.register_forward_hook(note)
    model(uniform(2, *DIGIT))
    assert given["conv2"] == (32, 13, 13)
    assert given["conv3"] == (64, 5, 5)
    assert given["dense"] == (576,)
    assert given["up1"] == (1, 7, 7)


def test_up_is_the_transpose_of_keras_same_convolution() -> None:
    """Keras pads an even side at stride 2 by one zero, at the end: window i covers 2i, 2i+1, 2i+2.

    ⟨up(x), z⟩ = ⟨x, conv(z)⟩ for the convolution of z padded so, with the same weights.
    """
    model = models.create("conv_autoencoder").astype(np.float64)
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((1, 1, 7, 7)), rng.standard_normal((1, 64, 14, 14))
    given = []
    model.bn1.register_forward_hook(lambda layer, inputs, output: given.append(inputs[0].data))
    model.up1.bias.data[:] = 100  # so that ReLU changes nothing
    model.decode(Tensor(x.reshape(1, 49)))
    up = given[0] - 100
    padded = np.pad(z, ((0, 0), (0, 0), (0, 1), (0, 1)))
    weight = model.up1.weight.data  # (1, 64, 3, 3): a convolution from 64 channels to 1
    conv = F.conv2d(padded, weight, None, 2).data
    assert conv.shape == x.shape
    np.testing.assert_allclose((up * z).sum(), (x * conv).sum(), rtol=1e-9)


def test_relu_stands_before_batch_norm() -> None:
    """As in the lecture's first listing; batch norm has Keras's ε = 10⁻³ and momentum 0.99."""
    model = models.create("conv_autoencoder")
    given = []
    for norm in (model.bn1, model.bn2):
        norm.register_forward_hook(lambda layer, inputs, output: given.append((inputs, output)))
        assert (norm.eps, norm.momentum) == (1e-3, 0.01)
    model(uniform(4, *DIGIT))
    for (x,), y in given:
        assert (x.data >= 0).all()
        assert (x.data == 0).any()
        assert (y.data < 0).any()


def test_encode_and_decode_are_the_halves() -> None:
    model = models.create("conv_autoencoder").eval()
    x = uniform(3, *DIGIT)
    code = model.encode(x)
    assert code.shape == (3, 49)
    assert (code.data >= 0).all()
    picture = model(x).data
    np.testing.assert_array_equal(model.decode(code).data, picture)
    assert ((picture > 0) & (picture < 1)).all()


def test_options() -> None:
    """Three channels cost 2·288 weights in conv1, 2·289 in conv4; a code map 49·577 and 576."""
    with minidl.shapes_only():
        model = ConvAutoencoder(in_channels=3, code_channels=4)
        assert model(np.zeros((2, 3, 28, 28), np.float32)).shape == (2, 3, 28, 28)
        assert model.encode(np.zeros((2, 3, 28, 28), np.float32)).shape == (2, 196)
    assert parameter_count(model) == 140_594 + 2 * 288 + 2 * 289 + 3 * (49 * 577 + 576)


def test_names() -> None:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = [
        f"{name}.{part}"
        for name in LECTURE
        for part in (parts if name.startswith("bn") else parts[:2])
    ]
    assert list(models.create("conv_autoencoder").state_dict()) == expected


def test_first_weights() -> None:
    """Glorot: uniform within ±√(6 / (fan_in + fan_out)), biases 0."""
    for layer in models.create("conv_autoencoder").modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = layer.weight.data
            window = weight[0, 0].size
            bound = np.sqrt(6 / (sum(weight.shape[:2]) * window))
            assert 0.95 * bound < np.abs(weight).max() <= bound
            assert abs(weight.std() - bound / np.sqrt(3)) < 5 * bound / np.sqrt(weight.size)
            assert layer.bias is not None
            assert not layer.bias.data.any()


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"layer dense: .* 576 features.* has 1024"):
        models.create("conv_autoencoder")(uniform(1, 1, 32, 32))
