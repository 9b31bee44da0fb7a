"""Where a training run stands: what the trainer changes, callbacks see and checkpoints keep."""

from collections.abc import Iterator, Mapping
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
Targets = list[tuple[float, np.ndarray]]  # shares, which add up to 1, and labels (N,)


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
        model: the model that learns.
        evaluated: the model that validation looks at and whose weights are kept for later use:
            `model`, unless a callback puts another in its place.
        epoch: finished epochs. The running one has this index, and one more for a human reader.
        epochs: how many there will be.
        step: finished steps of the running epoch, out of `steps`.
        images: (N, C, H, W), the batch of the running step.
        targets: what the images show: [(1.0, labels)] unless a callback mixes images. The loss is
            Σ share · loss(output, labels) over the pairs (share, labels).
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
        self.model = self.evaluated = model
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
        self.images = np.zeros((0, 0, 0, 0), np.float32)
        self.targets: Targets = []
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
            "model_class": type(self.model).__name__,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "callbacks": {name: state for name, _, state in self._remembering()},
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
            CheckpointError: that run had another model, optimiser, callbacks or training batches.
        """
        callbacks = {name: callback for name, callback, _ in self._remembering()}
        self._check_model(state)
        if callbacks.keys() != state["callbacks"].keys():
            raise CheckpointError(
                f"the checkpoint is of a run with the callbacks {sorted(state['callbacks'])}, "
                f"this run has {sorted(callbacks)}"
            )
        try:
            self.optimizer.load_state_dict(state["optimizer"])
            if isinstance(self.train, Resumable):
                self.train.load_state_dict(state["train"])
        except ValueError as error:
            raise CheckpointError(f"the checkpoint is of another run: {error}") from error
        self.model.load_state_dict(state["model"])
        for name, callback in callbacks.items():
            callback.load_state_dict(state["callbacks"][name])
        random.set_state(state["random"])
        self.history = History(state["history"])
        progress = dict(state["progress"])
        self.train_loss = Mean(**progress.pop("train_loss"))
        self.train_accuracy = Mean(**progress.pop("train_accuracy"))
        for name, value in progress.items():
            setattr(self, name, value)

    def _check_model(self, state: dict[str, Any]) -> None:
        """CheckpointError if the state is of a run with another model."""
        saved, own = state["model"], self.model.state_dict()
        theirs, ours = state["model_class"], type(self.model).__name__
        if theirs != ours or not _same_shapes(own, saved):
            raise CheckpointError(
                f"the checkpoint is of another model: of {_described(theirs, saved)}, and this run "
                f"trains {_described(ours, own)}; {_first_difference(own, saved)}. Make the model "
                "as it was made for that run, or start a new run"
            )

    def _remembering(self) -> "Iterator[tuple[str, Callback, dict[str, Any]]]":
        """The callbacks that have something to remember, named: a progress bar may come and go."""
        states = [(callback, callback.state_dict()) for callback in self.callbacks]
        for number, (callback, state) in enumerate(pair for pair in states if pair[1]):
            yield f"{type(callback).__name__} {number}", callback, state


def _same_shapes(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return {name: array.shape for name, array in a.items()} == {
        name: array.shape for name, array in b.items()
    }


def _described(model: str, arrays: Mapping[str, np.ndarray]) -> str:
    """A model's class and size."""
    numbers = sum(array.size for array in arrays.values())
    return f"{model} ({len(arrays)} arrays, {numbers:,} numbers)"


def _first_difference(own: Mapping[str, np.ndarray], saved: Mapping[str, np.ndarray]) -> str:
    """Where two models begin to differ, for people to read."""
    for name, array in own.items():
        if name not in saved:
            return f"the first difference is {name}, which the checkpoint does not have"
        if array.shape != saved[name].shape:
            return (
                f"the first difference is {name}, of shape {saved[name].shape} in the checkpoint "
                f"and {array.shape} here"
            )
    for name in saved:
        if name not in own:
            return f"the first difference is {name}, which this model does not have"
    return "names and shapes of all arrays are the same, but not the class"
