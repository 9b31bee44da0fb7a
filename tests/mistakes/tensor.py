"""Mistakes with: arithmetic, products, shapes, reductions."""

from tests.mistakes.inputs import Mistake, f32

MISTAKES: dict[str, Mistake] = {
    "add": (lambda: f32(2, 3) + f32(4), "add", ["(2, 3)", "(4,)", "length 3", "and 4"], "Reshape"),
    "subtract": (
        lambda: f32(2, 3) - f32(2),
        "subtract",
        ["(2, 3)", "(2,)", "axis -1"],
        "from the last axis on",
    ),
    "multiply": (
        lambda: f32(5, 2, 3) * f32(4, 1),
        "multiply",
        ["axis -2", "length 2", "and 4"],
        "Reshape",
    ),
    "divide": (lambda: f32(2, 3) / [1.0, 2.0], "divide", ["(2, 3)", "(2,)"], "Reshape"),
    "matmul: not transposed": (
        lambda: f32(2, 3) @ f32(2, 3),
        "matmul",
        ["(2, 3) and (2, 3)"],
        "Transpose",
    ),
    "matmul: a number": (lambda: f32(2, 3) @ 2.0, "matmul", ["(2, 3) and ()"], "use *"),
    "matmul: stacks": (
        lambda: f32(5, 2, 3) @ f32(4, 3, 2),
        "matmul",
        ["(5,) and (4,)"],
        "Reshape",
    ),
    "reshape": (
        lambda: f32(2, 3).reshape(4, -1),
        "reshape",
        ["6 values", "(2, 3)", "(4, -1)"],
        "must stay the same",
    ),
    "reshape: two unknowns": (
        lambda: f32(2, 3).reshape(-1, -1),
        "reshape",
        ["(-1, -1)"],
        "one of them may be -1",
    ),
    "transpose: axes missing": (
        lambda: f32(2, 3, 4).transpose(1, 0),
        "transpose",
        ["(1, 0)", "3 axes", "(2, 3, 4)"],
        "every axis once",
    ),
    "transpose: axis twice": (
        lambda: f32(2, 3).transpose(0, 0),
        "transpose",
        ["(0, 0)", "2 axes"],
        "every axis once",
    ),
    "broadcast_to": (
        lambda: f32(2, 3).broadcast_to(4, 3, 2),
        "broadcast_to",
        ["(2, 3)", "(4, 3, 2)"],
        "length 1",
    ),
    "broadcast_to: fewer axes": (
        lambda: f32(1, 3).broadcast_to(3),
        "broadcast_to",
        ["(1, 3)", "(3,)"],
        "length 1",
    ),
    "sum: axis": (lambda: f32(2, 3).sum(axis=2), "sum", ["axis 2", "(2, 3)"], "0 to 1"),
    "mean: axis": (lambda: f32(2, 3).mean(axis=(0, -3)), "mean", ["axis -3"], "0 to 1"),
    "var: axis": (lambda: f32(2, 3).var(axis=1.5), "var", ["axis 1.5"], "0 to 1"),
    "max: axis": (lambda: f32(2, 3).max(axis=2), "max", ["axis 2", "2 axes"], "0 to 1"),
    "sum: axis twice": (
        lambda: f32(2, 3).sum(axis=(1, -1)),
        "sum",
        ["(1, -1)", "twice"],
        "once",
    ),
    "mean: of nothing": (
        lambda: f32(0, 3).mean(),
        "mean",
        ["(0, 3)", "0 number(s)", "least 1"],
        "empty batches",
    ),
    "max: of nothing": (
        lambda: f32(2, 0).max(axis=1),
        "max",
        ["(2, 0)", "0 number(s)"],
        "empty batches",
    ),
    "var: of one number": (
        lambda: f32(1).var(correction=1),
        "var",
        ["1 number(s)", "least 2"],
        "correction=0",
    ),
}
