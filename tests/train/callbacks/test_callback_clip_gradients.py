"""Clipped gradients are shorter, and point the same way."""

import numpy as np
import pytest

from minidl.train import Callback, ClipGradients


class Gradients(Callback):
    """Copy all gradients of the first step."""

    def __init__(self, order: int) -> None:
        self.order, self.seen = order, None

    def on_backward_end(self, state):
        if self.seen is None:
            self.seen = np.concatenate([p.grad.ravel() for p in state.model.parameters()])


@pytest.mark.parametrize("max_norm", [0.01, 1e6])
def test_gradients_are_shortened_before_the_step(problem, max_norm):
    before, after, clip = Gradients(-1), Gradients(1), ClipGradients(max_norm)
    p = problem(before, clip, after, lr=0.1)
    start = {name: array.copy() for name, array in p.weights.items()}
    batch = next(iter(p.train))
    p.trainer.optimizer.param_groups[0].update(momentum=0.0, nesterov=False, weight_decay=0.0)
    p.trainer.fit([batch], None, 1)
    length = np.linalg.norm(before.seen.astype(float))
    assert clip.norm == pytest.approx(length, rel=1e-6)
    expected = before.seen * min(1, max_norm / length)
    np.testing.assert_allclose(after.seen, expected, rtol=1e-5)
    moved = np.concatenate(
        [(p.weights[k] - start[k]).ravel() for k, _ in p.trainer.model.named_parameters()]
    )
    np.testing.assert_allclose(moved, -0.1 * expected, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("max_norm", [0, -1, float("nan")])
def test_a_length_is_positive(max_norm):
    with pytest.raises(ValueError, match="max_norm is a length"):
        ClipGradients(max_norm)
