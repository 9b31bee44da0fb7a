"""Reading and checking the arguments of sliding windows: kernel size, stride, padding, dilation."""

from numbers import Integral
from typing import Any, Literal

from minidl_kernels.geometry import Padding, Pair, output_size

from minidl.errors import InputError

IntOrPair = int | tuple[int, int]
PaddingLike = int | tuple[int, int] | tuple[int, int, int, int] | Literal["same", "valid"]
"""One number for all sides, (vertical, horizontal), (top, bottom, left, right), or a word."""


def as_pair(value: IntOrPair, name: str, operation: str, least: int) -> Pair:
    """One number twice, or two as they are: (vertical, horizontal), each at least `least`."""
    if type(value) is int and value >= least:  # the usual case, decided quickly
        return value, value
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not _all_integers(pair, least):
        raise InputError(
            operation,
            f"{name}={value!r} is neither one integer nor two integers of at least {least}",
            f"Write {name}={least + 1} or {name}=({least + 1}, {least}), for example",
        )
    return int(pair[0]), int(pair[1])


def as_padding(
    value: PaddingLike, kernel: Pair, stride: Pair, dilation: Pair, operation: str
) -> Padding:
    """Padding as (top, bottom, left, right).

    "valid" adds nothing. "same" adds dilation·(kernel − 1) in all, so that stride 1 keeps the size;
    of an odd number the larger half goes below and to the right.
    """
    if value == "valid":
        return 0, 0, 0, 0
    if value == "same":
        if stride != (1, 1):
            raise InputError(
                operation,
                f"padding='same' keeps the size, which stride {stride} cannot",
                "Give the padding as a number, or use stride 1",
            )
        vertical, horizontal = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        return (
            vertical // 2,
            vertical - vertical // 2,
            horizontal // 2,
            horizontal - horizontal // 2,
        )
    if type(value) is int and value >= 0:  # the usual case, decided quickly
        return value, value, value, value
    sides: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if _all_integers(sides, least=0):
        if len(sides) == 2:
            return int(sides[0]), int(sides[0]), int(sides[1]), int(sides[1])
        if len(sides) == 4:
            return int(sides[0]), int(sides[1]), int(sides[2]), int(sides[3])
    raise InputError(
        operation,
        f"padding={value!r} is none of: one integer of at least 0, (vertical, horizontal), "
        "(top, bottom, left, right), 'same', 'valid'",
        "Padding counts rows and columns of zeros, so it cannot be negative",
    )


def _all_integers(values: tuple[Any, ...], least: int) -> bool:
    """Whether all are whole numbers (Python's or NumPy's) of at least `least`."""
    return all(isinstance(v, Integral) and int(v) >= least for v in values)


def checked_output_size(
    size: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, operation: str
) -> Pair:
    """The output's height and width; InputError with the arithmetic where no window fits."""
    out = output_size(size, kernel, stride, padding, dilation)
    if min(out) >= 1:
        return out
    axis = 0 if out[0] < 1 else 1
    word, total = ("height", "width")[axis], sum(padding[2 * axis : 2 * axis + 2])
    reach = dilation[axis] * (kernel[axis] - 1) + 1
    raise InputError(
        operation,
        f"the window does not fit: {word} {size[axis]} + padding {total} = {size[axis] + total} "
        f"is less than dilation {dilation[axis]} · (kernel {kernel[axis]} − 1) + 1 = {reach}",
        "Use a larger input, more padding, a smaller kernel, or fewer downsampling layers before",
    )
