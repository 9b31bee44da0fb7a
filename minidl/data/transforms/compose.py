"""Transforms made of transforms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import probability
from minidl.data.transforms.transform import Described, Transform, check_images


class Compose:
    """Apply transforms in order: `Compose([RandomCrop(32, 4), RandomHorizontalFlip()])`."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Every transform in turn: (N, C, H, W) → whatever the last one returns."""
        for transform in self.transforms:
            batch = transform(batch, rng)
        return batch

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self.transforms))}])"


class RandomApply(Described):
    """Apply transforms in order to each image with probability `p`, to the others none of them.

    `RandomApply([GaussianBlur(3)])` blurs about half of the images. The transforms must keep size
    and dtype, for all images of a batch have the same.
    """

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5) -> None:
        self.transforms = list(transforms)
        self.p = probability(p)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with some of them changed, (N, C, H, W)."""
        check_images(self, batch)
        chosen = rng.random(len(batch)) < self.p  # (N,)
        changed = Compose(self.transforms)(batch[chosen], rng)
        if changed.shape[1:] != batch.shape[1:] or changed.dtype != batch.dtype:
            raise ValueError(
                f"RandomApply can only apply what keeps size and dtype: {self.transforms} made "
                f"{changed.dtype} {changed.shape[1:]} of {batch.dtype} {batch.shape[1:]}. "
                "Let it stand in Compose, for all images"
            )
        out = batch.copy()
        out[chosen] = changed
        return out
