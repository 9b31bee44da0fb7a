"""Schedules are stepped when they should be, and told what they need."""

import numpy as np
import pytest

from minidl.optim import lr_scheduler
from minidl.train import Callback, LRSchedule


class Scheduler:
    steps = 0

    def step(self):
        self.steps += 1

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


@pytest.mark.parametrize(("per", "steps"), [("epoch", 2), ("step", 10)])
def test_a_schedule_steps_per_epoch_or_per_step(problem, per, steps):
    scheduler = Scheduler()
    problem(LRSchedule(scheduler, per)).fit(epochs=2)
    assert scheduler.steps == steps
    with pytest.raises(ValueError, match="'epoch' or 'step'"):
        LRSchedule(scheduler, "batch")


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_history_has_the_learning_rate_an_epoch_began_with(problem, per):
    rates = problem(per=per, lr=0.2).fit(epochs=4)["lr"]
    cosine = 0.2 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(rates, cosine, rtol=1e-6)


class Needy(Scheduler):
    needs_metric = True
    mode = "min"

    def __init__(self) -> None:
        self.seen = []

    def step(self, metric):
        self.seen.append(metric)


@pytest.mark.parametrize(("mode", "column"), [("min", "valid_loss"), ("max", "valid_accuracy")])
def test_a_schedule_that_goes_by_a_metric_is_told_it_after_the_epoch(problem, mode, column):
    scheduler = Needy()
    scheduler.mode = mode
    p = problem(LRSchedule(scheduler))
    assert scheduler.seen == p.fit(epochs=3)[column]
    with pytest.raises(ValueError, match="Needy needs validation images"):
        p.trainer.fit(p.train, None, 1)
    with pytest.raises(ValueError, match=f"Needy goes by the {column}.*per='epoch'"):
        LRSchedule(scheduler, "step")


def test_reduce_on_plateau_lowers_the_rate_of_the_next_epoch(problem):
    class Stuck(Callback):
        order = -1

        def on_epoch_end(self, state):
            state.history.rows[-1]["valid_loss"] = [1.0, 2.0, 0.5, 0.6][state.epoch - 1]

    def plateau(optimizer):
        return LRSchedule(lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0))

    rates = problem(Stuck(), schedule=plateau, lr=0.08).fit(epochs=4)["lr"]
    assert rates == [0.08, 0.08, 0.04, 0.04]
