"""Activation functions and dropout."""

from collections.abc import Iterator
from functools import partial

import minidl.functional as F
from minidl import random
from minidl.ops import activation
from minidl.ops.dropout import Dropout
from minidl.samples.sample import Sample, normal, off_zero
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    yield Sample(activation.ReLU, "matrix", F.relu, (off_zero(3, 5),))
    yield Sample(activation.Sigmoid, "matrix", F.sigmoid, (normal(3, 5),))
    yield Sample(activation.Tanh, "matrix", F.tanh, (normal(3, 5),))
    for axis in (-1, 0, 1):
        yield Sample(
            activation.Softmax, f"axis {axis}", partial(F.softmax, axis=axis), (normal(3, 5, 2),)
        )
        log_softmax = partial(F.log_softmax, axis=axis)
        yield Sample(activation.LogSoftmax, f"axis {axis}", log_softmax, (normal(3, 5, 2),))
    for p in (0.2, 0.7):
        yield Sample(Dropout, f"p = {p}", partial(_dropout, p=p), (normal(4, 5),))


def _dropout(x: Tensor, p: float) -> Tensor:
    """Dropout with one mask for every call, so that differences can be taken."""
    before = random.get_state()
    random.manual_seed(0)
    y = F.dropout(x, p)
    random.set_state(before)
    return y
