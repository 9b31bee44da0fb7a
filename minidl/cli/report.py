"""The tables a run prints."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minidl.data import Dataset
from minidl.train.evaluation import Evaluation
from minidl.train.folder import Folder
from minidl.train.metrics import confusion_matrix
from minidl.train.run import Results

# How a title names the views of each image that an answer was averaged over.
VIEWS = {"none": "", "flip": ", and mirrored", "five": ", five crops", "ten": ", ten crops"}


def print_results(console: Console, folder: Folder, results: Results, tta: str = "none") -> None:
    """Print what a finished run achieved, and what is in its folder."""
    both = (results.best, results.last)
    images = len(results.best.labels)
    table = Table(title=f"Results on the test images{VIEWS[tta]}")
    table.add_column("")
    table.add_column(f"best epoch ({results.best_epoch})", justify="right")
    table.add_column(f"last epoch ({len(results.history)})", justify="right")
    table.add_row("accuracy", *(f"{result.accuracy:.2%}" for result in both))
    right = (round(result.accuracy * images) for result in both)
    table.add_row(f"right, of {images:,}", *(f"{count:,}" for count in right))
    table.add_row("loss", *(f"{result.loss:.4f}" for result in both))
    console.print(table)
    _say(
        console,
        "The best epoch was chosen by these same test images, so its accuracy flatters a little; "
        "nobody chose the last.",
        f"Training and testing took {sum(results.history['seconds']):.1f} s.",
        f"In {folder.path}: {', '.join(sorted(file.name for file in folder.path.iterdir()))}",
        f"Look at: {', '.join(str(picture) for picture in results.pictures)}",
    )


def print_classes(console: Console, title: str, test: Dataset, result: Evaluation) -> None:
    """Print the accuracy for each class, its most frequent mistake, and the total."""
    matrix = confusion_matrix(result.labels, result.predictions, len(test.classes))  # (K, K)
    table = Table(title=escape(title), show_footer=True)
    right, total = int(matrix.trace()), int(matrix.sum())
    table.add_column("class", footer="all")
    table.add_column("images", f"{total:,}", justify="right")
    table.add_column("right", f"{right:,}", justify="right")
    table.add_column("accuracy", f"{result.accuracy:.2%}", justify="right")
    table.add_column("most often taken for")
    for label, (name, row) in enumerate(zip(test.classes, matrix, strict=True)):
        count, correct = int(row.sum()), int(row[label])
        row[label] = 0
        mistake = f"{test.classes[row.argmax()]} ({row.max()})" if row.any() else ""
        share = f"{correct / count:.2%}" if count else "-"
        table.add_row(escape(name), f"{count:,}", f"{correct:,}", share, escape(mistake))
    console.print(table)
    _say(console, f"mean loss {result.loss:.4f}")


def print_how_to_resume(console: Console, folder: Folder) -> None:
    """After Ctrl-C: say what is safe and how to go on."""
    if folder.checkpoint.exists():
        text = f"Stopped. Everything is kept in {folder.checkpoint}; go on with"
    elif folder.config.exists():
        text = "Stopped before there was anything to keep; start again with"
    else:
        _say(console, "Stopped before the training began; nothing was written.")
        return
    _say(console, text, f"  minidl train --resume {quoted(folder.path)}")


def quoted(path: Path) -> str:
    """A path as one word of a command line."""
    return f'"{path}"' if " " in str(path) else str(path)


def _say(console: Console, *lines: str) -> None:
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
