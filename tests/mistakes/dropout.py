"""Mistakes with: dropout."""

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

MISTAKES: dict[str, Mistake] = {
    "dropout: percent": (
        lambda: F.dropout(f32(3), 50),
        "dropout",
        ["p=50", "between 0 and 1"],
        "p=0.5",
    ),
    "dropout: negative": (
        lambda: F.dropout(f32(3), -0.1),
        "dropout",
        ["p=-0.1"],
        "p=0.5",
    ),
    "dropout: not a number": (
        lambda: F.dropout(f32(3), float("nan")),
        "dropout",
        ["p=nan"],
        "p=0.5",
    ),
    "dropout: percent in evaluation": (
        lambda: F.dropout(f32(3), 50, training=False),
        "dropout",
        ["p=50"],
        "p=0.5",
    ),
    "dropout: integers": (
        lambda: F.dropout(ints(3), 0.5),
        "dropout",
        ["int64"],
        "x.astype('float32')",
    ),
}
