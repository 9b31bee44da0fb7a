"""Arithmetic with and without broadcasting."""

from collections.abc import Iterator
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.ops import elementwise
from minidl.samples.sample import Draw, Sample, normal, off_zero, positive
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
    yield from _choices()
    cast = partial(apply, elementwise.Cast, dtype=np.float64)
    yield Sample(elementwise.Cast, "to float64", cast, (normal(2, 3),))


def _choices() -> Iterator[Sample]:
    """Clip, maximum, minimum and where; bounds and ties are at least 0.1 away.

    At a bound clip passes the gradient, at a tie maximum and minimum give half to each: that is
    tested on paper, since there differences do not agree with any one derivative.
    """
    for label, bounds in {
        "both bounds": (-0.5, 0.7),
        "from below": (-0.5, None),
        "from above": (None, 0.7),
    }.items():
        function = partial(Tensor.clip, low=bounds[0], high=bounds[1])
        yield Sample(elementwise.Clip, label, function, (_between(3, 5),))
    # 0.2, 0.4, …: the numbers of `_between` are multiples of 0.4, so no two are equal.
    other: Draw = lambda rng: _between(3, 5)(rng) + 0.2  # noqa: E731
    row: Draw = lambda rng: _between(5)(rng) + 0.2  # noqa: E731
    column: Draw = lambda rng: _between(3, 1)(rng) + 0.2  # noqa: E731
    for label, draws in {
        "equal shapes": (_between(3, 5), other),
        "row": (row, _between(3, 5)),
        "column": (_between(3, 5), column),
        "both stretched": (_between(2, 1, 5), column),
    }.items():
        yield Sample(elementwise.Maximum, label, F.maximum, draws)
        yield Sample(elementwise.Minimum, label, F.minimum, draws)
    yield Sample(elementwise.Maximum, "a number", lambda x: F.maximum(0.1, x), (_between(3, 5),))
    yield Sample(elementwise.Minimum, "a number", lambda x: F.minimum(x, 0.1), (_between(3, 5),))
    checks = np.arange(15).reshape(3, 5) % 4 == 1
    for label, (a, b, condition) in {
        "equal shapes": ((3, 5), (3, 5), checks),
        "row and column": ((5,), (3, 1), checks),
        "stretched condition": ((2, 3, 1), (3, 5), checks[:, :1]),
        "condition of more axes": ((5,), (5,), checks),
        "numbers": ((), (), checks),
    }.items():
        function = partial(F.where, condition)
        yield Sample(elementwise.Where, label, function, (normal(*a), normal(*b)))


def _between(*sizes: int) -> Draw:
    """Multiples of 0.4 from −2 to 2, in any order and some of them twice."""
    return lambda rng: rng.integers(-5, 6, sizes) * 0.4
