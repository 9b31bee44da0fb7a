"""The checker itself: it accepts what is right, catches what is wrong, and explains."""

import numpy as np
import pytest

import minidl
from minidl import GradientError, Tensor, gradcheck
from minidl import functional as F
from minidl.autograd import Op
from minidl.tensor import apply

A = np.random.default_rng(0).standard_normal((3, 4))


def op_with(forward, backward):
    class Made(Op):
        def forward(self, x):
            self.save(x)
            return forward(x)

        def backward(self, grad):
            return backward(grad, *self.saved)

    return lambda x: apply(Made, x)


def test_accepts_a_right_gradient_and_returns_the_largest_difference():
    worst = gradcheck(lambda x, y: (x * y).exp(), [A, A[0]])
    assert 0 <= worst < 1e-7


def test_accepts_one_array_alone():
    gradcheck(lambda x: x * x, A)


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        ("factor", lambda x: x * x, lambda g, x: g * x),
        ("sign", np.sin, lambda g, x: -g * np.cos(x)),
        (
            "one element",
            np.copy,
            lambda g, x: np.where(np.arange(g.size) == 5, 0, g.ravel()).reshape(g.shape),
        ),
        ("transposed", lambda x: x[:, :3] * 1, lambda g, x: np.pad(g.T, ((0, 0), (0, 1)))),
        ("small relative error", np.exp, lambda g, x: g * np.exp(x) * (1 + 1e-4)),
        ("NaN", np.copy, lambda g, x: g * np.nan),
        ("zero", np.copy, lambda g, x: g * 0),
    ],
)
def test_catches_a_wrong_gradient(name, forward, backward):
    with pytest.raises(GradientError):
        gradcheck(op_with(forward, backward), A)


def test_the_message_shows_both_numbers_and_the_worst_place():
    def backward(grad, x):
        wrong = 2 * x * grad
        wrong[1, 2] += 0.5
        return wrong

    v = np.random.default_rng(0).standard_normal(A.shape)
    with pytest.raises(GradientError) as caught:
        gradcheck(op_with(np.square, backward), A)
    message = str(caught.value)
    right = 2 * A[1, 2] * v[1, 2]
    assert "input 0" in message and "in 1 of 12 elements" in message and "(1, 2)" in message
    assert f"backward says {right + 0.5:.6g}"[:22] in message
    assert f"differences say {right:.5g}"[:22] in message


def test_a_vacuous_check_is_impossible():
    """With a cotangent of ones the gradient of softmax is zero, and zeros would pass."""
    zero = op_with(lambda x: F.softmax(Tensor(x)).data, lambda g, x: np.zeros_like(x))
    with pytest.raises(GradientError):
        gradcheck(zero, A)


def test_a_function_that_leaves_the_graph_is_caught():
    with pytest.raises(GradientError, match="not part of the graph"):
        gradcheck(lambda x, y: x * y.detach(), [A, A])


def test_an_unused_input_is_fine():
    gradcheck(lambda x, y: x * 2, [A, A])


def test_float32_is_refused_with_the_reason():
    with pytest.raises(TypeError, match=r"needs float64, but input 1 is float32: with float32's 7"):
        gradcheck(lambda x, y: x, [A, A.astype(np.float32)])


def test_a_function_that_drops_to_float32_is_refused():
    with pytest.raises(TypeError, match="float64 went in but float32 came out"):
        gradcheck(lambda x: x.astype(np.float32), A)


def test_integers_pass_through():
    labels = np.array([1, 0, 3])
    gradcheck(lambda x, y: F.cross_entropy(x, y), [A, labels])


def test_a_random_function_is_refused_with_the_fix():
    with pytest.raises(GradientError, match=r"two results.*manual_seed"):
        gradcheck(lambda x: F.dropout(x, 0.5), A)

    def seeded(x: Tensor) -> Tensor:
        minidl.manual_seed(3)
        return F.dropout(x, 0.5)

    gradcheck(seeded, A)


def test_a_forward_that_changes_its_input_is_refused():
    def changing(x):
        x *= 1  # harmless, and yet
        x += 1
        return x.copy()

    with pytest.raises(GradientError, match="changed its input 0"):
        gradcheck(op_with(changing, lambda g, x: g), A)


def test_views_of_the_input_are_judged_rightly():
    """A view moves with the input it is a view of, so outputs must not be compared through one."""
    gradcheck(lambda x: x.T, A)
    with pytest.raises(GradientError):
        gradcheck(op_with(lambda x: x.T, lambda g, x: g.T * 0.5), A)


def test_a_function_must_return_a_tensor():
    with pytest.raises(TypeError, match="returns a Tensor"):
        gradcheck(lambda x: x.data, A)
