"""The command line, a thin face: `minidl train`, `evaluate`, `models`, `summary`, `compare`, …"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from minidl_kernels import active, use
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minidl.cli.architectures import (
    ModelError,
    print_comparison,
    print_models,
    summarise,
)
from minidl.cli.check import UnknownOpError, print_gradient_checks
from minidl.cli.doctor import diagnosis
from minidl.cli.ensemble import evaluate_together
from minidl.cli.report import print_how_to_resume, print_results
from minidl.cli.tune import tune
from minidl.data import LOADERS, DataFileError, DataNotFoundError
from minidl.train import CheckpointError, DivergedError
from minidl.train.config import RunError
from minidl.train.folder import Folder, check_free, new_folder, open_folder
from minidl.train.recipe import configure, recipe_text, recipes
from minidl.train.run import run
from minidl.weights import WeightsError

# What a user can put right: shown as a message, without a traceback.
USER_ERRORS = (
    CheckpointError,
    DataFileError,
    DataNotFoundError,
    FileNotFoundError,
    ModelError,
    RunError,
    UnknownOpError,
    WeightsError,
)
FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes; 130 is what shells give after Ctrl-C

app = typer.Typer(
    help="Learn how deep learning works: train, evaluate and inspect small networks on a CPU.",
    epilog="Start with:  minidl train",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; user mistakes become one message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a letter an old code page lacks must not end the run
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="minidl")
    except USER_ERRORS as error:
        _fail(error, USAGE)
    except (DivergedError, OSError) as error:  # a full disk, a folder that must not be written
        _fail(error, FAILED)


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"must be a number greater than 0, not {value:g}")
    return value


WHAT, HOW, WHERE = "What to train", "How to train", "Files"


@app.command()
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
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the dataset's official files, searched before anything is "
            "downloaded.",
            rich_help_panel=WHAT,
        ),
    ] = None,
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
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to compute with.", rich_help_panel=HOW)
    ] = None,
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


@app.command()
def evaluate(
    folder: Annotated[
        list[Path],
        typer.Argument(
            help="Folder of a run, such as runs/resnet8-digits-1; of several, the models are "
            "tested as an ensemble, by the mean of their probabilities.",
        ),
    ],
    weights: Annotated[
        Literal["best", "last"],
        typer.Option(help="Which weights: of the epoch with the best test accuracy, or the last."),
    ] = "best",
    tta: Annotated[
        Literal["none", "flip", "five", "ten"],
        typer.Option(
            help="Test-time augmentation, the mean over views of each image: flip, it and its "
            "mirror image; five, shifted into the corners and not; ten, those five and mirrored.",
        ),
    ] = "none",
    root: Annotated[
        Path | None, typer.Option(help="Folder with the dataset's files, if they have moved.")
    ] = None,
) -> None:
    """Test the weights of a run again: accuracy for each class and in total.

    Several models that err differently are better together than each alone, and so are several
    views of an image.
    """
    evaluate_together(Console(), folder, weights, tta, root)


app.command()(tune)


@app.command("models")
def list_models(
    word: Annotated[
        str, typer.Argument(help="Only those with this word in their name or paper.")
    ] = "",
) -> None:
    """List the models: name, standard input, parameters, multiply-accumulates, paper."""
    print_models(Console(), word)


@app.command("summary")
def summarise_model(
    name: Annotated[str, typer.Argument(help="Name of a model, see `minidl models`.")],
    size: Annotated[
        str | None,
        typer.Option(
            "--input",
            help="Channels x height x width, such as 3x224x224. Default: the model's standard.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        int, typer.Option(min=0, help="How deep inside the model the rows go; 0 for the total.")
    ] = 2,
    small: Annotated[
        bool, typer.Option("--small", help="The configuration for small images and a CPU.")
    ] = False,
) -> None:
    """Show a model's layers: output, parameters, multiply-accumulates, memory, receptive field.

    Nothing is computed, so the largest model takes a second and no memory.
    """
    Console().print(summarise(name, size, depth, small))


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Names of models, see `minidl models`.")],
    out: Annotated[Path, typer.Option(help="Where to save the picture.")] = Path("compare.png"),
) -> None:
    """Put models side by side, as a table and a picture: parameters, work and memory."""
    print_comparison(Console(), names, out)


@app.command()
def doctor() -> None:
    """Show what this computer has: versions, kernels, threads, folders, datasets."""
    table = Table("what", "here", title="minidl doctor")
    for name, value in diagnosis():
        table.add_row(name, escape(value))
    Console().print(table)


@app.command()
def check(
    op: Annotated[
        str | None,
        typer.Argument(
            help="One op, such as Conv2d, with every sample. Default: a line for each op."
        ),
    ] = None,
    kernels: Annotated[
        Literal["naive", "numpy", "numba"] | None, typer.Option(help="Which kernels to check.")
    ] = None,
) -> None:
    """Prove the gradients: compare every backward pass with finite differences.

    An op passes if no element of any gradient differs by more than 1e-5 of its size. The exit code
    is 1 if one does not.
    """
    console = Console()
    with use(kernels or active().name):
        failures = print_gradient_checks(console, op)
    if failures:
        raise typer.Exit(FAILED)


def _fail(error: Exception, code: int) -> None:
    message = "\n".join([str(error), *getattr(error, "__notes__", [])])
    console = Console(stderr=True, highlight=False)
    console.print("[bold red]error:[/] " + escape(message), soft_wrap=True)
    sys.exit(code)
