"""Mistakes with: dropout of elements, channels, samples and columns."""

import minidl.functional as F
from tests.mistakes.inputs import IMAGE, Mistake, f32, f64, ints

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
    "dropout2d: percent": (
        lambda: F.dropout2d(f32(*IMAGE), 20),
        "dropout2d",
        ["p=20", "between 0 and 1"],
        "p=0.5",
    ),
    "dropout2d: flattened before": (
        lambda: F.dropout2d(f32(2, 168)),
        "dropout2d",
        ["(2, 168)"],
        "four axes",
    ),
    "dropout2d: one image": (
        lambda: F.dropout2d(f32(4, 6, 7)),
        "dropout2d",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "dropout2d: pixels": (
        lambda: F.dropout2d(ints(*IMAGE)),
        "dropout2d",
        ["int64"],
        "x.astype('float32')",
    ),
    "dropout2d: negative": (
        lambda: F.dropout2d(f32(*IMAGE), -0.1),
        "dropout2d",
        ["p=-0.1"],
        "p=0.5",
    ),
    "drop_path: percent": (
        lambda: F.drop_path(f32(*IMAGE), 20),
        "drop_path",
        ["p=20", "between 0 and 1"],
        "p=0.5",
    ),
    "drop_path: percent in evaluation": (
        lambda: F.drop_path(f32(*IMAGE), 20, training=False),
        "drop_path",
        ["p=20"],
        "p=0.5",
    ),
    "drop_path: not a number": (
        lambda: F.drop_path(f32(*IMAGE), float("nan")),
        "drop_path",
        ["p=nan"],
        "p=0.5",
    ),
    "drop_path: a number": (
        lambda: F.drop_path(1.5, 0.2),
        "drop_path",
        ["shape ()", "no axis of samples"],
        "(N, …)",
    ),
    "drop_path: integers": (
        lambda: F.drop_path(ints(*IMAGE), 0.2),
        "drop_path",
        ["int64"],
        "x.astype('float32')",
    ),
    "fractal_join: nothing": (
        lambda: F.fractal_join([]),
        "fractal_join",
        ["no columns"],
        "at least one",
    ),
    "fractal_join: percent": (
        lambda: F.fractal_join([f32(3), f32(3)], 15),
        "fractal_join",
        ["p_local=15", "between 0 and 1"],
        "p_local=0.15",
    ),
    "fractal_join: no such column": (
        lambda: F.fractal_join([f32(3), f32(3)], global_column=2),
        "fractal_join",
        ["global_column=2", "2 columns"],
        "0 to 1",
    ),
    "fractal_join: other channels": (
        lambda: F.fractal_join([f32(*IMAGE), f32(2, 5, 6, 7)], 0.0),
        "fractal_join",
        ["(2, 4, 6, 7)", "(2, 5, 6, 7)"],
        "same number of channels",
    ),
    "fractal_join: other dtypes": (
        lambda: F.fractal_join([f32(3), f64(3)], training=False),
        "fractal_join",
        ["float32", "float64"],
        "Give all columns",
    ),
    "fractal_join: integers": (
        lambda: F.fractal_join([ints(3), ints(3)], training=False),
        "fractal_join",
        ["int64"],
        "x.astype('float32')",
    ),
}
