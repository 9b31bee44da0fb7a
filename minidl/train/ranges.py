"""Where hyperparameters may lie, and how values are drawn for a search."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Settings = dict[str, Any]  # a value for each hyperparameter


class Range(Protocol):
    """Where a hyperparameter may lie."""

    def draw(self, rng: np.random.Generator) -> Any:
        """One value, by chance."""


@dataclass(frozen=True)
class Uniform:
    """A number between `low` and `high`, every place as likely as any other."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a range needs low < high, not {self.low:g} and {self.high:g}")

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a number of three significant digits, which a command line can repeat."""
        return self._three_digits(rng.uniform(self.low, self.high))

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def _three_digits(self, value: float) -> float:
        return min(max(float(f"{value:.3g}"), self.low), self.high)


@dataclass(frozen=True)
class LogUniform(Uniform):
    """A number between `low` and `high`, every order of magnitude as likely as any other.

    value = exp(u), u uniform between ln low and ln high. Without the logarithm, nine of ten
    learning rates between 0.001 and 1 would lie above 0.1.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(
                f"a logarithmic range must begin above 0, not at {self.low:g}: "
                "no power of ten is 0; begin with the smallest value that makes a difference"
            )

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a number of three significant digits, which a command line can repeat."""
        return self._three_digits(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))

    def __str__(self) -> str:
        return f"{super().__str__()}, logarithmic"


class Choice:
    """One of some values, each as likely as any other: `Choice(32, 64, 128)`."""

    def __init__(self, *values: Any) -> None:
        if not values:
            raise ValueError("Choice needs at least one value to choose from")
        self.values = values

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw one of the values."""
        return self.values[rng.integers(len(self.values))]

    def __repr__(self) -> str:
        return f"Choice({', '.join(map(repr, self.values))})"

    def __str__(self) -> str:
        return " or ".join(map(str, self.values))


def draw_settings(space: Mapping[str, Range], trials: int, seed: int = 0) -> list[Settings]:
    """Draw the settings of all trials.

    Trial t is drawn from `default_rng([seed, t])`, so more trials leave the first as they were.

    Args:
        space: the ranges of the hyperparameters by name.
        trials: how many.
        seed: whole number ≥ 0.
    """
    if trials < 1:
        raise ValueError(f"a search needs at least 1 trial, not {trials}")
    settings = []
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        settings.append({name: values.draw(rng) for name, values in space.items()})
    return settings
