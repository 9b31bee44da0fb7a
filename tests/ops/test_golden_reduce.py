"""Sums, means, variances and extremes on examples small enough for paper: forward and backward."""

import numpy as np
import pytest

from minidl import Tensor
from tests.ops.golden import check, close

pytestmark = pytest.mark.usefixtures("numpy_kernels")

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


def test_standard_deviation() -> None:
    """1, 3, 8: mean 4, deviations −3, −1, 4, squares 26; unbiased 26/2 = 13, so y = √13.

    ∂y/∂x = (x − 4) / (2·√13): 1/(2√13) from the root times 2 (x − 4)/2 from the variance.
    """
    root = np.sqrt(13)
    check(
        lambda x: x.std(correction=1),
        ([1, 3, 8],),
        root,
        2,
        ([-3 / root, -1 / root, 4 / root],),
    )
    close(Tensor(np.array([[1.0, 3.0], [2.0, 2.0]])).std(axis=1).data, [1, 0])
