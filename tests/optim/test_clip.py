"""Gradients of limited length, by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import Tensor, nn
from minidl.optim import clip_grad_norm_, clip_grad_value_


def with_grads(*grads: Any, dtype: Any = np.float64) -> list[Tensor]:
    parameters = [Tensor(np.zeros(np.shape(grad), dtype), requires_grad=True) for grad in grads]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = np.array(grad, dtype)
    return parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_gradients_together_are_shortened(dtype: Any) -> None:
    """‖(2, 3, 6)‖ = 7, so a length of 3.5 halves them."""
    a, b = with_grads([2.0, 3.0], 6.0, dtype=dtype)
    still = Tensor(np.zeros(2), requires_grad=True)
    assert clip_grad_norm_([a, still, b], 3.5) == pytest.approx(7)
    np.testing.assert_allclose(a.grad, [1, 1.5], rtol=1e-6)
    np.testing.assert_allclose(b.grad, 3, rtol=1e-6)
    assert a.grad.dtype == b.grad.dtype == dtype
    assert still.grad is None


@pytest.mark.parametrize("max_norm", [7.0001, math.inf])
def test_short_gradients_stay_to_the_bit(max_norm: float) -> None:
    a, b = with_grads([2.0, 3.0], [[6.0]])
    assert clip_grad_norm_(iter([a, b]), max_norm) == pytest.approx(7)
    np.testing.assert_array_equal(a.grad, [2, 3])
    np.testing.assert_array_equal(b.grad, [[6]])


def test_one_tensor_is_not_taken_apart() -> None:
    (a,) = with_grads([[3.0, 4.0]])
    assert clip_grad_norm_(a, 1.0) == pytest.approx(5)
    np.testing.assert_allclose(a.grad, [[0.6, 0.8]])


def test_views_are_clipped_where_they_are() -> None:
    (a,) = with_grads(np.ones((2, 3)))
    store = np.full((3, 2), 2.0)
    a.grad = store.T
    assert clip_grad_norm_([a], 1.0) == pytest.approx(math.sqrt(24))
    np.testing.assert_allclose(store, 2 / math.sqrt(24))


def test_without_gradients_the_norm_is_0() -> None:
    assert clip_grad_norm_(nn.Linear(2, 3).parameters(), 1.0) == 0


def test_values_are_cut_off_one_by_one() -> None:
    a, b = with_grads([-3.0, 0.5, np.nan], 2.0)
    clip_grad_value_([a, b], 1.0)
    np.testing.assert_array_equal(a.grad, [-1, 0.5, np.nan])
    np.testing.assert_array_equal(b.grad, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_no_factor_can_mend_is_named_and_nothing_changed(bad: float) -> None:
    a, b = with_grads([3.0, 4.0], [bad, 1.0])
    with pytest.raises(FloatingPointError, match=r"gradient of parameter 1 has the norm (nan|inf)"):
        clip_grad_norm_([a, b], 1.0)
    np.testing.assert_array_equal(a.grad, [3, 4])
    np.testing.assert_array_equal(b.grad, [bad, 1])


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (lambda p: clip_grad_norm_(p, 0.0), "max_norm must be.*greater than 0, but max_norm=0"),
        (lambda p: clip_grad_norm_(p, math.nan), "max_norm=nan"),
        (lambda p: clip_grad_value_(p, -1.0), "clip_value=-1"),
        (lambda p: clip_grad_norm_([], 1.0), "clip_grad_norm_ got no parameters.*used up"),
        (lambda p: clip_grad_value_([], 1.0), "clip_grad_value_ got no parameters"),
    ],
)
def test_errors(clip: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        clip(with_grads([1.0]))
