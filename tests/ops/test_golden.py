"""Every op on an example small enough for paper: forward and backward, by hand.

The expected numbers are worked out in the docstrings (or, in tables, in the comment beside the
row), never by the function under test. All cotangents have unequal entries, so a gradient that is
summed along the wrong axis, or not weighted, shows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn

ln2, ln3, ln5 = np.log([2.0, 3.0, 5.0])
THIRD = 1 / 3


@pytest.fixture(autouse=True)
def _numpy_kernels() -> Iterator[None]:
    with minidl.kernels("numpy"):
        yield


@pytest.fixture(params=["naive", "numpy"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """The textbook loops and the whole-array version; tests/kernels compares all three."""
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
    assert len(tensors) == len(gradients)
    for tensor, gradient in zip(tensors, gradients, strict=True):
        close(tensor.grad, gradient)


def image(*channels: Any) -> np.ndarray:
    """One image (1, C, H, W) from its channels (H, W)."""
    return np.array(channels, np.float64)[None]


# ------------------------------------------------------------------------ linear and matmul


def test_linear() -> None:
    """Two rows, three outputs.

    y[0] = [1·2 + 2·0 + 1,  1·1 + 2·(−1) + 0,  1·0 + 2·3 − 1] = [3, −1, 5]
    y[1] = [3·2 − 1·0 + 1,  3·1 − 1·(−1) + 0,  3·0 − 1·3 − 1] = [7, 4, −4]
    dx = g w:   1·[2, 0] + 2·[1, −1] − 1·[0, 3] = [4, −5];   1·[1, −1] + 3·[0, 3] = [1, 8]
    dw = gᵀ x:  1·[1, 2];   2·[1, 2] + 1·[3, −1] = [5, 3];   −[1, 2] + 3·[3, −1] = [8, −5]
    db = column sums of g = [1, 3, 2]
    """
    check(
        F.linear,
        ([[1, 2], [3, -1]], [[2, 0], [1, -1], [0, 3]], [1, 0, -1]),
        [[3, -1, 5], [7, 4, -4]],
        [[1, 2, -1], [0, 1, 3]],
        ([[4, -5], [1, 8]], [[1, 2], [5, 3], [8, -5]], [1, 3, 2]),
    )


def test_matmul() -> None:
    """[[1, 2], [3, 4]] · [[0, 1], [2, −1]] = [[0 + 4, 1 − 2], [0 + 8, 3 − 4]].

    da = g bᵀ = [[1, 2], [0, −1]] · [[0, 2], [1, −1]] = [[2, 0], [−1, 1]]
    db = aᵀ g = [[1, 3], [2, 4]] · [[1, 2], [0, −1]] = [[1, −1], [2, 0]]
    """
    check(
        lambda a, b: a @ b,
        ([[1, 2], [3, 4]], [[0, 1], [2, -1]]),
        [[4, -1], [8, -1]],
        [[1, 2], [0, -1]],
        ([[2, 0], [-1, 1]], [[1, -1], [2, 0]]),
    )


# ------------------------------------------------------------------------------ convolution


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


# ---------------------------------------------------------------------------------- pooling


@pytest.mark.usefixtures("kernels")
def test_max_pool2d() -> None:
    """Four 2×2 windows with the winners 4, 5 (the first of two), 0 and 9."""
    check(
        lambda x: F.max_pool2d(x, 2),
        (image([[1, 3, 2, 0], [4, 2, 5, 5], [0, -1, 7, 6], [-2, -3, 8, 9]]),),
        image([[4, 5], [0, 9]]),
        image([[1, 2], [3, 4]]),
        (image([[0, 0, 0, 0], [1, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 4]]),),
    )


POOLS = {
    # windows (1, 3), (3, 2), (2, 0): the 3 wins twice and receives 1 + 2
    "overlap": ({"kernel_size": (1, 2), "stride": 1}, [1, 3, 2, 0], [3, 3, 2], [0, 3, 4, 0]),
    # windows (pad, −1), (−1, −2), (−2, pad): padding is not a zero that could win
    "padding": (
        {"kernel_size": (1, 2), "stride": 1, "padding": (0, 1)},
        [-1, -2],
        [-1, -1, -2],
        [3, 4],
    ),
    # taps 0 and 3, then 1 and 4, then 2 and 5: maxima 7, 9, 2; the other pixels get nothing
    "dilation": (
        {"kernel_size": (1, 2), "stride": 1, "dilation": (1, 3)},
        [5, 1, 2, 7, 9, 0],
        [7, 9, 2],
        [0, 0, 4, 1, 2, 0],
    ),
    # five columns: the third window (5 alone) runs over the edge and is kept
    "ceil": (
        {"kernel_size": (1, 2), "stride": (1, 2), "ceil_mode": True},
        [1, 2, 3, 4, 5],
        [2, 4, 5],
        [0, 1, 0, 2, 4],
    ),
    # a second window would start at column 3, outside [8, 7, 6]: it is not kept even rounding up
    "ceil, nothing left": (
        {"kernel_size": (1, 2), "stride": (1, 3), "ceil_mode": True},
        [8, 7, 6],
        [8],
        [1, 0, 0],
    ),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", POOLS)
def test_max_pool2d_options(name: str) -> None:
    """One row of pixels; the windows are listed beside each case; cotangent 1, 2, 4."""
    options, pixels, expected, gradient = POOLS[name]
    check(
        lambda x: F.max_pool2d(x, **options),
        (image([pixels]),),
        image([expected]),
        image([[1, 2, 4][: len(expected)]]),
        (image([gradient]),),
    )


AVERAGES = {
    # (2 + 4)/2, (6 + 10)/2; each pixel receives half
    "plain": ({"kernel_size": (1, 2)}, [2, 4, 6, 10], [3, 8], [3, 2], [1.5, 1.5, 1, 1]),
    # stride 1: (2 + 4)/2, (4 + 6)/2; the middle pixel is in both: (3 + 2)/2
    "overlap": ({"kernel_size": (1, 2), "stride": 1}, [2, 4, 6], [3, 5], [3, 2], [1.5, 2.5, 1]),
    # (0 + 2)/2, (4 + 0)/2
    "padding counted": (
        {"kernel_size": (1, 2), "padding": (0, 1)},
        [2, 4],
        [1, 2],
        [3, 2],
        [1.5, 1],
    ),
    # 2/1, 4/1
    "padding not counted": (
        {"kernel_size": (1, 2), "padding": (0, 1), "count_include_pad": False},
        [2, 4],
        [2, 4],
        [3, 2],
        [3, 2],
    ),
    # (2 + 4)/2, then 6 alone: what lies beyond the edge is no pixel
    "ceil": ({"kernel_size": (1, 2), "ceil_mode": True}, [2, 4, 6], [3, 6], [3, 2], [1.5, 1.5, 2]),
    # [0, 2, 4]/3, then [6, 0] and a place beyond the padding, which does not count: 6/2
    "ceil, padding counted": (
        {"kernel_size": (1, 3), "padding": (0, 1), "ceil_mode": True},
        [2, 4, 6],
        [2, 3],
        [3, 2],
        [1, 1, 1],
    ),
    # (2 + 4)/2, then 6/1
    "ceil, padding not counted": (
        {"kernel_size": (1, 3), "padding": (0, 1), "ceil_mode": True, "count_include_pad": False},
        [2, 4, 6],
        [3, 6],
        [3, 2],
        [1.5, 1.5, 2],
    ),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", AVERAGES)
def test_avg_pool2d_options(name: str) -> None:
    """One row of pixels; the means are spelled out beside each case."""
    options, pixels, expected, cotangent, gradient = AVERAGES[name]
    check(
        lambda x: F.avg_pool2d(x, **options),
        (image([pixels]),),
        image([expected]),
        image([cotangent]),
        (image([gradient]),),
    )


@pytest.mark.usefixtures("kernels")
def test_avg_pool2d_of_two_channels() -> None:
    """(1 + 3 + 5 + 7)/4 = 4 and (0 + 2 + 2 + 0)/4 = 1; a quarter of the gradient each."""
    check(
        lambda x: F.avg_pool2d(x, 2),
        (image([[1, 3], [5, 7]], [[0, 2], [2, 0]]),),
        image([[4]], [[1]]),
        image([[2]], [[-4]]),
        (image([[0.5, 0.5], [0.5, 0.5]], [[-1, -1], [-1, -1]]),),
    )


def test_adaptive_avg_pool2d() -> None:
    """Five columns to two: windows 0…2 and 2…4 share column 2. Means 2 and 5, g = (3, 6).

    dx = 3/3 for columns 0 and 1, 3/3 + 6/3 for column 2, 6/3 for columns 3 and 4.
    """
    check(
        lambda x: F.adaptive_avg_pool2d(x, (1, 2)),
        (image([[1, 2, 3, 4, 8]]),),
        image([[2, 5]]),
        image([[3, 6]]),
        (image([[1, 1, 3, 2, 2]]),),
    )


def test_adaptive_avg_pool2d_enlarges() -> None:
    """Two columns to three: windows {0}, {0, 1}, {1}; g = (1, 2, 3): 1 + 2/2 and 2/2 + 3."""
    check(
        lambda x: F.adaptive_avg_pool2d(x, (1, 3)),
        (image([[2, 6]]),),
        image([[2, 4, 6]]),
        image([[1, 2, 3]]),
        (image([[2, 4]]),),
    )


def test_global_average() -> None:
    """(1 + 2 + 3 + 4 + 5 + 9)/6 = 4 and a constant channel; 12/6 and −6/6 to each pixel."""
    check(
        lambda x: F.adaptive_avg_pool2d(x, 1),
        (image([[1, 2, 3], [4, 5, 9]], [[7, 7, 7], [7, 7, 7]]),),
        image([[4]], [[7]]),
        image([[12]], [[-6]]),
        (image([[2, 2, 2], [2, 2, 2]], [[-1, -1, -1], [-1, -1, -1]]),),
    )


# ------------------------------------------------------------------------ batch normalisation


@pytest.mark.usefixtures("kernels")
def test_batch_norm_of_vectors() -> None:
    """x = (1, 3), μ = 2, σ² = 1; with eps = 3 the root is 2: x̂ = (−½, ½), y = 4 x̂ + 1 = (−1, 3).

    g = (1, 2): dβ = 3, dγ = −½ + 1 = ½,
    dx = 4/2 · (g − 3/2 − x̂ · ½/2) = 2 · (1 − 1.5 + 0.125, 2 − 1.5 − 0.125) = (−0.75, 0.75)
    """
    check(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=3),
        ([[1], [3]], [4], [1]),
        [[-1], [3]],
        [[1], [2]],
        ([[-0.75], [0.75]], [0.5], [3]),
    )


@pytest.mark.usefixtures("kernels")
def test_batch_norm_of_images() -> None:
    """Two images of two channels and two pixels; eps = 9.

    Channel 0: 1, 9 | 1, 9:   μ = 5,  σ² = 16,  root 5,   x̂ = ∓0.8;  y = 5 x̂ = ∓4
    Channel 1: 0, 8 | 8, 0:   μ = 4,  σ² = 16,  root 5,   x̂ = −0.8, 0.8 | 0.8, −0.8;
               y = 10 x̂ + 1 = −7, 9 | 9, −7
    g₀ = 1, 2 | 3, 4:   dβ = 10, dγ = 0.8 (−1 + 2 − 3 + 4) = 1.6,
        dx = 5/5 · (g − 10/4 − x̂ · 1.6/4) = −1.5 + 0.32, −0.5 − 0.32 | 0.5 + 0.32, 1.5 − 0.32
    g₁ = 0, 1 | 0, −1:  dβ = 0, dγ = 0.8 (1 + 1) = 1.6,
        dx = 10/5 · (g − 0 − x̂ · 0.4) = 2 · (0.32, 1 − 0.32 | −0.32, −1 + 0.32)
    """
    check(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=9),
        ([[[[1, 9]], [[0, 8]]], [[[1, 9]], [[8, 0]]]], [5, 10], [0, 1]),
        [[[[-4, 4]], [[-7, 9]]], [[[-4, 4]], [[9, -7]]]],
        [[[[1, 2]], [[0, 1]]], [[[3, 4]], [[0, -1]]]],
        (
            [[[[-1.18, -0.82]], [[0.64, 1.36]]], [[[0.82, 1.18]], [[-0.64, -1.36]]]],
            [1.6, 1.6],
            [10, 0],
        ),
    )


@pytest.mark.usefixtures("kernels")
def test_batch_norm_moves_the_running_statistics() -> None:
    """Batch (1, 3): μ = 2, unbiased variance ((−1)² + 1²)/(2 − 1) = 2; momentum 0.1.

    mean: 0.9·10 + 0.1·2 = 9.2      variance: 0.9·5 + 0.1·2 = 4.7
    """
    mean, var = np.array([10.0]), np.array([5.0])
    F.batch_norm(np.array([[1.0], [3.0]]), mean, var, training=True, momentum=0.1)
    close(mean, [9.2])
    close(var, [4.7])


@pytest.mark.usefixtures("kernels")
def test_batch_norm_in_evaluation() -> None:
    """Given μ = 1, σ² = 3 and eps = 1 the root is 2: x = (3, −1) → x̂ = (1, −1), y = 4 x̂ − 1.

    g = (1, 2): dx = g · 4/2 (μ and σ² are constants), dγ = 1 − 2 = −1, dβ = 3.
    """
    mean, var = np.array([1.0]), np.array([3.0])
    check(
        lambda x, w, b: F.batch_norm(x, mean, var, w, b, eps=1),
        ([[3], [-1]], [4], [-1]),
        [[3], [-5]],
        [[1], [2]],
        ([[2], [4]], [-1], [3]),
    )
    close(mean, [1])
    close(var, [3])


def test_batch_norm_layer_counts_batches_and_averages_them() -> None:
    """momentum=None averages all batches: means 2 and 8 → 5; unbiased variances 2 and 8 → 5."""
    layer = nn.BatchNorm1d(1, momentum=None).astype("float64")
    for batch in ([[1.0], [3.0]], [[6.0], [10.0]]):
        layer(np.array(batch))
    close(layer.running_mean, [5])
    close(layer.running_var, [5])
    assert layer.num_batches_tracked == 2
    # evaluation uses these: (7 − 5)/√(5 + eps)
    close(layer.eval()(np.array([[7.0]])).data, [[2 / np.sqrt(5 + 1e-5)]])
    assert layer.num_batches_tracked == 2


# -------------------------------------------------------------------- functions of one number

ACTIVATIONS = {
    "relu": (F.relu, [-2, 0, 3], [0, 0, 3], [5, 7, -1], [0, 0, -1]),
    # e⁻ˣ = 1, 1/3, 3 → y = 1/2, 3/4, 1/4; y (1 − y) = 4/16, 3/16, 3/16
    "sigmoid": (F.sigmoid, [0, ln3, -ln3], [0.5, 0.75, 0.25], [4, 16, -16], [1, 3, -3]),
    # (2 − ½)/(2 + ½) = 0.6; 1 − 0.36 = 0.64
    "tanh": (F.tanh, [0, ln2, -ln2], [0, 0.6, -0.6], [3, 25, 50], [3, 16, 32]),
    # e⁰ : e^ln2 : e^ln5 = 1 : 2 : 5 of 8; Σ g y = 1 + 0 + 2.5; y (g − 3.5)
    "softmax": (
        F.softmax,
        [0, ln2, ln5],
        [0.125, 0.25, 0.625],
        [8, 0, 4],
        [0.125 * 4.5, 0.25 * -3.5, 0.625 * 0.5],
    ),
    # ln of the above; Σ g = 12; g − 12 softmax
    "log_softmax": (
        F.log_softmax,
        [0, ln2, ln5],
        [-3 * ln2, -2 * ln2, ln5 - 3 * ln2],
        [8, 0, 4],
        [8 - 1.5, -3, 4 - 7.5],
    ),
    "exp": (Tensor.exp, [0, ln2], [1, 2], [3, 5], [3, 10]),
    "log": (Tensor.log, [1, 2], [0, ln2], [3, 5], [3, 2.5]),
    "sqrt": (Tensor.sqrt, [4, 9], [2, 3], [8, 12], [2, 2]),
    "abs": (Tensor.abs, [-2, 0, 3], [2, 0, 3], [5, 7, 4], [-5, 0, 4]),
    "negate": (lambda x: -x, [1, -2], [-1, 2], [3, 5], [-3, -5]),
    "square": (lambda x: x**2, [3, -1], [9, 1], [2, 5], [12, -10]),
    # x^−½ = ½, ∂ = −½ x^−1.5 = −1/16
    "power": (lambda x: x**-0.5, [4], [0.5], [32], [-2]),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    """A vector each; see the comments of the table for the arithmetic."""
    f, x, expected, cotangent, gradient = ACTIVATIONS[name]
    check(f, (x,), expected, cotangent, (gradient,))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_along_the_first_axis(name: str) -> None:
    """The vector of the table as a column, beside a column of three equal logits."""
    f, x, expected, cotangent, gradient = ACTIVATIONS[name]
    check(
        lambda t: f(t, axis=0),
        (np.transpose([x, [1, 1, 1]]),),
        np.transpose(
            [expected, [THIRD] * 3 if name == "softmax" else [-ln3] * 3],
        ),
        np.transpose([cotangent, [6, 0, 3]]),
        # thirds: Σ g y = 3, y (g − 3) = 1, −1, 0;   logarithms: g − 9/3 = 3, −3, 0
        (np.transpose([gradient, [1, -1, 0] if name == "softmax" else [3, -3, 0]]),),
    )


def test_large_inputs_do_not_overflow() -> None:
    """e^1000 is inf in float64, but the results are 1, 0, −1000."""
    close(F.sigmoid(np.array([1000.0, -1000.0])).data, [1, 0])
    close(F.softmax(np.array([1000.0, 0.0])).data, [1, 0])
    close(F.log_softmax(np.array([1000.0, 0.0])).data, [0, -1000])
    close(F.cross_entropy(np.array([[1000.0, 0.0]]), np.array([1])).data, 1000)


ARITHMETIC = {
    # the row is added to two rows, so its gradient is the sum of two rows of g
    "add": (lambda a, b: a + b, [[11, 22], [13, 24]], [[1, 2], [3, 4]], [4, 6]),
    "subtract": (lambda a, b: a - b, [[-9, -18], [-7, -16]], [[1, 2], [3, 4]], [-4, -6]),
    # da = g b; db = 1·1 + 3·3 and 2·2 + 4·4
    "multiply": (lambda a, b: a * b, [[10, 40], [30, 80]], [[10, 40], [30, 80]], [10, 20]),
    # da = g / b; db = −Σ g a / b²
    "divide": (
        lambda a, b: a / b,
        [[0.1, 0.1], [0.3, 0.2]],
        [[0.1, 0.1], [0.3, 0.2]],
        [-0.1, -20 / 400],
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_with_a_broadcast_row(name: str) -> None:
    """a = [[1, 2], [3, 4]], b = [10, 20], g = [[1, 2], [3, 4]]; sums for b run down the columns."""
    f, expected, da, db = ARITHMETIC[name]
    check(f, ([[1, 2], [3, 4]], [10, 20]), expected, [[1, 2], [3, 4]], (da, db))


# ------------------------------------------------------------------------------- reductions

REDUCTIONS = {
    # columns 1 + 4, 5 + 2, 3 + 9; every summand receives its column's g
    "sum": (lambda x: x.sum(axis=0), [5, 7, 12], [1, 2, 3], [[1, 2, 3], [1, 2, 3]]),
    "sum, keepdims": (
        lambda x: x.sum(axis=1, keepdims=True),
        [[9], [15]],
        [[2], [-1]],
        [[2, 2, 2], [-1, -1, -1]],
    ),
    "sum of all": (lambda x: x.sum(), 24, 3, [[3, 3, 3], [3, 3, 3]]),
    # rows 9/3, 15/3
    "mean": (lambda x: x.mean(axis=1), [3, 5], [3, -6], [[1, 1, 1], [-2, -2, -2]]),
    "mean of all": (lambda x: x.mean(), 4, 12, [[2, 2, 2], [2, 2, 2]]),
    # deviations from 4: −3 1 −1 / 0 −2 5, squares sum to 40; dx = g · 2 d/6
    "variance": (lambda x: x.var(), 40 / 6, 3, [[-3, 1, -1], [0, -2, 5]]),
    # 40/5, dx = g · 2 d/5
    "unbiased variance": (
        lambda x: x.var(correction=1),
        8,
        2.5,
        [[-3, 1, -1], [0, -2, 5]],
    ),
    "max": (lambda x: x.max(axis=1), [5, 9], [2, 3], [[0, 2, 0], [0, 0, 3]]),
    "max of all": (lambda x: x.max(), 9, 7, [[0, 0, 0], [0, 0, 7]]),
    "min": (lambda x: x.min(axis=0), [1, 2, 3], [4, 5, 6], [[4, 0, 6], [0, 5, 0]]),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str) -> None:
    """x = [[1, 5, 3], [4, 2, 9]]; see the comments of the table."""
    f, expected, cotangent, gradient = REDUCTIONS[name]
    check(f, ([[1, 5, 3], [4, 2, 9]],), expected, cotangent, (gradient,))


def test_of_equal_maxima_the_first_receives_the_gradient() -> None:
    """Row-major order: the 7 at (0, 1) comes before the 7 at (1, 0)."""
    check(lambda x: x.max(), ([[1, 7], [7, 0]],), 7, 5, ([[0, 5], [0, 0]],))


# ------------------------------------------------------------------------------------ shape

SHAPES = {
    # a | b side by side: g is cut behind column 2
    "concatenate columns": (
        lambda a, b: F.concatenate([a, b], axis=1),
        ([[1, 2], [3, 4]], [[5], [6]]),
        [[1, 2, 5], [3, 4, 6]],
        [[1, 2, 3], [4, 5, 6]],
        ([[1, 2], [4, 5]], [[3], [6]]),
    ),
    "concatenate rows": (
        lambda a, b: F.concatenate([a, b], axis=-2),
        ([[1, 2]], [[3, 4], [5, 6]]),
        [[1, 2], [3, 4], [5, 6]],
        [[1, 2], [3, 4], [5, 6]],
        ([[1, 2]], [[3, 4], [5, 6]]),
    ),
    # the same tensor twice receives both parts: 1 + 3, 2 + 4
    "concatenate with itself": (
        lambda a: F.concatenate([a, a]),
        ([1, 2],),
        [1, 2, 1, 2],
        [1, 2, 3, 4],
        ([4, 6],),
    ),
    # one 9 left, two right of the last axis
    "pad": (
        lambda x: F.pad(x, (1, 2), value=9),
        ([[1, 2]],),
        [[9, 1, 2, 9, 9]],
        [[1, 2, 3, 4, 5]],
        ([[2, 3]],),
    ),
    # left 1, top 1, bottom 0: (left, right, top, bottom)
    "pad rows": (
        lambda x: F.pad(x, (1, 0, 1, 0)),
        ([[1, 2]],),
        [[0, 0, 0], [0, 1, 2]],
        [[1, 2, 3], [4, 5, 6]],
        ([[5, 6]],),
    ),
    # one cut off in front, one zero added behind: what was cut receives nothing
    "pad negative": (
        lambda x: F.pad(x, (-1, 1)),
        ([1, 2, 3],),
        [2, 3, 0],
        [4, 5, 6],
        ([0, 4, 5],),
    ),
    "reshape": (
        lambda x: x.reshape(3, -1),
        ([[1, 2, 3], [4, 5, 6]],),
        [[1, 2], [3, 4], [5, 6]],
        [[1, 0], [2, 0], [3, 5]],
        ([[1, 0, 2], [0, 3, 5]],),
    ),
    "transpose": (
        lambda x: x.T,
        ([[1, 2, 3], [4, 5, 6]],),
        [[1, 4], [2, 5], [3, 6]],
        [[1, 2], [3, 4], [5, 6]],
        ([[1, 3, 5], [2, 4, 6]],),
    ),
    # the column is repeated three times: 1 + 2 + 3, 4 + 5 + 6
    "broadcast_to": (
        lambda x: x.broadcast_to(2, 3),
        ([[7], [8]],),
        [[7, 7, 7], [8, 8, 8]],
        [[1, 2, 3], [4, 5, 6]],
        ([[6], [15]],),
    ),
    # element 2 is taken twice: 1 + 3
    "index": (lambda x: x[[2, 0, 2]], ([5, 6, 7],), [7, 5, 7], [1, 2, 3], ([2, 0, 4],)),
    "slice": (lambda x: x[::-2], ([5, 6, 7],), [7, 5], [1, 2], ([2, 0, 1],)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    """Numbers that move; their gradients move back. See the comments of the table."""
    check(*SHAPES[name])


# ---------------------------------------------------------------------------------- dropout


def test_dropout_drops_a_share_p_and_scales_the_rest() -> None:
    """100,000 ones, p = 0.3: survivors are 1/0.7; their share is 0.7 ± 5 √(0.3·0.7/n) = ± 0.0073.

    Neighbours fall independently: both are dropped with probability 0.09 ± 5 √(0.09·0.91/n) or so.
    """
    x = Tensor(np.ones(100_000), requires_grad=True)
    y = F.dropout(x, 0.3)
    dropped = y.data == 0
    assert abs(dropped.mean() - 0.3) < 0.0073
    assert abs((dropped[1:] & dropped[:-1]).mean() - 0.09) < 0.006
    close(y.data[~dropped], np.full((~dropped).sum(), 1 / 0.7))


def test_dropout_backward_uses_the_mask_of_its_forward() -> None:
    """dx = g/0.5 where y was kept and 0 where it was dropped."""
    rng = np.random.default_rng(1)
    values, g = rng.uniform(1, 2, 50), rng.uniform(1, 2, 50)
    x = Tensor(values, requires_grad=True)
    y, other = F.dropout(x, 0.5), F.dropout(x, 0.5)
    kept = y.data != 0
    assert 0 < kept.sum() < 50
    assert not np.array_equal(kept, other.data != 0), "two calls drew the same mask"
    y.backward(g)
    close(y.data, values * kept * 2)
    close(x.grad, g * kept * 2)


def test_dropout_extremes() -> None:
    """p = 1 drops all, with gradient zero; p = 0 and evaluation change nothing."""
    check(lambda x: F.dropout(x, 1.0), ([1, -2],), [0, 0], [3, 4], ([0, 0],))
    check(lambda x: F.dropout(x, 0.0) * 1, ([1, -2],), [1, -2], [3, 4], ([3, 4],))
    check(lambda x: F.dropout(x, 0.9, training=False) * 1, ([1, -2],), [1, -2], [3, 4], ([3, 4],))


def test_dropout_repeats_after_manual_seed() -> None:
    x = np.arange(1.0, 65.0)
    minidl.manual_seed(3)
    first, second = F.dropout(x).data, F.dropout(x).data
    minidl.manual_seed(3)
    assert np.array_equal(F.dropout(x).data, first)
    assert np.array_equal(F.dropout(x).data, second)


# ----------------------------------------------------------------------------------- losses

LOGITS = [[0, ln2, ln5], [ln3, 0, 0]]
"""Row 0 has the probabilities 1/8, 2/8, 5/8; row 1 has 3/5, 1/5, 1/5.

