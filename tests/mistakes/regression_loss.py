"""Mistakes with: losses for numbers and for yes-or-no answers."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import Mistake, f32, ints

BCE = "binary_cross_entropy_with_logits"
MISTAKES: dict[str, Mistake] = {
    "mse_loss: a column and a row": (
        lambda: F.mse_loss(f32(4, 1), f32(4)),
        "mse_loss",
        ["(4, 1)", "(4,)", "broadcasting"],
        "target.reshape((4, 1))",
    ),
    "mse_loss: another batch": (
        lambda: F.mse_loss(f32(4, 3), f32(5, 3)),
        "mse_loss",
        ["(4, 3)", "(5, 3)"],
        "one target for each number",
    ),
    "mse_loss: class numbers for vectors": (
        lambda: F.mse_loss(f32(4, 3), ints(4)),
        "mse_loss",
        ["(4, 3)", "(4,)"],
        "one target for each number",
    ),
    "mse_loss: whole numbers predicted": (
        lambda: F.mse_loss(ints(4), f32(4)),
        "mse_loss",
        ["int64"],
        "x.astype('float32')",
    ),
    "mse_loss: reduction": (
        lambda: F.mse_loss(f32(4), f32(4), reduction="average"),
        "mse_loss",
        ["'average'"],
        "'mean', 'sum' or 'none'",
    ),
    "mse_loss: empty batch": (
        lambda: F.mse_loss(f32(0, 3), f32(0, 3)),
        "mse_loss",
        ["(0, 3)", "divides by 0"],
        "reduction='sum'",
    ),
    "l1_loss: a column and a row": (
        lambda: F.l1_loss(f32(4, 1), f32(4)),
        "l1_loss",
        ["(4, 1)", "(4,)", "broadcasting"],
        "target.reshape((4, 1))",
    ),
    "l1_loss: another batch": (
        lambda: F.l1_loss(f32(4, 3), f32(5, 3)),
        "l1_loss",
        ["(4, 3)", "(5, 3)"],
        "one target for each number",
    ),
    "l1_loss: class numbers for vectors": (
        lambda: F.l1_loss(f32(4, 3), ints(4)),
        "l1_loss",
        ["(4, 3)", "(4,)"],
        "one target for each number",
    ),
    "l1_loss: whole numbers predicted": (
        lambda: F.l1_loss(ints(4), f32(4)),
        "l1_loss",
        ["int64"],
        "x.astype('float32')",
    ),
    "l1_loss: reduction": (
        lambda: F.l1_loss(f32(4), f32(4), reduction="average"),
        "l1_loss",
        ["'average'"],
        "'mean', 'sum' or 'none'",
    ),
    "l1_loss: empty batch": (
        lambda: F.l1_loss(f32(0, 3), f32(0, 3)),
        "l1_loss",
        ["(0, 3)", "divides by 0"],
        "reduction='sum'",
    ),
    "smooth_l1_loss: a column and a row": (
        lambda: F.smooth_l1_loss(f32(4, 1), f32(4)),
        "smooth_l1_loss",
        ["(4, 1)", "(4,)", "broadcasting"],
        "target.reshape((4, 1))",
    ),
    "smooth_l1_loss: another batch": (
        lambda: F.smooth_l1_loss(f32(4, 3), f32(5, 3)),
        "smooth_l1_loss",
        ["(4, 3)", "(5, 3)"],
        "one target for each number",
    ),
    "smooth_l1_loss: class numbers for vectors": (
        lambda: F.smooth_l1_loss(f32(4, 3), ints(4)),
        "smooth_l1_loss",
        ["(4, 3)", "(4,)"],
        "one target for each number",
    ),
    "smooth_l1_loss: whole numbers predicted": (
        lambda: F.smooth_l1_loss(ints(4), f32(4)),
        "smooth_l1_loss",
        ["int64"],
        "x.astype('float32')",
    ),
    "smooth_l1_loss: reduction": (
        lambda: F.smooth_l1_loss(f32(4), f32(4), reduction="average"),
        "smooth_l1_loss",
        ["'average'"],
        "'mean', 'sum' or 'none'",
    ),
    "smooth_l1_loss: empty batch": (
        lambda: F.smooth_l1_loss(f32(0, 3), f32(0, 3)),
        "smooth_l1_loss",
        ["(0, 3)", "divides by 0"],
        "reduction='sum'",
    ),
    "smooth_l1_loss: negative beta": (
        lambda: F.smooth_l1_loss(f32(4), f32(4), beta=-1),
        "smooth_l1_loss",
        ["beta=-1", "at least 0"],
        "larger",
    ),
    "smooth_l1_loss: beta as reduction": (
        lambda: F.smooth_l1_loss(f32(4), f32(4), 0.5),
        "smooth_l1_loss",
        ["reduction 0.5"],
        "'mean', 'sum' or 'none'",
    ),
    "bce: a column and a row": (
        lambda: F.binary_cross_entropy_with_logits(f32(4, 1), np.zeros(4)),
        BCE,
        ["(4, 1)", "(4,)"],
        "target.reshape((4, 1))",
    ),
    "bce: class numbers": (
        lambda: F.binary_cross_entropy_with_logits(f32(4), np.array([0, 1, 2, 3])),
        BCE,
        ["target 2", "between 0 (no) and 1 (yes)"],
        "cross_entropy",
    ),
    "bce: -1 and 1": (
        lambda: F.binary_cross_entropy_with_logits(f32(2), np.array([-1, 1])),
        BCE,
        ["target -1", "between 0 (no) and 1 (yes)"],
        "map -1 and 1 to 0 and 1",
    ),
    "bce: pixels up to 255": (
        lambda: F.binary_cross_entropy_with_logits(f32(2), np.array([0, 255], np.uint8)),
        BCE,
        ["target 255", "between 0 (no) and 1 (yes)"],
        "Divide pixels by 255",
    ),
    "bce: pos_weight of another length": (
        lambda: F.binary_cross_entropy_with_logits(
            f32(4, 3), np.zeros((4, 3)), pos_weight=np.ones(4)
        ),
        BCE,
        ["pos_weight", "(4,)", "(4, 3)"],
        "from the last axis on",
    ),
    "bce: a weight a channel": (
        lambda: F.binary_cross_entropy_with_logits(
            f32(2, 3, 5, 5), np.zeros((2, 3, 5, 5)), weight=np.ones(3)
        ),
        BCE,
        ["weight", "(3,)", "(2, 3, 5, 5)"],
        "(C, 1, 1)",
    ),
    "bce: one weight each for rows of a vector": (
        lambda: F.binary_cross_entropy_with_logits(f32(3), np.zeros(3), weight=np.ones((2, 3))),
        BCE,
        ["weight", "(2, 3)", "(3,)"],
        "from the last axis on",
    ),
    "bce: reduction": (
        lambda: F.binary_cross_entropy_with_logits(f32(3), np.zeros(3), reduction="avg"),
        BCE,
        ["'avg'"],
        "'mean', 'sum' or 'none'",
    ),
    "bce: integer logits": (
        lambda: F.binary_cross_entropy_with_logits(ints(3), np.zeros(3)),
        BCE,
        ["int64"],
        "x.astype('float32')",
    ),
}
