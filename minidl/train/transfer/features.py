"""Features: what the head sees of an image, computed once, and classifiers that start from them.

"Without data augmentation, bottom features can be precomputed for a speed up" (Oslo, IN4310, Deep
Architecture Evolution, "Fine Tuning: Train Only Top Layer"). This is scenario 3 of Aarhus, Deep
Learning for Visual Recognition, lecture 7: the network without its last layer is a fixed extractor
of features, and on these any classifier can be trained, k nearest neighbours or a new head.

    model.load_state_dict(…)
    x, test_x = (features(model, data, normalise) for data in (train, test))     # (N, D), (M, D)
    nearest_neighbours(x, train.labels, test_x, k=5)                             # (M,)
    replace_head(model, 10)
    fit_head(model, x, train.labels)                                             # in a second
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from minidl.autograd import no_grad
from minidl.data import DataLoader, Dataset
from minidl.data.transforms import Transform
from minidl.models.nin import NIN
from minidl.nn import Conv2d, Flatten, Module, Sequential
from minidl.nn.module import as_tensor
from minidl.optim import AdamW
from minidl.optim.lr_scheduler import OneCycleLR
from minidl.train.callbacks import LRSchedule
from minidl.train.history import History
from minidl.train.trainer import Trainer
from minidl.train.transfer.head import find_head

Features = NDArray[np.floating]
Labels = NDArray[np.integer]


def features(
    model: Module,
    dataset: Dataset,
    transform: Transform | None = None,
    copies: int = 1,
    batch_size: int = 250,
    seed: int = 0,
    console: Console | None = None,
) -> Features:
    """Compute what the head of a model is given for each image, in evaluation mode.

    Args:
        model: a classifier with D features before its head. Its mode is put back at the end.
        dataset: N images.
        transform: as for `DataLoader`: the normalisation of the model's training, at least.
        copies: go through the images so often, with another augmentation each time.
        batch_size: images at a time.
        seed: of the augmentation.
        console: shows a progress bar, if it is a terminal.

    Returns:
        (copies · N, D), copy after copy; the labels are np.tile(dataset.labels, copies). Where the
        head is a convolution before the mean over pixels (NIN), the mean of its input.

    Raises:
        HeadError: the model has no head.
    """
    head = find_head(model)
    loader = DataLoader(dataset, batch_size, transform=transform, seed=seed)
    console = console or Console()
    seen: list[Features] = []
    handle = head.layer.register_forward_hook(lambda _, inputs, __: seen.append(_rows(inputs[0])))
    mode = model.training
    model.eval()
    try:
        with no_grad():
            for images, _ in track(
                (batch for _ in range(copies) for batch in loader),
                "features",
                total=copies * len(loader),
                console=console,
                transient=True,
                disable=not console.is_terminal,
            ):
                model(images)
    finally:
        handle.remove()
        model.train(mode)
    return np.concatenate(seen)


def fit_head(
    model: Module,
    x: Features,
    labels: Labels,
    epochs: int = 50,
    lr: float = 1e-2,
    weight_decay: float = 1e-2,
    batch_size: int = 64,
    seed: int = 0,
) -> History:
    """Train the head of a model on features computed before: linear probing.

    "Linear probing: train new head on top of the frozen backbone; faster (train only a linear
    model)" (HSE, Deep Learning 1, lecture 4, "Transfer learning"). AdamW with one cycle.

    Args:
        model: a classifier whose head has an output for each class; only the head is changed.
        x: (N, D), its `features`.
        labels: (N,).
        epochs: how often to go through the rows of x.
        lr: the highest learning rate of the cycle.
        weight_decay: the strength of the pull of the weights towards zero.
        batch_size: rows at a time.
        seed: of their order.

    Returns:
        A row an epoch, with loss and accuracy on the rows trained on.

    Raises:
        ValueError: rows and labels, or the features and the head, do not fit each other.
    """
    head = find_head(model)
    if isinstance(model, NIN):
        raise ValueError(
            "the head of NIN looks at every pixel before their mean is taken, so it cannot be "
            "trained on means; train it inside the model: freeze_to(model, 1)"
        )
    if x.shape != (len(labels), head.features):
        raise ValueError(
            f"x must have a row of {head.features} features, what {head.name} takes, for each of "
            f"the {len(labels)} labels, but has shape {x.shape}"
        )
    rows = x[:, :, None, None] if isinstance(head.layer, Conv2d) else x
    batches = _Rows(rows, labels, batch_size, seed)
    head.layer.unfreeze()
    optimizer = AdamW(head.layer.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = LRSchedule(OneCycleLR(optimizer, lr, epochs * len(batches)), per="step")
    mode = head.layer.training
    try:
        classifier = Sequential(head.layer, Flatten())  # (N, D) or (N, D, 1, 1) → (N, K)
        return Trainer(classifier, optimizer, callbacks=[schedule]).fit(batches, None, epochs)
    finally:
        head.layer.train(mode)


def nearest_neighbours(
    train_x: Features,
    train_y: Labels,
    test_x: Features,
    k: int = 5,
    metric: Literal["cosine", "euclidean"] = "cosine",
    rows: int = 1000,
) -> Labels:
    """Classify each row by the vote of the k training rows nearest to it.

        euclidean   d[m,n] = √Σ_d (test_x[m,d] − train_x[n,d])²
        cosine      d[m,n] = 1 − Σ_d test_x[m,d] · train_x[n,d] / (|test_x[m]| · |train_x[n]|)

    Of classes with as many votes the one with the nearest neighbour wins. "Once you extract the
    codes for all images, you can train another classifier (like K-Nearest Neighbour)" (Aarhus, Deep
    Learning for Visual Recognition, lecture 7, "Scenario 3 explained").

    Args:
        train_x: (N, D).
        train_y: (N,), their classes.
        test_x: (M, D).
        k: how many neighbours vote, 1 ≤ k ≤ N.
        metric: "cosine" compares directions alone, "euclidean" lengths too.
        rows: of test_x at a time: rows · N distances are in memory at once.

    Returns:
        (M,), classes.

    Raises:
        ValueError: arrays that do not fit each other, k out of range, an unknown metric.
    """
    if train_x.ndim != 2 or test_x.shape[1:] != train_x.shape[1:]:
        raise ValueError(
            f"train_x (N, D) and test_x (M, D) must have the same D, got {train_x.shape} and "
            f"{test_x.shape}"
        )
    if train_y.shape != train_x.shape[:1]:
        raise ValueError(f"{len(train_x)} rows need as many labels, got {train_y.shape}")
    if not 1 <= k <= len(train_x):
        raise ValueError(f"k must lie between 1 and the {len(train_x)} training rows, not {k}")
    if metric == "cosine":
        train_x, test_x = _unit(train_x), _unit(test_x)
        squares = np.zeros(len(train_x), train_x.dtype)
    elif metric == "euclidean":
        center = train_x.mean(axis=0)  # near zero fewer digits are lost in |b|² − 2ab
        train_x, test_x = train_x - center, test_x - center
        squares = (train_x**2).sum(axis=1)  # (N,)
    else:
        raise ValueError(f"metric must be 'cosine' or 'euclidean', not {metric!r}")
    classes, indices = np.unique(train_y, return_inverse=True)
    votes = []
    for start in range(0, len(test_x), rows):
        # |a − b|² = |a|² + |b|² − 2ab, where |a|² is the same for all b and decides nothing.
        distance = squares - 2 * (test_x[start : start + rows] @ train_x.T)  # (rows, N)
        votes.append(_majority(indices[_nearest(distance, k)], len(classes)))
    return classes[np.concatenate(votes)] if votes else classes[:0]


def _rows(x: object) -> Features:
    """The input of a head as rows (N, D): pixels of (N, D, H, W) are averaged."""
    array = as_tensor(x).data
    return array if array.ndim == 2 else array.mean(axis=(2, 3))


def _unit(x: Features) -> Features:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1)


def _nearest(distance: Features, k: int) -> NDArray[np.intp]:
    """The columns of the k least distances in each row, nearest first, (rows, k)."""
    some = np.argpartition(distance, k - 1, axis=1)[:, :k]
    order = np.take_along_axis(distance, some, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def _majority(classes: NDArray[np.intp], num_classes: int) -> NDArray[np.intp]:
    """The commonest class in each row of classes (rows, k); of equals the one that comes first."""
    counts = np.zeros((len(classes), num_classes))  # (rows, K)
    np.add.at(counts, (np.arange(len(classes))[:, None], classes), 1)
    of_each = np.take_along_axis(counts, classes, axis=1)  # (rows, k), the votes of its class
    best = of_each.argmax(axis=1)  # the first of the largest: the nearest
    return classes[np.arange(len(classes)), best]


class _Rows:
    """Batches of feature rows, in another order every epoch."""

    def __init__(self, x: Features, labels: Labels, size: int, seed: int) -> None:
        self.x, self.labels, self.size = x, labels.astype(np.int64), size
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __iter__(self) -> Iterator[tuple[Features, Labels]]:
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(self.x), self.size):
            chosen = order[start : start + self.size]
            yield self.x[chosen], self.labels[chosen]
