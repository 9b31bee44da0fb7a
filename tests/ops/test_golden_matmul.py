"""Linear layers and matrix products on examples small enough for paper: forward and backward."""

import pytest

import minidl.functional as F
from tests.ops.golden import check

pytestmark = pytest.mark.usefixtures("numpy_kernels")


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
