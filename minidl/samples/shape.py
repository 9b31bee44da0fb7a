"""Moving numbers about."""

from collections.abc import Iterator
from functools import partial
from typing import Any

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
    yield Sample(shape.Transpose, "permute", lambda x: x.permute(2, 0, 1), (normal(2, 3, 5),))
    yield Sample(shape.Reshape, "expand", lambda x: x.expand_dims(-2), (normal(2, 3),))
    yield Sample(shape.Reshape, "squeeze", lambda x: x.squeeze((1, -1)), (normal(2, 1, 3, 1),))
    for label, sizes in {"new axis": (3,), "stretched": (2, 1)}.items():
        yield Sample(shape.BroadcastTo, label, lambda x: x.broadcast_to(2, 3), (normal(*sizes),))
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
    for axis in (0, 1, 2, -1):
        function = partial(_stacked, axis=axis)
        yield Sample(shape.Stack, f"axis {axis}", function, (normal(2, 3),) * 4)
    yield Sample(shape.Stack, "one twice", lambda x: F.stack([x, x], axis=1), (normal(2, 3),))
    rolls: dict[str, tuple[Any, Any]] = {
        "rows": (1, 0),
        "back": (-2, -1),
        "more than the length": (7, 1),
        "two axes": ((1, -1), (2, 0)),
        "one shift for two axes": (1, (1, 2)),
        "flattened": (4, None),
    }
    for label, (shift, axis) in rolls.items():
        function = partial(Tensor.roll, shift=shift, axis=axis)
        yield Sample(shape.Roll, label, function, (normal(2, 3, 5),))


def _joined(*tensors: Tensor, axis: int) -> Tensor:
    return F.concatenate(tensors, axis)


def _stacked(*tensors: Tensor, axis: int) -> Tensor:
    return F.stack(tensors, axis)
