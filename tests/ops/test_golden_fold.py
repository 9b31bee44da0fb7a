"""Unfold and fold on examples small enough for paper, and convolution by them."""

from collections.abc import Callable

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn
from tests.ops.golden import check, check_empty, close, image

pytestmark = pytest.mark.usefixtures("numpy_kernels")


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


def test_fold_after_unfold_counts_the_windows() -> None:
    rng = np.random.default_rng(0)
    x, options = rng.standard_normal((2, 3, 5, 6)), {"kernel_size": (2, 3), "padding": 1}
    there_and_back = F.fold(F.unfold(x, **options), (5, 6), **options)
    counts = F.fold(F.unfold(np.ones_like(x), **options), (5, 6), **options)
    assert counts.data[0, 0, 2].tolist() == [4, 6, 6, 6, 6, 4]  # 2 rows of windows, 2 or 3 columns
    close((there_and_back / counts).data, x)


@pytest.mark.usefixtures("kernels")
def test_convolution_is_a_product_with_the_columns() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 7, 6)), rng.standard_normal((4, 3, 3, 2))
    columns = F.unfold(x, (3, 2), dilation=(1, 2), padding=(2, 1, 0, 3), stride=(2, 1))
    product = w.reshape(4, -1) @ columns
    y = F.conv2d(x, w, None, (2, 1), (2, 1, 0, 3), (1, 2))
    close(product.data.reshape(y.shape), y.data)


EMPTY: dict[str, tuple[Callable[..., Tensor], tuple[int, ...], tuple[int, ...]]] = {
    "unfold": (lambda x: F.unfold(x, 2), (4, 5, 6), (16, 20)),
    "fold": (lambda x: F.fold(x, (5, 6), 2), (16, 20), (4, 5, 6)),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", EMPTY)
def test_a_batch_without_images(name: str) -> None:
    check_empty(*EMPTY[name])


def test_every_argument_of_fold_reaches_the_function() -> None:
    """The windows of 7 × 6 pixels: 4 rows of them, (7 + 4 − 3 − 1)/2 + 1, and 2 columns."""
    x = np.random.default_rng(0).standard_normal((2, 12, 8))
    options = ((7, 6), (2, 3), (3, 1), (2, 1), (2, 3))
    np.testing.assert_array_equal(nn.Fold(*options)(x).data, F.fold(x, *options).data)
