"""Running networks without numbers, to ask which shapes come out and what they would cost.

    with minidl.shapes_only():
        model = minidl.models.create("vgg19")       # 144 million parameters, no memory
        model(np.zeros((1, 3, 224, 224))).shape     # (1, 1000), at once

Inside, every new tensor holds a `Blank`: an array with a shape and a dtype whose numbers are never
computed. Layers and ops run as they are and check as they do, so a wrong shape is refused in the
usual words; only the kernels are replaced, by ones that return a `Blank`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from minidl_kernels import use
from minidl_kernels.shapes.blank import Blank

_only = False


@contextmanager
def shapes_only() -> Iterator[None]:
    """Compute shapes and no numbers inside the block, in the whole process.

    What is built inside, models too, is of no use outside. Nothing is drawn from minidl's
    generator, so the block does not change what comes after it. Where the numbers decide what runs,
    as those do that FractalNet draws in training, there is nothing to decide by: use `eval()`.
    """
    global _only
    before, _only = _only, True
    try:
        with use("shapes"), np.errstate(all="ignore"):
            yield
    finally:
        _only = before


def is_shapes_only() -> bool:
    """Whether only shapes are computed now."""
    return _only


def blank_like(array: np.ndarray) -> Blank:
    """Shape and dtype of an array without its numbers."""
    return Blank(array.shape, array.dtype)


class BlankGenerator:
    """Draws no numbers: stands for NumPy's generator where only shapes are computed."""

    def random(self, size: Any, dtype: Any = np.float64) -> Blank:
        """What would be uniform in [0, 1)."""
        return Blank(_shape(size), dtype)

    def standard_normal(self, size: Any, dtype: Any = np.float64) -> Blank:
        """What would be normal."""
        return Blank(_shape(size), dtype)


def _shape(size: Any) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, tuple | list) else (size,)
