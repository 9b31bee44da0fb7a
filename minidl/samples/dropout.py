"""Dropout of elements, channels and samples, and the join of a fractal network."""

from collections.abc import Callable, Iterator
from functools import partial

import minidl.functional as F
from minidl import random
from minidl.ops.dropout import Dropout, JoinMean
from minidl.samples.sample import Sample, normal
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    for p in (0.2, 0.7):
        for label, function, sizes in (
            ("elements", F.dropout, (4, 5)),
            ("channels", F.dropout2d, (3, 4, 2, 5)),
            ("samples", F.drop_path, (7, 2, 3)),
        ):
            repeated = partial(_repeated, partial(function, p=p))
            yield Sample(Dropout, f"{label}, p = {p}", repeated, (normal(*sizes),))
    three = (normal(2, 3, 5), normal(2, 3, 5), normal(2, 3, 5))
    yield Sample(JoinMean, "three columns", partial(_join, training=False), three)
    yield Sample(JoinMean, "two columns, none dropped", partial(_join, p_local=0.0), three[:2])
    yield Sample(JoinMean, "one column", _join, three[:1])
    yield Sample(JoinMean, "global column", partial(_join_last, global_column=1), three[:1])
    yield Sample(JoinMean, "the same column twice", lambda x: _join(x, x, p_local=0.0), three[:1])


def _repeated(function: Callable[..., Tensor], x: Tensor) -> Tensor:
    """The function with one mask for every call, so that differences can be taken."""
    before = random.get_state()
    random.manual_seed(0)
    y = function(x)
    random.set_state(before)
    return y


def _join(*columns: Tensor, p_local: float = 0.5, training: bool = True) -> Tensor:
    return F.fractal_join(columns, p_local, training=training)


def _join_last(x: Tensor, global_column: int) -> Tensor:
    return F.fractal_join([x.detach(), x], global_column=global_column)
