"""The Dice loss."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops.dice_loss import DiceLoss
from minidl.samples.sample import Sample


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    rows, images = np.array([2, 0, 1, 1, 2]), np.arange(12).reshape(2, 2, 3) % 4
    for labels, sizes in ((rows, (5, 3)), (images, (2, 4, 2, 3))):
        for reduction in ("mean", "sum", "none"):
            variants: dict[str, dict[str, Any]] = {
                "": {},
                ", ignoring": {"ignore_index": 1, "smooth": 0.2},
            }
            for name, more in variants.items():
                dice = partial(F.dice_loss, labels=labels, reduction=reduction, **more)
                draw = partial(_probabilities, sizes=sizes)
                yield Sample(DiceLoss, f"{sizes}, {reduction}{name}", dice, (draw,))


def _probabilities(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    """Numbers between 0 and 1; that they sum to 1 over the classes matters to no formula."""
    return rng.uniform(0.05, 0.95, sizes)
