"""Dropout of numbers, channels, samples and columns: shares counted, masks followed by hand."""

from collections.abc import Callable

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor
from tests.ops.golden import check, check_empty, close

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# ------------------------------------------------------------------------------------- numbers


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


# ------------------------------------------------------------------------ channels and samples


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", ["dropout2d", "drop_path"])
def test_whole_pieces_are_dropped_and_the_rest_is_scaled(name: str) -> None:
    """p = ¼: a piece is 0 or 4/3 of x as a whole, and its gradient likewise.

    Of n pieces ¼ ± 5 √(3/16/n) are dropped.
    """
    f, x = getattr(F, name), np.random.default_rng(0).uniform(1, 2, (1000, 3, 2, 5))
    tensor = Tensor(x, requires_grad=True)
    minidl.manual_seed(4)
    y = f(tensor, 0.25)
    pixels = (2, 3) if name == "dropout2d" else (1, 2, 3)
    factor = y.data / x
    per_piece = factor.mean(axis=pixels, keepdims=True)
    np.testing.assert_allclose(factor, np.broadcast_to(per_piece, x.shape), atol=1e-12)
    dropped = per_piece == 0
    close(per_piece[~dropped], np.full((~dropped).sum(), 4 / 3))
    assert abs(dropped.mean() - 0.25) < 5 * np.sqrt(3 / 16 / dropped.size)
    g = np.random.default_rng(1).uniform(1, 2, x.shape)
    y.backward(g)
    close(tensor.grad, g * factor)


@pytest.mark.usefixtures("kernels")
def test_drop_path_extremes() -> None:
    """p = 1 drops all, with gradient zero; p = 0 and evaluation change nothing."""
    check(lambda x: F.drop_path(x, 1.0), ([[1], [-2]],), [[0], [0]], [[3], [4]], ([[0], [0]],))
    check(lambda x: F.drop_path(x, 0.0) * 1, ([1, -2],), [1, -2], [3, 4], ([3, 4],))
    check(lambda x: F.drop_path(x, 0.9, False) * 1, ([1, -2],), [1, -2], [3, 4], ([3, 4],))


# ------------------------------------------------------------------------------------- columns


@pytest.mark.usefixtures("kernels")
def test_fractal_join() -> None:
    """In evaluation the mean of (1, 2) and (3, 6) is (2, 4); g = (1, 3) goes to both by half."""
    check(
        lambda a, b: F.fractal_join([a, b], training=False),
        ([1, 2], [3, 6]),
        [2, 4],
        [1, 3],
        ([0.5, 1.5], [0.5, 1.5]),
    )


@pytest.mark.usefixtures("kernels")
def test_fractal_join_of_a_global_column() -> None:
    """Column 1 alone lives: y = (3, 6), all of g is its own, and column 0 is not visited."""
    a, b = (Tensor(np.array(x), requires_grad=True) for x in ([1.0, 2], [3.0, 6]))
    y = F.fractal_join([a, b], p_local=1.0, global_column=1)
    y.backward(np.array([1.0, 3]))
    close(y.data, [3, 6])
    close(b.grad, [1, 3])
    assert a.grad is None
    close(F.fractal_join([a, b], global_column=1, training=False).data, [2, 4])


@pytest.mark.usefixtures("kernels")
def test_fractal_join_drops_columns_but_never_all() -> None:
    """Two columns 0 and 1, p = ½: both live in ¼ of the draws (mean ½), and both die in ¼.

    Then either is revived, so each lives alone in ¼ + ⅛. Of 4000 draws a share q errs by less than
    5 √(q (1 − q)/4000) ≤ 0.039. With p = 1 exactly one lives.
    """
    minidl.manual_seed(2)
    columns = [np.zeros(1), np.ones(1)]
    means = np.array([F.fractal_join(columns, 0.5).item() for _ in range(4000)])
    for mean, share in ((0.5, 1 / 4), (0.0, 3 / 8), (1.0, 3 / 8)):
        assert abs((means == mean).mean() - share) < 0.039
    alone = {F.fractal_join(columns, 1.0).item() for _ in range(50)}
    assert alone == {0.0, 1.0}
    assert F.fractal_join(columns, 0.0).item() == 0.5


# --------------------------------------------------------------------------------- all of them


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    "f",
    [
        F.dropout2d,
        lambda x: F.drop_path(x, 0.2),
        lambda x: F.fractal_join([x, x], 0.0),
    ],
)
def test_no_images(f: Callable[[Tensor], Tensor]) -> None:
    """Of an empty batch the result and the gradient are empty."""
    check_empty(f, (4, 3, 2), (4, 3, 2))
