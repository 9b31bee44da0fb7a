"""Random search and successive halving: what is drawn, who goes on, and what a file keeps."""

import math
from collections import Counter

import numpy as np
import pytest

from minidl.train import Choice, DivergedError, LogUniform, Rung, Uniform, climb, draw_settings
from minidl.train.search import Result, halving, ranking, read_csv, write_csv

SPACE = {"lr": LogUniform(1e-3, 1), "momentum": Uniform(0.5, 0.9), "batch_size": Choice(32, 64)}

# ------------------------------------------------------------------------------------- drawing


def test_every_order_of_magnitude_is_as_likely():
    rates = [s["lr"] for s in draw_settings({"lr": LogUniform(1e-3, 1)}, 600)]
    decades = Counter(math.floor(math.log10(rate)) for rate in rates)
    assert set(decades) == {-3, -2, -1}
    assert all(150 < count < 250 for count in decades.values()), decades


def test_uniform_and_choice_cover_what_they_may():
    drawn = draw_settings(SPACE, 400)
    momenta = np.array([s["momentum"] for s in drawn])
    assert 0.5 <= momenta.min() < 0.51 and 0.89 < momenta.max() <= 0.9
    assert abs(momenta.mean() - 0.7) < 0.02
    sizes = Counter(s["batch_size"] for s in drawn)
    assert set(sizes) == {32, 64} and min(sizes.values()) > 160


def test_drawn_numbers_survive_being_typed():
    for settings in draw_settings(SPACE, 50):
        for name in ("lr", "momentum"):
            assert float(f"{settings[name]:.3g}") == settings[name]


def test_rounding_does_not_leave_the_range():
    narrow = LogUniform(0.12341, 0.12344)
    values = [s["x"] for s in draw_settings({"x": narrow}, 20)]
    assert all(0.12341 <= value <= 0.12344 for value in values)


def test_more_trials_leave_the_first_as_they_were_and_seeds_differ():
    assert draw_settings(SPACE, 9, seed=3)[:4] == draw_settings(SPACE, 4, seed=3)
    assert draw_settings(SPACE, 4, seed=3) != draw_settings(SPACE, 4, seed=4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Uniform(2, 1), "needs low < high, not 2 and 1"),
        (lambda: Uniform(0, math.inf), "low < high"),
        (lambda: Uniform(math.nan, 1), "low < high"),
        (lambda: LogUniform(0, 1), "must begin above 0, not at 0: no power of ten is 0"),
        (lambda: Choice(), "at least one value"),
        (lambda: draw_settings(SPACE, 0), "at least 1 trial, not 0"),
        (lambda: halving(4, 4, factor=1), "at least 2, not 1"),
    ],
)
def test_what_makes_no_range_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# ------------------------------------------------------------------------------------- halving


@pytest.mark.parametrize(
    ("trials", "epochs", "factor", "rungs"),
    [
        (8, 8, 2, [(8, 1), (4, 2), (2, 4), (1, 8)]),
        (81, 81, 3, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),  # Li et al. 2018, table 1, s = 4
        (9, 30, 3, [(9, 3), (3, 10), (1, 30)]),
        (16, 4, 2, [(16, 1), (8, 2), (4, 4)]),  # no less than an epoch, so four reach the end
        (3, 100, 2, [(3, 50), (1, 100)]),
        (1, 5, 2, [(1, 5)]),
        (5, 1, 2, [(5, 1)]),
    ],
)
def test_rungs(trials, epochs, factor, rungs):
    assert halving(trials, epochs, factor) == rungs


class Trainings:
    """Trainings whose outcome is known; writes down what was asked for."""

    def __init__(self, accuracy, diverge=()):
        self.accuracy = accuracy
        self.diverge = set(diverge)
        self.asked = []
        self.dropped = []

    def __call__(self, trial, settings, epochs):
        self.asked.append((trial, epochs))
        if (trial, epochs) in self.diverge:
            raise DivergedError("the loss became nan")
        return self.accuracy(trial, epochs), 1.0 / (trial + 1)


def numbered(count):
    return [{"lr": 0.1 * (trial + 1)} for trial in range(count)]


