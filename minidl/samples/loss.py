"""Losses with every reduction and option."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops import loss
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    rows, images = np.array([2, 0, -100, 1, 2]), np.arange(12).reshape(2, 2, 3) % 4
    weight = np.array([0.5, 2.0, 1.0, 0.3])
    for labels, sizes in ((rows, (5, 4)), (images, (2, 4, 2, 3))):
        for reduction in ("mean", "sum", "none"):
            options: dict[str, Any] = {"labels": labels, "reduction": reduction}
            label = f"{sizes}, {reduction}"
            variants: dict[str, dict[str, Any]] = {
                "": {},
                ", weights": {"weight": weight},
                ", smoothing": {"label_smoothing": 0.1},
                ", both": {"weight": weight, "label_smoothing": 0.2},
            }
            for extra, more in variants.items():
                function = partial(F.cross_entropy, **options, **more)
                yield Sample(loss.CrossEntropy, label + extra, function, (normal(*sizes),))
            yield Sample(loss.NLLLoss, label, partial(F.nll_loss, **options), (normal(*sizes),))
            weighted = partial(F.nll_loss, **options, weight=weight)
            yield Sample(loss.NLLLoss, f"{label}, weights", weighted, (normal(*sizes),))
    yield from _yes_or_no()


def _yes_or_no() -> Iterator[Sample]:
    """Binary cross-entropy; the targets are shares between 0 and 1 and want gradients too."""
    by_row, by_channel = np.array([0.5, 2.0, 1.5]), np.array([0.5, 2.0, 1.5]).reshape(3, 1, 1)
    for sizes, weights in (((5, 3), by_row), ((2, 3, 5, 4), by_channel)):
        for reduction in ("mean", "sum", "none"):
            variants: dict[str, dict[str, Any]] = {
                "": {},
                ", weight": {"weight": weights},
                ", pos_weight": {"pos_weight": weights},
                ", both": {"weight": weights[::-1], "pos_weight": weights},
            }
            for extra, more in variants.items():
                function = partial(F.binary_cross_entropy_with_logits, reduction=reduction, **more)
                inputs = (normal(*sizes), partial(_shares, sizes=sizes))
                label = f"{sizes}, {reduction}{extra}"
                yield Sample(loss.BCEWithLogits, label, function, inputs)


def _shares(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.05, 0.95, sizes)
