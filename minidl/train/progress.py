"""The progress bar: where the training stands, and a line for every finished epoch."""

import math

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from minidl.train.callbacks import Callback
from minidl.train.state import State


class ProgressBar(Callback):
    """Show loss, accuracy, images a second and the time left; print a line after every epoch.

    In a file or a pipe there is no bar, only the lines. Where the output cannot show Unicode
    (old Windows code pages) the bar is drawn with ASCII; its texts are ASCII anyway.

    Args:
        console: where to write; standard output if None.
        valid_name: what to call the validation images, e.g. "test".
    """

    def __init__(self, console: Console | None = None, valid_name: str = "valid") -> None:
        self.console = console or Console()
        self.valid_name = valid_name

    def on_fit_start(self, state: State) -> None:
        """Print the heading and show the bar."""
        name = self.valid_name
        self._print(
            f"{'epoch':>7}  train loss  accuracy  {name + ' loss':>10}  accuracy"
            "        lr   images/s   time"
        )
        one_line = Column(no_wrap=True, overflow="crop")  # an ellipsis would not be ASCII
        self.progress = Progress(
            TextColumn("{task.description}", table_column=one_line),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}", table_column=one_line),
            TimeRemainingColumn(table_column=one_line),
            TextColumn("left", table_column=one_line),
            console=self.console,
            transient=True,
            expand=True,
            disable=not self.console.is_terminal,
        )
        self.task: TaskID = self.progress.add_task("", total=state.epochs * state.steps, numbers="")
        self.progress.start()

    def on_epoch_start(self, state: State) -> None:
        """Name the epoch."""
        self._describe(state, f"epoch {state.epoch + 1}/{state.epochs}")

    def on_step_end(self, state: State) -> None:
        """Move the bar."""
        speed = state.train_loss.weight / state.train_seconds
        numbers = (
            f"loss {state.train_loss.value:.4f}  accuracy {state.train_accuracy.value:6.2%}  "
            f"{speed:,.0f} images/s"
        )
        done = state.epoch * state.steps + state.step
        self.progress.update(self.task, completed=done, numbers=numbers)

    def on_valid_start(self, state: State) -> None:
        """Say that the validation images are looked at."""
        self._describe(state, f"{self.valid_name} {state.epoch + 1}/{state.epochs}")

    def on_epoch_end(self, state: State) -> None:
        """Print the epoch's line."""
        row = state.history.rows[-1]
        valid = (
            f"{'-':>10}  {'-':>8}"
            if math.isnan(row["valid_loss"])
            else f"{row['valid_loss']:10.4f}  {row['valid_accuracy']:8.2%}"
        )
        self._print(
            f"{state.epoch:>3}/{state.epochs:<3}  {row['train_loss']:10.4f}  "
            f"{row['train_accuracy']:8.2%}  {valid}  {row['lr']:8.2g}  "
            f"{row['images_per_second']:9,.0f}  {row['seconds']:4.1f}s"
        )

    def on_fit_end(self, state: State) -> None:
        """Take the bar away."""
        self.progress.stop()
        if state.stop and state.epoch < state.epochs:
            self._print(f"stopped early, after epoch {state.epoch} of {state.epochs}")

    def _describe(self, state: State, text: str) -> None:
        self.progress.update(
            self.task, description=text, completed=state.epoch * state.steps + state.step
        )

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)
