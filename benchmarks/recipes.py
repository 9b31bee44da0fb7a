"""A recipe: what accuracy it reaches on the test images, and how long it takes.

    python benchmarks/recipes.py cifar10-resnet20 --seed 0
    python benchmarks/recipes_on_torch.py cifar10-resnet20 --seed 0         the same on PyTorch

A run's row is added to results/recipes.csv, its epochs to results/recipes/NAME-SIDE-SEED.csv, and
results/recipes.png is drawn anew from all of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from record import BLUE, ORANGE, RESULTS, Row, machine, read, write
from rich.console import Console

import minidl
from minidl.train.config import Config
from minidl.train.folder import Folder
from minidl.train.recipe import configure, recipes
from minidl.train.run import run


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
    write(RESULTS / "recipes" / f"{recipe}-{side}-{seed}.csv", epochs)
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
    kept = [row for row in read(path) if (row["recipe"], row["side"], row["seed"]) != key]
    write(path, sorted([*kept, run_row | machine()], key=_order))
    return run_row


def picture() -> None:
    """Draw results/recipes.png: the accuracy of every run over its epochs, a panel a recipe.

    A line is the accuracy on the test images after each epoch; the ring at its end is that of the
    last weights with the views that the recipe asks for. (Not over minutes: runs are long, and were
    made on different days, with other jobs beside them. For speed train_step.py takes turns.)
    """
    rows = read(RESULTS / "recipes.csv")
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    figure = Figure(figsize=(10, 3 * -(-len(names) // 3)), layout="constrained")
    panels = figure.subplots(-(-len(names) // 3), 3, squeeze=False).reshape(-1)
    for axes, name in zip(panels, names, strict=False):
        mine = [row for row in rows if row["recipe"] == name]
        for row in mine:
            epochs = read(RESULTS / "recipes" / f"{name}-{row['side']}-{row['seed']}.csv")
            percent = [100 * float(epoch["valid_accuracy"]) for epoch in epochs]
            colour = BLUE if row["side"] == "minidl" else ORANGE
            axes.plot(range(1, len(epochs) + 1), percent, color=colour, linewidth=1.3)
            final = 100 * float(row["final_accuracy"])
            axes.plot(len(epochs), final, "o", markerfacecolor="none", color=colour)
        best = 100 * max(float(row["final_accuracy"]) for row in mine)
        axes.set_ylim(best - 3 * (100 - best), best + 0.5 * (100 - best))
        axes.set_title(name, loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for side, colour in {"minidl": BLUE, "PyTorch": ORANGE}.items():
        panels[0].plot([], [], color=colour, label=side)
    panels[0].plot([], [], "o", color="#333333", markerfacecolor="none", label="the final test")
    panels[0].legend(loc="lower right", fontsize=8, frameon=False)
    figure.supxlabel("epochs", fontsize=10)
    figure.supylabel("test images right, %", fontsize=10)
    figure.savefig(RESULTS / "recipes.png", dpi=130)


def _order(row: Row) -> tuple[str, str, int]:
    return row["recipe"], row["side"], int(row["seed"])


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
    picture()
    Console().print(row)


if __name__ == "__main__":
    main("minidl", on_minidl)
