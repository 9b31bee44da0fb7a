"""Stop when the validation images say that nothing is gained any more."""

import math
from typing import Any

from minidl.train.callbacks.callback import Callback
from minidl.train.state import State

MONITORS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")


class EarlyStopping(Callback):
    """End the training after `patience` epochs in a row without improvement.

    The model keeps its last weights, not its best: `BestWeights` keeps those. A checkpoint knows
    that the run was ended, so resuming it trains no further epoch.

    Args:
        patience: how many epochs may pass without improvement before the training ends.
        monitor: the column of the history to look at. A loss should fall, an accuracy rise.
        min_delta: a change by no more than this is no improvement.

    Attributes:
        best: the best value so far, and `epoch` the epoch that reached it, counted from 1.

    Source: Prechelt, Early Stopping - But When?, 1998 (its criterion UP counts like this).
    """

    def __init__(self, patience: int, monitor: str = "valid_loss", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience counts epochs, so it is at least 1, not {patience}")
        if monitor not in MONITORS:
            raise ValueError(f"monitor is one of {', '.join(MONITORS)}, not {monitor!r}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta is a distance, 0 or more, not {min_delta}")
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self.sign = -1 if monitor.endswith("loss") else 1  # sign · value should rise
        self.best = -self.sign * math.inf
        self.epoch = 0

    def on_fit_start(self, state: State) -> None:
        """Check that there is something to look at."""
        if state.valid is None and self.monitor.startswith("valid"):
            raise ValueError(
                f"EarlyStopping(monitor={self.monitor!r}) needs validation images: "
                "fit(train, valid, epochs)"
            )

    def on_epoch_end(self, state: State) -> None:
        """Remember the epoch if it is the best, else stop if the best is too long ago."""
        value = state.history.rows[-1][self.monitor]
        if self.sign * (value - self.best) > self.min_delta:
            self.best, self.epoch = value, state.epoch
        elif state.epoch - self.epoch >= self.patience:
            state.stop = True

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back the best epoch so far."""
        self.best, self.epoch = state["best"], state["epoch"]
