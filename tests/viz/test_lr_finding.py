"""The picture of a learning-rate search: the marks are at the rates that are named."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidl import viz
from minidl.train import LRFinding


def finding() -> LRFinding:
    x = np.linspace(-7, 1, 100)
    losses = 2.3 - 1 / (1 + np.exp(-3 * (x + 2))) + 100 * np.clip(x, 0, None) ** 2
    return LRFinding(10**x, losses)


def test_it_draws_losses_and_mean_and_marks_both_rates(tmp_path):
    found = finding()
    figure = viz.lr_finding(found)
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["loss of one batch"].get_ydata(), found.losses)
    np.testing.assert_array_equal(lines["running mean"].get_ydata(), found.smoothed)
    steepest = lines[f"steepest: {found.suggestion:.2g}"]
    assert steepest.get_xdata() == [found.suggestion]
    assert steepest.get_ydata() == [found.smoothed[found.lrs == found.suggestion]]
    lowest = lines[f"lowest: {found.minimum:.2g}, a tenth is {found.minimum / 10:.2g}"]
    assert lowest.get_ydata() == [found.smoothed.min()]
    assert f"suggested {found.suggestion:.2g}" in ax.get_title(loc="left")
    assert ax.get_xscale() == "log"
    low, high = ax.get_ylim()
    assert low < found.losses.min() and high < 10 < found.losses.max()  # the explosion is cut off
    figure.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize("count", [1, 30])
def test_a_loss_that_never_fell_is_drawn_without_a_suggestion(tmp_path, count):
    found = LRFinding(np.geomspace(1e-5, 1, count), np.linspace(1, 2, count))
    figure = viz.lr_finding(found)
    assert figure.axes[0].get_title(loc="left") == "Learning rate: the loss did not fall"
    assert not any("steepest" in line.get_label() for line in figure.axes[0].lines)
    figure.savefig(tmp_path / "figure.png")


def test_any_object_with_the_same_names_will_do(tmp_path):
    real = finding()
    names = ("lrs", "losses", "smoothed", "suggestion", "minimum")
    figure = viz.lr_finding(SimpleNamespace(**{name: getattr(real, name) for name in names}))
    assert len(figure.axes[0].lines) == 4
