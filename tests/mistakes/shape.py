"""Mistakes with: concatenate, pad."""

import minidl.functional as F
from minidl import Tensor
from tests.mistakes.inputs import Mistake, f32, f64

MISTAKES: dict[str, Mistake] = {
    "concatenate: nothing": (
        lambda: F.concatenate([]),
        "concatenate",
        ["nothing to join"],
        "at least one",
    ),
    "concatenate: no brackets": (
        lambda: F.concatenate(f32(2, 3), f32(2, 3)),
        "concatenate",
        ["a list of tensors", "Tensor"],
        "concatenate([a, b], axis=1)",
    ),
    "concatenate: shapes": (
        lambda: F.concatenate([f32(2, 3, 4), f32(2, 3, 4), f32(2, 5, 6)], axis=1),
        "concatenate",
        ["array 0", "(2, 3, 4)", "array 2", "(2, 5, 6)"],
        "but axis 1",
    ),
    "concatenate: axes": (
        lambda: F.concatenate([f32(2, 3), f32(2)], axis=1),
        "concatenate",
        ["(2, 3)", "(2,)"],
        "equal lengths",
    ),
    "concatenate: axis": (
        lambda: F.concatenate([f32(2, 3), f32(2, 3)], axis=2),
        "concatenate",
        ["axis 2", "2 axes", "(2, 3)"],
        "0 to 1",
    ),
    "concatenate: numbers": (
        lambda: F.concatenate([Tensor(1.0), Tensor(2.0)]),
        "concatenate",
        ["axis 0", "shape ()"],
        "reshape(1)",
    ),
    "concatenate: dtypes": (
        lambda: F.concatenate([f32(2, 3), f64(2, 3)]),
        "concatenate",
        ["array 0 holds float32", "array 1 holds float64"],
        ".astype('float32')",
    ),
    "pad: one number": (
        lambda: F.pad(f32(2, 3), 1),
        "pad",
        ["pad=1", "pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: odd": (
        lambda: F.pad(f32(2, 3), (1, 1, 1)),
        "pad",
        ["pad=(1, 1, 1)", "pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: more than the axes": (
        lambda: F.pad(f32(2, 3), (1, 1, 1, 1, 1, 1)),
        "pad",
        ["at most the 2 axes", "(2, 3)"],
        "(left, right, top, bottom)",
    ),
    "pad: NumPy's nested pairs": (
        lambda: F.pad(f32(2, 3), ((1, 1), (2, 2))),
        "pad",
        ["((1, 1), (2, 2))", "integers in pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: half a column": (
        lambda: F.pad(f32(2, 3), (0.5, 0.5)),
        "pad",
        ["(0.5, 0.5)", "integers"],
        "(left, right, top, bottom)",
    ),
    "pad: cutting off more than there is": (
        lambda: F.pad(f32(2, 3), (-2, -2)),
        "pad",
        ["cuts 4", "axis 1", "length 3"],
        "less",
    ),
}
