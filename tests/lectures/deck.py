"""A row for each number that a lecture prints, and how it is held against minidl.

A row is data: the slide's title, what the number is, the number as it is printed, and how minidl's
models or layers give it. Nothing is computed but shapes and counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import minidl

UNITS = {
    "": 1,
    "%": Decimal("0.01"),
    "K": 10**3,
    "Ki": 2**10,
    "M": 10**6,
    "MB": 10**6,
    "× 10⁹": 10**9,
}
NUMBER = re.compile(rf"([\d,]+(?:\.\d+)?) ?({'|'.join(UNITS)})")


@dataclass(frozen=True)
class Row:
    """One number of a lecture.

    Attributes:
        slide: the title of the slide.
        what: what the number is.
        printed: as the lecture prints it. A text such as "112.9M" is a rounded number: the last
            digit says how exactly it is meant. Anything else is meant as it stands.
        compute: minidl's number.
        ours: minidl's number where it is not the one that is printed; else None.
        why: how the two differ.
        counted: the lecture's number, counted in its own way, where that way is known.
        within: where no such way is known but the numbers are near: by which share they differ at
            most.
        digits: so many digits of the printed number count, where it ends in zeros that do not.
        cut: the lecture cuts digits off instead of rounding.
    """

    slide: str
    what: str
    printed: Any
    compute: Callable[[], Any]
    ours: Any = None
    why: str = ""
    counted: Callable[[], Any] | None = None
    within: float | None = None
    digits: int | None = None
    cut: bool = False

    def __str__(self) -> str:
        return f"{self.slide}: {self.what}"


def check(deck: str, row: Row) -> None:
    """Hold the row against minidl; a failure names the deck and the slide."""
    __tracebackhide__ = True
    with minidl.shapes_only():
        value = row.compute()
        counted = row.counted() if row.counted else None
    said = f"{deck}, slide “{row.slide}”, {row.what}: printed is {row.printed}, minidl has {value}"
    if row.ours is None:
        assert agrees(row, value), said
        return
    assert row.why, f"{said}; the row does not say why they differ"
    assert value == row.ours, f"{said} instead of {row.ours} ({row.why})"
    assert not agrees(row, value), f"{said}: these agree, but the row says: {row.why}"
    if row.counted:
        assert agrees(row, counted), f"{said}; counted the lecture's way it is {counted}: {row.why}"
    if row.within is not None:
        off = abs(value / float(meant(row.printed)[0]) - 1)
        assert off < row.within, f"{said}, which is {off:.1%} off, not less than {row.within:.1%}"


def agrees(row: Row, value: Any) -> bool:
    """Whether `value`, rounded as the row says, is what is printed."""
    if not (isinstance(row.printed, str) and NUMBER.fullmatch(row.printed)):
        return row.printed == value
    number, step = meant(row.printed)
    if row.digits:
        step = Decimal(10) ** (number.adjusted() - row.digits + 1)
    difference = Decimal(value) - number
    return 0 <= difference < step if row.cut else abs(difference) <= step / 2


def meant(printed: str) -> tuple[Decimal, Decimal]:
    """The number and what 1 in its last digit is worth: 112,900,000 and 100,000 of "112.9M"."""
    found = NUMBER.fullmatch(printed)
    assert found, printed
    number, unit = Decimal(found[1].replace(",", "")), Decimal(UNITS[found[2]])
    return number * unit, Decimal(10) ** number.as_tuple().exponent * unit
