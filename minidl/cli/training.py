"""`minidl train`: settings from the command line or a recipe, a run, its results."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from minidl.cli.options import HOW, INTERRUPTED, WHAT, WHERE, Root, Threads
from minidl.cli.report import print_how_to_resume, print_results
from minidl.data import LOADERS
from minidl.train.config import RunError
from minidl.train.folder import Folder, check_free, new_folder, open_folder
from minidl.train.recipe import configure, recipe_text, recipes
from minidl.train.run import run


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"must be a number greater than 0, not {value:g}")
    return value


def train(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Name of a model, see `minidl models`. Default: one that suits the dataset, "
            "resnet8 for the digits.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"All settings from a recipe, proved as a whole: {', '.join(recipes())}. What is "
            "given beside it goes before it.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option("--show", help="Print the recipe and stop.", rich_help_panel=WHAT),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Dataset: {', '.join(LOADERS)}. Default: digits, which are in the package. "
            "image_folder: your own photographs, a folder a class, in --root.",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None,
    root: Root = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Height and width that photographs are brought to. Default: what the model takes.",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the images.", rich_help_panel=HOW)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images a step.", rich_help_panel=HOW)
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            callback=_positive,
            help="Learning rate at the start; it falls over the run.",
            rich_help_panel=HOW,
        ),
    ] = None,
    momentum: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.9999, help="Of SGD, in Nesterov's form; 0 for none.", rich_help_panel=HOW
        ),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(min=0, help="Pull of all weights to 0.", rich_help_panel=HOW)
    ] = None,
    schedule: Annotated[
        Literal["cosine", "steps", "one_cycle"] | None,
        typer.Option(
            help="How the learning rate moves: down half a cosine to 0; in steps to a tenth after "
            "1/2 and 3/4 of the epochs (the default from 100 epochs on); or up and down again in "
            "one cycle.",
            rich_help_panel=HOW,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Where all chance comes from: the same seed gives the same numbers. Default: 0.",
            show_default=False,
            rich_help_panel=HOW,
        ),
    ] = None,
    kernels: Annotated[
        Literal["naive", "numpy", "numba"] | None,
        typer.Option(
            help="Which kernels compute: naive to step through, numpy to read, numba for speed.",
            rich_help_panel=HOW,
        ),
    ] = None,
    threads: Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Default: runs/MODEL-DATA-NUMBER.",
            show_default=False,
            rich_help_panel=WHERE,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with the run in this folder, with its own settings, as if it had never "
            "been stopped.",
            rich_help_panel=WHERE,
        ),
    ] = None,
) -> None:
    """Train a model and leave settings, weights, history and pictures in a folder.

    With no argument at all, a small ResNet learns the handwritten digits that travel in the
    package. What is not given is chosen to suit the dataset and the model.

    Ctrl-C ends the run after the current step and keeps everything; --resume goes on from there.
    """
    if show:
        typer.echo(recipe_text(recipe or ""), nl=False)
        return
    chosen: dict[str, Any] = {
        "image_size": image_size,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "seed": seed,
        "kernels": kernels,
        "threads": threads,
    }
    if resume is not None:
        given = [
            f"--{name.replace('_', '-')}" for name, value in chosen.items() if value is not None
        ]
        given += ["MODEL"] * (model is not None) + ["--data"] * (data is not None)
        given += ["--recipe"] * (recipe is not None) + ["--out"] * (out is not None)
        if given:
            raise RunError(
                f"--resume goes on with the settings of {resume}, so {', '.join(given)} cannot be "
                "given with it. For other settings start a new run."
            )
        folder, config = open_folder(resume)
        if root is not None:
            config = replace(config, root=str(root))
    else:
        config = configure(model, data, chosen | {"root": root and str(root)}, recipe)
        folder = new_folder(config) if out is None else Folder(out)
        check_free(folder)
    console = Console()
    try:
        results = run(config, folder, console, resume=resume is not None)
    except KeyboardInterrupt:
        print_how_to_resume(console, folder)
        raise typer.Exit(INTERRUPTED) from None
    print_results(console, folder, results, config.tta)
