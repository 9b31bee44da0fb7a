"""Joining, cutting, moving and padding."""

import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

import numpy as np

from minidl.errors import InputError
from minidl.functional.arguments import as_tensor
from minidl.ops.axes import Axis, checked_axis
from minidl.ops.index import TakeAlongAxis
from minidl.ops.pad import Pad, PadByCopy
from minidl.ops.shape import Concatenate, Stack
from minidl.tensor import ArrayLike, Tensor, apply


def concatenate(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join tensors one behind the other along `axis`; all other axes must agree."""
    _check_list("concatenate", tensors)
    return apply(Concatenate, *tensors, axis=axis)


def stack(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis, which stands at `axis` of the result."""
    _check_list("stack", tensors)
    return apply(Stack, *tensors, axis=axis)


def split(x: ArrayLike, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Cut x along `axis` into parts of the given sizes, as torch.split does.

    (numpy.split is another function: it takes the number of parts, here `chunk`, or the places to
    cut at.)

    Args:
        x: any shape.
        sizes: one size for all parts (the last part is smaller if it does not divide the length),
            or the size of each, which must add up to the length.
        axis: the axis to cut.
    """
    x = as_tensor(x)
    axis = checked_axis("split", axis, x.shape)
    length = x.shape[axis]
    if isinstance(sizes, int | np.integer) and sizes > 0:
        return _cut(x, axis, [*range(int(sizes), length, int(sizes)), length])
    if not isinstance(sizes, list | tuple) or not all(
        isinstance(size, int | np.integer) and size >= 0 for size in sizes
    ):
        raise InputError(
            "split",
            f"sizes={sizes!r} is neither a positive integer nor a list of integers ≥ 0",
            "Give one size for all parts, or a list with the size of each",
        )
    if sum(sizes) != length:
        raise InputError(
            "split",
            f"sizes {list(sizes)} add up to {sum(sizes)}, but axis {axis} of shape {x.shape} has "
            f"length {length}",
            "Give the size of every part; for a number of equal parts use chunk",
        )
    return _cut(x, axis, [int(end) for end in np.cumsum(sizes)])


def chunk(x: ArrayLike, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """Cut x along `axis` into `chunks` equal parts, as torch.chunk does.

    If they cannot be equal, all parts but the last have ⌈length / chunks⌉ elements, and there may
    be fewer parts than asked for: 5 elements in 4 chunks are 2, 2 and 1.
    """
    x = as_tensor(x)
    axis = checked_axis("chunk", axis, x.shape)
    if not isinstance(chunks, Integral) or chunks < 1:
        raise InputError(
            "chunk",
            f"axis {axis} of shape {x.shape} cannot be cut into {chunks!r} parts",
            "Give a positive integer; for parts of given sizes use split",
        )
    return split(x, max(math.ceil(x.shape[axis] / int(chunks)), 1), axis)


def flip(x: ArrayLike, axis: Axis = None) -> Tensor:
    """The order of x reversed along `axis`, one or several (all if None)."""
    return as_tensor(x).flip(axis)


def roll(x: ArrayLike, shift: int | tuple[int, ...], axis: Axis = None) -> Tensor:
    """Elements moved `shift` places on along `axis`; those pushed out come in at the start.

    Args:
        x: any shape.
        shift: how many places, backwards if negative; one number, or one for each axis.
        axis: one or several; without it the flattened elements are moved.
    """
    return as_tensor(x).roll(shift, axis)


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int) -> Tensor:
    """Take the elements at `indices` along `axis`: for a matrix and axis 1, x[n, indices[n,i]].

    NumPy's function of that name; torch.gather, but other axes are broadcast instead of cut off.

    Args:
        x: any shape.
        indices: integers, shaped like x but for `axis`; negative ones count from the end. An
            element taken twice receives the gradients of both.
        axis: the axis the indices count along.

    Returns:
        As many elements as there are indices, in their shape.
    """
    return apply(TakeAlongAxis, x, indices=as_tensor(indices).data, axis=axis)


def pad(x: ArrayLike, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Put a frame around the last axes of x.

    Args:
        x: any shape.
        pad: (before, after) of the last axis, then of the last but one, and so on: for images
            (left, right, top, bottom), then the channels. Negative numbers cut off.
        mode: what the frame consists of. For a row a b c and two more on each side:
            "constant"    v v a b c v v    one value
            "reflect"     c b a b c b a    the inside, mirrored at the edge; pad < length
            "replicate"   a a a b c c c    the edge, repeated
            "circular"    b c a b c a b    the other end; pad ≤ length
        value: the value v of mode "constant".

    Raises:
        InputError: `pad` is not made of pairs, or there is too little to mirror or to cut off.
    """
    x = as_tensor(x)
    integers = isinstance(pad, list | tuple) and all(isinstance(v, Integral) for v in pad)
    if not integers or len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise InputError(
            "pad",
            f"pad={pad!r} must be integers in pairs (before, after), last axis first, for at most "
            f"the {x.ndim} axes of shape {x.shape}",
            "For images write (left, right, top, bottom)",
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise InputError(
            "pad",
            f"there is no mode {mode!r}",
            "Choose 'constant', 'reflect', 'replicate' or 'circular'; a value to fill in is given "
            "as value=…",
        )
    pairs = [(int(pad[k]), int(pad[k + 1])) for k in range(0, len(pad), 2)]
    widths = tuple([(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1])
    if mode == "constant":
        return apply(Pad, x, widths=widths, value=value)
    if value != 0:
        raise InputError(
            "pad",
            f"mode {mode!r} copies from the inside and has no use for value={value}",
            "Leave the value out, or use mode='constant'",
        )
    return apply(PadByCopy, x, widths=widths, mode=mode)


def _check_list(operation: str, tensors: Sequence[ArrayLike]) -> None:
    """InputError unless there is a list of at least one tensor."""
    if not isinstance(tensors, list | tuple):
        raise InputError(
            operation,
            f"a list of tensors is expected, not one {type(tensors).__name__}",
            f"Put the tensors in brackets: {operation}([a, b], axis=1)",
        )
    if not tensors:
        raise InputError(operation, "there is nothing to join", "Give at least one tensor")


def _cut(x: Tensor, axis: int, ends: list[int]) -> tuple[Tensor, ...]:
    """The parts of x along `axis` up to each of `ends`."""
    before = (slice(None),) * axis
    return tuple(x[(*before, slice(start, end))] for start, end in pairwise([0, *ends]))
