"""Convolution and what is made of it on examples small enough for paper: forward and backward."""

import numpy as np
import pytest

import minidl.functional as F
from minidl import nn
from tests.ops.golden import check, check_empty, close, image

pytestmark = pytest.mark.usefixtures("numpy_kernels")


@pytest.mark.usefixtures("kernels")
def test_conv2d() -> None:
    """y[i,j] = x[i,j] + 2 x[i+1,j] − x[i+1,j+1] + 10 on [[1, 2, 3], [4, 5, 6], [7, 8, 9]].

    y = [[1 + 8 − 5, 2 + 10 − 6], [4 + 14 − 8, 5 + 16 − 9]] + 10 = [[14, 16], [20, 22]]
    dx: each g[i,j] lays g·[[1, 0], [2, −1]] over its window, g = [[1, 2], [3, −1]]:
        row 0: [1, 2, 0]        row 1: [2 + 3, −1 + 4 − 1, −2]        row 2: [6, −3 − 2, 1]
    dw[u,v] = Σ g[i,j] x[i+u,j+v]:
        1·1 + 2·2 + 3·4 − 5 = 12     1·2 + 2·3 + 3·5 − 6 = 17
        1·4 + 2·5 + 3·7 − 8 = 27     1·5 + 2·6 + 3·8 − 9 = 32
    db = 1 + 2 + 3 − 1 = 5
    """
    check(
        F.conv2d,
        (image([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), image([[1, 0], [2, -1]]), [10]),
        image([[14, 16], [20, 22]]),
        image([[1, 2], [3, -1]]),
        (image([[1, 2, 0], [5, 2, -2], [6, -5, 1]]), image([[12, 17], [27, 32]]), [5]),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_of_several_images_and_channels() -> None:
    """1×1 filters are a matrix over the channels: y = 5 x₀ − x₁ + b, and 2 x₁ for the second.

    Images (x₀, x₁) = (1, 2) and (3, 4); y = (5 − 2 + 1, 4) = (4, 4) and (15 − 4 + 1, 8) = (12, 8).
    g = (2, 1) and (−1, 3):
    dx = (2·5 + 1·0, 2·(−1) + 1·2) = (10, 0) and (−1·5 + 3·0, −1·(−1) + 3·2) = (−5, 7)
    dw₀ = 2·(1, 2) − 1·(3, 4) = (−1, 0);   dw₁ = 1·(1, 2) + 3·(3, 4) = (10, 14);   db = (1, 4)
    """
    pixels = (-1, 2, 1, 1)
    check(
        F.conv2d,
        (
            np.reshape([[1, 2], [3, 4]], pixels),
            np.reshape([[5, -1], [0, 2]], pixels),
            [1, 0],
        ),
        np.reshape([[4, 4], [12, 8]], pixels),
        np.reshape([[2, 1], [-1, 3]], pixels),
        (
            np.reshape([[10, 0], [-5, 7]], pixels),
            np.reshape([[-1, 0], [10, 14]], pixels),
            [1, 4],
        ),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_padding_of_four_sides() -> None:
    """One row of zeros above, one column to the right: [[0, 0, 0], [1, 2, 0], [3, 4, 0]].

    w = [[1, 2], [3, 4]]:  y = [[3·1 + 4·2, 3·2], [1 + 4 + 9 + 16, 2 + 12]] = [[11, 6], [30, 14]]
    g = [[2, 1], [−1, 3]]
    dx: x₀₀ is in y₀₀ (·3) and y₁₀ (·1):  6 − 1 = 5
        x₀₁ is in y₀₀ (·4), y₀₁ (·3), y₁₀ (·2), y₁₁ (·1):  8 + 3 − 2 + 3 = 12
        x₁₀ is in y₁₀ (·3):  −3          x₁₁ is in y₁₀ (·4) and y₁₁ (·3):  −4 + 9 = 5
    dw: w₀₀ meets 1 in y₁₀, 2 in y₁₁:  −1 + 6 = 5           w₀₁ meets 2 in y₁₀:  −2
        w₁₀ meets 1, 2, 3, 4:  2 + 2 − 3 + 12 = 13          w₁₁ meets 2 in y₀₀, 4 in y₁₀:  4 − 4 = 0
    """
    check(
        lambda x, w: F.conv2d(x, w, padding=(1, 0, 0, 1)),
        (image([[1, 2], [3, 4]]), image([[1, 2], [3, 4]])),
        image([[11, 6], [30, 14]]),
        image([[2, 1], [-1, 3]]),
        (image([[5, 12], [-3, 5]]), image([[5, -2], [13, 0]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_stride_and_dilation() -> None:
    """Dilation 2 downwards (rows 0 and 2), stride 2 to the right; row 1 is never looked at.

    y₀ = 1 − 2 + 2·9 + 10 = 27      y₁ = 3 − 4 + 2·11 + 12 = 33      g = [3, −2]
    dx: row 0 = [3·1, −3, −2·1, 2], row 2 = [3·2, 3·1, −2·2, −2]
    dw = [[3·1 − 2·3, 3·2 − 2·4], [3·9 − 2·11, 3·10 − 2·12]] = [[−3, −2], [5, 6]]
    """
    check(
        lambda x, w: F.conv2d(x, w, stride=(1, 2), dilation=(2, 1)),
        (image([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]), image([[1, -1], [2, 1]])),
        image([[27, 33]]),
        image([[3, -2]]),
        (image([[3, -3, -2, 2], [0, 0, 0, 0], [6, 3, -4, -2]]), image([[-3, -2], [5, 6]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_stride_leaves_the_remainder_alone() -> None:
    """Stride 2 on five columns and a filter of two: windows at 0 and 2; column 4 has no part.

    y = [1 + 3·2, 3 + 3·4] = [7, 15];  g = [2, −1]:  dx = [2, 6, −1, −3, 0], dw = [2 − 3, 4 − 4]
    """
    check(
        lambda x, w: F.conv2d(x, w, stride=2),
        (image([[1, 2, 3, 4, 5]]), image([[1, 3]])),
        image([[7, 15]]),
        image([[2, -1]]),
        (image([[2, 6, -1, -3, 0]]), image([[-1, 0]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_same_padding_of_an_even_filter() -> None:
    """A filter of two needs one zero in all; it stands behind: [1, 2, 3, 0].

    y = [1 + 20, 2 + 30, 3 + 0];  g = [1, −1, 2]:  dx = [1, 10 − 1, −10 + 2];
    dw = [1 − 2 + 6, 2 − 3 + 0] = [5, −1]
    """
    check(
        lambda x, w: F.conv2d(x, w, padding="same"),
        (image([[1, 2, 3]]), image([[1, 10]])),
        image([[21, 32, 3]]),
        image([[1, -1, 2]]),
        (image([[1, 9, -8]]), image([[5, -1]])),
    )


@pytest.mark.usefixtures("kernels")
def test_conv2d_groups() -> None:
    """Two groups: output 0 sees channels 0 and 1, output 1 sees channels 2 and 3.

    y₀ = 1·1 + 2·2 + 0·3 + 1·4 + 100 = 109      y₁ = −1·5 + 0·6 + 2·7 + 1·8 + 200 = 217
    g = (2, 3): dx is 2·w₀ in channels 0 and 1, 3·w₁ in channels 2 and 3;
    dw₀ = 2·[[1, 2], [3, 4]], dw₁ = 3·[[5, 6], [7, 8]]
    """
    check(
        lambda x, w, b: F.conv2d(x, w, b, groups=2),
        (
            image([[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]),
            [[[[1, 2]], [[0, 1]]], [[[-1, 0]], [[2, 1]]]],
            [100, 200],
        ),
        image([[109]], [[217]]),
        image([[2]], [[3]]),
        (
            image([[2, 4]], [[0, 2]], [[-3, 0]], [[6, 3]]),
            [[[[2, 4]], [[6, 8]]], [[[15, 18]], [[21, 24]]]],
            [2, 3],
        ),
    )


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


# ----------------------------------------------------------------------------------- depthwise


@pytest.mark.usefixtures("kernels")
def test_depthwise_conv2d() -> None:
    """Two filters for each of two channels [1, 2, 3] and [4, 5, 6].

    [1, 2]: 1 + 4, 2 + 6 (+ ½)     [−1, 1]: 1, 1     [0, 3]: 15, 18     [2, −1]: 3, 4 (− 1)
    g = [1, 0], [2, 1], [−1, 1], [0, 2]
    dx₀ = [1, 2, 0] + 2·[−1, 1, 0] + [0, −1, 1] = [−1, 3, 1]
    dx₁ = −[0, 3, 0] + [0, 0, 3] + 2·[0, 2, −1] = [0, 1, 1]
    dw = [1, 2], 2·[1, 2] + [2, 3], −[4, 5] + [5, 6], 2·[5, 6];   db = [1, 3, 0, 2]
    """
    check(
        lambda x, w, b: F.conv2d(x, w, b, groups=2),
        (
            image([[1, 2, 3]], [[4, 5, 6]]),
            np.reshape([[1, 2], [-1, 1], [0, 3], [2, -1]], (4, 1, 1, 2)),
            [0.5, 0, 0, -1],
        ),
        image([[5.5, 8.5]], [[1, 1]], [[15, 18]], [[2, 3]]),
        image([[1, 0]], [[2, 1]], [[-1, 1]], [[0, 2]]),
        (
            image([[-1, 3, 1]], [[0, 1, 1]]),
            np.reshape([[1, 2], [4, 7], [1, 1], [10, 12]], (4, 1, 1, 2)),
            [1, 3, 0, 2],
        ),
    )


@pytest.mark.usefixtures("kernels")
def test_depthwise_conv2d_stride_padding_dilation() -> None:
    """Padded to [0, 1, 2, 3, 0] and [0, 4, 5, 6, 0]; taps 2 apart, windows at 0 and 2.

    [1, 10]: 0 + 20, 2 + 0      [−1, 2]: 0 + 10, −5 + 0      g = [1, −2], [3, 4]
    dx₀ = [0, 10·1 + 1·(−2), 0] = [0, 8, 0];   dx₁ = [0, 2·3 − 1·4, 0] = [0, 2, 0]
    dw₀ = [1·0 − 2·2, 1·2 − 2·0] = [−4, 2];   dw₁ = [3·0 + 4·5, 3·5 + 4·0] = [20, 15]
    """
    check(
        lambda x, w: F.conv2d(x, w, stride=2, padding=(0, 1), dilation=2, groups=2),
        (image([[1, 2, 3]], [[4, 5, 6]]), np.reshape([[1, 10], [-1, 2]], (2, 1, 1, 2))),
        image([[20, 2]], [[10, -5]]),
        image([[1, -2]], [[3, 4]]),
        (image([[0, 8, 0]], [[0, 2, 0]]), np.reshape([[-4, 2], [20, 15]], (2, 1, 1, 2))),
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


# ----------------------------------------------------------------------------- channel shuffle


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


def test_channel_shuffle_layer() -> None:
    x = np.arange(6.0).reshape(1, 6, 1, 1)
    assert nn.ChannelShuffle(3)(x).data.ravel().tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.usefixtures("kernels")
def test_channel_shuffle_of_a_batch_without_images() -> None:
    check_empty(lambda x: F.channel_shuffle(x, 2), (4, 5, 6), (4, 5, 6))
