"""Mistakes with: the Dice loss."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

HALF = np.full((2, 3, 4, 5), 0.5)
MISTAKES: dict[str, Mistake] = {
    "dice_loss: logits": (
        lambda: F.dice_loss(f32(2, 3, 4, 5) * 9, ints(2, 4, 5)),
        "dice_loss",
        ["not a probability between 0 and 1"],
        "F.softmax(logits, axis=1)",
    ),
    "dice_loss: one-hot masks": (
        lambda: F.dice_loss(HALF, ints(2, 3, 4, 5)),
        "dice_loss",
        ["(2, 3, 4, 5)", "shape (2, 4, 5)"],
        "labels.argmax(axis=1)",
    ),
    "dice_loss: masks of 0 and 255": (
        lambda: F.dice_loss(HALF, np.full((2, 4, 5), 255)),
        "dice_loss",
        ["label 255", "3 classes"],
        "count classes from 0",
    ),
    "dice_loss: masks with a channel axis": (
        lambda: F.dice_loss(HALF, ints(2, 1, 4, 5)),
        "dice_loss",
        ["shape (2, 4, 5)", "(2, 1, 4, 5)"],
        "labels.reshape((2, 4, 5))",
    ),
    "dice_loss: masks as numbers": (
        lambda: F.dice_loss(HALF, np.zeros((2, 4, 5))),
        "dice_loss",
        ["integers", "float64"],
        "labels.astype('int64')",
    ),
    "dice_loss: one image without a batch": (
        lambda: F.dice_loss(np.full(4, 0.5), np.array(1)),
        "dice_loss",
        ["(4,)", "(N, K, …)"],
        "x[None]",
    ),
    "dice_loss: smooth 0": (
        lambda: F.dice_loss(HALF, ints(2, 4, 5), smooth=0),
        "dice_loss",
        ["smooth=0", "greater than 0"],
        "larger",
    ),
    "dice_loss: reduction": (
        lambda: F.dice_loss(HALF, ints(2, 4, 5), reduction="macro"),
        "dice_loss",
        ["'macro'"],
        "'mean', 'sum' or 'none'",
    ),
}
