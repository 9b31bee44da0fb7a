"""The learning curves of a run."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from minidl.viz.style import BLUE, GREY, INK, ORANGE, TICK, dress, figure


class Table(Protocol):
    """Columns by name, such as `minidl.train.History`."""

    def __getitem__(self, column: str, /) -> Sequence[float]:
        """One value an epoch."""


def curves(history: Table, valid_name: str = "validation") -> Figure:
    """Draw loss and accuracy over the epochs, for training and validation images.

    Args:
        history: with the columns epoch, train_loss, valid_loss, train_accuracy, valid_accuracy, lr;
            accuracies between 0 and 1.
        valid_name: what to call the validation images, e.g. "test".

    Returns:
        A figure with two plots: the loss on a logarithmic axis, the accuracy in percent. Where the
        learning rate was lowered a dotted line says to what.
    """
    fig = figure(width=9.6, height=4.2)
    left, right = fig.subplots(1, 2)
    epoch = np.asarray(history["epoch"])
    for kind, label, colour in (("train", "training", BLUE), ("valid", valid_name, ORANGE)):
        loss, accuracy = (np.asarray(history[f"{kind}_{name}"]) for name in ("loss", "accuracy"))
        if np.isnan(loss).all():
            continue
        style = {"color": colour, "linewidth": 2, "marker": "o", "markersize": 4, "label": label}
        if kind == "train":
            style |= {"linestyle": "--", "markerfacecolor": "white"}
        left.plot(epoch, loss, **style)
        right.plot(epoch, 100 * accuracy, **style)
    dress(left, "Loss", "epoch", "cross-entropy (logarithmic axis)")
    dress(right, _best(history, valid_name), "epoch", "images classified correctly")
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter("")
    right.yaxis.set_major_formatter("{x:g} %")
    for ax, corner in ((left, "upper right"), (right, "lower right")):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.legend(loc=corner, fontsize=TICK, frameon=False, labelcolor=INK)
    for lowered, lr in lr_drops(epoch, np.asarray(history["lr"])):
        for ax in (left, right):
            ax.axvline(lowered - 0.5, color=GREY, linewidth=1, linestyle=":")
            ax.text(
                lowered - 0.5,
                1.0,
                f"lr {lr:.2g}",
                transform=ax.get_xaxis_transform(),
                fontsize=TICK,
                color=GREY,
                ha="center",
                va="bottom",
            )
            ax.set_title(ax.get_title(loc="left"), loc="left", pad=18)  # above the rates
    return fig


def lr_drops(epoch: np.ndarray, lr: np.ndarray) -> list[tuple[int, float]]:
    """The epochs before which the learning rate was lowered at a stroke, and to what.

    A stroke comes after a rest, two epochs or more at one rate: a rate that falls a little every
    epoch is a curve, which no line can mark.
    """
    rested = np.concatenate([[False, False], lr[1:-1] == lr[:-2]])[: len(lr)]
    fell = np.concatenate([[False], lr[1:] < lr[:-1]])[: len(lr)]
    return [(int(epoch[k]), float(lr[k])) for k in np.flatnonzero(rested & fell)]


def _best(history: Table, valid_name: str) -> str:
    """The title of the accuracy plot: the best epoch, if there are validation images."""
    accuracy = np.asarray(history["valid_accuracy"])
    if np.isnan(accuracy).all():
        return "Accuracy"
    best = int(np.nanargmax(accuracy))
    percent = f"{accuracy[best]:.2%}".replace("%", " %")
    return f"Best {valid_name}: {percent} (epoch {history['epoch'][best]})"
