"""Capsules."""

from collections.abc import Iterator
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.autograd import Array
from minidl.ops.capsule import Squash
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    for axis in (-1, 0, 1):
        squash = partial(F.squash, axis=axis)
        yield Sample(Squash, f"axis {axis}", squash, (normal(3, 5, 2),))
    yield Sample(Squash, "large eps", partial(F.squash, eps=0.5), (normal(3, 5),))
    yield Sample(Squash, "one vector 0", F.squash, (_one_row_zero,))


def _one_row_zero(rng: np.random.Generator) -> Array:
    """Vectors of which one is 0: no kink, v falls to 0 with the third power of s there."""
    s = rng.standard_normal((3, 4))
    s[1] = 0
    return s
