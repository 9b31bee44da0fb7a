"""The averaged weights: what they are, who looks at them, and who keeps them."""

import numpy as np
import pytest

from minidl import nn, weights
from minidl.train import EMA, BestWeights, Callback, Checkpoint, Trainer, checkpoint, evaluate


class Steps(Callback):
    """Copy the weights before the first step and after each."""

    def __init__(self) -> None:
        self.seen = []

    def on_fit_start(self, state):
        self.seen.append(state.model.state_dict())

    def on_step_end(self, state):
        self.seen.append(state.model.state_dict())


class Averages(Callback):
    """Copy the average after every epoch."""

    def __init__(self, ema: EMA) -> None:
        self.ema, self.seen = ema, []

    def on_epoch_end(self, state):
        self.seen.append(self.ema.model.state_dict())


def same(a, b) -> bool:
    return all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_is_the_one_computed_by_hand(problem, decay):
    steps, ema = Steps(), EMA(decay)
    problem(steps, ema).fit(epochs=2)
    average = {name: array.astype(float) for name, array in steps.seen[0].items()}
    for t, state in enumerate(steps.seen[1:], 1):
        d = min(decay, (1 + t) / (10 + t))
        for name, array in state.items():
            if name.endswith("num_batches_tracked"):
                average[name] = array
            else:
                average[name] = d * average[name] + (1 - d) * array
    found = ema.model.state_dict()
    assert found["1.num_batches_tracked"] == 10
    assert found["1.running_mean"].any()
    for name, array in average.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_model_that_learns_is_not_touched(problem):
    plain = problem()
    plain.fit()
    averaged = problem(EMA(0.9))
    history = averaged.fit()
    assert same(plain.weights, averaged.weights)
    assert averaged.trainer.model.training
    assert history["train_loss"] == plain.trainer.history["train_loss"]
    assert history["valid_loss"] != plain.trainer.history["valid_loss"]


def test_validation_looks_at_the_average(problem):
    ema = EMA(0.9)
    p = problem(ema)
    history = p.fit(epochs=2)
    result = evaluate(ema.model, p.valid)
    assert history["valid_loss"][-1] == result.loss
    assert history["valid_accuracy"][-1] == result.accuracy
    assert result.loss != evaluate(p.trainer.model, p.valid).loss


def test_files_keep_the_average_and_the_checkpoint_both(problem, tmp_path):
    class Worse(Callback):
        order = -1

        def on_epoch_end(self, state):
            state.history.rows[-1]["valid_accuracy"] = [0.5, 0.9, 0.6][state.epoch - 1]

    ema = EMA(0.9)
    averages = Averages(ema)
    best, last = tmp_path / "best.safetensors", tmp_path / "last.safetensors"
    path = tmp_path / "checkpoint.safetensors"
    p = problem(Worse(), BestWeights(best), ema, averages, Checkpoint(path, last))
    p.fit(epochs=3)
    assert same(weights.load(best), averages.seen[1])
    assert same(weights.load(last), averages.seen[2])
    assert same(checkpoint.load(path)["model"], p.weights)
    assert not same(averages.seen[2], p.weights)


def test_a_second_training_starts_from_the_weights_again(problem):
    ema = EMA(0.9)
    p = problem(ema)
    p.fit(epochs=1)
    first = ema.model
    Trainer(p.trainer.model, p.trainer.optimizer, callbacks=[ema]).fit(p.train, p.valid, 1)
    assert ema.model is not first


def test_hooks_and_shared_parameters_are_no_obstacle(problem):
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(64, 64)
            self.b = nn.Linear(64, 64)
            self.b.weight = self.a.weight
            self.out = nn.Linear(64, 10)

        def forward(self, x):
            return self.out(self.b(self.a(x.reshape(len(x), 64))))

    p, ema = problem(), EMA(0.9)
    model = Tied()
    optimizer = type(p.trainer.optimizer)(model.parameters(), lr=0.01)
    Trainer(model, optimizer, callbacks=[ema]).fit(p.train, p.valid, 1)
    assert ema.model.a.weight is ema.model.b.weight
    assert ema.model.a.weight is not model.a.weight


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_a_decay_lies_below_one(decay):
    with pytest.raises(ValueError, match="0 ≤ decay < 1"):
        EMA(decay)
