"""Reads the arguments of transforms, and says what would be right where one is wrong."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]


def probability(p: float) -> float:
    """`p`, or ValueError if it is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability, 0 ≤ p ≤ 1, got {p}")
    return p


def height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of a window: one number makes it square."""
    numbers = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(numbers) != 2 or not all(isinstance(n, int | np.integer) and n > 0 for n in numbers):
        raise ValueError(
            f"size is a number of pixels above 0, or two of them, (height, width), got {size}"
        )
    return int(numbers[0]), int(numbers[1])


def interval(
    name: str,
    value: float | Sequence[float],
    around: float,
    least: float = -math.inf,
    most: float = math.inf,
) -> Interval:
    """The range to draw from: (low, high) as given, or around ± value, not below `least`.

    Args:
        name: of the argument, for the message.
        value: one number ≥ 0, or a pair.
        around: the value that changes nothing.
        least, most: between which low and high must lie.
    """
    given = _numbers(value)
    if len(given) == 1:
        given = (max(around - given[0], least), around + given[0]) if given[0] >= 0 else ()
    if len(given) != 2 or not least <= given[0] <= given[1] <= most:
        bounds = [f"{n:g} ≤ " for n in (least,) if n > -math.inf] + ["low ≤ high"]
        bounds += [f" ≤ {n:g}" for n in (most,) if n < math.inf]
        raise ValueError(
            f"{name} is one number v ≥ 0, for the range {around:g} − v … {around:g} + v, or a pair "
            f"(low, high) with {''.join(bounds)}, got {value}"
        )
    return given[0], given[1]


def positive_range(name: str, value: float | Sequence[float]) -> Interval:
    """The range to draw from: (low, high) as given, or one number for both."""
    given = _numbers(value)
    if len(given) == 1:
        given *= 2
    if len(given) != 2 or not 0 < given[0] <= given[1] < math.inf:
        raise ValueError(
            f"{name} is a number above 0, or a pair (low, high) with 0 < low ≤ high, got {value}"
        )
    return given[0], given[1]


def uniform(
    rng: np.random.Generator, limits: Interval, shape: int | tuple[int, ...]
) -> NDArray[np.float64]:
    """Numbers drawn uniformly between two limits."""
    return rng.uniform(limits[0], limits[1], shape)


def log_uniform(
    rng: np.random.Generator, limits: Interval, shape: int | tuple[int, ...]
) -> NDArray[np.float64]:
    """Numbers between two limits whose logarithm is drawn uniformly."""
    return np.exp(rng.uniform(math.log(limits[0]), math.log(limits[1]), shape))


def _numbers(value: float | Sequence[float]) -> tuple[float, ...]:
    return tuple(np.asarray(value, float).reshape(-1).tolist())


def fill_values(fill: float | Sequence[float], batch: NDArray) -> NDArray:
    """The colour `fill` as (C, 1, 1) or (1, 1, 1) in the batch's dtype.

    Raises:
        ValueError: not one number for all channels or one for each, or no uint8 for uint8 images.
    """
    C = batch.shape[1]
    colour = np.asarray(fill)
    if colour.ndim > 1 or (colour.ndim == 1 and len(colour) != C):
        raise ValueError(
            f"fill={fill} must be one number, or one for each of the {C} channel(s) of the images"
        )
    cast = colour.astype(batch.dtype)
    if (cast != colour).any() and batch.dtype == np.uint8:
        raise ValueError(f"the images are uint8, so fill must be whole in 0…255, got {fill}")
    return cast.reshape(-1, 1, 1)
