"""Mistakes with: softmax."""

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

MISTAKES: dict[str, Mistake] = {
    "softmax: axis": (
        lambda: F.softmax(f32(2, 3), axis=2),
        "softmax",
        ["axis 2", "2 axes", "(2, 3)"],
        "0 to 1",
    ),
    "softmax: axis None": (
        lambda: F.softmax(f32(2, 3), axis=None),
        "softmax",
        ["axis None", "(2, 3)"],
        "0 to 1",
    ),
    "softmax: integers": (
        lambda: F.softmax(ints(2, 3)),
        "softmax",
        ["int64"],
        "x.astype('float32')",
    ),
    "softmax: a number": (
        lambda: F.softmax(1.5),
        "softmax",
        ["axis -1", "shape ()"],
        "reshape(1)",
    ),
    "log_softmax: axis": (
        lambda: F.log_softmax(f32(2, 3), axis=-3),
        "log_softmax",
        ["axis -3", "2 axes", "(2, 3)"],
        "-1 (the last) to -2",
    ),
    "log_softmax: integers": (
        lambda: F.log_softmax(ints(2, 3)),
        "log_softmax",
        ["int64"],
        "x.astype('float32')",
    ),
}
