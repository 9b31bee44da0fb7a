"""The training loop.

An epoch is: for every batch, forward, loss, backward, step; then look at the validation images.
Everything else (progress bar, files, learning-rate schedule) is a callback.
"""

import math
import os
import time
from collections.abc import Sequence

import numpy as np

from minidl import functional as F
from minidl.nn import Module
from minidl.train import checkpoint
from minidl.train.callbacks import Callback
from minidl.train.evaluation import Loss, evaluate
from minidl.train.history import History
from minidl.train.interrupt import Interrupt
from minidl.train.metrics import accuracy
from minidl.train.state import Batches, Optimizer, State


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
        with Interrupt() as self._interrupt:
            try:
                self._call("on_fit_start", state)
                while state.epoch < epochs and not state.stop:
                    self._epoch(state)
            finally:
                self._call("on_fit_end", state)
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
            self._step(state, images, labels)
            state.step += 1
            state.train_seconds = time.perf_counter() - started
            self._call("on_step_end", state)
            self._stop_if_asked(state)

    def _step(self, state: State, images: np.ndarray, labels: np.ndarray) -> None:
        output = self.model(images)  # logits (N, K), or a tuple that begins with them
        logits = output[0] if isinstance(output, tuple) else output
        loss = self.loss(output, labels)
        state.loss = loss.item()
        if not math.isfinite(state.loss):
            where = (
                f"the loss became {state.loss} in epoch {state.epoch + 1}, step {state.step + 1}"
            )
            raise DivergedError(_advice(where, state, images))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        state.train_loss.add(state.loss, len(labels))
        state.train_accuracy.add(accuracy(logits.data, labels), len(labels))

    def _finished_row(self, state: State) -> dict[str, float]:
        """Look at the validation images and sum up the epoch."""
        valid_loss = valid_accuracy = float("nan")
        started = time.perf_counter()
        if state.valid is not None:
            self._call("on_valid_start", state)
            result = evaluate(
                self.model, state.valid, self.loss, after_batch=lambda: self._stop_if_asked(state)
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
