"""What a training run did, epoch by epoch."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from minidl.weights import replacing

Row = dict[str, float]

COLUMNS = (
    "epoch",  # counts from 1
    "train_loss",  # mean over the epoch's images, in training mode, while the weights moved
    "train_accuracy",  # likewise; between 0 and 1
    "valid_loss",  # after the epoch, in evaluation mode; NaN without validation images
    "valid_accuracy",
    "lr",  # the learning rate the epoch began with
    "seconds",  # training and validation
    "images_per_second",  # training alone
)


class History:
    """A table with a row an epoch: `history["lr"]` is a column, `history.rows[-1]` a row."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: list[Row] = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> list[float]:
        if column not in COLUMNS:
            raise KeyError(f"a history has no column {column!r}; it has {', '.join(COLUMNS)}")
        return [row[column] for row in self.rows]

    def __repr__(self) -> str:
        return f"History({len(self)} epochs)"

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table with a header line. Every digit is kept, so reading gives it back."""
        with (
            replacing(Path(path)) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> "History":
        """Read what `to_csv` wrote."""
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [
                {name: float(text) for name, text in row.items()} for row in csv.DictReader(file)
            ]
        for row in rows:
            row["epoch"] = int(row["epoch"])
        return cls(rows)
