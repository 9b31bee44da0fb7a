"""A recipe: what accuracy it reaches on the test images, and how long it takes.

    python benchmarks/recipes.py cifar10-resnet20 --seed 0
    python benchmarks/recipes_on_torch.py cifar10-resnet20 --seed 0         the same on PyTorch

A run's row is added to results/recipes.csv, its epochs to results/recipes/NAME-SIDE-SEED.csv.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import RESULTS, machine
from rich.console import Console

import minidl
from minidl.train.config import Config
from minidl.train.folder import Folder
from minidl.train.recipe import configure, recipes
from minidl.train.run import run

Row = dict[str, Any]


def on_minidl(config: Config) -> list[Row]:
    """Train by minidl: a row an epoch, and the accuracy of the last weights.

    A run that was stopped goes on from its last epoch.
    """
    folder = Folder(Path("runs") / f"{config.model}-{config.data}-{config.seed}-recipe")
    results = run(config, folder, Console(), resume=folder.checkpoint.exists())
    names = ("epoch", "train_loss", "valid_accuracy", "seconds")
    rows = [{name: row[name] for name in names} for row in results.history.rows]
    return [*rows, {"final": results.last.accuracy}]


def keep(recipe: str, side: str, seed: int, rows: list[Row]) -> Row:
    """Write the epochs of a run to their file, and add the run to the table of all."""
    *epochs, final = rows
    folder = RESULTS / "recipes"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{recipe}-{side}-{seed}.csv", epochs)
    run_row = {
        "recipe": recipe,
        "side": side,
        "seed": seed,
        "epochs": len(epochs),
        "last_epoch_accuracy": round(epochs[-1]["valid_accuracy"], 4),
        "final_accuracy": round(final["final"], 4),
        "seconds": round(sum(row["seconds"] for row in epochs), 1),
    }
    path = RESULTS / "recipes.csv"
    key = (recipe, side, str(seed))
    kept = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            kept = [r for r in csv.DictReader(file) if (r["recipe"], r["side"], r["seed"]) != key]
    _write(path, sorted([*kept, run_row | machine()], key=lambda r: (r["recipe"], r["side"])))
    return run_row


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(side: str, train: Callable[[Config], list[Row]]) -> None:
    """Read the command line, train by one side, keep what came of it."""
    parser = argparse.ArgumentParser(description="Train by a recipe and keep what it reached.")
    parser.add_argument("recipe", choices=recipes())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", help="folder with the dataset's files")
    chosen = parser.parse_args()
    settings = {"seed": chosen.seed, "root": chosen.root, "threads": minidl.num_threads()}
    config = configure(None, None, settings, recipe=chosen.recipe)
    row = keep(chosen.recipe, side, config.seed, train(config))
    Console().print(row)


if __name__ == "__main__":
    main("minidl", on_minidl)
