"""The learning curves of a run."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from minidl.viz.style import BLUE, INK, ORANGE, TICK, dress, figure


class Table(Protocol):
    """Columns by name, such as `minidl.train.History`."""

    def __getitem__(self, column: str, /) -> Sequence[float]:
        """One value an epoch."""


def curves(history: Table, valid_name: str = "validation") -> Figure:
    """Draw loss and accuracy over the epochs, for training and validation images.

    Args:
        history: with the columns epoch, train_loss, valid_loss, train_accuracy, valid_accuracy;
            accuracies between 0 and 1.
        valid_name: what to call the validation images, e.g. "test".

    Returns:
        A figure with two plots: the loss on a logarithmic axis, the accuracy in percent.
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
    return fig


def _best(history: Table, valid_name: str) -> str:
    """The title of the accuracy plot: the best epoch, if there are validation images."""
    accuracy = np.asarray(history["valid_accuracy"])
    if np.isnan(accuracy).all():
        return "Accuracy"
    best = int(np.nanargmax(accuracy))
    percent = f"{accuracy[best]:.2%}".replace("%", " %")
    return f"Accuracy: {valid_name} at best {percent} (epoch {history['epoch'][best]})"
