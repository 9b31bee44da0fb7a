"""Functions number by number, arithmetic and choices on examples small enough for paper."""

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor
from tests.ops.golden import check, ln2

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# --------------------------------------------------------------------- functions of one number

FUNCTIONS = {
    "exp": (Tensor.exp, [0, ln2], [1, 2], [3, 5], [3, 10]),
    "log": (Tensor.log, [1, 2], [0, ln2], [3, 5], [3, 2.5]),
    "sqrt": (Tensor.sqrt, [4, 9], [2, 3], [8, 12], [2, 2]),
    "abs": (Tensor.abs, [-2, 0, 3], [2, 0, 3], [5, 7, 4], [-5, 0, 4]),
    "negate": (lambda x: -x, [1, -2], [-1, 2], [3, 5], [-3, -5]),
    "square": (lambda x: x**2, [3, -1], [9, 1], [2, 5], [12, -10]),
    # x^−½ = ½, ∂ = −½ x^−1.5 = −1/16
    "power": (lambda x: x**-0.5, [4], [0.5], [32], [-2]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_number(name: str) -> None:
    """A vector each; see the comments of the table for the arithmetic."""
    f, x, expected, cotangent, gradient = FUNCTIONS[name]
    check(f, (x,), expected, cotangent, (gradient,))


# ---------------------------------------------------------------------------------- arithmetic

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


# ---------------------------------------------------------------------------- choosing numbers

CHOICES = {
    # −3 and 4 lie outside of −1 … 2; the bounds themselves still pass the gradient
    "clip": (
        lambda x: x.clip(-1, 2),
        ([-3, -1, 0.5, 2, 4],),
        [-1, -1, 0.5, 2, 2],
        [1, 2, 3, 4, 5],
        ([0, 2, 3, 4, 0],),
    ),
    "clip from below": (lambda x: x.clip(low=0), ([-3, 0, 4],), [0, 0, 4], [1, 2, 3], ([0, 2, 3],)),
    "clip from above": (
        lambda x: F.clip(x, high=0),
        ([-3, 0, 4],),
        [-3, 0, 0],
        [1, 2, 3],
        ([1, 2, 0],),
    ),
    # pairs (1, 2), (5, 3), (4, 4): the winner takes all, equals half each
    "maximum": (
        F.maximum,
        ([1, 5, 4], [2, 3, 4]),
        [2, 5, 4],
        [6, 7, 8],
        ([0, 7, 4], [6, 0, 4]),
    ),
    "minimum": (
        F.minimum,
        ([1, 5, 4], [2, 3, 4]),
        [1, 3, 4],
        [6, 7, 8],
        ([6, 0, 4], [0, 7, 4]),
    ),
    # the row 0, 3 against each row: 3 wins twice in the second column and adds up 2 + 4
    "maximum with a row": (
        F.maximum,
        ([[1, 2], [5, -1]], [0, 3]),
        [[1, 3], [5, 3]],
        [[1, 2], [3, 4]],
        ([[1, 0], [3, 0]], [0, 6]),
    ),
    "where": (
        lambda a, b: F.where([True, False, True], a, b),
        ([1, 2, 3], [4, 5, 6]),
        [1, 5, 3],
        [7, 8, 9],
        ([7, 0, 9], [0, 8, 0]),
    ),
    # b is one number, taken twice: it adds up 8 + 9
    "where with a number": (
        lambda a, b: F.where([[True, False], [False, True]], a, b),
        ([[1, 2], [3, 4]], 0),
        [[1, 0], [0, 4]],
        [[7, 8], [9, 6]],
        ([[7, 0], [0, 6]], 17),
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    check(*CHOICES[name])


def test_clip_keeps_nan_and_gives_it_no_gradient() -> None:
    x = Tensor(np.array([np.nan, 5.0]), requires_grad=True)
    y = x.clip(0, 1)
    assert np.isnan(y.data[0])
    y.backward(np.array([2.0, 3.0]))
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("function", [F.maximum, F.minimum])
def test_nan_wins(function) -> None:
    nan = np.nan
    assert np.isnan(function([nan, 1.0, nan], [1.0, nan, nan]).data).all()


def test_where_keeps_the_other_branch_out_of_the_gradient() -> None:
    """ln x at x = 0 has an infinite slope, which times 0 would be NaN; chosen, it is dropped."""
    x = Tensor(np.array([0.0, 2.0]), requires_grad=True)
    safe = F.where(x > 0, x, 1.0)
    F.where(x > 0, safe.log(), 0.0).backward(np.array([3.0, 4.0]))
    assert x.grad.tolist() == [0, 2]


def test_numbers_take_the_dtype_of_the_tensor_beside_them() -> None:
    x = Tensor(np.array([1.0, -2.0], np.float32), requires_grad=True)
    results = [F.maximum(x, 0), F.minimum(0.5, x), F.where(x > 0, x, 0), x.clip(np.float64(0), 1)]
    for y in results:
        assert y.dtype == np.float32
    assert F.where([True, False], 1, 2).data.tolist() == [1, 2]
