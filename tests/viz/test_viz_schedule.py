"""The picture of a schedule shows the rates that the optimiser would use."""

import numpy as np
import pytest

from minidl import viz
from minidl.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)


def test_one_schedule_is_one_line(tmp_path):
    figure = viz.schedule(lambda optimizer: StepLR(optimizer, 2), steps=5, lr=0.8)
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.8, 0.8, 0.08, 0.08, 0.008])
    assert ax.get_legend() is None
    assert (ax.get_title(loc="left"), ax.get_xlabel()) == ("Learning rate", "step")
    assert ax.get_yscale() == "linear"
    figure.savefig(tmp_path / "figure.png")


def test_momentum_is_drawn_where_it_moves(tmp_path):
    figure = viz.schedule(
        {
            "cycle": lambda o: CyclicLR(o, 0.1, 0.5, step_size_up=2),
            "cosine": lambda o: CosineAnnealingLR(o, 4),
        },
        steps=5,
        lr=0.2,
    )
    rate, momentum = figure.axes
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [0.1, 0.3, 0.5, 0.3, 0.1])
    np.testing.assert_allclose(rate.lines[1].get_ydata()[[0, 2, 4]], [0.2, 0.1, 0], atol=1e-15)
    np.testing.assert_allclose(momentum.lines[0].get_ydata(), [0.9, 0.85, 0.8, 0.85, 0.9])
    np.testing.assert_allclose(momentum.lines[1].get_ydata(), 0.9)
    assert [text.get_text() for text in rate.get_legend().get_texts()] == ["cycle", "cosine"]
    looks = {(line.get_color(), line.get_linestyle()) for line in rate.lines}
    assert len(looks) == 2
    assert rate.lines[1].get_color() == momentum.lines[1].get_color()
    figure.savefig(tmp_path / "figure.png")


def test_each_group_has_its_line():
    figure = viz.schedule(lambda o: OneCycleLR(o, [0.1, 0.3], 4, div_factor=2), 4, lr=[1, 1])
    rate, momentum = figure.axes
    assert [line.get_ydata()[0] for line in rate.lines] == pytest.approx([0.05, 0.15])
    assert [text.get_text() for text in rate.get_legend().get_texts()] == ["group 0", "group 1"]
    assert len(momentum.lines) == 1


def test_a_schedule_that_goes_by_a_metric():
    figure = viz.schedule(
        lambda o: ReduceLROnPlateau(o, patience=0), 4, metrics=[3.0, 2.0, 2.0], log=True
    )
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.1, 0.1, 0.1, 0.01])
    assert figure.axes[0].get_yscale() == "log"
    with pytest.raises(ValueError, match=r"give the losses after the first 3.*not 2"):
        viz.schedule(ReduceLROnPlateau, 4, metrics=[3.0, 2.0])


def test_errors():
    with pytest.raises(ValueError, match="at least 1 step to draw, not 0"):
        viz.schedule(lambda o: StepLR(o, 2), 0)
