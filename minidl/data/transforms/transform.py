"""What every transform is: a call, a description of itself, and a look at what it is given."""

from collections.abc import Callable, Iterator
from inspect import signature

import numpy as np
from numpy.typing import NDArray

Transform = Callable[[NDArray, np.random.Generator], NDArray]

MOST = 1 << 18  # numbers computed with at once, 1 MB: they stay in the processor's cache


class Described:
    """Something whose `repr` is the call that makes it: arguments other than usual, or else all.

    Its public attributes are its arguments as they were given.
    """

    def __repr__(self) -> str:
        usual = {name: p.default for name, p in signature(type(self)).parameters.items()}
        given = {name: getattr(self, name) for name in usual}
        shown = {name: value for name, value in given.items() if value != usual[name]} or given
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


def check_images(transform: object, batch: NDArray) -> None:
    """ValueError for anything but a batch (N, C, H, W)."""
    if batch.ndim != 4:
        hint = ": give a single image its batch axis, image[None]" if batch.ndim == 3 else ""
        raise ValueError(
            f"{type(transform).__name__} takes a batch (N, C, H, W), got {batch.shape}{hint}"
        )


def check_pixels(transform: object, batch: NDArray) -> None:
    """`check_images`, and TypeError for anything but uint8."""
    check_images(transform, batch)
    if batch.dtype != np.uint8:
        raise TypeError(
            f"{type(transform).__name__} takes uint8 pixels (0…255), got {batch.dtype}: "
            "let Normalize be the last transform, and the only one of its kind"
        )


def parts(N: int, each: int) -> Iterator[slice]:
    """Cut a batch of N images that take `each` numbers to compute into slices of MOST at most."""
    step = max(1, MOST // max(each, 1))
    for start in range(0, N, step):
        yield slice(start, start + step)


def rounded(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The nearest whole numbers, halves upwards, of numbers in 0…255; `pixels` is overwritten."""
    pixels += 0.5
    return pixels.astype(np.uint8)