With labels 2 and 1 the losses are −ln(5/8) = 3 ln 2 − ln 5 and −ln(1/5) = ln 5; the gradients are
softmax minus one-hot: (1, 2, −3)/8 and (3, −4, 1)/5.
"""
LOSS_0, LOSS_1 = 3 * ln2 - ln5, ln5
ROW_0, ROW_1 = np.array([1, 2, -3]) / 8, np.array([3, -4, 1]) / 5
WEIGHT = np.array([0.5, 2.0, 3.0])

CROSS_ENTROPIES = {
    "mean": ({}, [2, 1], (LOSS_0 + LOSS_1) / 2, 4, [2 * ROW_0, 2 * ROW_1]),
    "sum": ({"reduction": "sum"}, [2, 1], LOSS_0 + LOSS_1, 4, [4 * ROW_0, 4 * ROW_1]),
    "none": ({"reduction": "none"}, [2, 1], [LOSS_0, LOSS_1], [2, -3], [2 * ROW_0, -3 * ROW_1]),
    # the rows weigh 3 (label 2) and 2 (label 1); the mean divides by 5
    "weights": (
        {"weight": WEIGHT},
        [2, 1],
        (3 * LOSS_0 + 2 * LOSS_1) / 5,
        10,
        [6 * ROW_0, 4 * ROW_1],
    ),
    "weights, sum": (
        {"weight": WEIGHT, "reduction": "sum"},
        [2, 1],
        3 * LOSS_0 + 2 * LOSS_1,
        1,
        [3 * ROW_0, 2 * ROW_1],
    ),
    # row 1 does not count, neither in the sum nor in the divisor
    "ignored": ({}, [2, -100], LOSS_0, 4, [4 * ROW_0, 0 * ROW_1]),
    "ignore_index": ({"ignore_index": 1}, [2, 1], LOSS_0, 4, [4 * ROW_0, 0 * ROW_1]),
    "ignored, none": (
        {"reduction": "none"},
        [-100, 1],
        [0, LOSS_1],
        [2, -3],
        [0 * ROW_0, -3 * ROW_1],
    ),
    # s = 0.3, K = 3: wanted (0.1, 0.1, 0.8) and (0.1, 0.8, 0.1); the gradient is softmax − wanted.
    # row 0: 0.1 ln 8 + 0.1 ln 4 + 0.8 ln 1.6;  row 1: 0.1 ln(5/3) + 0.9 ln 5
    "smoothing": (
        {"label_smoothing": 0.3},
        [2, 1],
        (0.5 * ln2 + 0.8 * LOSS_0 + 0.1 * (ln5 - ln3) + 0.9 * ln5) / 2,
        2,
        [
            [1 / 8 - 0.1, 2 / 8 - 0.1, 5 / 8 - 0.8],
            [0.6 - 0.1, 0.2 - 0.8, 0.2 - 0.1],
        ],
    ),
    # row 0 alone, a = 0.7·3·[k = 2] + 0.1·w = (0.05, 0.2, 2.4), Σ a = 2.65; divided by w = 3:
    # loss = (0.05 ln 8 + 0.2 ln 4 + 2.4 ln 1.6)/3, gradient = (2.65 p − a)/3
    "smoothing and weights": (
        {"label_smoothing": 0.3, "weight": WEIGHT},
        [2, -100],
        (0.55 * ln2 + 2.4 * LOSS_0) / 3,
        3,
        [[2.65 / 8 - 0.05, 5.3 / 8 - 0.2, 13.25 / 8 - 2.4], [0, 0, 0]],
    ),
}


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_cross_entropy(name: str) -> None:
    """The two rows of LOGITS; the comments of the table give the arithmetic."""
    options, labels, expected, cotangent, gradient = CROSS_ENTROPIES[name]
    check(
        lambda z: F.cross_entropy(z, np.array(labels), **options),
        (LOGITS,),
        expected,
        cotangent,
        (gradient,),
    )


def test_cross_entropy_of_pixels() -> None:
    """Two classes, two pixels: (0, ln 3) has p = ¼, ¾, label 0; (0, 0) has ½, ½, label 1.

    loss = (ln 4 + ln 2)/2 = 1.5 ln 2; the gradient is (p − one-hot)/2:
    class 0: (¼ − 1)/2, ½/2; class 1: ¾/2, (½ − 1)/2
    """
    check(
        lambda z: F.cross_entropy(z, np.array([[[0, 1]]])),
        (image([[0, 0]], [[ln3, 0]]),),
        1.5 * ln2,
        1,
        (image([[-0.375, 0.25]], [[0.375, -0.25]]),),
    )


NLLS = {
    "mean": ({}, [1, 0], 2.5, 4, [[0, -2], [-2, 0]]),
    "sum": ({"reduction": "sum"}, [1, 0], 5, 4, [[0, -4], [-4, 0]]),
    "none": ({"reduction": "none"}, [1, 0], [2, 3], [5, -1], [[0, -5], [1, 0]]),
    # (3·2 + 1·3)/(3 + 1)
    "weights": ({"weight": np.array([1.0, 3.0])}, [1, 0], 2.25, 4, [[0, -3], [-1, 0]]),
    "ignored": ({}, [-100, 0], 3, 4, [[0, 0], [-4, 0]]),
}


@pytest.mark.parametrize("name", NLLS)
def test_nll_loss(name: str) -> None:
    """Log-probabilities [[−1, −2], [−3, −4]]: label 1 of row 0 costs 2, label 0 of row 1 3."""
    options, labels, expected, cotangent, gradient = NLLS[name]
    check(
        lambda p: F.nll_loss(p, np.array(labels), **options),
        ([[-1, -2], [-3, -4]],),
        expected,
        cotangent,
        (gradient,),
    )
