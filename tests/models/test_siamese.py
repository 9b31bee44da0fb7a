"""Siamese networks: the paper's figure 4, counts, the distance, both losses, names and errors.

38,951,745 parameters are those of fangpin/siamese-pytorch and of the usual Keras edition.
"""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.siamese import Siamese
from minidl.optim import SGD
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count
from tests.models.tables import printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# Figure 4: maps and rows behind each convolution and pooling.
FIGURE = {
    "conv.0": (64, 96),
    "conv.2": (64, 48),
    "conv.3": (128, 42),
    "conv.5": (128, 21),
    "conv.6": (128, 18),
    "conv.8": (128, 9),
    "conv.9": (256, 6),
}
TINY = {"image_size": 8, "layers": ((6, 3), (8, 2)), "features": 12}


class Twins(nn.Module):
    """The pair of an image with itself, for the ledger, which knows models of one image."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x, x)


def test_the_papers_figure_and_the_docstring() -> None:
    with minidl.shapes_only():
        model = models.create("siamese")
    layers = dict(model.named_modules())
    shapes = output_shapes(Twins(model), (1, 105, 105))
    printed = printed_rows(model)
    macs = 0.0
    for name, (channels, rows) in FIGURE.items():
        shape = shapes[f"model.{name}"]
        assert shape == (channels, rows, rows)
        assert printed_shape(shape) in printed[name]
        if isinstance(layers[name], nn.Conv2d):
            here = rows * rows * layers[name].weight.size
            assert f" {parameter_count(layers[name]):,} " in printed[name]
            assert f" {here / 1e6:.1f} M " in printed[name]
            macs += here
    assert layers["linear"].weight.shape == (4096, 9216)
    assert " 37,752,832     37.7 M " in printed["linear"]
    assert "4,097" in printed["out"]
    macs += 9216 * 4096 + 4096 / 2
    assert macs == models.entry("siamese").macs == 908_625_920
    assert parameter_count(model) == 38_951_745
    assert "38,951,745    908.6 M" in str(Siamese.__doc__)


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("siamese", 38_951_745, 908_625_920),
        # 160 + 2,080 + 8,256 + 65; MACs 36·144 + 4·2,048 + 8,192 + 64/2
        ("siamese_digits", 10_561, 21_600),
    ],
)
def test_a_pair_takes_the_macs_of_two_images(name: str, parameters: int, macs: int) -> None:
    entry = models.entry(name)
    with minidl.shapes_only():
        model = models.create(name)
    assert parameter_count(model) == entry.parameters == parameters
    assert multiply_accumulates(Twins(model), entry.input_shape) == 2 * macs == 2 * entry.macs
    assert f"{parameters:,}" in str(Siamese.__doc__)


def test_small_counts() -> None:
    """28 → 24 → 12 → 10 → 5 → 3 rows; 1,152 numbers go into the embedding of 256."""
    with minidl.shapes_only():
        model = models.create_small("siamese")
    weights = [32 * 25, 64 * 32 * 9, 128 * 64 * 9, 1152 * 256, 256]
    assert parameter_count(model) == sum(weights) + 32 + 64 + 128 + 256 + 1
    pairs = 2 * (24**2 * weights[0] + 10**2 * weights[1] + 3**2 * weights[2] + weights[3]) + 256
    assert multiply_accumulates(Twins(model), (1, 28, 28)) == pairs


def test_the_logit_weighs_the_distances_of_the_embeddings() -> None:
    model = Siamese(**TINY)
    a, b = normal(5, 1, 8, 8), normal(5, 1, 8, 8, seed=1)
    ea, eb = model.embed(a).data, model.embed(b).data
    assert ea.shape == (5, 12)
    assert ((ea > 0) & (ea < 1)).all()
    expected = np.abs(ea - eb) @ model.out.weight.data[0] + model.out.bias.data[0]
    logits = model(a, b)
    assert logits.shape == (5,)
    np.testing.assert_allclose(logits.data, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model(b, a).data, logits.data)  # it does not matter who is first
    np.testing.assert_allclose(model(a, a).data, model.out.bias.data[0], rtol=1e-6)
    np.testing.assert_array_equal(model.compare(model.embed(a), model.embed(b)).data, logits.data)


def test_relu_behind_every_convolution_and_pooling_behind_all_but_the_last() -> None:
    kinds = [type(layer).__name__ for layer in Siamese(**TINY).conv]
    assert kinds == ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU"]


def test_names_are_the_published_ones_but_for_one() -> None:
    """fangpin/siamese-pytorch: conv.0, conv.3, conv.6, conv.9, liner.0, out."""
    with minidl.shapes_only():
        names = list(models.create("siamese").state_dict())
    layers = [*(f"conv.{k}" for k in (0, 3, 6, 9)), "linear", "out"]
    assert names == [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]


def test_one_image_passes_both_gradients_to_the_same_weights() -> None:
    """The weights are shared: the gradient of a pair is the sum of those of its sides."""
    model = Siamese(**TINY)
    a, b = normal(3, 1, 8, 8), normal(3, 1, 8, 8, seed=1)
    g = normal(3, seed=2)
    model(a, b).backward(g)
    both = model.conv[0].weight.grad
    sides = []
    for left, right in ((True, False), (False, True)):
        model.zero_grad()
        ea, eb = model.embed(a), model.embed(b)
        model.compare(ea if left else ea.detach(), eb if right else eb.detach()).backward(g)
        sides.append(model.conv[0].weight.grad)
    np.testing.assert_allclose(both, sides[0] + sides[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["logistic", "contrastive"])
def test_both_losses_learn_pairs_by_heart(loss: str) -> None:
    """32 pairs of random images, every second of which shall count as alike.

    Every parameter receives a gradient; with the contrastive loss all but those of `out`.
    """
    model = models.create("siamese_digits")
    a, b = normal(32, 1, 8, 8), normal(32, 1, 8, 8, seed=1)
    same = np.arange(32) % 2
    rate, margin = (0.1, 0.0) if loss == "logistic" else (0.05, 1.0)
    optimizer = SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(60):
        optimizer.zero_grad()
        if loss == "logistic":
            logits = model(a, b)
            alike = logits.data > 0
            F.binary_cross_entropy_with_logits(logits, same.astype(np.float32)).backward()
        else:
            ea, eb = model.embed(a), model.embed(b)
            alike = np.sqrt(((ea.data - eb.data) ** 2).sum(axis=1)) < margin / 2
            F.contrastive_loss(ea, eb, same, margin).backward()
        for name, parameter in model.named_parameters():
            if loss == "logistic" or not name.startswith("out."):
                assert parameter.grad is not None, name
                assert np.abs(parameter.grad).max() > 0, name
            else:
                assert parameter.grad is None
        optimizer.step()
    assert (alike == same).all()


def test_options() -> None:
    model = Siamese(in_channels=3, image_size=9, layers=((4, 2), (5, 3)), features=7)
    a = normal(2, 3, 9, 9)
    assert model.embed(a).shape == (2, 7)
    assert model.linear.in_features == 5 * 2 * 2  # 9 → 8 → 4 → 2


def test_first_weights() -> None:
    """He for convolutions, Glorot for linear layers, within five standard errors σ/√(2n)."""
    for layer in Siamese(image_size=20, layers=((32, 5), (48, 3)), features=100).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.data
            fans = weight[0].size if isinstance(layer, nn.Conv2d) else sum(weight.shape)
            sigma = np.sqrt(2 / fans)
            assert abs(weight.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
            assert layer.bias is not None
            assert not layer.bias.data.any()


def test_images_too_small_for_the_layers() -> None:
    with pytest.raises(
        ValueError, match=r"convolution 3 has .* 4 × 4, but of 28 × 28 pixels 1 × 1 reach it"
    ):
        Siamese(image_size=28)
    words = r"layer linear: .* 9216 features.* has 12544"
    with minidl.shapes_only(), pytest.raises(ValueError, match=words):
        models.create("siamese")(*np.zeros((2, 1, 1, 120, 120), np.float32))
