"""CapsNet: the paper's figures, counts, routing against loops, the loss, names, errors.

8,215,568 parameters (6,804,224 without the decoder) are those of gram-ai/capsule-networks and the
paper's 8.2 and 6.8 million.
"""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models
from minidl.models.capsnet import CapsNet, DigitCapsules, PrimaryCapsules, lengths
from tests.models.draws import normal, uniform
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count
from tests.models.tables import printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

DIGIT = (1, 28, 28)
PARTS = {  # output, parameters, MACs
    "conv1": ((256, 20, 20), 20_992, 400 * 256 * 81),
    "primary_capsules": ((1152, 8), 5_308_672, 36 * 256 * 256 * 81),
    "digit_capsules": ((10, 16), 1_474_560, 1152 * 8 * 160),
    "decoder": ((784,), 1_411_344, 160 * 512 + 512 * 1024 + 1024 * 784),
}
TINY = {"image_size": 17, "channels": 4, "capsules": 3, "num_classes": 4}


def squashed(s: np.ndarray) -> np.ndarray:
    square = (s**2).sum(axis=-1, keepdims=True)
    return square / (1 + square) * s / np.sqrt(square)


def test_the_papers_figures_and_the_docstring() -> None:
    with minidl.shapes_only():
        model = models.create("capsnet")
        blank = np.zeros((1, 10, 16), np.float32)
        assert model.reconstruct(Tensor(blank), np.array([3])).shape == (1, *DIGIT)
    shapes = output_shapes(model, DIGIT)
    printed = printed_rows(model)
    for name, (shape, parameters, macs) in PARTS.items():
        assert parameter_count(getattr(model, name)) == parameters
        assert name == "decoder" or shapes[name] == shape
        assert printed_shape(shape) in printed[name]
        assert f" {parameters:,} " in printed[name]
        assert f" {macs / 1e6:.1f} M " in printed[name]
    assert shapes["primary_capsules.conv"] == (256, 6, 6)
    assert shapes[""] == (10,)
    assert parameter_count(model) == 8_215_568
    assert parameter_count(model) - PARTS["decoder"][1] == 6_804_224
    macs = PARTS["conv1"][2] + PARTS["primary_capsules"][2]
    assert multiply_accumulates(model, DIGIT) == macs == 199_397_376
    assert f"8,215,568{macs / 1e6:9.1f} M" in str(CapsNet.__doc__)


def test_small_counts() -> None:
    """288 capsules; 64·82, 64·(64·81 + 1), 288·8·160, and the decoder as ever."""
    with minidl.shapes_only():
        model = models.create_small("capsnet")
    assert parameter_count(model) == 5_248 + 331_840 + 368_640 + 1_411_344
    assert multiply_accumulates(model, DIGIT) == 400 * 5_184 + 36 * 64 * 64 * 81 == 14_017_536


def test_primary_capsules_bundle_neighbouring_channels() -> None:
    layer = PrimaryCapsules(2, capsules=3, length=4)
    x = normal(2, 2, 11, 13)
    maps = layer.conv(x).data
    assert maps.shape == (2, 12, 2, 3)
    u = layer(x).data
    assert u.shape == (2, 18, 4)
    for n, kind, i, j in ((0, 0, 0, 0), (1, 2, 1, 2), (0, 1, 0, 2)):
        capsule = maps[n, 4 * kind : 4 * kind + 4, i, j]
        np.testing.assert_allclose(u[n, kind * 6 + i * 3 + j], squashed(capsule), rtol=1e-4)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_routing_is_procedure_1_of_the_paper(iterations: int) -> None:
    """Loops over images, capsules and classes, in the paper's words."""
    N, I, J, D, E = 2, 5, 3, 4, 6
    layer = DigitCapsules(I, D, J, E, iterations)
    layer.weight.data[...] = normal(I, D, J * E)
    u = normal(N, I, D, seed=1)
    W = layer.weight.data.reshape(I, D, J, E)
    for n in range(N):
        predicted = np.array([[W[i, :, j].T @ u[n, i] for j in range(J)] for i in range(I)])
        b = np.zeros((I, J))
        for _ in range(iterations):
            c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)  # over the classes of capsule i
            s = np.array([sum(c[i, j] * predicted[i, j] for i in range(I)) for j in range(J)])
            v = squashed(s)
            b = b + np.array([[predicted[i, j] @ v[j] for j in range(J)] for i in range(I)])
        np.testing.assert_allclose(layer(Tensor(u)).data[n], v, rtol=1e-4, atol=1e-5)


