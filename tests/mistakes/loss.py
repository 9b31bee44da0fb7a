"""Mistakes with: losses."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

MISTAKES: dict[str, Mistake] = {
    "cross_entropy: one-hot": (
        lambda: F.cross_entropy(f32(4, 3), np.eye(4, 3)),
        "cross_entropy",
        ["(4, 3)", "shape (4,)"],
        "labels.argmax(axis=1)",
    ),
    "cross_entropy: a column of labels": (
        lambda: F.cross_entropy(f32(4, 3), ints(4, 1)),
        "cross_entropy",
        ["shape (4,)", "(4, 1)"],
        "labels.reshape((4,))",
    ),
    "cross_entropy: another batch": (
        lambda: F.cross_entropy(f32(4, 3), ints(5)),
        "cross_entropy",
        ["(4, 3)", "(4,)", "(5,)"],
        "one for each row",
    ),
    "cross_entropy: float labels": (
        lambda: F.cross_entropy(f32(4, 3), np.zeros(4)),
        "cross_entropy",
        ["integers", "float64"],
        "labels.astype('int64')",
    ),
    "cross_entropy: label too large": (
        lambda: F.cross_entropy(f32(4, 3), np.array([0, 1, 2, 3])),
        "cross_entropy",
        ["label 3", "labels[3]", "3 classes", "0 … 2"],
        "count classes from 0",
    ),
    "cross_entropy: label negative": (
        lambda: F.cross_entropy(f32(4, 3), np.array([0, 1, -1, 2])),
        "cross_entropy",
        ["label -1", "labels[2]", "3 classes"],
        "count classes from 0",
    ),
    "cross_entropy: swapped": (
        lambda: F.cross_entropy(ints(4), f32(4, 3)),
        "cross_entropy",
        ["(4,)", "(N, K, …)"],
        "Scores come first",
    ),
    "cross_entropy: one row without a batch": (
        lambda: F.cross_entropy(f32(3), np.array(1)),
        "cross_entropy",
        ["(3,)"],
        "x[None]",
    ),
    "cross_entropy: integer scores": (
        lambda: F.cross_entropy(ints(4, 3), ints(4)),
        "cross_entropy",
        ["int64"],
        "x.astype('float32')",
    ),
    "cross_entropy: reduction": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), reduction="average"),
        "cross_entropy",
        ["'average'"],
        "'mean', 'sum' or 'none'",
    ),
    "cross_entropy: class weights": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), weight=np.ones(4)),
        "cross_entropy",
        ["(4,)", "3 classes"],
        "3 weights",
    ),
    "cross_entropy: smoothing in percent": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), label_smoothing=10),
        "cross_entropy",
        ["label_smoothing=10", "between 0 and 1"],
        "label_smoothing=0.1",
    ),
    "cross_entropy: nothing counts": (
        lambda: F.cross_entropy(f32(4, 3), np.full(4, -100)),
        "cross_entropy",
        ["4 labels", "0"],
        "reduction='sum'",
    ),
    "nll_loss: one-hot": (
        lambda: F.nll_loss(f32(4, 3), np.eye(4, 3)),
        "nll_loss",
        ["(4, 3)", "(4,)"],
        "labels.argmax(axis=1)",
    ),
    "nll_loss: label too large": (
        lambda: F.nll_loss(f32(4, 3), np.full(4, 7)),
        "nll_loss",
        ["label 7", "3 classes"],
        "num_classes",
    ),
    "nll_loss: float labels": (
        lambda: F.nll_loss(f32(4, 3), np.zeros(4)),
        "nll_loss",
        ["float64"],
        "labels.astype('int64')",
    ),
    "nll_loss: reduction": (
        lambda: F.nll_loss(f32(4, 3), ints(4), reduction="batchmean"),
        "nll_loss",
        ["'batchmean'"],
        "'mean', 'sum' or 'none'",
    ),
    "nll_loss: class weights": (
        lambda: F.nll_loss(f32(4, 3), ints(4), weight=np.ones(5)),
        "nll_loss",
        ["(5,)", "3 classes"],
        "3 weights",
    ),
    "nll_loss: nothing counts": (
        lambda: F.nll_loss(f32(4, 3), np.full(4, -100)),
        "nll_loss",
        ["4 labels"],
        "reduction='sum'",
    ),
}
