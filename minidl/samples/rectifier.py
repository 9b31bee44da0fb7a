"""Activation functions with kinks; values stay 0.1 away from them (maxout: from ties)."""

from collections.abc import Iterator
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.autograd import Array
from minidl.ops import rectifier
from minidl.samples.sample import Draw, Sample, distinct, normal, off_zero


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    yield Sample(rectifier.ReLU, "matrix", F.relu, (off_zero(3, 5),))
    yield Sample(rectifier.ReLU6, "matrix", F.relu6, (_off_kinks(3, 5, kinks=(0, 6)),))
    yield Sample(rectifier.LeakyReLU, "matrix", F.leaky_relu, (off_zero(3, 5),))
    steep = partial(F.leaky_relu, negative_slope=-0.7)
    yield Sample(rectifier.LeakyReLU, "negative slope", steep, (off_zero(2, 3, 5),))
    for sizes in ((7,), (5, 3), (2, 3, 5), (2, 3, 5, 4)):
        image = off_zero(*sizes)
        yield Sample(rectifier.PReLU, f"{sizes}, one slope", F.prelu, (image, normal(1)))
    for sizes in ((5, 3), (2, 3, 5), (2, 3, 5, 4)):
        image = off_zero(*sizes)
        yield Sample(rectifier.PReLU, f"{sizes}, a slope a channel", F.prelu, (image, normal(3)))
    for alpha in (1.0, 0.3, 2.5):
        elu = partial(F.elu, alpha=alpha)
        yield Sample(rectifier.ELU, f"alpha {alpha}", elu, (off_zero(3, 5),))
    hard = _off_kinks(4, 7, kinks=(-3, 3))
    yield Sample(rectifier.Hardsigmoid, "matrix", F.hardsigmoid, (hard,))
    yield Sample(rectifier.Hardswish, "matrix", F.hardswish, (hard,))
    for pool_size in (1, 2, 3):
        maxout = partial(F.maxout, pool_size=pool_size)
        for rest in ((), (5,), (5, 4)):
            sizes = (3, 6, *rest)
            label = f"{sizes}, {pool_size} a piece"
            yield Sample(rectifier.Maxout, label, maxout, (distinct(*sizes),))
        last = partial(F.maxout, pool_size=pool_size, axis=-1)
        label = f"last axis, {pool_size} a piece"
        yield Sample(rectifier.Maxout, label, last, (distinct(2, 5, 6),))


def _off_kinks(*sizes: int, kinks: tuple[float, ...]) -> Draw:
    """Numbers on all sides of the kinks."""

    def draw(rng: np.random.Generator) -> Array:
        x = rng.uniform(-8, 12, sizes)
        for kink in kinks:
            x = np.where(np.abs(x - kink) < 0.1, kink + 0.2, x)
        return x

    return draw