def test_a_capsule_sends_more_to_the_class_where_its_prediction_agrees() -> None:
    """Two capsules agree about class 0 and contradict each other about class 1."""
    layer = DigitCapsules(2, 1, 2, 2, iterations=1)
    layer.weight.data[...] = [[[1, 0, 1, 0]], [[1, 0, -0.9, 0]]]
    u = Tensor(np.ones((1, 2, 1), np.float32))
    grown = []
    for iterations in (1, 3, 10):
        layer.iterations = iterations
        length = np.linalg.norm(layer(u).data[0], axis=1)
        grown.append(length[0])
    assert grown[0] < grown[1] < grown[2]


def test_all_iterations_pass_gradients() -> None:
    """Of the weights of three routings, against differences in double precision."""
    layer = DigitCapsules(4, 3, 3, 2, iterations=3).astype(np.float64)
    rng = np.random.default_rng(0)
    u, g = Tensor(rng.standard_normal((2, 4, 3))), rng.standard_normal((2, 3, 2))
    layer.weight.data[...] = rng.standard_normal(layer.weight.shape)
    layer(u).backward(g)
    step = rng.standard_normal(layer.weight.shape)
    start = layer.weight.data.copy()
    ends = []
    for sign in (1, -1):
        layer.weight.data[...] = start + sign * 1e-6 * step
        ends.append((layer(u).data * g).sum())
    expected = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose((layer.weight.grad * step).sum(), expected, rtol=1e-6)


def test_lengths() -> None:
    v = normal(3, 4, 16)
    np.testing.assert_allclose(lengths(Tensor(v)).data, np.linalg.norm(v, axis=2), rtol=1e-6)
    zero = Tensor(np.zeros((1, 2, 16), np.float32), requires_grad=True)
    lengths(zero).backward(normal(1, 2))
    assert not zero.grad.any()


def test_the_output_is_the_lengths_of_the_class_capsules() -> None:
    model, x = CapsNet(**TINY), uniform(3, 1, 17, 17)
    capsules = model.capsules(x).data
    assert capsules.shape == (3, 4, 16)
    y = model(x).data
    np.testing.assert_allclose(y, np.linalg.norm(capsules, axis=2), rtol=1e-4)
    assert ((y > 0) & (y < 1)).all()


def test_only_the_capsule_of_the_label_is_redrawn() -> None:
    model, v = CapsNet(**TINY), normal(2, 4, 16)
    labels = np.array([3, 0])
    drawn = model.reconstruct(Tensor(v), labels).data
    assert drawn.shape == (2, 1, 17, 17)
    assert ((drawn > 0) & (drawn < 1)).all()
    other = v.copy()
    other[0, :3] = other[1, 1:] = 7
    np.testing.assert_array_equal(model.reconstruct(Tensor(other), labels).data, drawn)
    masked = np.zeros((2, 64), np.float32)
    masked[0, 48:], masked[1, :16] = v[0, 3], v[1, 0]
    np.testing.assert_allclose(model.decoder(masked).data, drawn.reshape(2, -1), rtol=1e-5)


def test_the_loss_is_the_margin_loss_and_a_little_of_the_squares() -> None:
    model, x = CapsNet(**TINY), uniform(3, 1, 17, 17)
    labels = np.array([3, 0, 1])
    margin = F.margin_loss(model(x), labels).item()
    drawn = model.reconstruct(model.capsules(x), labels).data
    squares = ((drawn - x) ** 2).sum() / 3
    np.testing.assert_allclose(model.loss(x, labels).item(), margin + 0.0005 * squares, rtol=1e-5)
    assert model.loss(x, labels, reconstruction=0.0).item() == pytest.approx(margin, rel=1e-6)


def test_other_sizes_classes_and_channels() -> None:
    """32 × 32: 24 rows, then 8; three channels are redrawn as three."""
    with minidl.shapes_only():
        model = CapsNet(num_classes=7, in_channels=3, image_size=32, channels=8, capsules=2)
        x = np.zeros((2, 3, 32, 32), np.float32)
        assert model(x).shape == (2, 7)
        assert model.reconstruct(model.capsules(x), np.array([1, 6])).shape == x.shape
    assert model.digit_capsules.weight.shape == (2 * 64, 8, 7 * 16)


def test_names() -> None:
    expected = ["conv1.weight", "conv1.bias"]
    expected += ["primary_capsules.conv.weight", "primary_capsules.conv.bias"]
    expected += ["digit_capsules.weight"]
    expected += [f"decoder.{k}.{part}" for k in (0, 2, 4) for part in ("weight", "bias")]
    assert list(CapsNet(**TINY).state_dict()) == expected


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"17 × 17 pixels or more .*, not 16 × 16"):
        CapsNet(image_size=16)
    with pytest.raises(ValueError, match=r"at least once, not iterations=0"):
        CapsNet(iterations=0)
    with pytest.raises(ValueError, match=r"matmul in layer digit_capsules"):
        CapsNet(**TINY)(uniform(1, 1, 28, 28))
