"""Reshaping, joining, moving, taking and padding on examples small enough for paper."""

import numpy as np
import pytest

import minidl.functional as F
from tests.ops.golden import check

pytestmark = pytest.mark.usefixtures("numpy_kernels")

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


# -------------------------------------------------------------------------- moving and joining

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


# ------------------------------------------------------------------------------------- padding

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
