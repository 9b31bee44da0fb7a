"""Which numbers the settings of optimisers and schedules may be, and the words for it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class Allowed:
    """A kind of numbers. NaN is of no kind, because no comparison with it holds.

    Attributes:
        words: what the numbers are, to follow "must be".
        holds: whether a number is one of them.
    """

    words: str
    holds: Callable[[Any], bool]

    def check(self, owner: str, name: str, value: Any) -> None:
        """Raise unless `value`, the setting `name` of `owner`, is one of these numbers.

        Raises:
            TypeError: it is no number at all.
            ValueError: it is another number.
        """
        if not isinstance(value, Real):
            raise TypeError(
                f"{owner}: {name} must be {self.words}, not {value!r}, which is of type "
                f"{type(value).__name__}"
            )
        if not self.holds(value):
            raise ValueError(f"{owner}: {name} must be {self.words}, but {name}={value}")


def _not_negative(x: Any) -> bool:
    return 0 <= x < math.inf


RATE = Allowed("a finite number, 0 (which moves nothing) or more", _not_negative)
NOT_NEGATIVE = Allowed("a finite number, 0 or more", _not_negative)
POSITIVE = Allowed("a finite number greater than 0", lambda x: 0 < x < math.inf)
KEPT = Allowed("at least 0 and less than 1, as the share of the past to keep", lambda x: 0 <= x < 1)
SHARE = Allowed("from 0 to 1", lambda x: 0 <= x <= 1)
STEPS = Allowed("a whole number of steps, 1 or more", lambda x: x >= 1 and x % 1 == 0)
STEPS_OR_NONE = Allowed("a whole number of steps, 0 or more", lambda x: x >= 0 and x % 1 == 0)
