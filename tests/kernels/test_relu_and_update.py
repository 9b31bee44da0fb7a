"""ReLU and the optimisers' rules: every kernel set does what `naive` does."""

import numpy as np
import pytest
from minidl_kernels import KernelSet, available, threads

NAIVE = KernelSet("naive")
OTHERS = [KernelSet(name) for name in available() if name != "naive"]
SHAPES = [(), (0, 3), (3, 5, 7), (1031,)]
CLOSE = {"float64": 1e-14, "float32": 1e-6}

every_set = pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)


def drawn(count, shape, dtype="float64"):
    return np.random.default_rng(7).standard_normal((count, *shape)).astype(dtype)


@every_set
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_relu(kernels, shape, dtype):
    x, grad = drawn(2, shape, dtype)
    y = NAIVE.relu.relu_forward(x)
    for ours, theirs in (
        (kernels.relu.relu_forward(x), y),
        (kernels.relu.relu_backward(grad, y), NAIVE.relu.relu_backward(grad, y)),
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == dtype and ours.shape == shape


@every_set
def test_relu_of_numbers_that_are_none(kernels):
    """NaN stays NaN; a gradient of infinity or NaN ends where y is 0, and y = 0 passes nothing."""
    nan, inf = np.nan, np.inf
    y = kernels.relu.relu_forward(np.array([nan, inf, -inf, -0.0, 2.0]))
    np.testing.assert_array_equal(y, [nan, inf, 0, 0, 2])
    passed = kernels.relu.relu_backward(np.array([nan, 3.0, inf, nan]), np.array([1.0, inf, 0, 0]))
    np.testing.assert_array_equal(passed, [nan, 3, 0, 0])


@every_set
def test_relu_of_views(kernels):
    x, grad = drawn(2, (6, 8))
    for view in (lambda a: a.T, lambda a: a[::-1, ::2], lambda a: np.broadcast_to(a, (2, 6, 8))):
        y = kernels.relu.relu_forward(view(x))
        np.testing.assert_array_equal(y, np.maximum(view(x), 0))
        passed = kernels.relu.relu_backward(view(grad), y)
        np.testing.assert_array_equal(passed, np.where(view(x) > 0, view(grad), 0))


def sgd(*settings):
    """A step of SGD with one array of memory, which is used only where there is momentum."""
    return lambda update, step, value, grad, velocity: update.sgd(
        value, grad, velocity if settings[1] else None, step == 1, *settings
    )


def adagrad(*settings):
    return lambda update, step, value, grad, total: update.adagrad(value, grad, total, *settings)


def rmsprop(centred, *settings):
    return lambda update, step, value, grad, square, mean, velocity: update.rmsprop(
        value,
        grad,
        square,
        mean if centred else None,
        velocity if settings[-1] else None,
        *settings,
    )


def adam(*settings):
    return lambda update, step, value, grad, mean, square: update.adam(
        value, grad, mean, square, step, *settings
    )


# The step, and how many arrays it may remember; settings in the kernels' order. If centred, eps is
# large: the difference of two nearly equal float32 squares has few digits, and eps is added to it.
RULES = {
    "plain": (sgd(0.1, 0.0, 0.0, 0.0, False), 1),
    "weight decay": (sgd(0.1, 0.0, 0.0, 0.3, False), 1),
    "momentum": (sgd(0.1, 0.9, 0.0, 0.0, False), 1),
    "all but nesterov": (sgd(0.1, 0.9, 0.4, 0.3, False), 1),
    "nesterov": (sgd(0.1, 0.9, 0.0, 0.3, True), 1),
    "adagrad": (adagrad(0.1, 0.0, 1e-3), 1),
    "adagrad, weight decay": (adagrad(0.1, 0.3, 1e-3), 1),
    "rmsprop": (rmsprop(False, 0.1, 0.9, 1e-3, 0.0, 0.0), 3),
    "rmsprop, centred": (rmsprop(True, 0.1, 0.9, 1.0, 0.0, 0.0), 3),
    "rmsprop, momentum": (rmsprop(False, 0.1, 0.9, 1e-3, 0.0, 0.8), 3),
    "rmsprop, all": (rmsprop(True, 0.1, 0.9, 1.0, 0.3, 0.8), 3),
    "adam": (adam(0.1, 0.9, 0.99, 1e-3, 0.0, False), 2),
    "adam, weight decay": (adam(0.1, 0.9, 0.99, 1e-3, 0.3, False), 2),
    "adamw": (adam(0.1, 0.9, 0.99, 1e-3, 0.3, True), 2),
}


def stepped(kernels, shape, dtype, rule, steps=3):
    """Value and memory after some steps."""
    step, memories = rule
    value, *grads = map(np.array, drawn(1 + steps, shape, dtype))
    memory = [np.zeros(shape, dtype) for _ in range(memories)]
    for k, grad in enumerate(grads):
        step(kernels.update, k + 1, value, grad, *memory)
    return value, *memory


@every_set
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rules(kernels, shape, dtype, rule):
    tolerance = CLOSE[dtype]
    for ours, theirs in zip(
        stepped(kernels, shape, dtype, rule), stepped(NAIVE, shape, dtype, rule), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        assert ours.dtype == dtype


@pytest.mark.parametrize("kernels", [NAIVE, *OTHERS], ids=lambda k: k.name)
def test_sgd_changes_the_arrays_it_was_given_and_not_the_gradient(kernels):
    """Also where the parameter is a view, which a compiled loop has to copy first."""
    store, kept = np.arange(12.0).reshape(3, 4), np.ones((3, 4))
    grad = np.full((4, 3), 2.0)
    kernels.update.sgd(store.T, grad, kept.T, False, 0.5, 0.5, 0.0, 0.0, False)
    np.testing.assert_array_equal(kept, np.full((3, 4), 2.5))
    np.testing.assert_array_equal(store, np.arange(12.0).reshape(3, 4) - 1.25)
    np.testing.assert_array_equal(grad, np.full((4, 3), 2.0))


@pytest.mark.parametrize("kernels", [NAIVE, *OTHERS], ids=lambda k: k.name)
def test_an_infinite_parameter_is_not_multiplied_by_no_weight_decay(kernels):
    value = np.array([np.inf, 1.0])
    kernels.update.sgd(value, np.ones(2), None, False, 0.5, 0.0, 0.0, 0.0, False)
    np.testing.assert_array_equal(value, [np.inf, 0.5])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_number_of_threads_changes_no_bit(rule, monkeypatch):
    pytest.importorskip("numba")
    from minidl_kernels.numba import team  # noqa: PLC0415 - only where Numba is installed

    numba, (x, grad) = KernelSet("numba"), drawn(2, (37, 211), "float32")

    def results():
        y = numba.relu.relu_forward(x)
        return y, numba.relu.relu_backward(grad, y), *stepped(numba, (37, 211), "float32", rule)

    monkeypatch.setattr(team, "_SMALL", 0)
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = results()
    for count in (2, 3, 4):
        monkeypatch.setattr(threads, "_chosen", count)
        for one, other in zip(results(), alone, strict=True):
            np.testing.assert_array_equal(one, other)
