"""Mistakes with: losses with a margin."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

MISTAKES: dict[str, Mistake] = {
    "multi_margin_loss: one-hot": (
        lambda: F.multi_margin_loss(f32(4, 3), np.eye(4, 3)),
        "multi_margin_loss",
        ["(4, 3)", "(4,)"],
        "labels.argmax(axis=1)",
    ),
    "multi_margin_loss: label too large": (
        lambda: F.multi_margin_loss(f32(4, 3), np.full(4, 3)),
        "multi_margin_loss",
        ["label 3", "3 classes", "0 … 2"],
        "count classes from 0",
    ),
    "multi_margin_loss: images of scores": (
        lambda: F.multi_margin_loss(f32(4, 3, 2, 2), ints(4, 2, 2)),
        "multi_margin_loss",
        ["(4, 3, 2, 2)", "(N, K)"],
        "Scores come first",
    ),
    "multi_margin_loss: one row without a batch": (
        lambda: F.multi_margin_loss(f32(3), np.array(1)),
        "multi_margin_loss",
        ["(3,)", "(N, K)"],
        "x[None]",
    ),
    "multi_margin_loss: labels of -1 and 1": (
        lambda: F.multi_margin_loss(f32(2, 3), np.array([-1, 1])),
        "multi_margin_loss",
        ["label -1", "3 classes"],
        "count classes from 0",
    ),
    "multi_margin_loss: float labels": (
        lambda: F.multi_margin_loss(f32(4, 3), np.zeros(4)),
        "multi_margin_loss",
        ["float64"],
        "labels.astype('int64')",
    ),
    "multi_margin_loss: reduction": (
        lambda: F.multi_margin_loss(f32(4, 3), ints(4), reduction="batch"),
        "multi_margin_loss",
        ["'batch'"],
        "'mean', 'sum' or 'none'",
    ),
    "multi_margin_loss: empty batch": (
        lambda: F.multi_margin_loss(f32(0, 3), ints(0)),
        "multi_margin_loss",
        ["(0,)", "divides by 0"],
        "reduction='sum'",
    ),
    "hinge_loss: one-hot": (
        lambda: F.hinge_loss(f32(4, 3), np.eye(4, 3)),
        "hinge_loss",
        ["(4, 3)", "(4,)"],
        "labels.argmax(axis=1)",
    ),
    "hinge_loss: label too large": (
        lambda: F.hinge_loss(f32(4, 3), np.full(4, 3)),
        "hinge_loss",
        ["label 3", "3 classes", "0 … 2"],
        "count classes from 0",
    ),
    "hinge_loss: images of scores": (
        lambda: F.hinge_loss(f32(4, 3, 2, 2), ints(4, 2, 2)),
        "hinge_loss",
        ["(4, 3, 2, 2)", "(N, K)"],
        "Scores come first",
    ),
    "hinge_loss: one row without a batch": (
        lambda: F.hinge_loss(f32(3), np.array(1)),
        "hinge_loss",
        ["(3,)", "(N, K)"],
        "x[None]",
    ),
    "hinge_loss: labels of -1 and 1": (
        lambda: F.hinge_loss(f32(2, 3), np.array([-1, 1])),
        "hinge_loss",
        ["label -1", "3 classes"],
        "count classes from 0",
    ),
    "hinge_loss: float labels": (
        lambda: F.hinge_loss(f32(4, 3), np.zeros(4)),
        "hinge_loss",
        ["float64"],
        "labels.astype('int64')",
    ),
    "hinge_loss: reduction": (
        lambda: F.hinge_loss(f32(4, 3), ints(4), reduction="batch"),
        "hinge_loss",
        ["'batch'"],
        "'mean', 'sum' or 'none'",
    ),
    "hinge_loss: empty batch": (
        lambda: F.hinge_loss(f32(0, 3), ints(0)),
        "hinge_loss",
        ["(0,)", "divides by 0"],
        "reduction='sum'",
    ),
    "margin_loss: one-hot": (
        lambda: F.margin_loss(f32(4, 3), np.eye(4, 3)),
        "margin_loss",
        ["(4, 3)", "(4,)"],
        "labels.argmax(axis=1)",
    ),
    "margin_loss: label too large": (
        lambda: F.margin_loss(f32(4, 3), np.full(4, 3)),
        "margin_loss",
        ["label 3", "3 classes", "0 … 2"],
        "count classes from 0",
    ),
    "margin_loss: images of scores": (
        lambda: F.margin_loss(f32(4, 3, 2, 2), ints(4, 2, 2)),
        "margin_loss",
        ["(4, 3, 2, 2)", "(N, K)"],
        "Scores come first",
    ),
    "margin_loss: one row without a batch": (
        lambda: F.margin_loss(f32(3), np.array(1)),
        "margin_loss",
        ["(3,)", "(N, K)"],
        "x[None]",
    ),
    "margin_loss: labels of -1 and 1": (
        lambda: F.margin_loss(f32(2, 3), np.array([-1, 1])),
        "margin_loss",
        ["label -1", "3 classes"],
        "count classes from 0",
    ),
    "margin_loss: float labels": (
        lambda: F.margin_loss(f32(4, 3), np.zeros(4)),
        "margin_loss",
        ["float64"],
        "labels.astype('int64')",
    ),
    "margin_loss: reduction": (
        lambda: F.margin_loss(f32(4, 3), ints(4), reduction="batch"),
        "margin_loss",
        ["'batch'"],
        "'mean', 'sum' or 'none'",
    ),
    "margin_loss: empty batch": (
        lambda: F.margin_loss(f32(0, 3), ints(0)),
        "margin_loss",
        ["(0,)", "divides by 0"],
        "reduction='sum'",
    ),
    "multi_margin_loss: p": (
        lambda: F.multi_margin_loss(f32(4, 3), ints(4), p=3),
        "multi_margin_loss",
        ["p=3"],
        "1 or 2",
    ),
    "multi_margin_loss: margin before p": (
        lambda: F.multi_margin_loss(f32(4, 3), ints(4), 0.5),
        "multi_margin_loss",
        ["p=0.5"],
        "1 or 2",
    ),
    "multi_margin_loss: class weights": (
        lambda: F.multi_margin_loss(f32(4, 3), ints(4), weight=np.ones(4)),
        "multi_margin_loss",
        ["(4,)", "3 classes"],
        "3 weights",
    ),
    "margin_loss: capsules for their lengths": (
        lambda: F.margin_loss(f32(4, 3, 16), ints(4)),
        "margin_loss",
        ["(4, 3, 16)", "(N, K)"],
        "Scores come first",
    ),
    "margin_loss: margin as text": (
        lambda: F.margin_loss(f32(4, 3), ints(4), m_plus="0.9"),
        "margin_loss",
        ["m_plus", "number, not str"],
        "m_plus=1.0",
    ),
}
