"""Learning-rate schedules against their formulas, worked out step by step."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import nn
from minidl.optim import SGD, Adagrad, Optimizer, RMSprop
from minidl.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

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
    "ExponentialLR": (lambda o: ExponentialLR(o, 0.5), [0.8, 0.4, 0.2, 0.1]),
    "PolynomialLR": (lambda o: PolynomialLR(o, 4), [0.8, 0.6, 0.4, 0.2, 0, 0]),
    # 0.8 · (1, 3/4, 1/2, 1/4, 0)²
    "PolynomialLR, power": (lambda o: PolynomialLR(o, 4, 2.0), [0.8, 0.45, 0.2, 0.05, 0, 0]),
    "LinearLR": (lambda o: LinearLR(o, 0.25, total_iters=3), [0.2, 0.4, 0.6, 0.8, 0.8]),
    "LinearLR, end": (lambda o: LinearLR(o, 0.5, 0.25, 2), [0.4, 0.3, 0.2, 0.2]),
    # a round of 2 steps (0°, 90°), then one of 4 (0°, 45°, 90°, 135°), then one of 8
    "CosineAnnealingWarmRestarts": (
        lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=2),
        [0.8, 0.4, 0.8, 0.4 * (1 + R), 0.4, 0.4 * (1 - R), 0.8],
    ),
    # a warm-up of 2 steps, then a cosine of 2, which starts from the same 0.8
    "SequentialLR": (
        lambda o: SequentialLR(o, [LinearLR(o, 0.5, total_iters=2), CosineAnnealingLR(o, 2)], [2]),
        [0.4, 0.6, 0.8, 0.4, 0, 0],
    ),
}
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def optimizer(*rates: float) -> SGD:
    return SGD([{"params": [nn.Parameter(np.ones(2))], "lr": rate} for rate in rates])


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
    assert state == {"schedule": "StepLR", "t": 1, "base_lrs": [0.8, 0.2]}
    state["base_lrs"][0] = 9.0
    assert scheduler.base_lrs == [0.8, 0.2]


def test_a_state_for_other_groups_is_refused_and_changes_nothing() -> None:
    sgd = optimizer(0.8)
    scheduler = StepLR(sgd, 1)
    with pytest.raises(ValueError, match="for 2 groups of parameters, this optimiser has 1"):
        scheduler.load_state_dict({"schedule": "StepLR", "t": 5, "base_lrs": [0.1, 0.2]})
    with pytest.raises(ValueError, match="saved schedule is ExponentialLR, this one StepLR"):
        scheduler.load_state_dict({"schedule": "ExponentialLR", "t": 5, "base_lrs": [0.1]})
    assert scheduler.state_dict() == {"schedule": "StepLR", "t": 0, "base_lrs": [0.8]}
    assert sgd.param_groups[0]["lr"] == 0.8


def test_a_sequence_of_other_schedules_is_refused_and_changes_nothing() -> None:
    def sequence(o: Optimizer, second: LRScheduler) -> SequentialLR:
        return SequentialLR(o, [LinearLR(o, 0.5), second], [2])

    one, two = optimizer(0.8), optimizer(0.8)
    saved = sequence(one, ExponentialLR(one, 0.9)).state_dict()
    loaded = sequence(two, StepLR(two, 3))
    loaded.step()
    with pytest.raises(ValueError, match=r"'ExponentialLR'.*'StepLR'"):
        loaded.load_state_dict(saved | {"t": 7})
    assert loaded.t == 1


# ------------------------------------------------------------------------------ the first rate


def test_schedules_for_one_optimiser_start_from_its_own_rate() -> None:
    """Not from the rate that the one made before has already set."""
    sgd = optimizer(0.8)
    LinearLR(sgd, 0.1)
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.08)
    assert StepLR(sgd, 1).base_lrs == [0.8]


def test_a_rate_that_the_user_sets_is_where_the_next_schedule_starts() -> None:
    sgd = optimizer(0.8)
    scheduler = StepLR(sgd, 1)
    scheduler.step()
    sgd.param_groups[0]["lr"] = 0.3
    assert StepLR(sgd, 1).base_lrs == [0.3]


# ----------------------------------------------------------------------------- the end, and past it


def test_one_cycle_ends_at_its_lowest_rate_and_counts_no_further() -> None:
    sgd = optimizer(0.8)
    scheduler = OneCycleLR(sgd, 0.5, total_steps=10, div_factor=10, final_div_factor=100)
    for _ in range(9):
        scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.5 / 10 / 100])
    scheduler.step()  # after the tenth batch: nobody needs the rate, so it stays
    assert scheduler.get_last_lr() == pytest.approx([0.5 / 10 / 100])
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=r"total_steps=10 and is stepped once more.*len\(loader\)"):
        scheduler.step()
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("total_steps", [1, 2, 3])
@pytest.mark.parametrize("pct_start", [0.0, 0.3, 1.0])
def test_one_cycle_of_very_few_steps(total_steps: int, pct_start: float) -> None:
    sgd = optimizer(0.8)
    scheduler = OneCycleLR(sgd, 0.5, total_steps, pct_start)
    for _ in range(total_steps):
        scheduler.step()
        assert 0 <= scheduler.get_last_lr()[0] <= 0.5


def test_restarts_of_one_length_go_on_for_ever() -> None:
    scheduler = CosineAnnealingWarmRestarts(optimizer(0.8), 4)
    scheduler.t = 4 * 10**15 + 1
    assert scheduler.rates() == [pytest.approx(0.4 * (1 + R))]


# ------------------------------------------------------------------------------ groups, momentum


def test_one_cycle_with_a_peak_for_each_group() -> None:
    """Discriminative rates: whatever the groups had, the first is a tenth of the second."""
    sgd = optimizer(1.0, 1.0)
    scheduler = OneCycleLR(sgd, np.array([0.01, 0.1]), total_steps=10)
    for _ in range(10):
        low, high = scheduler.get_last_lr()
        assert low == pytest.approx(high / 10)
        scheduler.step()


def test_momentum_stays_if_it_should() -> None:
    sgd = SGD([nn.Parameter(np.ones(2))], lr=0.1, momentum=0.7)
    scheduler = OneCycleLR(sgd, 0.1, 10, cycle_momentum=False)
    scheduler.step()
    assert sgd.param_groups[0]["momentum"] == 0.7


def test_momentum_of_rmsprop_moves_too() -> None:
    rmsprop = RMSprop([nn.Parameter(np.ones(2))])
    OneCycleLR(rmsprop, 0.1, 10)
    assert rmsprop.param_groups[0]["momentum"] == pytest.approx(0.95)


# ------------------------------------------------------------------------------------- plateau


def test_plateau_by_hand() -> None:
    """2 bad steps are endured, the third in a row halves the rate; a little better is bad too."""
    sgd = optimizer(0.8)
    scheduler = ReduceLROnPlateau(sgd, factor=0.5, patience=2, threshold=0.1)
    for loss, rate in [(1, 0.8), (0.95, 0.8), (2, 0.8), (0.89, 0.8), (1, 0.8), (1, 0.8), (1, 0.4)]:
        scheduler.step(loss)
        assert sgd.param_groups[0]["lr"] == rate


def test_plateau_takes_nan_for_bad() -> None:
    scheduler = ReduceLROnPlateau(optimizer(0.8), patience=0)
    scheduler.step(np.float32(1.0))
    scheduler.step(float("nan"))
    assert scheduler.get_last_lr() == [pytest.approx(0.08)]
    assert scheduler.best == 1.0


def test_plateau_has_a_floor_and_lifts_no_group_to_it() -> None:
    scheduler = ReduceLROnPlateau(optimizer(0.8, 0.01), factor=0.1, patience=0, min_lr=0.05)
    for _ in range(4):
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == [0.05, 0.01]


def test_only_plateau_needs_a_metric() -> None:
    assert ReduceLROnPlateau.needs_metric
    assert not LRScheduler.needs_metric
    with pytest.raises(TypeError, match=r"scheduler\.step\(valid_loss\)"):
        ReduceLROnPlateau(optimizer(0.8)).step()


# -------------------------------------------------------------------------------------- errors


def in_sequence(*makes: Callable[[Any], LRScheduler], milestones: list[int]) -> SequentialLR:
    sgd = optimizer(0.1)
    return SequentialLR(sgd, [make(sgd) for make in makes], milestones)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: StepLR(o, 0), "StepLR: step_size must be a whole number of steps.*step_size=0"),
        (lambda o: StepLR(o, -3), "step_size=-3"),
        (lambda o: StepLR(o, 2.5), "step_size=2.5"),
        (lambda o: StepLR(o, 2, gamma=-0.1), "gamma must be a finite number, 0 or more.*-0.1"),
        (lambda o: MultiStepLR(o, [3, -1]), "milestone=-1"),
        (lambda o: ExponentialLR(o, float("nan")), "gamma=nan"),
        (lambda o: PolynomialLR(o, 0), "total_iters=0"),
        (lambda o: PolynomialLR(o, power=-1.0), "power=-1"),
        (lambda o: LinearLR(o, start_factor=-0.5), "start_factor=-0.5"),
        (lambda o: LinearLR(o, end_factor=float("inf")), "end_factor=inf"),
        (lambda o: CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max must.*T_max=0"),
        (lambda o: CosineAnnealingLR(o, 3, eta_min=-1.0), "eta_min=-1"),
        (lambda o: CosineAnnealingWarmRestarts(o, 3, T_mult=0), "T_mult=0"),
        (lambda o: CyclicLR(o, 0.1, 0.2, mode="square"), "mode must be.*not 'square'"),
        (lambda o: CyclicLR(o, 0.1, 0.2, step_size_down=0), "step_size_down=0"),
        (lambda o: CyclicLR(o, -0.1, 0.2), "base_lr=-0.1"),
        (lambda o: OneCycleLR(o, float("nan"), 9), "max_lr must.*max_lr=nan"),
        (lambda o: OneCycleLR(o, [0.1, 0.2], 9), "lists 2 learning rates, but.*has 1 groups"),
        (lambda o: OneCycleLR(o, 0.1, 0), "total_steps=0"),
        (lambda o: OneCycleLR(o, 0.1, 9, pct_start=30), "from 0 to 1, but pct_start=30"),
        (lambda o: OneCycleLR(o, 0.1, 9, anneal_strategy="cosine"), "'cos' or 'linear'"),
        (lambda o: OneCycleLR(o, 0.1, 9, div_factor=0), "div_factor=0"),
        (lambda o: OneCycleLR(o, 0.1, 9, max_momentum=1.0), "max_momentum=1.0"),
        (
            lambda o: OneCycleLR(Adagrad([nn.Parameter(np.ones(2))]), 0.1, 9),
            "Adagrad has no momentum to move; write cycle_momentum=False",
        ),
        (lambda o: ReduceLROnPlateau(o, mode="low"), "'min' or 'max', not 'low'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="percent"), "'rel' or 'abs', not 'percent'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "less than 1, but factor=1.0"),
        (lambda o: ReduceLROnPlateau(o, threshold=1.0), "threshold=1.0"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), "patience=-1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=-1.0), "min_lr=-1"),
        (lambda o: in_sequence(LinearLR, milestones=[3]), "1 schedules need 0 milestones.*not 1"),
        (lambda o: in_sequence(LinearLR, LinearLR, milestones=[0]), "milestone=0"),
        (
            lambda o: in_sequence(LinearLR, LinearLR, LinearLR, milestones=[5, 5]),
            r"must increase, not \[5, 5\]",
        ),
        (
            lambda o: in_sequence(LinearLR, ReduceLROnPlateau, milestones=[5]),
            "counts steps, but ReduceLROnPlateau goes by a metric",
        ),
        (lambda o: SequentialLR(o, [LinearLR(optimizer(0.1))], []), "made for another optimiser"),
    ],
)
def test_errors(make: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(optimizer(0.1))


def test_a_setting_that_is_no_number() -> None:
    with pytest.raises(TypeError, match=r"StepLR: gamma must be.*not '0.1', which is of type str"):
        StepLR(optimizer(0.1), 3, gamma="0.1")  # type: ignore[arg-type]


def test_the_base_class_has_no_rule() -> None:
    with pytest.raises(NotImplementedError):
        LRScheduler(optimizer(0.1))


def test_arguments_are_torchs() -> None:
    needed = inspect.Parameter.empty
    momenta = {"cycle_momentum": True, "base_momentum": 0.8, "max_momentum": 0.9}
    expected = {
        StepLR: {"step_size": needed, "gamma": 0.1},
        MultiStepLR: {"milestones": needed, "gamma": 0.1},
        ExponentialLR: {"gamma": needed},
        PolynomialLR: {"total_iters": 5, "power": 1.0},
        LinearLR: {"start_factor": 1 / 3, "end_factor": 1.0, "total_iters": 5},
        CosineAnnealingLR: {"T_max": needed, "eta_min": 0.0},
        CosineAnnealingWarmRestarts: {"T_0": needed, "T_mult": 1, "eta_min": 0.0},
        CyclicLR: {"base_lr": needed, "max_lr": needed, "step_size_up": 2000}
        | {"step_size_down": None, "mode": "triangular", "gamma": 1.0}
        | momenta,
        OneCycleLR: {"max_lr": needed, "total_steps": needed, "pct_start": 0.3}
        | {"anneal_strategy": "cos"}
        | (momenta | {"base_momentum": 0.85, "max_momentum": 0.95})
        | {"div_factor": 25.0, "final_div_factor": 1e4},
        SequentialLR: {"schedulers": needed, "milestones": needed},
        ReduceLROnPlateau: {"mode": "min", "factor": 0.1, "patience": 10, "threshold": 1e-4}
        | {"threshold_mode": "rel", "cooldown": 0, "min_lr": 0.0},
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
