"""What a search for hyperparameters found."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator

from minidl.viz.style import BLUE, GREY, INK, ORANGE, TICK, dress, figure

FEW = 6  # up to so many different whole numbers or words get a tick each
WIDE = 20  # a range with this ratio of its ends gets a logarithmic axis


class Result(Protocol):
    """How a trial stood after some epochs, such as `minidl.train.search.Result`."""

    @property
    def trial(self) -> int:
        """Its number."""

    @property
    def epochs(self) -> int:
        """How many it has had."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its hyperparameters by name."""

    @property
    def accuracy(self) -> float:
        """Between 0 and 1; NaN if the trial diverged."""


def search(results: Sequence[Result], best: int) -> Figure:
    """Draw the accuracy against each hyperparameter; if there were rungs, also over the epochs.

    A hyperparameter that matters shows a slope or a hill; one that does not, a cloud.

    Args:
        results: of all trials, after each rung.
        best: the number of the trial to show in orange.
    """
    results = sorted(results, key=lambda r: (r.trial == best, r.epochs))  # the best is drawn last
    last = {result.trial: result for result in results}
    most = max(result.epochs for result in results)
    names = list(results[0].settings)
    panels = len(names) + any(result.epochs < most for result in results)
    columns = panels if panels < 4 else 2 if panels == 4 else 3
    rows = -(-panels // columns)
    fig = figure(width=3.6 * columns + 0.6, height=3.2 * rows + 0.5)
    axes = list(fig.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for ax, name in zip(axes, names, strict=False):
        _scatter(ax, name, list(last.values()), best, most)
    if panels > len(names):
        _climb(axes[len(names)], results, best, most)
    for ax in axes[panels:]:
        ax.set_axis_off()
    for ax in axes[:panels:columns]:
        ax.set_ylabel("held-out images right")
        ax.yaxis.set_major_formatter("{x:g} %")
    accuracy = f"{last[best].accuracy:.2%}".replace("%", " %")
    fig.suptitle(f"{len(last)} trials; the best: {accuracy}", color=INK, x=0.01, ha="left")
    keys = [_key("o", ORANGE, "the best"), _key("o", BLUE, f"trained for {most} epochs")]
    if any(r.epochs < most and not math.isnan(r.accuracy) for r in last.values()):
        keys.append(_key("o", GREY, "stopped before", markerfacecolor="white"))
    if any(math.isnan(r.accuracy) for r in last.values()):
        keys.append(_key("x", GREY, "diverged"))
    fig.legend(
        handles=keys,
        loc="outside lower left",
        ncols=len(keys) if columns > 1 else 2,
        fontsize=TICK,
        frameon=False,
        labelcolor=INK,
    )
    return fig


def _key(marker: str, colour: str, label: str, **style: Any) -> Line2D:
    return Line2D([], [], marker=marker, color=colour, linestyle="", label=label, **style)


def _scatter(ax: Axes, name: str, last: Sequence[Result], best: int, most: int) -> None:
    """A point a trial: the hyperparameter to the right, the accuracy upwards."""
    values = [result.settings[name] for result in last]
    different = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    few = all(isinstance(v, int | str) for v in different) and len(different) <= FEW
    places = [different.index(value) for value in values] if few else values
    for result, x in zip(last, places, strict=True):
        if math.isnan(result.accuracy):
            ax.plot(x, 0.03, "x", color=GREY, transform=ax.get_xaxis_transform())
            continue
        whole = result.epochs == most
        colour = ORANGE if result.trial == best else BLUE if whole else GREY
        inside = colour if whole else "white"
        y = 100 * result.accuracy
        ax.plot(x, y, "o", color=colour, markerfacecolor=inside, markersize=7)
    dress(ax, name.replace("_", " "))
    if few:
        ax.set_xticks(range(len(different)), [_short(value) for value in different])
        ax.set_xlim(-0.5, len(different) - 0.5)
    elif different[0] > 0 and different[-1] > WIDE * different[0]:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator())
        ax.xaxis.set_minor_formatter("")


def _climb(ax: Axes, results: Sequence[Result], best: int, most: int) -> None:
    """A line a trial, from rung to rung, those that were stopped below the others."""
    reached = {result.trial: result.epochs for result in results}
    for trial in sorted(reached, key=lambda trial: (trial == best, reached[trial])):
        own = [r for r in results if r.trial == trial and not math.isnan(r.accuracy)]
        whole = reached[trial] == most
        colour = ORANGE if trial == best else BLUE if whole else GREY
        inside = colour if whole else "white"
        epochs, accuracy = [r.epochs for r in own], [100 * r.accuracy for r in own]
        ax.plot(epochs, accuracy, "o-", color=colour, markerfacecolor=inside, markersize=5)
    dress(ax, "from rung to rung", "epochs")
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(sorted({result.epochs for result in results})))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(FixedLocator([]))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
