"""Mistakes with: batch norm."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import IMAGE, Mistake, f32, f64

MISTAKES: dict[str, Mistake] = {
    "batch_norm: one axis": (
        lambda: F.batch_norm(f32(3), None, None, training=True),
        "batch_norm",
        ["(3,)", "axis 1"],
        "(N, C)",
    ),
    "batch_norm: a batch of one": (
        lambda: F.batch_norm(f32(1, 3), None, None, training=True),
        "batch_norm",
        ["(1, 3)", "1 value"],
        "model.eval()",
    ),
    "batch_norm: scale": (
        lambda: F.batch_norm(f32(5, 3), None, None, f32(2), training=True),
        "batch_norm",
        ["weight", "(2,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: running mean, training": (
        lambda: F.batch_norm(f32(5, 3), np.zeros(2), np.ones(2), training=True),
        "batch_norm",
        ["running mean", "(2,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: running variance, evaluation": (
        lambda: F.batch_norm(f32(5, 3), np.zeros(3), np.ones(4)),
        "batch_norm",
        ["running variance", "(4,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: NumPy's float64": (
        lambda: F.batch_norm(f64(5, 3), None, None, f32(3), f32(3), training=True),
        "batch_norm",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "batch_norm: pixels": (
        lambda: F.batch_norm(np.zeros(IMAGE, np.uint8), None, None, f32(4), f32(4)),
        "batch_norm",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
}
