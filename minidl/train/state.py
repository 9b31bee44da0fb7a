"""Where a training run stands: what the trainer changes, callbacks see and checkpoints keep."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from minidl import random
from minidl.nn import Module
from minidl.train.checkpoint import CheckpointError
from minidl.train.history import History
from minidl.train.metrics import Mean

if TYPE_CHECKING:
    from minidl.train.callbacks import Callback

Batch = tuple[np.ndarray, np.ndarray]  # images (N, C, H, W), labels (N,)


class Batches(Protocol):
    """Batches to go through, once an epoch: a `minidl.data.DataLoader`, or simply a list."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield (images, labels)."""

    def __len__(self) -> int:
        """The number of batches."""


@runtime_checkable
class Resumable(Protocol):
    """Batches that know their place, as a `minidl.data.DataLoader` does."""

    def state_dict(self) -> dict[str, Any]:
        """The epoch and the next batch in it."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass begin at that batch."""


class Optimizer(Protocol):
    """What an optimiser must offer; those of `minidl.optim` do."""

    param_groups: list[dict[str, Any]]

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> None:
        """Move the weights."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of the steps before."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""


class State:
    """Everything about a run that is under way.

    Attributes:
        epoch: finished epochs. The running one has this index, and one more for a human reader.
        epochs: how many there will be.
        step: finished steps of the running epoch, out of `steps`.
        loss: the last step's loss.
        train_loss, train_accuracy: running means over the epoch so far.
        train_seconds: time spent on the steps of the epoch so far.
        lr: the learning rate the epoch began with.
        history: the finished epochs.
        stop: a callback may set it to True: the training ends after this epoch.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        train: Batches,
        valid: Batches | None,
        epochs: int,
        callbacks: "list[Callback]",
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.train = train
        self.valid = valid
        self.callbacks = callbacks
        self.epochs = epochs
        self.steps = len(train)
        self.history = History()
        self.stop = False
        self.loss = float("nan")
        self.lr = float("nan")
        self.epoch = 0
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Set what is counted within an epoch back to nothing."""
        self.step = 0
        self.train_loss = Mean()
        self.train_accuracy = Mean()
        self.train_seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Everything a run needs to go on, for `minidl.train.checkpoint`."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "callbacks": {
                name: callback.state_dict() for name, callback in self._named_callbacks()
            },
            "train": self.train.state_dict() if isinstance(self.train, Resumable) else None,
            "random": random.get_state(),
            "history": self.history.rows,
            "progress": {
                "epoch": self.epoch,
                "step": self.step,
                "stop": self.stop,
                "loss": self.loss,
                "train_loss": vars(self.train_loss),
                "train_accuracy": vars(self.train_accuracy),
                "train_seconds": self.train_seconds,
                "lr": self.lr,
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where the run stood whose `state_dict` this is.

        Raises:
            CheckpointError: that run had other callbacks.
        """
        callbacks = dict(self._named_callbacks())
        if callbacks.keys() != state["callbacks"].keys():
            raise CheckpointError(
                f"the checkpoint is of a run with the callbacks {sorted(state['callbacks'])}, "
                f"this run has {sorted(callbacks)}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, callback in callbacks.items():
            callback.load_state_dict(state["callbacks"][name])
        if isinstance(self.train, Resumable):
            self.train.load_state_dict(state["train"])
        random.set_state(state["random"])
        self.history = History(state["history"])
        progress = dict(state["progress"])
        self.train_loss = Mean(**progress.pop("train_loss"))
        self.train_accuracy = Mean(**progress.pop("train_accuracy"))
        for name, value in progress.items():
            setattr(self, name, value)

    def _named_callbacks(self) -> "Iterator[tuple[str, Callback]]":
        """Name the callbacks that have something to remember: a progress bar may come and go."""
        for number, callback in enumerate(c for c in self.callbacks if c.state_dict()):
            yield f"{type(callback).__name__} {number}", callback
