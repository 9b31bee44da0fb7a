"""A whole search in a folder, as `minidl tune` does it: trials are runs with settings of their own.

The images to choose by are held out of the training images. The test images are not even loaded:
they are for the run that is trained with the settings found.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from minidl import viz
from minidl.data import Dataset
from minidl.train import assembly
from minidl.train.callbacks import Callback, Checkpoint
from minidl.train.config import Config, RunError
from minidl.train.ranges import Range, Settings, draw_settings
from minidl.train.search import Result, Rung, climb, ranking, read_csv, write_csv
from minidl.train.state import State
from minidl.train.trainer import Trainer
from minidl.weights import replacing

HELD_OUT = 0.2  # share of the training images
TABLE = "trials.csv"
ELSEWHERE = "Choose another folder with --out"


def tune(
    config: Config,
    space: Mapping[str, Range],
    rungs: Sequence[Rung],
    folder: Path,
    console: Console,
) -> list[Result]:
    """Search, and leave the results in `folder` as a table, trials.csv, and a picture, search.png.

    The table is written after each result. If it is there already, the search goes on from it.

    Args:
        config: what all trials have in common. Its seed draws the trials and parts the images; its
            epochs are those of the last rung, and the length of the learning rate's schedule.
        space: the ranges of the settings that differ, by name.
        rungs: how many trials for how many epochs.
        folder: made if need be.
        console: shows the progress.

    Returns:
        All results.

    Raises:
        RunError: the folder holds another search or a run, or every trial diverged.
        KeyboardInterrupt: after Ctrl-C. The finished trials, and the one under way, are kept.
    """
    assembly.prepare(config)
    train, held_out = assembly.load_data(config, "train").split(HELD_OUT, config.seed)
    config = replace(config, mean=train.mean, std=train.std)
    assembly.check_takes(config, train)
    results = _take_up(folder, config, space)
    settings = draw_settings(space, rungs[0].trials, config.seed)
    describe(config, space, rungs, folder, train, held_out, console)

    def checkpoint(trial: int) -> Path:
        return folder / f"trial-{trial}.safetensors"

    with _Bar(console, rungs) as bar:

        def advance(trial: int, settings: Settings, epochs: int) -> tuple[float, float]:
            own = replace(config, **settings)
            return train_until(own, train, held_out, epochs, checkpoint(trial), [bar])

        def drop(trial: int) -> None:
            checkpoint(trial).unlink(missing_ok=True)

        for result in climb(settings, advance, rungs, results, drop):
            if result not in results:
                results.append(result)
                write_csv(folder / TABLE, results)
            bar.show(result, results)
    best = ranking(results)[0]
    if best.diverged:
        raise RunError(
            f"all {rungs[0].trials} trials diverged: their losses became NaN or infinite. Search "
            "lower learning rates"
        )
    viz.search(results, best.trial).savefig(folder / "search.png")
    return results


def train_until(
    config: Config,
    train: Dataset,
    held_out: Dataset,
    epochs: int,
    checkpoint: Path,
    callbacks: Iterable[Callback] = (),
) -> tuple[float, float]:
    """Train a run, from its checkpoint if there is one, until it has had `epochs` epochs.

    The schedule is that of `config.epochs`, so in several parts the run is the same as in one.

    Returns:
        Accuracy and loss on the held-out images after the last epoch.

    Raises:
        DivergedError: the loss became NaN or infinite.
    """
    assembly.prepare(config)
    model = assembly.build(config, train)
    batches = assembly.train_batches(config, train)
    optimizer = assembly.optimizer(config, model)
    trainer = Trainer(
        model,
        optimizer,
        loss=assembly.loss(config),
        callbacks=[
            assembly.schedule(config, optimizer, len(batches)),
            *assembly.tricks(config),
            *callbacks,
            Checkpoint(checkpoint),
        ],
    )
    resume = checkpoint if checkpoint.exists() else None
    with np.errstate(over="ignore", invalid="ignore"):  # that some trials diverge is expected
        history = trainer.fit(batches, assembly.test_batches(config, held_out), epochs, resume)
    row = history.rows[-1]
    return row["valid_accuracy"], row["valid_loss"]


def _take_up(folder: Path, config: Config, space: Mapping[str, Range]) -> list[Result]:
    """Write down what the search in this folder is, and return the results it already has.

    Raises:
        RunError: it is another search, whose results mean nothing for this one.
    """
    file, table = folder / "search.json", folder / TABLE
    ranges = {name: str(values) for name, values in space.items()}
    text = json.dumps({**asdict(config), "ranges": ranges}, indent=2)
    try:
        before, now = json.loads(file.read_text("utf-8")) if file.exists() else {}, json.loads(text)
        changed = [
            f"{name} was {before[name]}, is {now[name]}"
            for name in before
            if before[name] != now[name]
        ]
        results = read_csv(table) if table.exists() else []
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"the search in {folder} cannot be read: {error!r}. {ELSEWHERE}") from error
    if changed:
        raise RunError(f"{folder} holds another search: {'; '.join(changed)}. {ELSEWHERE}")
    with replacing(file) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return results


def describe(
    config: Config,
    space: Mapping[str, Range],
    rungs: Sequence[Rung],
    folder: Path,
    train: Dataset,
    held_out: Dataset,
    console: Console,
) -> None:
    """Say what is searched, and by which images it is chosen."""
    plan = ", then ".join(f"{rung.trials} until epoch {rung.epochs}" for rung in rungs)
    ranges = "; ".join(f"{name}: {values}" for name, values in space.items())
    console.print(
        f"{config.model} on {config.data}: {len(train):,} images to learn from, {len(held_out):,} "
        f"of the training images held out to choose by; the test images stay untouched\n"
        f"{ranges}\n"
        f"trials: {plan}\n"
        f"folder: {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


class _Bar(Callback):
    """A bar over the epochs of all trials, and a line for each result."""

    def __init__(self, console: Console, rungs: Sequence[Rung]) -> None:
        before = [0, *(rung.epochs for rung in rungs[:-1])]
        self.fresh = {  # epochs of a trial's own in each rung, by the rung's epochs
            rung.epochs: rung.epochs - earlier for rung, earlier in zip(rungs, before, strict=True)
        }
        self.done = 0
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        total = sum(rung.trials * self.fresh[rung.epochs] for rung in rungs)
        self.task = self.progress.add_task("", total=total)

    def __enter__(self) -> "_Bar":
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def on_step_end(self, state: State) -> None:
        """Move the bar by a part of an epoch."""
        earlier = state.epochs - self.fresh[state.epochs]
        here = state.epoch + state.step / state.steps - earlier
        self.progress.update(self.task, completed=self.done + here)

    def show(self, result: Result, results: Sequence[Result]) -> None:
        """Print the result's line."""
        self.done += self.fresh[result.epochs]
        best = ranking(results)[0]
        self.progress.update(
            self.task, completed=self.done, description=f"best so far: {best.accuracy:.2%}"
        )
        values = ", ".join(f"{name} {value}" for name, value in result.settings.items())
        outcome = "diverged" if result.diverged else f"{result.accuracy:7.2%}"
        self.console.print(
            f"trial {result.trial:>3}, {result.epochs:>3} epochs: {outcome:>8}   {values}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
