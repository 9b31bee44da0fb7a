"""Resizing on examples small enough for paper: forward and backward, by hand."""

from typing import Any

import numpy as np
import pytest

import minidl.functional as F
from minidl import nn
from tests.ops.golden import check, check_empty, check_row, close, image

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# ------------------------------------------------------------------------------------- nearest

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
    options, *row = NEAREST[name]
    check_row(lambda x: F.interpolate(x, **options), *row)


def test_upsample_nearest_of_rows_and_columns() -> None:
    """Two rows to three, i · 2/3 = 0, 0.67, 1.33: row 0 twice; three columns to two: 0 and 1."""
    check(
        nn.Upsample((3, 2)),
        (image([[1, 2, 3], [4, 5, 6]]),),
        image([[1, 2], [1, 2], [4, 5]]),
        image([[1, 2], [4, 8], [16, 32]]),
        (image([[5, 10, 0], [16, 32, 0]]),),
    )


# ------------------------------------------------------------------------------------ bilinear

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
    options, *row = BILINEAR[name]
    check_row(lambda x: F.interpolate(x, mode="bilinear", **options), *row)


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


# ---------------------------------------------------------------------------------------- both


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_batch_without_images(mode: str) -> None:
    check_empty(lambda x: F.interpolate(x, (2, 9), mode=mode), (4, 5, 6), (4, 2, 9))


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
