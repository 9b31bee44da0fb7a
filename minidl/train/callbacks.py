"""What happens beside the training loop, and the small protocol for adding to it.

A callback is told when something happened and sees the `State`. The trainer calls callbacks in the
order of their `order`, and of the list where that is equal.
"""

import os
import warnings
from pathlib import Path
from typing import Any, Literal, Protocol

from minidl import weights
from minidl.train import checkpoint
from minidl.train.state import Resumable, State


class Callback:
    """Override the methods you need.

    What a callback must remember for a resumed run it returns from `state_dict`, and takes back in
    `load_state_dict`.
    """

    order = 0

    def on_fit_start(self, state: State) -> None:
        """Before the first epoch; in a resumed run, after the checkpoint was loaded."""

    def on_epoch_start(self, state: State) -> None:
        """Before an epoch's first step; in a resumed run, before its remaining steps."""

    def on_step_end(self, state: State) -> None:
        """After the weights moved; `state.loss` is the step's."""

    def on_valid_start(self, state: State) -> None:
        """Before the validation images."""

    def on_epoch_end(self, state: State) -> None:
        """After validation; the epoch is the last row of `state.history`."""

    def on_interrupt(self, state: State) -> None:
        """After Ctrl-C, between two steps; then the training stops."""

    def on_fit_end(self, state: State) -> None:
        """The last call, whatever ended the training: its end, Ctrl-C or an error."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should keep of this callback; empty if nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""


class Scheduler(Protocol):
    """What a learning-rate schedule must offer; those of `minidl.optim.lr_scheduler` do."""

    def step(self) -> None:
        """Set the next learning rate."""

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where `state_dict` said."""


class LRSchedule(Callback):
    """Step a learning-rate schedule after every epoch, or after every step."""

    def __init__(self, scheduler: Scheduler, per: Literal["epoch", "step"] = "epoch") -> None:
        if per not in ("epoch", "step"):
            raise ValueError(f"per must be 'epoch' or 'step', not {per!r}")
        self.scheduler = scheduler
        self.per = per

    def on_step_end(self, state: State) -> None:  # noqa: ARG002
        """Step, if it is a schedule per step."""
        if self.per == "step":
            self.scheduler.step()

    def on_epoch_end(self, state: State) -> None:  # noqa: ARG002
        """Step, if it is a schedule per epoch."""
        if self.per == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's own state."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the schedule's own state."""
        self.scheduler.load_state_dict(state)


class CSVLog(Callback):
    """Write the history to a CSV file after every epoch."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_epoch_end(self, state: State) -> None:
        """Write the whole table anew."""
        try:
            state.history.to_csv(self.path)
        except PermissionError as error:  # a spreadsheet on Windows locks the file it shows
            warnings.warn(f"{self.path} is written after the next epoch: {error}", stacklevel=2)


class BestWeights(Callback):
    """Keep the weights of the epoch with the highest validation accuracy in a file.

    Of equal accuracies the lower validation loss wins. The weights are chosen with the help of the
    validation images, so their accuracy on those same images is a little flattering.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.epoch = 0
        self.score = (float("-inf"), float("-inf"))

    def on_fit_start(self, state: State) -> None:
        """Check that there is something to choose by."""
        if state.valid is None:
            raise ValueError("BestWeights needs validation images: fit(train, valid, epochs)")

    def on_epoch_end(self, state: State) -> None:
        """Write the weights if they are the best so far."""
        row = state.history.rows[-1]
        score = (row["valid_accuracy"], -row["valid_loss"])
        if score > self.score:
            self.score, self.epoch = score, state.epoch
            weights.save(state.model.state_dict(), self.path)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"epoch": self.epoch, "score": self.score}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back the best epoch so far."""
        self.epoch, self.score = state["epoch"], state["score"]


class Checkpoint(Callback):
    """Keep everything the run needs to go on in one file, after every epoch and on Ctrl-C.

    `Trainer.fit(…, resume=path)` goes on from there. If `weights_path` is given, the weights alone
    are written there too, after every epoch.
    """

    order = 100  # last, so that it keeps what the other callbacks did after the same epoch

    def __init__(
        self,
        path: str | os.PathLike[str],
        weights_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.weights_path = weights_path

    def on_fit_start(self, state: State) -> None:
        """Check that the training images can be taken up again in the middle of an epoch."""
        if not isinstance(state.train, Resumable):
            raise TypeError(
                f"a checkpoint must know the place in the training images, but {type(state.train)} "
                "has no state_dict(); use minidl.data.DataLoader"
            )

    def on_epoch_end(self, state: State) -> None:
        """Save."""
        checkpoint.save(state.state_dict(), self.path)
        if self.weights_path is not None:
            weights.save(state.model.state_dict(), self.weights_path)

    def on_interrupt(self, state: State) -> None:
        """Save in the middle of an epoch."""
        checkpoint.save(state.state_dict(), self.path)
