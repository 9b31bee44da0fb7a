"""What `minidl evaluate` prints: one run, or several as an ensemble."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from minidl.cli.report import VIEWS, print_classes
from minidl.train.config import RunError
from minidl.train.ensemble import average_opinions
from minidl.train.folder import open_folder
from minidl.train.run import evaluate_run


def evaluate_together(
    console: Console, folders: Sequence[Path], weights: str, tta: str, root: Path | None
) -> None:
    """Print the accuracy for each class of the mean opinion of some runs, and of each run alone.

    Args:
        console: where to print.
        folders: of the runs.
        weights: "best" or "last".
        tta: the views of each image, see `minidl.train.views.named_views`.
        root: the dataset's folder, if it has moved.

    Raises:
        RunError: the runs are on different datasets, or a folder holds none.
    """
    opened = [open_folder(folder) for folder in folders]
    if len({config.data for _, config in opened}) > 1:
        each = ", ".join(f"{folder.path} on {config.data}" for folder, config in opened)
        raise RunError(f"an ensemble needs models for the same images, these are {each}")
    opinions = []
    for folder, config in opened:
        config = config if root is None else replace(config, root=str(root))
        test, opinion = evaluate_run(folder, config, weights, tta)
        opinions.append(opinion)
        if len(opened) > 1:
            line = f"{folder.path} alone: {opinion.accuracy:.2%}, mean loss {opinion.loss:.4f}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    models = " + ".join(config.model for _, config in opened)
    title = f"{models} on {config.data}, {weights} weights{VIEWS[tta]}"
    print_classes(console, title, test, average_opinions(opinions))
