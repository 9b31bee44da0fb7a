"""Compare what keeps a network from learning its training images by heart. Needs no PyTorch.

    python benchmarks/regularisation.py
    python benchmarks/regularisation.py --images 200 --seeds 10
    python benchmarks/regularisation.py --data digits

A small convolutional network learns a few hundred images until it knows them all: the baseline.
Then again, with one thing changed: dropout, weight decay, augmentation, early stopping, label
smoothing, an auxiliary classifier, and all but early stopping together. A seed decides which images
there are, the first weights and the order, the same for every method, so that methods are compared
seed by seed. The strengths are the usual ones of textbooks; nobody tuned them, and others would
change the ranking. Early stopping has a fifth of the images less to learn from: it needs them to
know when to stop.

Table, rows and picture are written to benchmarks/results/regularisation.csv and .png.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from record import RESULTS, Row, write
from rich.console import Console
from rich.progress import track
from rich.table import Table

import minidl
import minidl.functional as F
from minidl import nn, weights
from minidl.data import (
    DATASETS,
    Compose,
    DataLoader,
    Dataset,
    Normalize,
    RandomCrop,
    RandomRotation,
    get_dataset,
)
from minidl.data.dataset import stratified
from minidl.models.auxiliary import auxiliary_loss
from minidl.optim import SGD
from minidl.tensor import Tensor
from minidl.train import BestWeights, EarlyStopping, Trainer, evaluate
from minidl.viz.style import BLUE, GREY, INK, ORANGE, TICK, dress, figure

EPOCHS = 30
HELD_OUT = 0.2  # of the training images, for early stopping, which has only the rest to learn from


@dataclass(frozen=True)
class Method:
    """What is different from the baseline."""

    name: str
    dropout: float = 0.0  # probability, on both sides of the hidden linear layer
    weight_decay: float = 0.0
    augment: bool = False  # shifts by up to 2 pixels, rotations by up to 10 degrees
    patience: int = 0  # epochs without a better held-out loss; 0 for no early stopping
    label_smoothing: float = 0.0
    auxiliary: bool = False  # a second classifier behind the first convolution


METHODS = [
    Method("baseline"),
    Method("dropout", dropout=0.5),
    Method("weight decay", weight_decay=5e-3),
    Method("augmentation", augment=True),
    Method("early stopping", patience=5),
    Method("label smoothing", label_smoothing=0.1),
    Method("auxiliary classifier", auxiliary=True),
    Method("all but stopping", 0.5, 5e-3, True, 0, 0.1, True),
]


class Network(nn.Module):
    """Two convolutions with pooling, a hidden linear layer; no batch norm, which regularises too.

    Args:
        channels, size: of the images, size × size pixels.
        dropout: the probability that an input of a linear layer is left out in training.
        auxiliary: whether a classifier behind the first convolution learns along.
    """

    def __init__(self, channels: int, size: int, dropout: float, auxiliary: bool) -> None:
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * (size // 4) ** 2, 128)
        self.classifier = nn.Linear(128, 10)
        self.dropout = nn.Dropout(dropout)
        self.auxiliary = nn.Linear(16 * (size // 2) ** 2, 10) if auxiliary else None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits (N, 10); in training with an auxiliary classifier, a tuple of two of them."""
        early = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 16, H/2, W/2)
        late = F.max_pool2d(F.relu(self.conv2(early)), 2)  # (N, 32, H/4, W/4)
        hidden = F.relu(self.hidden(self.dropout(late.flatten(1))))  # (N, 128)
        logits = self.classifier(self.dropout(hidden))
        if self.auxiliary is not None and self.training:
            return logits, self.auxiliary(early.flatten(1))
        return logits


def train(method: Method, seed: int, images: Dataset, test: Dataset) -> Row:
    """Train one network and return the row of the table."""
    started = time.perf_counter()
    minidl.manual_seed(seed)
    channels, size = images.images.shape[1:3]
    model = Network(channels, size, method.dropout, method.auxiliary)
    normalise = Normalize(images.mean, images.std)
    changes = [RandomRotation(10), RandomCrop(size, padding=2)] if method.augment else []
    learn, held_out = images.split(HELD_OUT, seed) if method.patience else (images, None)
    batches = DataLoader(
        learn, 32, shuffle=True, transform=Compose([*changes, normalise]), seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder) / "best.safetensors"
        stopping = [EarlyStopping(method.patience), BestWeights(best)] if method.patience else []
        trainer = Trainer(
            model,
            SGD(model.parameters(), 0.02, 0.9, weight_decay=method.weight_decay, nesterov=True),
            loss=partial(auxiliary_loss, label_smoothing=method.label_smoothing),
            callbacks=stopping,
        )
        valid = held_out and DataLoader(held_out, 250, transform=normalise)
        history = trainer.fit(batches, valid, EPOCHS)
        if method.patience:
            model.load_state_dict(weights.load(best))
    row: Row = {"method": method.name, "seed": seed, "epochs": len(history)}
    for name, dataset in (("train", learn), ("test", test)):
        result = evaluate(model, DataLoader(dataset, 250, transform=normalise))
        row |= {f"{name}_accuracy": result.accuracy, f"{name}_loss": result.loss}
    return row | {"seconds": round(time.perf_counter() - started, 2)}


