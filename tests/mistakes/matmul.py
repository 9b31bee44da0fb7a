"""Mistakes with: linear."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, f64

MISTAKES: dict[str, Mistake] = {
    "linear: not flattened": (
        lambda: F.linear(f32(2, 4, 5, 5), f32(3, 100)),
        "linear",
        ["(3, 100)", "100 features", "(2, 4, 5, 5)", "5 on its last axis"],
        "nn.Flatten",
    ),
    "linear: another image size": (
        lambda: F.linear(f32(2, 256), f32(3, 400)),
        "linear",
        ["400 features", "(2, 256)"],
        "in_features=256",
    ),
    "linear: a number": (
        lambda: F.linear(1.5, f32(3, 4)),
        "linear",
        ["shape ()", "(3, 4)"],
        "Reshape",
    ),
    "linear: weight of one axis": (
        lambda: F.linear(f32(2, 4), f32(4)),
        "linear",
        ["(2, 4)", "(4,)"],
        "Reshape",
    ),
    "linear: bias": (
        lambda: F.linear(f32(2, 4), f32(3, 4), f32(4)),
        "linear",
        ["bias", "(4,)", "3 outputs"],
        "(3,)",
    ),
    "linear: NumPy's float64": (
        lambda: F.linear(f64(2, 4), f32(3, 4), f32(3)),
        "linear",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "linear: pixels": (
        lambda: F.linear(np.zeros((2, 4), np.uint8), f32(3, 4)),
        "linear",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "linear: bias of another dtype": (
        lambda: F.linear(f32(2, 4), f32(3, 4), f64(3)),
        "linear",
        ["input is float32", "bias is float64"],
        "bias.astype('float32')",
    ),
}
