"""Arithmetic with and without broadcasting."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from minidl.ops import elementwise
from minidl.samples.sample import Sample, normal, off_zero, positive
from minidl.tensor import Tensor, apply


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    pairs = {
        "equal shapes": ((3, 4), (3, 4)),
        "row": ((3, 4), (4,)),
        "column": ((3, 1), (3, 4)),
        "both stretched": ((2, 1, 4), (3, 1)),
        "scalar": ((), (2, 3)),
    }
    for label, (a, b) in pairs.items():
        yield Sample(elementwise.Add, label, lambda x, y: x + y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Subtract, label, lambda x, y: x - y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Multiply, label, lambda x, y: x * y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Divide, label, lambda x, y: x / y, (normal(*a), off_zero(*b)))
    for label, function in {
        "number left": lambda x: 3 - x,
        "number right": lambda x: x - 0.5,
    }.items():
        yield Sample(elementwise.Subtract, label, function, (normal(2, 3),))
    yield Sample(elementwise.Add, "x + x", lambda x: x + x, (normal(2, 3),))
    yield Sample(elementwise.Multiply, "x · x", lambda x: x * x, (normal(2, 3),))
    yield Sample(elementwise.Divide, "1 / x", lambda x: 1 / x, (off_zero(2, 3),))
    yield Sample(elementwise.Negate, "matrix", lambda x: -x, (normal(2, 3),))
    for exponent in (0, 1, 2, 3, -1, 0.5, -1.5):
        function = partial(lambda x, p: x**p, p=exponent)
        yield Sample(elementwise.Power, f"p = {exponent}", function, (positive(2, 3),))
    yield Sample(elementwise.Power, "p = 2, negative x", lambda x: x**2, (normal(2, 3),))
    yield Sample(elementwise.Exp, "matrix", Tensor.exp, (normal(2, 3),))
    yield Sample(elementwise.Log, "matrix", Tensor.log, (positive(2, 3),))
    yield Sample(elementwise.Sqrt, "matrix", Tensor.sqrt, (positive(2, 3),))
    yield Sample(elementwise.Absolute, "matrix", Tensor.abs, (off_zero(2, 3),))
    cast = partial(apply, elementwise.Cast, dtype=np.float64)
    yield Sample(elementwise.Cast, "to float64", cast, (normal(2, 3),))
