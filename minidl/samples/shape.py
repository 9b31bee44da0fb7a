"""Moving numbers about."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops import shape
from minidl.samples.sample import Sample, normal
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    yield Sample(shape.Reshape, "merge", lambda x: x.reshape(2, -1), (normal(2, 3, 5),))
    yield Sample(shape.Reshape, "flatten", lambda x: x.flatten(1), (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "reverse", Tensor.transpose, (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "cycle", lambda x: x.transpose(1, 2, 0), (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "negative", lambda x: x.transpose(-1, 0, 1), (normal(2, 3, 5),))
    for label, sizes in {"new axis": (3,), "stretched": (2, 1)}.items():
        yield Sample(shape.BroadcastTo, label, lambda x: x.broadcast_to(2, 3), (normal(*sizes),))
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
        yield Sample(shape.Index, label, partial(_indexed, index=index), (normal(3, 5),))
    for axis in (0, 1, -1):
        parts = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
        for part, length in zip(parts, (1, 5, 2), strict=True):
            part[axis] = length
        draws = tuple(normal(*part) for part in parts)
        function = partial(_joined, axis=axis)
        yield Sample(shape.Concatenate, f"axis {axis}", function, draws)
    yield Sample(
        shape.Concatenate, "one twice", lambda x: F.concatenate([x, x], axis=1), (normal(2, 3),)
    )
    pads = {"columns": (1, 2), "all": (1, 2, 0, 3, 2, 1), "cut": (-1, 2, 1, -1), "none": (0, 0)}
    for label, widths in pads.items():
        function = partial(F.pad, pad=widths, value=0.7)
        yield Sample(shape.Pad, label, function, (normal(2, 3, 5),))


def _indexed(x: Tensor, index: Any) -> Tensor:
    return x[index]


def _joined(*tensors: Tensor, axis: int) -> Tensor:
    return F.concatenate(tensors, axis)
