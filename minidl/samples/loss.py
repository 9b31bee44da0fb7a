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
