"""Joining and padding."""

from collections.abc import Sequence
from numbers import Integral

from minidl.errors import InputError
from minidl.functional.arguments import as_tensor
from minidl.ops.shape import Concatenate, Pad
from minidl.tensor import ArrayLike, Tensor, apply


def concatenate(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join tensors one behind the other along `axis`; all other axes must agree."""
    if not isinstance(tensors, list | tuple):
        raise InputError(
            "concatenate",
            f"a list of tensors is expected, not one {type(tensors).__name__}",
            "Put the tensors in brackets: concatenate([a, b], axis=1)",
        )
    if not tensors:
        raise InputError("concatenate", "there is nothing to join", "Give at least one tensor")
    return apply(Concatenate, *tensors, axis=axis)


def pad(x: ArrayLike, pad: Sequence[int], value: float = 0.0) -> Tensor:
    """Put a frame of `value` around the last axes of x.

    Args:
        x: any shape.
        pad: (before, after) of the last axis, then of the last but one, and so on: for images
            (left, right, top, bottom), then the channels. Negative numbers cut off.
        value: what to fill in.
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
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    widths = tuple([(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1])
    return apply(Pad, x, widths=widths, value=value)