def column(rows: list[Row], method: Method, name: str) -> np.ndarray:
    """A column of a method's rows, one number a seed."""
    return np.array([row[name] for row in rows if row["method"] == method.name])


def spread(shares: np.ndarray) -> str:
    """Mean ± standard deviation over the seeds, in percent."""
    deviation = f" ± {100 * shares.std(ddof=1):.1f}" if len(shares) > 1 else ""
    return f"{100 * shares.mean():.1f}{deviation}"


def print_table(rows: list[Row], title: str) -> None:
    """Mean and spread over the seeds, and the gain over the baseline seed by seed."""
    caption = (
        "% of the images right, mean ± standard deviation; gap: training − test; gain: over the "
        "baseline on the test images, seed by seed; loss: on the test images"
    )
    table = Table(title=title, caption=caption)
    table.add_column("", no_wrap=True)
    for head in ("training", "test", "gap", "gain", "loss"):
        table.add_column(head, justify="right", no_wrap=True)
    baseline = column(rows, METHODS[0], "test_accuracy")
    for method in METHODS:
        known, unseen = (column(rows, method, f"{name}_accuracy") for name in ("train", "test"))
        table.add_row(
            method.name,
            f"{100 * known.mean():.1f}",
            spread(unseen),
            f"{100 * (known - unseen).mean():.1f}",
            "" if method is METHODS[0] else spread(unseen - baseline),
            f"{column(rows, method, 'test_loss').mean():.3f}",
        )
    Console().print(table)


def draw(rows: list[Row], title: str) -> Figure:
    """Left the gap between training and test accuracy, right the loss on the test images."""
    fig = figure(width=10.4, height=0.5 * len(METHODS) + 1.9)
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, method in enumerate(METHODS):
        known, unseen = (
            100 * column(rows, method, f"{name}_accuracy") for name in ("train", "test")
        )
        loss = column(rows, method, "test_loss")
        left.plot([unseen.mean(), known.mean()], [place, place], color=GREY, linewidth=1.5)
        for ax, values, colour in (
            (left, known, BLUE),
            (left, unseen, ORANGE),
            (right, loss, ORANGE),
        ):
            seeds = np.full(len(values), place)
            ax.plot(values, seeds, "|", color=colour, markersize=9, alpha=0.6)
            ax.plot(values.mean(), place, "o", color=colour, markersize=8)
        gap = known.mean() - unseen.mean()
        middle = (known.mean() + unseen.mean()) / 2
        left.text(
            middle, place - 0.16, f"{gap:.1f}", ha="center", va="bottom", fontsize=TICK, color=INK
        )
    left.plot([], [], "o", color=ORANGE, label="test images")
    left.plot([], [], "o", color=BLUE, label="training images")
    dress(left, "Accuracy, and the gap between the two", "images right")
    dress(right, "Test loss", "cross-entropy")
    left.set_yticks(range(len(METHODS)), [method.name for method in METHODS])
    left.set_ylim(len(METHODS) - 0.5, -0.7)
    left.xaxis.set_major_formatter("{x:g} %")
    for ax in (left, right):
        ax.grid(False, axis="y")
    right.tick_params(axis="y", length=0)
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    fig.supxlabel(
        f"{title}; a stroke for each seed, a point for their mean", color=GREY, fontsize=TICK
    )
    return fig


def main() -> None:
    """Read the command line, train everything, and leave table and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", choices=DATASETS, help="of ten classes")
    parser.add_argument("--root", type=Path, help="folder with the dataset's files")
    parser.add_argument("--images", type=int, default=500, help="how many there are to learn from")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for rows and picture")
    arguments = parser.parse_args()
    whole, test = (
        get_dataset(arguments.data)(split=split, root=arguments.root) for split in ("train", "test")
    )
    pairs = [(method, seed) for seed in range(arguments.seeds) for method in METHODS]
    rows = []
    for method, seed in track(pairs, "training", transient=True):
        images = whole.subset(stratified(whole.labels, arguments.images, seed))
        rows.append(train(method, seed, images, test))
    title = f"{arguments.images} images of {arguments.data}, {arguments.seeds} seeds"
    print_table(rows, title)
    write(arguments.out / "regularisation.csv", rows)
    draw(rows, title).savefig(arguments.out / "regularisation.png")


if __name__ == "__main__":
    main()
