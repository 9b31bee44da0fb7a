"""What a run keeps in files: its history, its best weights, and everything it needs to go on."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minidl import weights
from minidl.train import checkpoint
from minidl.train.callbacks.callback import Callback
from minidl.train.state import Resumable, State


class _File(Callback):
    """A file that is written after epochs; subclasses write it.

    A full disk, or a file that another program has locked, does not end the training: there is a
    warning, the file that was there stays as it was, and the next attempt is after the next epoch.
    If the training ends and the newest could still not be written, `fit` raises OSError.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.failed = False

    def write(self, state: State) -> None:
        """Write the file."""
        raise NotImplementedError

    @contextmanager
    def patience(self, state: State, then: str) -> Iterator[None]:
        """Turn an OSError into a warning, and remember that writing failed."""
        try:
            yield
            self.failed = False
        except OSError as error:
            self.failed = True
            when = f"epoch {state.epoch}" + (f" and {state.step} steps" if state.step else "")
            warnings.warn(
                f"{self.path} could not be written after {when}: {error}. {self._left()} {then}",
                stacklevel=3,
            )

    def on_fit_start(self, state: State) -> None:  # noqa: ARG002
        """Take away what a killed run left half written."""
        weights.remove_leftovers(self.path)

    def on_epoch_end(self, state: State) -> None:
        """Write the file."""
        with self.patience(state, "The training goes on; next attempt: after the next epoch."):
            self.write(state)

    def on_fit_end(self, state: State) -> None:
        """If the training came to its end and the file is not the newest, try a last time."""
        if self.failed and (state.stop or state.epoch == state.epochs):
            try:
                self.write(state)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"the training is finished, but {self.path} could not be written: {error}. "
                    f"{self._left()} The trained model is still in memory: make room, then keep "
                    "it by minidl.save(model.state_dict(), path), and the table by "
                    "trainer.history.to_csv(path)",
                ) from error

    def _left(self) -> str:
        return "The one written before is intact." if self.path.exists() else "There is none yet."


class CSVLog(_File):
    """Write the history to a CSV file after every epoch: the whole table anew."""

    def write(self, state: State) -> None:
        """Write the table."""
        state.history.to_csv(self.path)


class BestWeights(_File):
    """Keep the weights of the epoch with the highest validation accuracy in a file.

    Of equal accuracies the lower validation loss wins. The weights are chosen with the help of the
    validation images, so their accuracy on those same images is a little flattering. They are those
    that validation looked at: with `EMA`, the averaged ones.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self.epoch = 0
        self.score = (float("-inf"), float("-inf"))
        self.unwritten: dict[str, Any] | None = None  # the best weights, if the disk was full

    def on_fit_start(self, state: State) -> None:
        """Check that there is something to choose by."""
        if state.valid is None:
            raise ValueError("BestWeights needs validation images: fit(train, valid, epochs)")
        super().on_fit_start(state)

    def on_epoch_end(self, state: State) -> None:
        """Write the weights if they are the best so far."""
        row = state.history.rows[-1]
        score = (row["valid_accuracy"], -row["valid_loss"])
        if score > self.score:
            self.score, self.epoch = score, state.epoch
            self.unwritten = state.evaluated.state_dict()
        if self.unwritten is not None:
            super().on_epoch_end(state)

    def write(self, state: State) -> None:  # noqa: ARG002
        """Write the best weights."""
        if self.unwritten is not None:
            weights.save(self.unwritten, self.path)
            self.unwritten = None

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"epoch": self.epoch, "score": self.score, "unwritten": self.unwritten}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back the best epoch so far."""
        self.epoch, self.score, self.unwritten = state["epoch"], state["score"], state["unwritten"]


class Checkpoint(_File):
    """Keep everything the run needs to go on in one file, after every epoch and on Ctrl-C.

    `Trainer.fit(…, resume=path)` goes on from there. If `weights_path` is given, the weights alone
    are written there too, after every epoch: those that validation looked at.
    """

    order = 100  # last, so that it keeps what the other callbacks did after the same epoch

    def __init__(
        self,
        path: str | os.PathLike[str],
        weights_path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(path)
        self.weights_path = weights_path

    def on_fit_start(self, state: State) -> None:
        """Check that the training images can be taken up again in the middle of an epoch."""
        if not isinstance(state.train, Resumable):
            raise TypeError(
                f"a checkpoint must know the place in the training images, but {type(state.train)} "
                "has no state_dict(); use minidl.data.DataLoader"
            )
        super().on_fit_start(state)

    def write(self, state: State) -> None:
        """Write both files."""
        checkpoint.save(state.state_dict(), self.path)
        if self.weights_path is not None:
            weights.save(state.evaluated.state_dict(), self.weights_path)

    def on_interrupt(self, state: State) -> None:
        """Write the checkpoint in the middle of an epoch."""
        with self.patience(state, "What was learned since then is lost when the program ends."):
            checkpoint.save(state.state_dict(), self.path)
