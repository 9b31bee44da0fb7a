"""The picture of a search: every trial is where its numbers say, and the best stands out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from minidl import viz
from minidl.viz.style import BLUE, GREY, ORANGE


@dataclass
class Result:
    trial: int
    epochs: int
    settings: dict[str, Any]
    accuracy: float


def ladder():
    """Eight trials with a hill over lr, one of which diverged; two reach epoch 4, trial 5 best."""
    rates = np.geomspace(1e-3, 1, 8)
    results = []
    for epochs, trials in [(1, range(8)), (2, (3, 4, 5, 6)), (4, (5, 4))]:
        for trial in trials:
            settings = {
                "lr": float(rates[trial]),
                "momentum": 0.5 + 0.05 * trial,
                "batch_size": (32, 128)[trial % 2],
            }
            accuracy = 0.9 - 0.1 * abs(trial - 5) + 0.02 * epochs
            results.append(Result(trial, epochs, settings, math.nan if trial == 7 else accuracy))
    return results


def points(ax):
    """x, y in percent, colour and filling of each trial's point."""
    drawn = {}
    for line in ax.lines:
        (x,), (y,) = line.get_data()
        drawn[x] = (y, line.get_color(), line.get_markerfacecolor())
    return drawn


def test_every_trial_is_drawn_at_its_last_accuracy(tmp_path):
    results = ladder()
    figure = viz.search(results, best=5)
    figure.savefig(tmp_path / "search.png")
    lr, momentum, batch_size, _ = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "lr",
        "momentum",
        "batch size",
        "from rung to rung",
    ]
    last = {result.trial: result for result in results}
    for ax, name in ((lr, "lr"), (momentum, "momentum")):
        drawn = points(ax)
        assert len(drawn) == 8
        for trial, result in last.items():
            y, colour, inside = drawn[result.settings[name]]
            if trial == 7:
                assert (y, colour) == (0.03, GREY)  # at the foot of the axes
                continue
            assert y == pytest.approx(100 * result.accuracy)
            whole = trial in (4, 5)
            assert colour == (ORANGE if trial == 5 else BLUE if whole else GREY)
            assert inside == (colour if whole else "white")
    assert lr.get_xscale() == "log" and momentum.get_xscale() == "linear"
    assert [tick.get_text() for tick in batch_size.get_xticklabels()] == ["32", "128"]
    assert sorted({line.get_xdata()[0] for line in batch_size.lines}) == [0, 1]
    assert "8 trials; the best: 98.00 %" in figure.get_suptitle()


def test_lines_lead_from_rung_to_rung(tmp_path):
    figure = viz.search(ladder(), best=5)
    climb = figure.axes[3]
    lines = {tuple(line.get_xdata()): [] for line in climb.lines}
    for line in climb.lines:
        lines[tuple(line.get_xdata())].append(line)
    assert {epochs: len(group) for epochs, group in lines.items()} == {
        (): 1,  # the diverged one
        (1,): 3,
        (1, 2): 2,
        (1, 2, 4): 2,
    }
    best = climb.lines[-1]  # on top of the others
    assert best.get_color() == ORANGE
    np.testing.assert_allclose(best.get_ydata(), [92, 94, 98])
    assert list(climb.get_xticks()) == [1, 2, 4]
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys == ["the best", "trained for 4 epochs", "stopped before", "diverged"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_random_search_has_no_rungs_and_no_useless_keys(tmp_path, count):
    names = ["lr", "weight_decay", "momentum", "batch_size", "schedule"][:count]
    values = {"schedule": "cosine"}
    settings = {name: values.get(name, 0.1) for name in names}
    figure = viz.search([Result(0, 3, settings, 0.5), Result(1, 3, settings, 0.6)], best=1)
    figure.savefig(tmp_path / "search.png")
    visible = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in visible] == [n.replace("_", " ") for n in names]
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys == ["the best", "trained for 3 epochs"]
