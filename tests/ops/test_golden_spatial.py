"""Transposed convolution, folding, adaptive maxima and resizing on examples worked out on paper.

As in test_golden.py the expected numbers come from the docstrings, never from the function under
test, and cotangents have unequal entries. Behind them stand the identities that tie these functions
to convolution: adjoints, and convolution as a product with the columns.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn


@pytest.fixture(autouse=True)
def _numpy_kernels() -> Iterator[None]:
    with minidl.kernels("numpy"):
        yield


@pytest.fixture(params=["naive", "numpy"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """The textbook loops and the whole-array version."""
    with minidl.kernels(request.param):
        yield request.param


def close(actual: Any, expected: Any) -> None:
    expected = np.asarray(expected, np.float64)
    assert np.shape(actual) == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def check(
    f: Callable[..., Tensor],
    inputs: Sequence[Any],
    expected: Any,
    cotangent: Any,
    gradients: Sequence[Any],
) -> None:
    """Compare f(*inputs) with `expected` and its gradients under `cotangent` with `gradients`."""
    tensors = [Tensor(np.array(x, np.float64), requires_grad=True) for x in inputs]
    output = f(*tensors)
    close(output.data, expected)
    output.backward(np.array(cotangent, np.float64))
    for tensor, gradient in zip(tensors, gradients, strict=True):
        close(tensor.grad, gradient)


def image(*channels: Any) -> np.ndarray:
    """One image (1, C, H, W) from its channels (H, W)."""
    return np.array(channels, np.float64)[None]


# ----------------------------------------------------------------- transposed convolution


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


def test_conv_transpose2d_layer_computes_the_documented_size() -> None:
    """Stride 2, kernel 4, padding 1 double; stride 2, kernel 3, padding 1 need output padding 1."""
    x = np.zeros((1, 2, 5, 7), np.float32)
    assert nn.ConvTranspose2d(2, 3, 4, 2, 1)(x).shape == (1, 3, 10, 14)
    assert nn.ConvTranspose2d(2, 3, 3, 2, 1)(x).shape == (1, 3, 9, 13)
    assert nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)(x).shape == (1, 3, 10, 14)


# ------------------------------------------------------- the corners of ordinary convolution


@pytest.mark.usefixtures("kernels")
def test_conv2d_same_padding_with_dilation() -> None:
    """Two taps 3 apart need three zeros: one before, two behind, [0, 1, 2, 3, 4, 0, 0].

    y = [0 + 30, 1 + 40, 2 + 0, 3 + 0] of w = [1, 10];  g = [1, 2, 3, −1]
    dx = [2, 3, −1 + 10, 20] (pixel k is read at k + 1 by w₀, at k − 2 by w₁)
    dw = [0·1 + 1·2 + 2·3 − 3, 3·1 + 4·2] = [5, 11]
    """
    check(
        lambda x, w: F.conv2d(x, w, padding="same", dilation=(1, 3)),
        (image([[1, 2, 3, 4]]), image([[1, 10]])),
        image([[30, 41, 2, 3]]),
        image([[1, 2, 3, -1]]),
        (image([[2, 3, 9, 20]]), image([[5, 11]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_of_a_column_filter() -> None:
    """A 3×1 filter [1, 10, 100] over two columns (1, 2, 3) and (0, 1, 4), one zero above and below.

    column 0: [10 + 200, 1 + 20 + 300, 2 + 30]     column 1: [0 + 100, 0 + 10 + 400, 1 + 40]
    g = [[1, 0], [2, −1], [0, 3]]: dx[k] = 10 g[k] + g[k+1] + 100 g[k−1]:
        column 0: [10 + 2, 20 + 0 + 100, 200]      column 1: [−1, −10 + 3, 30 − 100]
    dw = [Σ x[k−1] g[k], Σ x[k] g[k], Σ x[k+1] g[k]]
       = [1·2 + 0·(−1) + 1·3, 1·1 + 2·2 − 1·1 + 4·3, 2·1 + 3·2 − 4·1] = [5, 16, 4]
    """
    check(
        lambda x, w: F.conv2d(x, w, padding=(1, 0)),
        (image([[1, 0], [2, 1], [3, 4]]), image([[1], [10], [100]])),
        image([[210, 100], [321, 410], [32, 41]]),
        image([[1, 0], [2, -1], [0, 3]]),
        (image([[12, -1], [120, -7], [200, -70]]), image([[5], [16], [4]])),
    )


def test_depthwise_separable_conv2d() -> None:
    """Two channels [1, 2, 3] and [0, 1, −1]; depthwise [1, 2] and [3, −1] + (0, 1), stride 1.

    h₀ = [5, 8], h₁ = [−1, 4] + 1 = [0, 5]; pointwise (1, 2) + ½: y = [5.5, 18.5]
    g = (1, −2): dh₀ = g, dh₁ = 2 g
    dx₀ = [1, 2 − 2, −4], dx₁ = 2·[3, −1 − 6, 2] = [6, −14, 4]
    depthwise: dw₀ = [1 − 4, 2 − 6], dw₁ = 2·[0 − 2, 1 + 2], db = (−1, −2)
    pointwise: dw = (5 − 16, 0 − 10), db = −1
    """
    layer = nn.DepthwiseSeparableConv2d(2, 1, (1, 2)).astype("float64")
    assert [name for name, _ in layer.named_parameters()] == [
        "depthwise.weight",
        "depthwise.bias",
        "pointwise.weight",
        "pointwise.bias",
    ]
    layer.depthwise.weight.data[:] = np.reshape([1, 2, 3, -1], (2, 1, 1, 2))
    layer.depthwise.bias.data[:] = 0, 1
    layer.pointwise.weight.data[:] = np.reshape([1, 2], (1, 2, 1, 1))
    layer.pointwise.bias.data[:] = 0.5
    check(
        layer,
        (image([[1, 2, 3]], [[0, 1, -1]]),),
        image([[5.5, 18.5]]),
        image([[1, -2]]),
        (image([[1, 0, -4]], [[6, -14, 4]]),),
    )
    close(layer.depthwise.weight.grad, np.reshape([-3, -4, -4, 6], (2, 1, 1, 2)))
    close(layer.depthwise.bias.grad, [-1, -2])
    close(layer.pointwise.weight.grad, np.reshape([-11, -10], (1, 2, 1, 1)))
    close(layer.pointwise.bias.grad, [-1])


def test_depthwise_separable_conv2d_has_the_parameters_of_the_paper() -> None:
    """3·3·32 + 32·64 = 2336 weights against 3·3·32·64 = 18432: 1/64 + 1/9 = 73/576 of them."""
    layer = nn.DepthwiseSeparableConv2d(32, 64, 3, stride=2, padding=1, bias=False)
    assert sum(parameter.size for parameter in layer.parameters()) == 2336
    assert 2336 * 576 == 18432 * 73
    assert layer(np.zeros((1, 32, 7, 9), np.float32)).shape == (1, 64, 4, 5)


def test_channel_shuffle() -> None:
    """Two groups 0 1 2 | 3 4 5 become 0 3 1 4 2 5; the gradient goes back the same way.

    Output k comes from channel (0, 3, 1, 4, 2, 5)[k], so channels 0 … 5 receive g at 0 2 4 1 3 5.
    """
    check(
        lambda x: F.channel_shuffle(x, 2),
        (np.reshape([0, 1, 2, 3, 4, 5], (1, 6, 1, 1)),),
        np.reshape([0, 3, 1, 4, 2, 5], (1, 6, 1, 1)),
        np.reshape([10, 20, 30, 40, 50, 60], (1, 6, 1, 1)),
        (np.reshape([10, 30, 50, 20, 40, 60], (1, 6, 1, 1)),),
    )


def test_channel_shuffle_by_the_other_divisor_undoes_it() -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 3, 4))
    np.testing.assert_array_equal(F.channel_shuffle(F.channel_shuffle(x, 2), 3).data, x)


# ------------------------------------------------------------------------- unfold and fold


def test_unfold() -> None:
    """The windows of [[1, 2, 3], [4, 5, 6]] under a kernel of 2 × 2 are 1 2 4 5 and 2 3 5 6.

    g = [[1, 2], [3, 4], [5, 6], [7, 8]]: pixel 2 is in row 1 of column 0 and in row 0 of column 1,
    3 + 2; pixel 5 likewise 7 + 6.
    """
    check(
        lambda x: F.unfold(x, 2),
        (image([[1, 2, 3], [4, 5, 6]]),),
        [[[1, 2], [2, 3], [4, 5], [5, 6]]],
        [[[1, 2], [3, 4], [5, 6], [7, 8]]],
        (image([[1, 5, 4], [5, 13, 8]]),),
    )


def test_unfold_options_and_channels() -> None:
    """Rows 1 2 3 4 and 5 6 7 8, a zero at each end; taps 2 apart, windows at 0 and 3.

    Padded 0 1 2 3 4 0: taps 0 and 2, then 3 and 5: (0, 2), (3, 0); likewise (0, 6), (7, 0).
    g = [1, 2], [3, 4] | [5, 6], [7, 8]: pixel 2 receives 3, pixel 3 receives 2; 6 and 7: 7, 6.
    """
    check(
        lambda x: F.unfold(x, (1, 2), dilation=2, padding=(0, 1), stride=3),
        (image([[1, 2, 3, 4]], [[5, 6, 7, 8]]),),
        [[[0, 3], [2, 0], [0, 7], [6, 0]]],
        [[[1, 2], [3, 4], [5, 6], [7, 8]]],
        (image([[0, 3, 2, 0]], [[0, 7, 6, 0]]),),
    )


def test_fold() -> None:
    """Two columns 1 2 3 4 and 5 6 7 8 laid over 2 × 3 pixels: 1 2+5 6 and 3 4+7 8.

    Each number receives its pixel's gradient: g = [[1, 2, 3], [4, 5, 6]], columns 1 2 4 5, 2 3 5 6.
    """
    check(
        lambda x: F.fold(x, (2, 3), 2),
        ([[[1, 5], [2, 6], [3, 7], [4, 8]]],),
        image([[1, 7, 6], [3, 11, 8]]),
        image([[1, 2, 3], [4, 5, 6]]),
        ([[[1, 2], [2, 3], [4, 5], [5, 6]]],),
    )


def test_fold_drops_what_lies_in_the_padding() -> None:
    """Windows at 0 and 3 of _ a b c d _, taps 2 apart: 1 and 4 fall on the padding.

    y = [0, 2, 3, 0] of the columns (1, 2) and (3, 4);  g = [5, 6, 7, 8]: [[0, 7], [6, 0]]
    """
    check(
        lambda x: F.fold(x, (1, 4), (1, 2), dilation=2, padding=(0, 1), stride=3),
        ([[[1, 3], [2, 4]]],),
        image([[0, 2, 3, 0]]),
        image([[5, 6, 7, 8]]),
        ([[[0, 7], [6, 0]]],),
    )


@pytest.mark.usefixtures("kernels")
def test_convolution_is_a_product_with_the_columns() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 7, 6)), rng.standard_normal((4, 3, 3, 2))
    columns = F.unfold(x, (3, 2), dilation=(1, 2), padding=(2, 1, 0, 3), stride=(2, 1))
    product = w.reshape(4, -1) @ columns
    y = F.conv2d(x, w, None, (2, 1), (2, 1, 0, 3), (1, 2))
    close(product.data.reshape(y.shape), y.data)


def test_fold_after_unfold_counts_the_windows() -> None:
    rng = np.random.default_rng(0)
    x, options = rng.standard_normal((2, 3, 5, 6)), {"kernel_size": (2, 3), "padding": 1}
    there_and_back = F.fold(F.unfold(x, **options), (5, 6), **options)
    counts = F.fold(F.unfold(np.ones_like(x), **options), (5, 6), **options)
    assert counts.data[0, 0, 2].tolist() == [4, 6, 6, 6, 6, 4]  # 2 rows of windows, 2 or 3 columns
    close((there_and_back / counts).data, x)


# ------------------------------------------------------------------------- adaptive maxima


@pytest.mark.usefixtures("kernels")
def test_adaptive_max_pool2d() -> None:
    """Five columns to two: windows 0…2 and 2…4 share column 2, which wins both: 3 + 6."""
    check(
        lambda x: F.adaptive_max_pool2d(x, (1, 2)),
        (image([[1, 2, 8, 3, 4]]),),
        image([[8, 8]]),
        image([[3, 6]]),
        (image([[0, 0, 9, 0, 0]]),),
    )


@pytest.mark.usefixtures("kernels")
def test_adaptive_max_pool2d_of_two_channels() -> None:
    """3 × 2 pixels to 2 × 1: rows 0…1 and 1…2. Winners 5 and 5; then 2 (the first of two) and 3."""
    check(
        lambda x: F.adaptive_max_pool2d(x, (2, 1)),
        (image([[1, 2], [5, 0], [4, 3]], [[2, 0], [1, 2], [3, 1]]),),
        image([[5], [5]], [[2], [3]]),
        image([[10], [20]], [[30], [40]]),
        (image([[0, 0], [30, 0], [0, 0]], [[30, 0], [0, 0], [40, 0]]),),
    )


def test_adaptive_max_pool2d_enlarges() -> None:
    """Two columns to three: windows {0}, {0, 1}, {1}; 6 wins the last two: 2 + 3."""
    check(
        lambda x: F.adaptive_max_pool2d(x, (1, 3)),
        (image([[2, 6]]),),
        image([[2, 6, 6]]),
        image([[1, 2, 3]]),
        (image([[1, 5]]),),
    )


def test_adaptive_max_pool2d_of_nan_and_infinity() -> None:
    """As in max_pool2d: NaN wins, the first of several; and −∞ alone is still a pixel."""
    for f in (lambda x: F.adaptive_max_pool2d(x, (1, 2)), lambda x: F.max_pool2d(x, (1, 3))):
        x = Tensor(image([[1, np.nan, np.nan, -np.inf, -np.inf, -np.inf]]), requires_grad=True)
        y = f(x)
        assert str(y.data.tolist()) == "[[[[nan, -inf]]]]"
        y.backward(image([[2, 3]]))
        assert x.grad.tolist() == [[[[0, 2, 0, 3, 0, 0]]]]


@pytest.mark.usefixtures("kernels")
def test_max_pool2d_dilation_and_ceil_mode() -> None:
    """Seven columns, taps 0 2 4 apart, stride 3: windows at 0 and, cut short, at 3 (taps 3, 5).

    [1, 9, 2, 5, 3, 4, 8]: max(1, 2, 3) = 3 at 4, and max(5, 4) = 5 at 3. Without ceil_mode only
    the first window is kept, ⌊(7 − 4 − 1)/3⌋ + 1 = 1.
    """
    pixels = image([[1, 9, 2, 5, 3, 4, 8]])
    check(
        lambda x: F.max_pool2d(x, (1, 3), (1, 3), dilation=(1, 2), ceil_mode=True),
        (pixels,),
        image([[3, 5]]),
        image([[10, 20]]),
        (image([[0, 0, 0, 20, 10, 0, 0]]),),
    )
    assert F.max_pool2d(pixels, (1, 3), (1, 3), dilation=(1, 2)).data.tolist() == [[[[3]]]]


# --------------------------------------------------------------------------------- resizing

NEAREST = {
    # i · 2/5 = 0, 0.4, 0.8, 1.2, 1.6: pixel 0 three times, pixel 1 twice
    "larger": ({"size": (1, 5)}, [3, 7], [3, 3, 3, 7, 7], [1, 2, 4, 8, 16], [7, 24]),
    # i · 5/2 = 0, 2.5: pixels 0 and 2
    "smaller": ({"size": (1, 2)}, [1, 2, 3, 4, 5], [1, 3], [1, 2], [1, 0, 2, 0, 0]),
    "doubled": ({"scale_factor": (1, 2)}, [3, 7], [3, 3, 7, 7], [1, 2, 4, 8], [3, 12]),
    # ⌊3 · 2.6⌋ = 7; i / 2.6 = 0, 0.38, 0.77, 1.15, 1.54, 1.92, 2.31; by size i · 3/7 it would be
    # 0, 0.43, 0.86, 1.29, 1.71, 2.14, 2.57
    "scale, not size": (
        {"scale_factor": (1, 2.6)},
        [1, 2, 3],
        [1, 1, 1, 2, 2, 2, 3],
        [1, 2, 4, 8, 16, 32, 64],
        [7, 56, 64],
    ),
    "size, not scale": (
        {"size": (1, 7)},
        [1, 2, 3],
        [1, 1, 1, 2, 2, 3, 3],
        [1, 2, 4, 8, 16, 32, 64],
        [7, 24, 96],
    ),
    # ⌊2 · 1.4⌋ = 2, the same size: a copy, although 1 / 1.4 lies in pixel 0
    "scale without effect": ({"scale_factor": (1, 1.4)}, [3, 7], [3, 7], [1, 2], [1, 2]),
}


@pytest.mark.parametrize("name", NEAREST)
def test_interpolate_nearest(name: str) -> None:
    """One row of pixels; the places are listed beside each case."""
    options, pixels, expected, cotangent, gradient = NEAREST[name]
    check(
        lambda x: F.interpolate(x, **options),
        (image([pixels]),),
        image([expected]),
        image([cotangent]),
        (image([gradient]),),
    )


BILINEAR: dict[str, tuple[dict[str, Any], list, list, list, list]] = {
    # places (i + ½)/2 − ½ = −¼ → 0, ¼, ¾, 1¼ → 1
    # dx = 1 + ¾·2 + ¼·4, ¼·2 + ¾·4 + 8
    "doubled": (
        {"scale_factor": (1, 2)},
        [0, 4],
        [0, 1, 3, 4],
        [1, 2, 4, 8],
        [3.5, 11.5],
    ),
    # places 0, ⅓, ⅔, 1: dx = 1 + ⅔·3 + ⅓·6, ⅓·3 + ⅔·6 + 8
    "doubled, corners aligned": (
        {"scale_factor": (1, 2), "align_corners": True},
        [0, 3],
        [0, 1, 2, 3],
        [1, 3, 6, 8],
        [5, 13],
    ),
    # places (i + ½)·2 − ½ = ½, 2½: the means of two
    "halved": ({"size": (1, 2)}, [1, 3, 5, 9], [2, 7], [2, 4], [1, 1, 2, 2]),
    # places 0 and 3
    "halved, corners aligned": (
        {"size": (1, 2), "align_corners": True},
        [1, 3, 5, 9],
        [1, 9],
        [2, 4],
        [2, 0, 0, 4],
    ),
    # place ½·3 − ½ = 1, the middle
    "one pixel": ({"size": 1}, [1, 3, 8], [3], [2], [0, 2, 0]),
    # there is no second corner: the first
    "one pixel, corners aligned": (
        {"size": 1, "align_corners": True},
        [1, 3, 8],
        [1],
        [2],
        [2, 0, 0],
    ),
    # ⌊3 · 0.8⌋ = 2; places (i + ½)/0.8 − ½ = 0.125, 1.375 (by size they would be ¼, 1¾)
    # y = 8·⅛, 8 + 8·⅜; dx = ⅞·8, ⅛·8 + ⅝·16, ⅜·16
    "scale": ({"scale_factor": (1, 0.8)}, [0, 8, 16], [1, 11], [8, 16], [7, 11, 6]),
    # the same by size: y = 8·¼, 8 + 8·¾; dx = ¾·8, ¼·8 + ¼·16, ¾·16
    "size": ({"size": (1, 2)}, [0, 8, 16], [2, 14], [8, 16], [6, 6, 12]),
    # ⌊2 · 1.4⌋ = 2, the same size: a copy
    "scale without effect": ({"scale_factor": (1, 1.4)}, [3, 7], [3, 7], [1, 2], [1, 2]),
}


@pytest.mark.parametrize("name", BILINEAR)
def test_interpolate_bilinear(name: str) -> None:
    """One row of pixels; the places are listed beside each case."""
    options, pixels, expected, cotangent, gradient = BILINEAR[name]
    check(
        lambda x: F.interpolate(x, mode="bilinear", **options),
        (image([pixels]),),
        image([expected]),
        image([cotangent]),
        (image([gradient]),),
    )


def test_interpolate_bilinear_of_rows_and_columns() -> None:
    """[[0, 4], [8, 20]] to 3 × 2, corners aligned: the middle row is the mean of the two.

    g = [[1, 2], [4, 8], [3, 5]]: the middle row's gradient goes half up, half down.
    """
    check(
        lambda x: F.interpolate(x, (3, 2), mode="bilinear", align_corners=True),
        (image([[0, 4], [8, 20]], [[1, 1], [3, 5]]),),
        image([[0, 4], [4, 12], [8, 20]], [[1, 1], [2, 3], [3, 5]]),
        image([[1, 2], [4, 8], [3, 5]], [[0, 2], [2, 0], [1, 0]]),
        (image([[3, 6], [5, 9]], [[1, 2], [2, 0]]),),
    )


def test_upsample_nearest_of_rows_and_columns() -> None:
    """Two rows to three, i · 2/3 = 0, 0.67, 1.33: row 0 twice; three columns to two: 0 and 1."""
    check(
        nn.Upsample((3, 2)),
        (image([[1, 2, 3], [4, 5, 6]]),),
        image([[1, 2], [1, 2], [4, 5]]),
        image([[1, 2], [4, 8], [16, 32]]),
        (image([[5, 10, 0], [16, 32, 0]]),),
    )


@pytest.mark.parametrize("align_corners", [False, True])
def test_bilinear_reproduces_a_plane(align_corners: bool) -> None:
    """On y = 2h − 3k the mean of neighbours is exact, so away from the edge nothing is lost."""
    h, k = np.mgrid[0:4, 0:5].astype(np.float64)
    y = F.interpolate(
        (2 * h - 3 * k)[None, None], (7, 9), mode="bilinear", align_corners=align_corners
    )
    i, j = np.mgrid[0:7, 0:9]
    if align_corners:
        rows, columns = i * 3 / 6, j * 4 / 8
    else:
        rows = np.clip((i + 0.5) * 4 / 7 - 0.5, 0, 3)
        columns = np.clip((j + 0.5) * 5 / 9 - 0.5, 0, 4)
    close(y.data[0, 0], 2 * rows - 3 * columns)


EMPTY: dict[str, tuple[Callable[..., Tensor], tuple[int, ...], tuple[int, ...]]] = {
    "conv_transpose2d": (
        lambda x: F.conv_transpose2d(x, np.ones((4, 3, 3, 2)), np.ones(3), 2, output_padding=1),
        (4, 5, 6),
        (3, 12, 13),
    ),
    "unfold": (lambda x: F.unfold(x, 2), (4, 5, 6), (16, 20)),
    "fold": (lambda x: F.fold(x, (5, 6), 2), (16, 20), (4, 5, 6)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (2, 3)), (4, 5, 6), (4, 2, 3)),
    "nearest": (lambda x: F.interpolate(x, (2, 9)), (4, 5, 6), (4, 2, 9)),
    "bilinear": (lambda x: F.interpolate(x, (2, 9), mode="bilinear"), (4, 5, 6), (4, 2, 9)),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), (4, 5, 6), (4, 5, 6)),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", EMPTY)
def test_a_batch_without_images(name: str) -> None:
    function, before, after = EMPTY[name]
    x = Tensor(np.zeros((0, *before)), requires_grad=True)
    y = function(x)
    assert y.shape == (0, *after)
    y.backward(np.zeros(y.shape))
    assert x.grad.shape == x.shape


# ------------------------------------------------------- layers hand all their arguments over


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


def test_every_argument_of_fold_reaches_the_function() -> None:
    """The windows of 7 × 6 pixels: 4 rows of them, (7 + 4 − 3 − 1)/2 + 1, and 2 columns."""
    x = np.random.default_rng(0).standard_normal((2, 12, 8))
    options = ((7, 6), (2, 3), (3, 1), (2, 1), (2, 3))
    np.testing.assert_array_equal(nn.Fold(*options)(x).data, F.fold(x, *options).data)


def test_every_argument_of_upsample_reaches_the_function() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for options in (
        {"size": (7, 3)},
        {"scale_factor": 1.5},
        {"size": (7, 3), "mode": "bilinear"},
        {"scale_factor": (1.5, 2), "mode": "bilinear", "align_corners": True},
    ):
        expected = F.interpolate(x, **options).data
        np.testing.assert_array_equal(nn.Upsample(**options)(x).data, expected)


def test_channel_shuffle_layer() -> None:
    x = np.arange(6.0).reshape(1, 6, 1, 1)
    assert nn.ChannelShuffle(3)(x).data.ravel().tolist() == [0, 2, 4, 1, 3, 5]
