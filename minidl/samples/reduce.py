"""Sums, means, variances and extremes over every kind of axis."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from minidl.ops import reduce
from minidl.samples.sample import Sample, distinct, normal
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    axes: Sequence[Any] = (None, 0, 1, -1, (0, 2), (2, 0), (0, 1, 2))
    for axis, keepdims in itertools.product(axes, (False, True)):
        label = f"axis={axis}, keepdims={keepdims}"
        options = {"axis": axis, "keepdims": keepdims}
        yield Sample(reduce.Sum, label, partial(Tensor.sum, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Mean, label, partial(Tensor.mean, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Var, label, partial(Tensor.var, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Max, label, partial(Tensor.max, **options), (distinct(2, 3, 5),))
        yield Sample(reduce.Min, label, partial(Tensor.min, **options), (distinct(2, 3, 5),))
    unbiased = partial(Tensor.var, axis=1, correction=1)
    yield Sample(reduce.Var, "unbiased", unbiased, (normal(2, 3),))
    yield Sample(reduce.Var, "standard deviation", partial(Tensor.std, axis=1), (normal(2, 3),))