def test_the_better_half_goes_on():
    order = [3, 0, 2, 1]  # the better, the further to the left
    trainings = Trainings(lambda trial, epochs: (1 - 0.1 * order.index(trial)) * epochs / 4)
    results = list(climb(numbered(4), trainings, halving(4, 4), drop=trainings.dropped.append))
    assert trainings.asked == [(0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (0, 2), (3, 4)]
    assert [(r.trial, r.epochs) for r in results] == trainings.asked
    assert trainings.dropped == [2, 1, 0, 3]
    assert [r.trial for r in ranking(results)] == order
    assert results[-1].settings == {"lr": pytest.approx(0.4)} and results[-1].accuracy == 1.0


def test_who_leads_early_may_lose_later():
    trainings = Trainings(
        lambda trial, epochs: [0.5, 0.4][trial] if epochs < 4 else [0.6, 0.9][trial]
    )
    results = list(climb(numbered(2), trainings, [Rung(2, 2), Rung(2, 4)]))
    assert [r.trial for r in ranking(results)] == [1, 0]


def test_random_search_is_one_rung():
    trainings = Trainings(lambda trial, epochs: trial / 10)
    results = list(climb(numbered(3), trainings, [Rung(3, 5)]))
    assert trainings.asked == [(0, 5), (1, 5), (2, 5)]
    assert ranking(results)[0].trial == 2


def test_of_equal_accuracies_the_lower_loss_wins():
    results = list(climb(numbered(3), Trainings(lambda *_: 0.5), [Rung(3, 1)]))
    assert [r.loss for r in ranking(results)] == sorted(r.loss for r in results)
    assert ranking(results)[0].trial == 2


def test_a_diverged_trial_is_the_worst_and_does_not_go_on():
    trainings = Trainings(lambda trial, epochs: 0.0, diverge=[(0, 1), (2, 2)])
    results = list(climb(numbered(4), trainings, halving(4, 4), drop=trainings.dropped.append))
    assert trainings.asked == [(0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (2, 2), (3, 4)]
    assert [r.trial for r in ranking(results)] == [3, 1, 0, 2]
    assert [r.trial for r in results if r.diverged] == [0, 2]
    assert sorted(trainings.dropped) == [0, 1, 2, 3]


def test_all_diverged_ends_the_search():
    trainings = Trainings(lambda *_: 1.0, diverge=[(0, 1), (1, 1)])
    results = list(climb(numbered(2), trainings, halving(2, 2)))
    assert [r.diverged for r in results] == [True, True]


def test_other_errors_are_not_swallowed():
    def advance(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(climb(numbered(2), advance, halving(2, 2)))


def test_finished_results_are_not_computed_again():
    def make():
        return Trainings(lambda trial, epochs: trial / 10 + epochs / 100)

    whole = list(climb(numbered(8), make(), halving(8, 4)))
    for stop in range(len(whole) + 1):
        again = make()
        resumed = list(climb(numbered(8), again, halving(8, 4), finished=whole[:stop]))
        assert [(r.trial, r.epochs, r.accuracy) for r in resumed] == [
            (r.trial, r.epochs, r.accuracy) for r in whole
        ]
        assert again.asked == [(r.trial, r.epochs) for r in whole[stop:]]


# ---------------------------------------------------------------------------------------- file


def test_a_file_gives_the_results_back(tmp_path):
    results = [
        Result(0, 1, {"lr": 0.0123, "batch_size": 64, "schedule": "cosine"}, 1 / 3, 0.1, 1.25),
        Result(1, 1, {"lr": 1e-5, "batch_size": 32, "schedule": "a, b"}, math.nan, math.nan, 0.5),
    ]
    write_csv(tmp_path / "trials.csv", results)
    back = read_csv(tmp_path / "trials.csv")
    assert back[0] == results[0]
    assert back[1].settings == results[1].settings and back[1].diverged
    assert type(back[0].settings["batch_size"]) is int
    head = (tmp_path / "trials.csv").read_text(encoding="utf-8").splitlines()[0]
    assert head == "trial,epochs,lr,batch_size,schedule,accuracy,loss,seconds"
