"""Mistakes with: losses for embeddings."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

MISTAKES: dict[str, Mistake] = {
    "contrastive_loss: class numbers": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), np.array([0, 1, 7])),
        "contrastive_loss",
        ["`same` holds 7", "1 where", "0 where not"],
        "labels1 == labels2",
    ),
    "contrastive_loss: -1 for unlike": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), np.array([1, -1, 1])),
        "contrastive_loss",
        ["`same` holds -1"],
        "labels1 == labels2",
    ),
    "contrastive_loss: a column": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), ints(3, 1)),
        "contrastive_loss",
        ["(3, 5)", "(3,)", "(3, 1)"],
        "same.reshape((3,))",
    ),
    "contrastive_loss: one answer for all": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), 1),
        "contrastive_loss",
        ["(3,)", "()"],
        "for each pair",
    ),
    "contrastive_loss: another batch": (
        lambda: F.contrastive_loss(f32(3, 5), f32(4, 5), ints(3)),
        "contrastive_loss",
        ["x1 has shape (3, 5)", "x2 (4, 5)"],
        "as many rows",
    ),
    "contrastive_loss: images": (
        lambda: F.contrastive_loss(f32(3, 2, 5, 5), f32(3, 2, 5, 5), ints(3)),
        "contrastive_loss",
        ["(3, 2, 5, 5)", "(N, D)"],
        "x1.flatten(1)",
    ),
    "contrastive_loss: one pair without a batch": (
        lambda: F.contrastive_loss(f32(5), f32(5), ints(1)),
        "contrastive_loss",
        ["(5,)", "(N, D)"],
        "x1[None]",
    ),
    "contrastive_loss: margin 0": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), ints(3), margin=0),
        "contrastive_loss",
        ["margin=0", "greater than 0"],
        "larger",
    ),
    "contrastive_loss: integers": (
        lambda: F.contrastive_loss(ints(3, 5), f32(3, 5), ints(3)),
        "contrastive_loss",
        ["int64"],
        "x.astype('float32')",
    ),
    "contrastive_loss: reduction": (
        lambda: F.contrastive_loss(f32(3, 5), f32(3, 5), ints(3), reduction="all"),
        "contrastive_loss",
        ["'all'"],
        "'mean', 'sum' or 'none'",
    ),
    "triplet_margin_loss: fewer negatives": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 5), f32(2, 5)),
        "triplet_margin_loss",
        ["anchor has shape (3, 5)", "negative (2, 5)"],
        "as many rows",
    ),
    "triplet_margin_loss: other features": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 4), f32(3, 5)),
        "triplet_margin_loss",
        ["(3, 5)", "positive (3, 4)"],
        "the same model",
    ),
    "triplet_margin_loss: images": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 2, 5, 5), f32(3, 5)),
        "triplet_margin_loss",
        ["positive", "(3, 2, 5, 5)", "(N, D)"],
        "positive.flatten(1)",
    ),
    "triplet_margin_loss: one triplet without a batch": (
        lambda: F.triplet_margin_loss(f32(5), f32(5), f32(5)),
        "triplet_margin_loss",
        ["anchor", "(5,)", "(N, D)"],
        "anchor[None]",
    ),
    "triplet_margin_loss: p": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 5), f32(3, 5), p=0.5),
        "triplet_margin_loss",
        ["p=0.5", "at least 1"],
        "larger",
    ),
    "triplet_margin_loss: largest difference": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 5), f32(3, 5), p=np.inf),
        "triplet_margin_loss",
        ["p=inf"],
        "p=2",
    ),
    "triplet_margin_loss: reduction": (
        lambda: F.triplet_margin_loss(f32(3, 5), f32(3, 5), f32(3, 5), reduction="max"),
        "triplet_margin_loss",
        ["'max'"],
        "'mean', 'sum' or 'none'",
    ),
    "triplet_margin_loss: empty batch": (
        lambda: F.triplet_margin_loss(f32(0, 5), f32(0, 5), f32(0, 5)),
        "triplet_margin_loss",
        ["(0,)", "divides by 0"],
        "reduction='sum'",
    ),
}
