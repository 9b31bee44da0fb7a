"""Transfer a network that knows CIFAR-10 to a few hundred coloured digits, in four ways.

    minidl train resnet20 --data cifar10 --out cifar           # or a file of published weights
    python benchmarks/transfer.py cifar/best.safetensors
    python benchmarks/transfer.py resnet20-12fca82f.th --root FOLDER --seeds 5

The new task: digits of MNIST on a piece of a photograph, |photograph − digit|, as in MNIST-M (Ganin
et al., Domain-adversarial training of neural networks, 2016); photographs for training and test
are from the training and test images of CIFAR-10. Everything is drawn from the seed, the test
images from a seed of their own: they are the same 2,000 in every run. So the new data are few and
very different from the old (Aarhus, Deep Learning for Visual Recognition, lecture 7, the table of
"Transfer learning and fine-tuning").

The four ways take the same images and as many steps, 150 batches of 32, in one cycle of AdamW:

    from scratch        all weights are new
    linear probe        a new head is trained on features computed once (`features`, `fit_head`)
    nearest neighbours  no training: the vote of the 5 nearest features by cosine
    fine-tuning         fast.ai's recipe (`Learner`): the new head for 30 steps, then everything for
                        120, with rates that grow from the input to the head

The learning rate of each way is the best of five or more, worse ones on both sides, with 200 images
of another seed to learn from and 500 of MNIST's training images to choose by; it is the same for
all sizes. For training from scratch that rate stands near the edge: some seeds learn hardly
anything, and the picture shows each seed beside the mean. Results go to
`benchmarks/results/transfer.csv` and `.png`, after every seed.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from record import RESULTS, Row, write
from rich.console import Console
from rich.table import Table

import minidl
from minidl import models
from minidl.data import DataLoader, Dataset, Normalize, cifar10, mnist
from minidl.nn import Module
from minidl.train import evaluate
from minidl.train.transfer import Learner, features, fit_head, nearest_neighbours, replace_head
from minidl.viz import style

PER_CLASS = (10, 20, 50)
TEST_IMAGES, TEST_SEED = 2000, 1_000_000
BATCH, HEAD_STEPS, STEPS = 32, 30, 150
# What the published weights (akamaster/pytorch_resnet_cifar10) were trained with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

COLUMNS = ("images", "way", "seed", "accuracy", "seconds")
Weights = dict[str, np.ndarray]


class Task:
    """The new data and the old network.

    Attributes:
        weights: of a ResNet-20 for CIFAR-10.
        normalise: as in its training.
        train, test: the digits.
        photographs: for backgrounds in training and test.
    """

    def __init__(self, path: Path, root: Path | None, cifar_root: Path | None) -> None:
        self.weights, self.normalise = load(path)
        digits = [mnist(split, root=root) for split in ("train", "test")]
        self.photographs = [cifar10(split, root=cifar_root) for split in ("train", "test")]
        self.digits = digits[0]
        chosen = np.random.default_rng(TEST_SEED).permutation(len(digits[1]))[:TEST_IMAGES]
        self.test = on_photographs(digits[1].subset(chosen), self.photographs[1], TEST_SEED)

    def train(self, per_class: int, seed: int) -> Dataset:
        """So many images of each digit."""
        rng = np.random.default_rng([seed, per_class])
        chosen = [
            rng.choice(np.flatnonzero(self.digits.labels == digit), per_class, replace=False)
            for digit in range(10)
        ]
        few = self.digits.subset(np.concatenate(chosen))
        return on_photographs(few, self.photographs[0], seed)

    def batches(self, data: Dataset, seed: int) -> DataLoader:
        """Batches to learn from."""
        return DataLoader(
            data, BATCH, shuffle=True, transform=self.normalise, drop_last=True, seed=seed
        )

    def old_model(self) -> Module:
        """The old network with a new head."""
        model = models.create("resnet20")
        model.load_state_dict(self.weights)
        replace_head(model, 10)
        return model

    def accuracy(self, model: Module) -> float:
        """On the test images."""
        return evaluate(model, DataLoader(self.test, 250, transform=self.normalise)).accuracy


def load(path: Path) -> tuple[Weights, Normalize]:
    """Weights from a file, and the normalisation they were trained with."""
    try:
        weights = minidl.load(path)
    except FileNotFoundError as error:
        raise SystemExit(
            f"{error}\nTrain one, which takes half an hour:\n"
            "  minidl train resnet20 --data cifar10 --out cifar\n"
            "  python benchmarks/transfer.py cifar/best.safetensors"
        ) from None
    config = path.with_name("config.json")  # beside the weights of a run of minidl's
    if not config.is_file():
        return weights, Normalize(MEAN, STD)
    settings = json.loads(config.read_text(encoding="utf-8"))
    return weights, Normalize(settings["mean"], settings["std"])


def on_photographs(digits: Dataset, photographs: Dataset, seed: int) -> Dataset:
    """|photograph − digit|: 32 × 32 in colour, another photograph for each digit."""
    rng = np.random.default_rng(seed)
    behind = photographs.images[rng.choice(len(photographs), len(digits), replace=False)]
    grey = np.pad(digits.images, ((0, 0), (0, 0), (2, 2), (2, 2)))  # (N, 1, 32, 32)
    images = np.abs(behind.astype(np.int16) - grey).astype(np.uint8)  # (N, 3, 32, 32)
    return Dataset(images, digits.labels, digits.classes, "digits on photographs")


# ------------------------------------------------------------------------------- four ways


def from_scratch(task: Task, data: Dataset, seed: int) -> float:
    """All weights are new."""
    model = models.create("resnet20")
    batches = task.batches(data, seed)
    learner = Learner(model, batches)
    learner.unfreeze()
    learner.fit_one_cycle(STEPS // len(batches), 0.1)
    return task.accuracy(model)


def linear_probe(task: Task, data: Dataset, seed: int) -> float:
    """A new head on old features."""
    model = task.old_model()
    x = features(model, data, task.normalise)
    epochs = STEPS // len(task.batches(data, seed))
    fit_head(model, x, data.labels, epochs, lr=0.3, batch_size=BATCH, seed=seed)
    return task.accuracy(model)


def neighbours(task: Task, data: Dataset, seed: int) -> float:  # noqa: ARG001
    """The vote of old features."""
    model = task.old_model()
    x, test_x = (features(model, images, task.normalise) for images in (data, task.test))
    answers = nearest_neighbours(x, data.labels, test_x, k=5, metric="cosine")
    return float(np.mean(answers == task.test.labels))


def fine_tuning(task: Task, data: Dataset, seed: int) -> float:
    """First the new head, then everything."""
    model = task.old_model()
    batches = task.batches(data, seed)
    learner = Learner(model, batches)
    learner.fit_one_cycle(HEAD_STEPS // len(batches), 1e-2)
    learner.unfreeze()
    learner.fit_one_cycle((STEPS - HEAD_STEPS) // len(batches), slice(3e-3, 3e-2))
    return task.accuracy(model)


WAYS: dict[str, Callable[[Task, Dataset, int], float]] = {
    "fine-tuning": fine_tuning,
    "from scratch": from_scratch,
    "linear probe": linear_probe,
    "nearest neighbours": neighbours,
}


def measure(task: Task, seed: int, console: Console) -> list[Row]:
    """A row for each number of images and each way."""
    rows: list[Row] = []
    for per_class in PER_CLASS:
        data = task.train(per_class, seed)
        for way, run in WAYS.items():
            minidl.manual_seed(seed)
            start = time.perf_counter()
            accuracy = run(task, data, seed)
            seconds = round(time.perf_counter() - start, 1)
            rows.append(dict(zip(COLUMNS, (len(data), way, seed, accuracy, seconds), strict=True)))
            console.print(f"seed {seed}, {len(data)} images, {way}: {accuracy:.1%}, {seconds} s")
    return rows


# --------------------------------------------------------------------------------- results


def show(rows: list[Row], console: Console) -> None:
    """Print mean and spread over the seeds as a table."""
    seeds = len({row["seed"] for row in rows})
    table = Table(title=f"Correct of {TEST_IMAGES:,} digits on photographs, {seeds} seeds")
    table.add_column("training images", justify="right")
    for way in WAYS:
        table.add_column(way, justify="right")
    for count in sorted({row["images"] for row in rows}):
        cells = []
        for way in WAYS:
            percent = [100 * row["accuracy"] for row in of(rows, way) if row["images"] == count]
            spread = statistics.stdev(percent) if len(percent) > 1 else 0.0
            cells.append(f"{statistics.mean(percent):.1f} ± {spread:.1f} %")
        table.add_row(str(count), *cells)
    console.print(table)


def of(rows: list[Row], way: str) -> list[Row]:
    """The rows of one way."""
    return [row for row in rows if row["way"] == way]


def draw(rows: list[Row]) -> Figure:
    """Accuracy against the number of training images: the mean of the seeds, and each seed."""
    figure = style.figure(width=7.2, height=4.4)
    ax = figure.subplots()
    colours = (style.BLUE, style.ORANGE, style.INK, style.GREY)
    for (way, colour), marker in zip(zip(WAYS, colours, strict=True), "osD^", strict=True):
        mine = of(rows, way)
        counts = sorted({row["images"] for row in mine})
        mean = [
            statistics.mean(100 * row["accuracy"] for row in mine if row["images"] == count)
            for count in counts
        ]
        ax.plot(counts, mean, color=colour, linewidth=2, marker=marker, label=way)
        ax.scatter(
            [row["images"] for row in mine],
            [100 * row["accuracy"] for row in mine],
            color=colour,
            marker=marker,
            s=14,
            alpha=0.5,
            linewidths=0,
        )
        ax.annotate(
            f" {way}",
            (counts[-1], mean[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=style.LABEL,
            color=colour,
        )
    ax.set_xscale("log")
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.minorticks_off()
    ax.set_xlim(counts[0] / 1.1, counts[-1] * 2.1)
    ax.set_ylim(0, 100)
    ax.yaxis.set_major_formatter("{x:g} %")
    style.dress(
        ax,
        "A network that knows CIFAR-10 meets digits on photographs",
        "training images (logarithmic axis)",
        f"correct of {TEST_IMAGES:,} test images",
    )
    ax.axhline(10, color=style.GREY, linewidth=1, linestyle=":")
    ax.annotate(
        "guessing", (counts[0], 10), xytext=(0, -11), textcoords="offset points", fontsize=9
    )
    return figure


def save(rows: list[Row], folder: Path) -> None:
    """Write the table and the picture."""
    write(folder / "transfer.csv", rows)
    draw(rows).savefig(folder / "transfer.png")


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="of a ResNet-20 for CIFAR-10")
    parser.add_argument("--root", type=Path, help="where MNIST is, else the usual places")
    parser.add_argument("--cifar-root", type=Path, help="where CIFAR-10 is, likewise")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    console = Console(highlight=False)
    task = Task(options.weights, options.root, options.cifar_root)
    rows: list[Row] = []
    start = time.perf_counter()
    for seed in range(options.seeds):
        rows += measure(task, seed, console)
        save(rows, options.out)
    show(rows, console)
    console.print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
