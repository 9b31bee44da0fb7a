"""Mistakes with: unfolding and folding."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import IMAGE, Mistake, f32

MISTAKES: dict[str, Mistake] = {
    "unfold: one image": (
        lambda: F.unfold(f32(4, 6, 7), 3),
        "unfold",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "unfold: window larger than the image": (
        lambda: F.unfold(f32(*IMAGE), 3, 3),
        "unfold",
        ["height 6 + padding 0 = 6", "dilation 3 · (kernel 3 − 1) + 1 = 7"],
        "smaller kernel",
    ),
    "unfold: pixels": (
        lambda: F.unfold(np.zeros(IMAGE, np.uint8), 3),
        "unfold",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "unfold: stride 0": (
        lambda: F.unfold(f32(*IMAGE), 3, stride=0),
        "unfold",
        ["stride=0", "at least 1"],
        "stride=2",
    ),
    "unfold: kernel of three axes": (
        lambda: F.unfold(f32(*IMAGE), (4, 3, 3)),
        "unfold",
        ["kernel_size=(4, 3, 3)", "two integers"],
        "kernel_size=2",
    ),
    "unfold: negative padding": (
        lambda: F.unfold(f32(*IMAGE), 3, padding=-1),
        "unfold",
        ["padding=-1"],
        "cannot be negative",
    ),
    "fold: an image": (
        lambda: F.fold(f32(*IMAGE), (6, 7), 3),
        "fold",
        ["(2, 4, 6, 7)", "(N, C·KH·KW, windows)"],
        "what unfold returned",
    ),
    "fold: the columns of one image": (
        lambda: F.fold(f32(36, 20), (6, 7), 3),
        "fold",
        ["(36, 20)", "three axes"],
        "x[None]",
    ),
    "fold: kernel": (
        lambda: F.fold(f32(2, 36, 20), (6, 7), (3, 5)),
        "fold",
        ["36 rows", "3 · 5 = 15 pixels"],
        "C · KH · KW",
    ),
    "fold: columns before rows": (
        lambda: F.fold(f32(2, 20, 36), (6, 7), 3),
        "fold",
        ["20 rows", "(2, 20, 36)", "= 9"],
        "order of the axes",
    ),
    "fold: padding forgotten": (
        lambda: F.fold(f32(2, 36, 42), (6, 7), 3),
        "fold",
        ["(6, 7) has 4 · 5 = 20 windows", "are 42"],
        "options that unfold was given",
    ),
    "fold: window larger than the image": (
        lambda: F.fold(f32(2, 36, 1), (2, 7), 3),
        "fold",
        ["height 2 + padding 0 = 2", "= 3"],
        "more padding",
    ),
    "fold: whole numbers": (
        lambda: F.fold(np.zeros((2, 36, 20), np.int64), (6, 7), 3),
        "fold",
        ["int64"],
        "x.astype('float32')",
    ),
}
