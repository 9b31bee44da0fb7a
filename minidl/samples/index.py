"""Taking elements by their positions, some of them twice."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops.index import Index, TakeAlongAxis
from minidl.samples.sample import Sample, normal
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    indices: dict[str, Any] = {
        "row": 1,
        "slice": np.s_[:, 1:4:2],
        "negative step": np.s_[::-1, ...],
        "new axis": np.s_[:, None, 0],
        "repeated list": np.s_[[0, 2, 0]],
        "pairs": (np.array([0, 1, 1]), np.array([2, 2, 2])),
        "mask": np.arange(15).reshape(3, 5) % 4 == 1,
    }
    for label, index in indices.items():
        yield Sample(Index, label, partial(_indexed, index=index), (normal(3, 5),))
    yield Sample(Index, "flip", lambda x: x.flip((0, 2)), (normal(2, 3, 5),))
    for label, sizes in {"split evenly": 2, "split unevenly": [1, 0, 3]}.items():
        yield Sample(Index, label, partial(_split_and_mixed, sizes=sizes), (normal(3, 4),))

    rng = np.random.default_rng(0)
    for axis, shape in {0: (4, 3, 5), 1: (2, 7, 5), -1: (2, 3, 6)}.items():
        places = rng.integers(-2, 2, shape)  # few places and many indices: most are taken twice
        function = partial(F.take_along_axis, indices=places, axis=axis)
        yield Sample(TakeAlongAxis, f"axis {axis}", function, (normal(2, 3, 5),))
    stretched = {"one row of indices": ((3, 5), (1, 4)), "one row of x": ((1, 5), (3, 2))}
    for label, (sizes, lengths) in stretched.items():
        function = partial(F.take_along_axis, indices=rng.integers(0, 5, lengths), axis=1)
        yield Sample(TakeAlongAxis, label, function, (normal(*sizes),))


def _indexed(x: Tensor, index: Any) -> Tensor:
    return x[index]


def _split_and_mixed(x: Tensor, sizes: Any) -> Tensor:
    """The parts put together in another order, each with a weight of its own."""
    parts = F.split(x, sizes, axis=1)
    weighted = [part * (k + 1.5) for k, part in enumerate(parts)]
    return F.concatenate(weighted[::-1], axis=1)
