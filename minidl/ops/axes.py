"""Reading and checking axis arguments."""

from numbers import Integral

from minidl.errors import InputError

Axis = int | tuple[int, ...] | None
"""One axis, several, or None for all of them."""


def checked_axis(operation: str, axis: int, shape: tuple[int, ...]) -> int:
    """`axis` counted from the front; InputError if `shape` has no such axis."""
    ndim = len(shape)
    if not isinstance(axis, Integral) or not -ndim <= axis < ndim:
        raise InputError(
            operation,
            f"axis {axis!r} is none of the {ndim} axes of shape {shape}",
            f"Axes count from 0 to {ndim - 1}, or from -1 (the last) to {-ndim}"
            if ndim
            else "A single number has no axis; give it one with reshape(1)",
        )
    return int(axis) % ndim


def checked_new_axis(operation: str, axis: int, shape: tuple[int, ...]) -> int:
    """Where a new axis will stand among those of `shape`, counted from the front."""
    ndim = len(shape) + 1
    if not isinstance(axis, Integral) or not -ndim <= axis < ndim:
        raise InputError(
            operation,
            f"a new axis cannot stand at {axis!r} among the {ndim - 1} axes of shape {shape}",
            f"It can stand at 0 to {ndim - 1}, or from -1 (the last) to {-ndim}",
        )
    return int(axis) % ndim


def checked_axes(operation: str, axis: Axis, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes as a tuple of numbers counted from the front, all of them for None."""
    if axis is None:
        return tuple(range(len(shape)))
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(checked_axis(operation, k, shape) for k in given)
    if len(set(axes)) < len(axes):
        raise InputError(
            operation,
            f"axis={axis} names an axis of shape {shape} twice",
            "Name each axis once; a negative axis counts from the end",
        )
    return axes
