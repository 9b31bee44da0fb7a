"""The command line, a thin face: `minidl train`, `evaluate`, `models`, `summary`, `compare`, …"""

import sys
from pathlib import Path
from typing import Annotated, Literal

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
from minidl.cli.options import FAILED, USAGE
from minidl.cli.training import train
from minidl.cli.tune import tune
from minidl.data import DataFileError, DataNotFoundError
from minidl.train import CheckpointError, DivergedError
from minidl.train.config import RunError
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


app.command()(train)


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
