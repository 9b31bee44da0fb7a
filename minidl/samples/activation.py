"""Smooth activation functions, and softmax."""

from collections.abc import Iterator
from functools import partial

import minidl.functional as F
from minidl.ops import activation
from minidl.samples.sample import Draw, Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    yield Sample(activation.Sigmoid, "matrix", F.sigmoid, (normal(3, 5),))
    yield Sample(activation.Tanh, "matrix", F.tanh, (normal(3, 5),))
    yield Sample(activation.SiLU, "matrix", F.silu, (normal(3, 5),))
    yield Sample(activation.GELU, "matrix", F.gelu, (_wide(4, 7),))
    by_tanh = partial(F.gelu, approximate="tanh")
    yield Sample(activation.GELUTanh, "matrix", by_tanh, (_wide(4, 7),))
    # Where β x = threshold y jumps, by ln(1 + e^−threshold) / β; no number is that close to it.
    for beta, threshold in ((1.0, 20.0), (2.5, 1.0), (0.5, 1.0)):
        softplus = partial(F.softplus, beta=beta, threshold=threshold)
        label = f"beta {beta}, threshold {threshold}"
        yield Sample(activation.Softplus, label, softplus, (normal(3, 5),))
    for axis in (-1, 0, 1):
        yield Sample(
            activation.Softmax, f"axis {axis}", partial(F.softmax, axis=axis), (normal(3, 5, 2),)
        )
        log_softmax = partial(F.log_softmax, axis=axis)
        yield Sample(activation.LogSoftmax, f"axis {axis}", log_softmax, (normal(3, 5, 2),))


def _wide(*sizes: int) -> Draw:
    """Numbers far enough from 0 to meet every range of the error function."""
    return lambda rng: rng.uniform(-6.5, 6.5, sizes)
