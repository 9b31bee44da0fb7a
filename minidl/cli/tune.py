"""`minidl tune`: search for hyperparameters, and say which command trains with the best."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from minidl.cli.options import HOW, INTERRUPTED, WHAT, WHERE, Root, Threads
from minidl.cli.report import quoted
from minidl.data import DATASETS
from minidl.train.config import Config, RunError
from minidl.train.folder import Folder, check_free, new_folder
from minidl.train.ranges import Choice, LogUniform, Range, Uniform
from minidl.train.recipe import configure
from minidl.train.search import Result, Rung, halving, ranking
from minidl.train.tune import tune as search

RANGES = "Where to search"
FORM = "LOW:HIGH for a range, A,B,C for a choice, A to keep it fixed."
ALLOWED: dict[str, tuple[Callable[[float], bool], str]] = {
    "lr": (lambda v: 0 < v < math.inf, "greater than 0"),
    "weight_decay": (lambda v: 0 <= v < math.inf, "0 or greater"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "momentum": (lambda v: 0 <= v < 1, "at least 0 and less than 1"),
}


def tune(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Name of a model, see `minidl models`. Default: one that suits the dataset.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Settings that are not searched for, from a recipe.", rich_help_panel=WHAT
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Dataset: {', '.join(DATASETS)}. Default: digits, which are in the package.",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None,
    root: Root = None,
    trials: Annotated[
        int, typer.Option(min=1, help="How many settings to try.", rich_help_panel=HOW)
    ] = 16,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the images, at most.", rich_help_panel=HOW)
    ] = 8,
    halve: Annotated[
        bool,
        typer.Option(
            "--halving/--random",
            help="Go on with the better trials only, or train every one to the end.",
            rich_help_panel=HOW,
        ),
    ] = True,
    factor: Annotated[
        int, typer.Option(min=2, help="Of so many trials, one goes on.", rich_help_panel=HOW)
    ] = 2,
    seed: Annotated[
        int, typer.Option(min=0, help="Where all chance comes from.", rich_help_panel=HOW)
    ] = 0,
    lr: Annotated[
        str, typer.Option(help=f"Learning rate: {FORM}", rich_help_panel=RANGES)
    ] = "0.001:1",
    weight_decay: Annotated[
        str, typer.Option(help="Pull of all weights to 0, likewise.", rich_help_panel=RANGES)
    ] = "1e-5:1e-2",
    batch_size: Annotated[
        str, typer.Option(help="Images a step: a choice.", rich_help_panel=RANGES)
    ] = "32,64,128",
    momentum: Annotated[
        str | None,
        typer.Option(
            help="Momentum, likewise. Default: not searched for.",
            show_default=False,
            rich_help_panel=RANGES,
        ),
    ] = None,
    threads: Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results; if it holds this search already, it goes on. "
            "Default: runs/tune/MODEL-DATA-NUMBER.",
            show_default=False,
            rich_help_panel=WHERE,
        ),
    ] = None,
) -> None:
    """Search for hyperparameters: many short trainings, each with settings drawn at random.

    A fifth of the training images is held out to choose by; the test images stay untouched. A table
    and a picture are left in a folder, and the command that trains with the best settings is
    printed.

    Ctrl-C ends the search and keeps what it found; the same command with --out goes on.
    """
    space: dict[str, Range] = {}
    fixed: dict[str, Any] = {}
    given = {"lr": lr, "weight_decay": weight_decay, "batch_size": batch_size, "momentum": momentum}
    for name, text in given.items():
        if text is None:
            continue
        match parse(name, text):
            case Choice(values=(value,)):
                fixed[name] = value
            case span:
                space[name] = span
    if not space:
        raise RunError("there is nothing to search for: give at least one range, as --lr 0.001:1")
    common = {"epochs": epochs, "seed": seed, "threads": threads, "root": root and str(root)}
    config = configure(model, data, common | fixed, recipe)
    folder = new_folder(config, Path("runs") / "tune").path if out is None else out
    check_free(Folder(folder))
    rungs = halving(trials, epochs, factor) if halve else [Rung(trials, epochs)]
    console = Console()
    try:
        results = search(config, space, rungs, folder, console)
    except KeyboardInterrupt:
        _say(
            console,
            "Stopped. What was found is kept; to go on, give the same command with",
            f"  --out {quoted(folder)}",
        )
        raise typer.Exit(INTERRUPTED) from None
    order = ranking(results)
    console.print(_table(order))
    _say(
        console,
        "These accuracies chose the settings, so the first one flatters a little; and two trials "
        "that are close may swap places with another --seed.",
        f"Look at: {folder / 'search.png'}",
        f"To train on all training images with the settings of trial {order[0].trial}, and test:",
        f"  {command(config, order[0].settings, recipe)}",
    )


def parse(name: str, text: str) -> Range:
    """The range that an option's text stands for; one value makes a choice without alternative.

    Raises:
        RunError: it stands for none, or for values that the setting cannot have.
    """
    number = int if name == "batch_size" else float
    span: Range
    try:
        if ":" in text and name != "batch_size":
            low, high = values = [float(end) for end in text.split(":")]
            span = Uniform(low, high) if name == "momentum" else LogUniform(low, high)
        else:
            values = [number(value) for value in text.split(",")]
            span = Choice(*values)
        allowed, words = ALLOWED[name]
        if not all(map(allowed, values)):
            raise ValueError(f"it must be {words}")
    except ValueError as error:
        example = "32,64,128" if name == "batch_size" else "0.01:0.1 or 0.01,0.03,0.1"
        option = f"--{name.replace('_', '-')}"
        raise RunError(f"{option} takes, for example, {example}, not {text!r}: {error}") from None
    return span


def command(config: Config, settings: dict[str, Any], recipe: str | None) -> str:
    """The command line that trains a run with these settings."""
    names = ("epochs", "batch_size", "lr", "momentum", "weight_decay", "seed")
    values = {name: getattr(config, name) for name in names} | settings
    options = {
        "recipe": recipe,
        "data": config.data,
        "root": config.root and quoted(Path(config.root)),
        **values,
    }
    words = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in options.items()
        if value is not None
    ]
    return " ".join(["minidl train", config.model, *words])


def _table(order: list[Result]) -> Table:
    """The trials, the best first."""
    table = Table(title="Trials, on images held out of the training images")
    names = [name.replace("_", " ") for name in order[0].settings]
    for column in ("trial", *names, "epochs", "accuracy", "loss", "seconds"):
        table.add_column(column, justify="right")
    for result in order:
        outcome = (
            ("diverged", "")
            if result.diverged
            else (f"{result.accuracy:.2%}", f"{result.loss:.4f}")
        )
        values = map(str, result.settings.values())
        seconds = f"{result.seconds:.1f}"
        table.add_row(str(result.trial), *values, str(result.epochs), *outcome, seconds)
    return table


def _say(console: Console, *lines: str) -> None:
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
