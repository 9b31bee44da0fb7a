"""Pooling on examples small enough for paper: forward and backward, by hand."""

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor
from tests.ops.golden import check, check_empty, check_row, image

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# -------------------------------------------------------------------------------------- maxima


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
    check_row(
        lambda x: F.max_pool2d(x, **options), pixels, expected, [1, 2, 4][: len(expected)], gradient
    )


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


# ------------------------------------------------------------------------------------ averages

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
    options, *row = AVERAGES[name]
    check_row(lambda x: F.avg_pool2d(x, **options), *row)


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


# ------------------------------------------------------------------------------------ adaptive


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
def test_adaptive_max_pool2d_of_a_batch_without_images() -> None:
    check_empty(lambda x: F.adaptive_max_pool2d(x, (2, 3)), (4, 5, 6), (4, 2, 3))
