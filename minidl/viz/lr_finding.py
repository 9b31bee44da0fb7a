"""What a search for a learning rate saw."""

from contextlib import suppress
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from minidl.viz.style import BLUE, GREY, INK, ORANGE, TICK, dress, figure


class Finding(Protocol):
    """Rates and losses, such as `minidl.train.lr_find` returns."""

    @property
    def lrs(self) -> np.ndarray:
        """(S,), the rates."""

    @property
    def losses(self) -> np.ndarray:
        """(S,), the loss of one batch each."""

    @property
    def smoothed(self) -> np.ndarray:
        """(S,), their running mean."""

    @property
    def suggestion(self) -> float:
        """Where the mean falls most steeply."""

    @property
    def minimum(self) -> float:
        """Where it is lowest."""


def lr_finding(finding: Finding) -> Figure:
    """Draw the loss over the learning rate, with the rates that are worth trying.

    Args:
        finding: what `minidl.train.lr_find` returned.

    Returns:
        A figure with one plot: the rate on a logarithmic axis, the losses as dots, their running
        mean as a line, its steepest and its lowest place. Far above where it began, it is cut off.
    """
    fig = figure(height=4.4)
    ax = fig.subplots()
    lrs, smoothed = np.asarray(finding.lrs), np.asarray(finding.smoothed)
    ax.plot(lrs, finding.losses, ".", color=GREY, markersize=4, label="loss of one batch")
    ax.plot(lrs, smoothed, color=BLUE, linewidth=2, label="running mean")
    lowest = f"lowest: {finding.minimum:.2g}, a tenth is {finding.minimum / 10:.2g}"
    _mark(ax, finding, finding.minimum, "s", lowest)
    title = "Learning rate: the loss did not fall"
    with suppress(ValueError):
        title = f"Learning rate: suggested {finding.suggestion:.2g}"
        _mark(ax, finding, finding.suggestion, "o", f"steepest: {finding.suggestion:.2g}")
    dress(ax, title, "learning rate (logarithmic axis)", "loss")
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(numticks=12))
    falling = slice(smoothed.argmin() + 1)  # what comes after may rise beyond all bounds
    low, high = np.min(finding.losses[falling]), smoothed[falling].max()
    room = max(high - low, 0.01)
    ax.set_ylim(low - 0.1 * room, high + 0.8 * room)
    ax.legend(loc="best", fontsize=TICK, frameon=False, labelcolor=INK)
    return fig


def _mark(ax: Axes, finding: Finding, lr: float, marker: str, label: str) -> None:
    """A mark on the line at the rate `lr`."""
    loss = finding.smoothed[np.searchsorted(finding.lrs, lr)]
    ax.plot([lr], [loss], marker, color=ORANGE, markersize=9, markeredgecolor="white", label=label)
