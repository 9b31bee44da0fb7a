"""Learning-rate schedules against their formulas, worked out step by step."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import nn
from minidl.optim import SGD, Optimizer, lr_scheduler
from minidl.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, StepLR

R = math.sqrt(0.5)  # cos 45°

# name: (make, rates before the first step, after one step, after two, … for η₀ = 0.8)
SCHEDULES: dict[str, tuple[Callable[[Optimizer], LRScheduler], list[float]]] = {
    "StepLR": (lambda o: StepLR(o, 2), [0.8, 0.8, 0.08, 0.08, 0.008, 0.008]),
    "StepLR, gamma": (lambda o: StepLR(o, 1, gamma=0.5), [0.8, 0.4, 0.2, 0.1]),
    "MultiStepLR": (lambda o: MultiStepLR(o, [1, 4]), [0.8, 0.08, 0.08, 0.08, 0.008, 0.008]),
    "MultiStepLR, unordered, gamma": (
        lambda o: MultiStepLR(o, (3, 2), gamma=0.5),
        [0.8, 0.8, 0.4, 0.2, 0.2],
    ),
    # 0.8 · (1 + cos(0°, 45°, 90°, 135°, 180°))/2, then η_min for good
    "CosineAnnealingLR": (
        lambda o: CosineAnnealingLR(o, 4),
        [0.8, 0.4 * (1 + R), 0.4, 0.4 * (1 - R), 0, 0, 0],
    ),
    # 0.2 + 0.6 · (1 + cos(0°, 60°, 120°, 180°))/2
    "CosineAnnealingLR, eta_min": (
        lambda o: CosineAnnealingLR(o, 3, eta_min=0.2),
        [0.8, 0.65, 0.35, 0.2, 0.2],
    ),
}
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def optimizer(*rates: float) -> SGD:
    return SGD([{"params": [nn.Parameter(np.ones(2))], "lr": rate} for rate in rates])


def test_every_schedule_is_here() -> None:
    classes = {
        name
        for name, value in vars(lr_scheduler).items()
        if inspect.isclass(value) and issubclass(value, LRScheduler) and value is not LRScheduler
    }
    assert classes == {type(make(optimizer(0.8))).__name__ for make, _ in SCHEDULES.values()}


@every_schedule
def test_rates(name: str) -> None:
    make, expected = SCHEDULES[name]
    sgd = optimizer(0.8)
    scheduler = make(sgd)
    for k, rate in enumerate(expected):
        assert sgd.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-12, abs=1e-15), k
        assert scheduler.get_last_lr() == [sgd.param_groups[0]["lr"]]
        scheduler.step()


@every_schedule
def test_each_group_starts_from_its_own_rate(name: str) -> None:
    """A group's rates depend on no other group's."""
    make, expected = SCHEDULES[name]
    alone, together = optimizer(0.2), optimizer(0.8, 0.2)
    one, two = make(alone), make(together)
    for rate in expected:
        first, second = two.get_last_lr()
        assert first == pytest.approx(rate, rel=1e-12, abs=1e-15)
        assert [second] == one.get_last_lr()
        one.step()
        two.step()


def test_groups_by_hand() -> None:
    """Half a cosine at its middle: η_min + (η₀ − η_min)/2, so 0.1 + 0.35 and 0.1 + 0.05."""
    sgd = optimizer(0.8, 0.2)
    scheduler = CosineAnnealingLR(sgd, 2, eta_min=0.1)
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.45, 0.15])


@every_schedule
def test_a_loaded_schedule_continues(name: str) -> None:
    make, expected = SCHEDULES[name]
    saved, sgd = make(optimizer(0.8, 0.2)), optimizer(0.8, 0.2)
    saved.step()
    saved.step()
    loaded = make(sgd)
    loaded.load_state_dict(saved.state_dict())
    assert [group["lr"] for group in sgd.param_groups] == saved.get_last_lr()
    for rate in expected[3:]:
        saved.step()
        loaded.step()
        assert loaded.get_last_lr() == saved.get_last_lr()
        assert loaded.get_last_lr()[0] == pytest.approx(rate, rel=1e-12, abs=1e-15)


@every_schedule
def test_loading_after_the_optimiser_was_loaded_at_a_decayed_rate(name: str) -> None:
    """η₀ is the first rate, not the one the loaded optimiser happens to have."""
    make, expected = SCHEDULES[name]
    sgd = optimizer(0.8)
    scheduler = make(sgd)
    scheduler.step()
    scheduler.step()
    other = optimizer(0.8)
    other.load_state_dict(sgd.state_dict())
    resumed = make(other)  # built on the decayed rate
    resumed.load_state_dict(scheduler.state_dict())
    resumed.step()
    assert resumed.get_last_lr()[0] == pytest.approx(expected[3], rel=1e-12, abs=1e-15)


def test_state_dict_is_plain_and_a_copy() -> None:
    scheduler = StepLR(optimizer(0.8, 0.2), 2)
    scheduler.step()
    state = scheduler.state_dict()
    assert state == {"t": 1, "base_lrs": [0.8, 0.2]}
    state["base_lrs"][0] = 9.0
    assert scheduler.base_lrs == [0.8, 0.2]


def test_a_state_for_other_groups_is_refused_and_changes_nothing() -> None:
    sgd = optimizer(0.8)
    scheduler = StepLR(sgd, 1)
    with pytest.raises(ValueError, match="for 2 groups of parameters, this optimiser has 1"):
        scheduler.load_state_dict({"t": 5, "base_lrs": [0.1, 0.2]})
    assert scheduler.state_dict() == {"t": 0, "base_lrs": [0.8]}
    assert sgd.param_groups[0]["lr"] == 0.8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StepLR(optimizer(0.1), 0), "step_size counts steps.*not 0"),
        (lambda: StepLR(optimizer(0.1), -3), "not -3"),
        (lambda: CosineAnnealingLR(optimizer(0.1), 0), "T_max counts steps.*not 0"),
    ],
)
def test_errors(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_the_base_class_has_no_rule() -> None:
    with pytest.raises(NotImplementedError):
        LRScheduler(optimizer(0.1))


def test_arguments_are_torchs() -> None:
    expected = {
        StepLR: {"step_size": inspect.Parameter.empty, "gamma": 0.1},
        MultiStepLR: {"milestones": inspect.Parameter.empty, "gamma": 0.1},
        CosineAnnealingLR: {"T_max": inspect.Parameter.empty, "eta_min": 0.0},
    }
    for schedule, arguments in expected.items():
        parameters = dict(inspect.signature(schedule).parameters)
        del parameters["optimizer"]
        found = {name: parameter.default for name, parameter in parameters.items()}
        assert list(found.items()) == list(arguments.items())


def test_the_rate_reaches_the_step() -> None:
    """Gradient 1 all along: w = 1 − 0.8 − 0.4 − 0.2."""
    sgd = optimizer(0.8)
    scheduler = StepLR(sgd, 1, gamma=0.5)
    (w,) = sgd.param_groups[0]["params"]
    for _ in range(3):
        w.grad = np.ones(2)
        sgd.step()
        scheduler.step()
    np.testing.assert_allclose(w.data, [-0.4, -0.4], rtol=1e-12)
