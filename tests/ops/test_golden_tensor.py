"""Choosing, joining, moving, taking and padding on examples small enough for paper."""

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor
from tests.ops.test_golden import check, close

# ---------------------------------------------------------------------- choosing numbers

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


# ------------------------------------------------------------------- moving and joining

MOVES = {
    # rows a and b become the columns of y, or its rows
    "stack columns": (
        lambda a, b: F.stack([a, b], axis=1),
        ([1, 2, 3], [4, 5, 6]),
        [[1, 4], [2, 5], [3, 6]],
        [[1, 2], [3, 4], [5, 6]],
        ([1, 3, 5], [2, 4, 6]),
    ),
    "stack rows": (
        lambda a, b: F.stack([a, b]),
        ([1, 2], [4, 5]),
        [[1, 2], [4, 5]],
        [[1, 2], [3, 4]],
        ([1, 2], [3, 4]),
    ),
    # one place to the right; backward one to the left
    "roll": (
        lambda x: x.roll(1, axis=1),
        ([[1, 2, 3], [4, 5, 6]],),
        [[3, 1, 2], [6, 4, 5]],
        [[1, 2, 3], [4, 5, 6]],
        ([[2, 3, 1], [5, 6, 4]],),
    ),
    # rows one up, columns one to the right: y[0] = x[1] rolled = (5, 3, 4)
    "roll two axes": (
        lambda x: F.roll(x, (-1, 1), axis=(0, 1)),
        ([[0, 1, 2], [3, 4, 5]],),
        [[5, 3, 4], [2, 0, 1]],
        [[1, 2, 3], [4, 5, 6]],
        ([[5, 6, 4], [2, 3, 1]],),
    ),
    "roll flattened": (
        lambda x: x.roll(1),
        ([[1, 2], [3, 4]],),
        [[4, 1], [2, 3]],
        [[5, 6], [7, 8]],
        ([[6, 7], [8, 5]],),
    ),
    "flip": (
        lambda x: x.flip(1),
        ([[1, 2, 3], [4, 5, 6]],),
        [[3, 2, 1], [6, 5, 4]],
        [[1, 2, 3], [4, 5, 6]],
        ([[3, 2, 1], [6, 5, 4]],),
    ),
    "flip all": (
        F.flip,
        ([[1, 2], [3, 4]],),
        [[4, 3], [2, 1]],
        [[5, 6], [7, 8]],
        ([[8, 7], [6, 5]],),
    ),
    "expand_dims": (
        lambda x: x.expand_dims(1),
        ([1, 2],),
        [[1], [2]],
        [[3], [4]],
        ([3, 4],),
    ),
    "squeeze": (lambda x: x.squeeze(0), ([[1, 2]],), [1, 2], [3, 4], ([[3, 4]],)),
    # y[i,j] = x[j,i]
    "permute": (
        lambda x: x.permute(1, 0),
        ([[1, 2, 3], [4, 5, 6]],),
        [[1, 4], [2, 5], [3, 6]],
        [[1, 2], [3, 4], [5, 6]],
        ([[1, 3, 5], [2, 4, 6]],),
    ),
    # only the second part is used: the others receive zero
    "split": (
        lambda x: F.split(x, [1, 2, 1])[1],
        ([1, 2, 3, 4],),
        [2, 3],
        [5, 6],
        ([0, 5, 6, 0],),
    ),
    # 5 in 4 chunks: ⌈5/4⌉ = 2 each, so there are but three: 2, 2 and 1
    "chunk": (
        lambda x: F.chunk(x, 4)[2],
        ([1, 2, 3, 4, 5],),
        [5],
        [7],
        ([0, 0, 0, 0, 7],),
    ),
    # row 0 at 2, 0, 2: the 3 is taken twice and adds up 1 + 3; row 1 at −1 (the last), 1, 1
    "take_along_axis": (
        lambda x: F.take_along_axis(x, [[2, 0, 2], [-1, 1, 1]], axis=1),
        ([[1, 2, 3], [4, 5, 6]],),
        [[3, 1, 3], [6, 5, 5]],
        [[1, 2, 3], [4, 5, 6]],
        ([[2, 0, 4], [0, 11, 4]],),
    ),
    # column j asks row indices[0,j]
    "take_along_axis of rows": (
        lambda x: F.take_along_axis(x, [[1, 0, 1]], axis=0),
        ([[1, 2, 3], [4, 5, 6]],),
        [[4, 2, 6]],
        [[7, 8, 9]],
        ([[0, 8, 0], [7, 0, 9]],),
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str) -> None:
    check(*MOVES[name])


def test_sizes_of_parts() -> None:
    """As in PyTorch: a size that does not divide 7 leaves a smaller last part."""
    x = np.zeros((7, 2))
    assert [len(part) for part in F.split(x, 3)] == [3, 3, 1]
    assert [len(part) for part in F.split(x, 7)] == [7]
    assert [len(part) for part in F.split(x, 9)] == [7]
    assert [len(part) for part in F.split(x, (2, 0, 5))] == [2, 0, 5]
    assert [len(part) for part in F.chunk(x, 3)] == [3, 3, 1]
    assert [len(part) for part in F.chunk(x, 9)] == [1] * 7
    assert [part.shape for part in F.chunk(x, 2, axis=-1)] == [(7, 1), (7, 1)]
    assert [part.shape for part in F.split(np.zeros((0, 2)), 3)] == [(0, 2)]


# ------------------------------------------------------------------------------- padding

PADS = {
    # 3 2 | 1 2 3 | 2: 1 stands for x[0], once; 2 three times: 2 + 4 + 6; 3 twice: 1 + 5
    "reflect": (
        lambda x: F.pad(x, (2, 1), "reflect"),
        ([1, 2, 3],),
        [3, 2, 1, 2, 3, 2],
        [1, 2, 3, 4, 5, 6],
        ([3, 12, 6],),
    ),
    # 1 1 | 1 2 3 | 3: 1 three times: 1 + 2 + 3; 3 twice: 5 + 6
    "replicate": (
        lambda x: F.pad(x, (2, 1), "replicate"),
        ([1, 2, 3],),
        [1, 1, 1, 2, 3, 3],
        [1, 2, 3, 4, 5, 6],
        ([6, 4, 11],),
    ),
    # 2 3 | 1 2 3 | 1: 1 twice: 3 + 6; 2 twice: 1 + 4; 3 twice: 2 + 5
    "circular": (
        lambda x: F.pad(x, (2, 1), "circular"),
        ([1, 2, 3],),
        [2, 3, 1, 2, 3, 1],
        [1, 2, 3, 4, 5, 6],
        ([9, 5, 7],),
    ),
    # left 1, top 1: the corner is the mirror of both, x[1,1]; x[1,1] is everywhere: 1 + 3 + 7 + 9
    "reflect two axes": (
        lambda x: F.pad(x, (1, 0, 1, 0), "reflect"),
        ([[1, 2], [3, 4]],),
        [[4, 3, 4], [2, 1, 2], [4, 3, 4]],
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        ([[5, 10], [10, 20]],),
    ),
    # a 1 cut off in front, then 3 repeated behind
    "replicate and cut": (
        lambda x: F.pad(x, (-1, 2), "replicate"),
        ([1, 2, 3],),
        [2, 3, 3, 3],
        [1, 2, 3, 4],
        ([0, 1, 9],),
    ),
    "constant": (
        lambda x: F.pad(x, (1, 1), "constant", 7),
        ([1, 2],),
        [7, 1, 2, 7],
        [1, 2, 3, 4],
        ([2, 3],),
    ),
}


@pytest.mark.parametrize("name", PADS)
def test_pads(name: str) -> None:
    check(*PADS[name])


def test_padding_by_nothing_shares_no_memory() -> None:
    x = np.ones((2, 3))
    for mode in ("constant", "reflect", "replicate", "circular"):
        assert not np.shares_memory(F.pad(x, (0, 0), mode).data, x)


# ------------------------------------------------------------------------------ reducing


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
