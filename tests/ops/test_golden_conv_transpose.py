"""Transposed convolution on examples small enough for paper, and as the adjoint of convolution."""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import nn
from tests.ops.golden import check, check_empty, image

pytestmark = pytest.mark.usefixtures("numpy_kernels")


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d() -> None:
    """Each pixel of [[1, 2], [3, −1]] lays itself times [[1, 0], [2, −1]] over the output; + 10.

    row 0: [1, 0 + 2, 0]    row 1: [2 + 3, −1 + 4 + 0 − 1, −2 + 0]    row 2: [6, −3 − 2, 1]
    g = [[1, 2, 0], [0, −1, 3], [4, 0, 2]]
    dx[i,j] = g[i,j] + 2 g[i+1,j] − g[i+1,j+1] = [[1 + 0 + 1, 2 − 2 − 3], [0 + 8 − 0, −1 + 0 − 2]]
    dw[u,v] = Σ x[i,j] g[i+u,j+v]:
        w₀₀: 1·1 + 2·2 + 3·0 + 1 = 6         w₀₁: 1·2 + 2·0 + 3·(−1) − 3 = −4
        w₁₀: 1·0 + 2·(−1) + 3·4 − 0 = 10     w₁₁: −1 + 2·3 + 3·0 − 2 = 3
    db = 3 + 2 + 6 = 11
    """
    check(
        F.conv_transpose2d,
        (image([[1, 2], [3, -1]]), image([[1, 0], [2, -1]]), [10]),
        image([[11, 12, 10], [15, 12, 8], [16, 5, 11]]),
        image([[1, 2, 0], [0, -1, 3], [4, 0, 2]]),
        (image([[2, -3], [8, -3]]), image([[6, -4], [10, 3]]), [11]),
    )


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d_stride_padding_output_padding() -> None:
    """One row [1, 2, 3], filter [1, 10, 100], stride 2: 1 10 100+2 20 200+3 30 300 before cutting.

    Padding 1 cuts a number off each end, output padding 1 gives the one behind back:
    y = [10, 102, 20, 203, 30, 300], (3 − 1)·2 − 2 + 2 + 1 + 1 = 6 of them.
    g = [1, 2, −1, 0, 3, 1]; pixel j meets g at 2j − 1, 2j, 2j + 1:
    dx = [10·1 + 100·2, 2 − 10 + 0, 0 + 30 + 100] = [210, −8, 130]
    dw = [0 + 2·2 + 3·0, 1·1 + 2·(−1) + 3·3, 1·2 + 2·0 + 3·1] = [4, 8, 5]
    """
    check(
        lambda x, w: F.conv_transpose2d(x, w, stride=(1, 2), padding=(0, 1), output_padding=(0, 1)),
        (image([[1, 2, 3]]), image([[1, 10, 100]])),
        image([[10, 102, 20, 203, 30, 300]]),
        image([[1, 2, -1, 0, 3, 1]]),
        (image([[210, -8, 130]]), image([[4, 8, 5]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d_output_padding_beyond_all_windows() -> None:
    """[1, 2] by [3] with stride 3: 3 0 0 6; output padding 2 adds two places with the bias 5 only.

    g = [1, 2, 3, −1, 4, 6]: dx = [3·1, 3·(−1)], dw = 1·1 + 2·(−1) = −1, db = 15
    """
    check(
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=(1, 3), output_padding=(0, 2)),
        (image([[1, 2]]), image([[3]]), [5]),
        image([[8, 5, 5, 11, 5, 5]]),
        image([[1, 2, 3, -1, 4, 6]]),
        (image([[3, -3]]), image([[-1]]), [15]),
    )


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d_dilation() -> None:
    """Taps 2 apart: 1 lays 1 · 10, 2 lays 2 · 20 one place further: [1, 2, 10, 20].

    g = [1, −1, 2, 3]: dx = [1 + 20, −1 + 30], dw = [1·1 − 2·1, 1·2 + 2·3] = [−1, 8]
    """
    check(
        lambda x, w: F.conv_transpose2d(x, w, dilation=2),
        (image([[1, 2]]), image([[1, 10]])),
        image([[1, 2, 10, 20]]),
        image([[1, -1, 2, 3]]),
        (image([[21, 29]]), image([[-1, 8]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d_of_several_images_and_channels() -> None:
    """1×1 filters (C = 2, O = 3) are a matrix: w = [[1, 0, 2], [−1, 3, 0]], y = wᵀ x + b.

    x = (1, 2): y = (1 − 2, 6, 2) + (0, 1, 0) = (−1, 7, 2);  x = (3, 0): (3, 0 + 1, 6)
    g = (1, 2, −1) and (0, 1, 3):
    dx = w g = (1 − 2, −1 + 6) = (−1, 5) and (6, 3)
    dw[c,o] = Σ_n x_c g_o: [1·(1, 2, −1) + 3·(0, 1, 3), 2·(1, 2, −1)] = [(1, 5, 8), (2, 4, −2)]
    db = (1, 3, 2)
    """

    def pixels(rows: Any) -> np.ndarray:
        return np.array(rows, np.float64)[:, :, None, None]

    check(
        F.conv_transpose2d,
        (pixels([[1, 2], [3, 0]]), pixels([[1, 0, 2], [-1, 3, 0]]), [0, 1, 0]),
        pixels([[-1, 7, 2], [3, 1, 6]]),
        pixels([[1, 2, -1], [0, 1, 3]]),
        (pixels([[-1, 5], [6, 3]]), pixels([[1, 5, 8], [2, 4, -2]]), [1, 3, 2]),
    )


@pytest.mark.usefixtures("kernels")
def test_conv_transpose2d_groups() -> None:
    """Two groups of one input and two output channels; filters 1×1: (2, 3) and (−1, 4).

    x = (5, 7): y = (10, 15, −7, 28);  g = (1, 2, 3, −1): dx = (2 + 6, −3 − 4) = (8, −7),
    dw = (5·1, 5·2) and (7·3, −7)
    """
    check(
        lambda x, w: F.conv_transpose2d(x, w, groups=2),
        (image([[5]], [[7]]), np.reshape([2, 3, -1, 4], (2, 2, 1, 1))),
        image([[10]], [[15]], [[-7]], [[28]]),
        image([[1]], [[2]], [[3]], [[-1]]),
        (image([[8]], [[-7]]), np.reshape([5, 10, 21, -7], (2, 2, 1, 1))),
    )


@pytest.mark.usefixtures("kernels")
def test_a_batch_without_images() -> None:
    check_empty(
        lambda x: F.conv_transpose2d(x, np.ones((4, 3, 3, 2)), np.ones(3), 2, output_padding=1),
        (4, 5, 6),
        (3, 12, 13),
    )


ADJOINT: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    # shape of p, shape of w, options of both
    "plain": ((2, 3, 5, 6), (4, 3, 3, 2), {}),
    "stride": ((2, 3, 7, 5), (4, 3, 3, 2), {"stride": (2, 3)}),
    "padding": ((1, 2, 4, 5), (3, 2, 3, 4), {"padding": (2, 1)}),
    "dilation": ((1, 2, 8, 7), (3, 2, 3, 2), {"dilation": (2, 3)}),
    "groups": ((2, 4, 5, 4), (6, 2, 2, 3), {"groups": 2}),
    "one filter a channel": ((2, 3, 5, 4), (3, 1, 2, 3), {"groups": 3}),
    "all at once": (
        (2, 4, 8, 9),
        (6, 2, 3, 2),
        {"stride": (2, 3), "padding": (2, 1), "dilation": (2, 1), "groups": 2},
    ),
}


@pytest.mark.parametrize("name", ADJOINT)
@pytest.mark.parametrize("kernel_set", ["naive", "numpy", "numba"])
def test_conv_transpose2d_is_the_adjoint_of_conv2d(name: str, kernel_set: str) -> None:
    """⟨conv2d(p, w), x⟩ = ⟨p, conv_transpose2d(x, w)⟩, with the output padding that fits p."""
    if kernel_set == "numba":
        pytest.importorskip("numba")
    p_shape, w_shape, options = ADJOINT[name]
    rng = np.random.default_rng(3)
    p, w = rng.standard_normal(p_shape), rng.standard_normal(w_shape)
    with minidl.kernels(kernel_set):
        y = F.conv2d(p, w, **options).data
        x = rng.standard_normal(y.shape)
        smallest = F.conv_transpose2d(x, w, **options)
        rest = tuple(a - b for a, b in zip(p_shape[2:], smallest.shape[2:], strict=True))
        spread = F.conv_transpose2d(x, w, output_padding=rest, **options).data
    assert spread.shape == p_shape
    np.testing.assert_allclose((y * x).sum(), (p * spread).sum(), rtol=1e-12)


# ----------------------------------------------------------------------------------- the layer


def test_conv_transpose2d_layer_computes_the_documented_size() -> None:
    """Stride 2, kernel 4, padding 1 double; stride 2, kernel 3, padding 1 need output padding 1."""
    x = np.zeros((1, 2, 5, 7), np.float32)
    assert nn.ConvTranspose2d(2, 3, 4, 2, 1)(x).shape == (1, 3, 10, 14)
    assert nn.ConvTranspose2d(2, 3, 3, 2, 1)(x).shape == (1, 3, 9, 13)
    assert nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)(x).shape == (1, 3, 10, 14)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("stride", (2, 1)),
        ("padding", (0, 1)),
        ("output_padding", (1, 0)),
        ("groups", 2),
        ("bias", False),
        ("dilation", (1, 2)),
    ],
)
def test_every_argument_of_conv_transpose2d_reaches_the_function(argument: str, value: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 6)).astype(np.float32)
    options = {"stride": 3, argument: value}
    layer = nn.ConvTranspose2d(4, 6, (3, 2), **options)
    options.pop("bias", None)
    expected = F.conv_transpose2d(x, layer.weight, layer.bias, **options)
    np.testing.assert_array_equal(layer(x).data, expected.data)
    plain = F.conv_transpose2d(x, np.ones((4, 6, 3, 2), np.float32), stride=3)
    changed = layer.bias is None or layer.weight.shape[1] == 3 or expected.shape != plain.shape
    assert changed, f"{argument} has no effect"


def test_first_weights_of_conv_transpose2d_are_torchs() -> None:
    """Uniform within ±1/√(O/groups · KH · KW) = 1/√(40 · 4), the bias too."""
    minidl.manual_seed(0)
    layer = nn.ConvTranspose2d(60, 80, 2, groups=2)
    bound = 1 / np.sqrt(40 * 4)
    for parameter, share in ((layer.weight, 0.99), (layer.bias, 0.9)):
        assert share * bound < np.abs(parameter.data).max() <= bound
