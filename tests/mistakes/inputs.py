"""Inputs to make mistakes with, and the type of a row."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import Tensor

Mistake = tuple[Callable[[], Any], str, list[str], str]
"""(call, operation, words of the problem, words of the fix)"""


def f32(*shape: int) -> Tensor:
    """Random float32."""
    return Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def f64(*shape: int) -> Tensor:
    """Random float64."""
    return Tensor(np.random.default_rng(0).standard_normal(shape))


def ints(*shape: int) -> np.ndarray:
    """Zeros, as whole numbers."""
    return np.zeros(shape, np.int64)


IMAGE, FILTERS = (2, 4, 6, 7), (8, 4, 3, 3)
