"""The training loop, and what callbacks are told, in order:

    on_fit_start
    for each epoch:
        on_epoch_start
        for each batch:
            on_step_start                   images and labels may be mixed
            forward, loss, backward
            on_backward_end                 gradients may be clipped
            optimizer.step()
            on_step_end                     averages of the weights, schedules per step
        on_valid_start
        the validation images
        on_epoch_end                        schedules per epoch, files
    on_fit_end                              always, and in the opposite order of callbacks

Ctrl-C: `on_interrupt` after the step or the validation batch that is under way, then `on_fit_end`.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from minidl import functional as F
from minidl.nn import Module
from minidl.train import checkpoint
from minidl.train.callbacks import Callback
from minidl.train.evaluation import Loss, evaluate
from minidl.train.history import History
from minidl.train.interrupt import Interrupt
from minidl.train.metrics import accuracy
from minidl.train.state import Batches, Optimizer, State, Targets


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number."""


class Trainer:
    """Train a model.

    Args:
        model: images (N, C, H, W) → logits (N, K). The trainer sets its training and evaluation
            mode.
        optimizer: moves the model's parameters.
        loss: (logits, labels) → scalar Tensor, the mean over the batch.
        callbacks: what else happens; see `minidl.train.callbacks`.

    Attributes:
        history: that of the last `fit`, which is here also if an error or Ctrl-C ended it.

    Example:
        trainer = Trainer(model, SGD(model.parameters(), lr=0.1), callbacks=[ProgressBar()])
        history = trainer.fit(DataLoader(train, 64, shuffle=True), DataLoader(test, 256), epochs=5)
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Loss = F.cross_entropy,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.callbacks = sorted(callbacks, key=lambda callback: callback.order)
        self.history = History()
        self._interrupt = Interrupt()

    def fit(
        self,
        train: Batches,
        valid: Batches | None,
        epochs: int,
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Go through the training images `epochs` times and return a table with a row an epoch.

        Args:
            train: batches of (images (N, C, H, W) float32, labels (N,) int64).
            valid: likewise, looked at after every epoch; None for no validation.
            epochs: how many in total, those before a resumed checkpoint included.
            resume: a checkpoint to go on from. The result is that of a run never stopped, bit for
                bit, if model, optimizer, callbacks and batches were made as they were for it.

        Raises:
            DivergedError: the loss became NaN or infinite; the message says what to try.
            ValueError: what a step was given, it cannot compute with; that may be a learning rate
                that a schedule has made NaN. A note says which step it was.
            OSError: the training is finished, but a file could not be written.
            KeyboardInterrupt: Ctrl-C. The first lets the step end and callbacks save, the second
                stops at once.
        """
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        if len(train) == 0:
            raise ValueError("there is nothing to learn from: the training batches are empty")
        state = State(self.model, self.optimizer, train, valid, epochs, self.callbacks)
        if resume is not None:
            state.load_state_dict(checkpoint.load(resume))
        self.history = state.history
        with Interrupt() as self._interrupt, ExitStack() as at_the_end:
            for callback in self.callbacks:
                callback.on_fit_start(state)
                at_the_end.callback(callback.on_fit_end, state)
            while state.epoch < epochs and not state.stop:
                self._epoch(state)
        return state.history

    def _epoch(self, state: State) -> None:
        if state.step == 0:
            state.lr = state.optimizer.param_groups[0]["lr"]
        self._call("on_epoch_start", state)
        if state.step < state.steps:  # else the run was stopped during this epoch's validation
            self._train(state)
        row = self._finished_row(state)
        state.history.rows.append(row)
        state.epoch += 1
        state.begin_epoch()
        self._call("on_epoch_end", state)
        self._stop_if_asked(state)

    def _train(self, state: State) -> None:
        self.model.train()
        started = time.perf_counter() - state.train_seconds
        for images, labels in state.train:
            state.images, state.targets = images, [(1.0, labels)]
            try:
                self._step(state)
            except Exception as error:
                error.add_note(f"This happened {_place(state)}.")
                raise
            state.step += 1
            state.train_seconds = time.perf_counter() - started
            self._call("on_step_end", state)
            self._stop_if_asked(state)

    def _step(self, state: State) -> None:
        self._call("on_step_start", state)
        output = self.model(state.images)  # logits (N, K), or a tuple that begins with them
        logits = output[0] if isinstance(output, tuple) else output
        loss = _mixed(lambda labels: self.loss(output, labels), state.targets)
        state.loss = loss.item()
        if not math.isfinite(state.loss):
            where = f"the loss became {state.loss} {_place(state)}"
            raise DivergedError(_advice(where, state, state.images))
        self.optimizer.zero_grad()
        loss.backward()
        self._call("on_backward_end", state)
        self.optimizer.step()
        right = _mixed(lambda labels: accuracy(logits.data, labels), state.targets)
        state.train_loss.add(state.loss, len(state.images))
        state.train_accuracy.add(right, len(state.images))

    def _finished_row(self, state: State) -> dict[str, float]:
        """Look at the validation images and sum up the epoch."""
        valid_loss = valid_accuracy = float("nan")
        started = time.perf_counter()
        if state.valid is not None:
            self._call("on_valid_start", state)
            result = evaluate(
                state.evaluated,
                state.valid,
                self.loss,
                after_batch=lambda: self._stop_if_asked(state),
            )
            valid_loss, valid_accuracy = result.loss, result.accuracy
            if math.isnan(valid_loss):  # the epoch's last step spoilt the weights
                where = f"the validation loss became nan after epoch {state.epoch + 1}"
                raise DivergedError(_advice(where, state))
        valid_seconds = time.perf_counter() - started
        return {
            "epoch": state.epoch + 1,
            "train_loss": state.train_loss.value,
            "train_accuracy": state.train_accuracy.value,
            "valid_loss": valid_loss,
            "valid_accuracy": valid_accuracy,
            "lr": state.lr,
            "seconds": round(state.train_seconds + valid_seconds, 3),
            "images_per_second": round(state.train_loss.weight / state.train_seconds, 1),
        }

    def _stop_if_asked(self, state: State) -> None:
        if self._interrupt.requested:
            self._call("on_interrupt", state)
            raise KeyboardInterrupt("stopped by Ctrl-C, between two steps")

    def _call(self, event: str, state: State) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(state)


def _mixed(measure: Callable[[np.ndarray], Any], targets: Targets) -> Any:
    """Σ share · measure(labels) over what the images show; just measure(labels) unless mixed."""
    if len(targets) == 1:
        return measure(targets[0][1])
    return sum(share * measure(labels) for share, labels in targets)


def _place(state: State) -> str:
    return f"in epoch {state.epoch + 1}, step {state.step + 1}"


def _advice(where: str, state: State, images: np.ndarray | None = None) -> str:
    lr = state.optimizer.param_groups[0]["lr"]
    batch = (
        ""
        if images is None
        else f" This batch has mean {images.mean():.3g} and standard deviation {images.std():.3g}, "
        f"from {images.min():.3g} to {images.max():.3g}"
    )
    return (
        f"{where}; from there on no step would help, so the training was stopped. What to try:\n"
        f"  - a lower learning rate: {lr / 10:g} instead of {lr:g};\n"
        "  - run it inside `with minidl.detect_anomaly():`, which names the first operation whose "
        "result is NaN or infinite;\n"
        "  - check the normalisation: images should have mean about 0 and standard deviation about "
        f"1.{batch};\n"
        "  - check the model: a layer without normalisation or with too large initial weights."
    )
