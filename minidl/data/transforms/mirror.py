"""Flips: images mirrored at random."""

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import probability
from minidl.data.transforms.transform import Described, check_images


class RandomHorizontalFlip(Described):
    """Mirror each image, left for right, with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with some of them mirrored, (N, C, H, W)."""
        check_images(self, batch)
        flipped = rng.random(len(batch)) < self.p  # (N,)
        out = batch.copy()
        out[flipped] = batch[flipped, :, :, ::-1]
        return out


class RandomVerticalFlip(Described):
    """Turn each image upside down, top for bottom, with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with some of them upside down, (N, C, H, W)."""
        check_images(self, batch)
        flipped = rng.random(len(batch)) < self.p  # (N,)
        out = batch.copy()
        out[flipped] = batch[flipped, :, ::-1]
        return out
