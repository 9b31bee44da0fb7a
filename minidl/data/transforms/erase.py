"""Parts of images taken away, so that a network must look at all of the rest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import fill_values
from minidl.data.transforms.transform import Described, check_images


class Cutout(Described):
    """Fill a square of `length` pixels at a random place, another for each image.

    The centre is any pixel with equal chance, so part of the square often lies outside. The paper
    takes length 16 for CIFAR-10 and 8 for CIFAR-100, and fills with the mean colour: put Cutout
    after Normalize, where 0 is the mean; or before it, with fill=[round(255·m) for m in mean].

    Args:
        length: side of the square, in pixels.
        n_holes: how many squares; they may overlap.
        fill: their colour: one number, or one for each channel.

    Source: T. DeVries, G. Taylor, Improved regularization of convolutional neural networks with
    cutout, arXiv:1708.04552, 2017. torchvision has RandomErasing, of other shapes and sizes.
    """

    def __init__(self, length: int, n_holes: int = 1, fill: float | Sequence[float] = 0) -> None:
        if length < 1 or n_holes < 1:
            raise ValueError(
                f"length and n_holes must be at least 1, got length={length}, n_holes={n_holes}"
            )
        self.length, self.n_holes, self.fill = length, n_holes, fill

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with holes, (N, C, H, W)."""
        check_images(self, batch)
        N, _, H, W = batch.shape
        if max(H, W) < self.length:
            raise ValueError(
                f"squares of {self.length}×{self.length} would hide most of images of {H}×{W}: "
                f"choose a length of at most {max(H, W)}"
            )
        hole = np.zeros((N, 1, H, W), bool)
        for _ in range(self.n_holes):
            rows = self._covered(H, N, rng)[:, None, :, None]  # (N, 1, H, 1)
            columns = self._covered(W, N, rng)[:, None, None, :]  # (N, 1, 1, W)
            hole |= rows & columns
        return np.where(hole, fill_values(self.fill, batch), batch)

    def _covered(self, size: int, N: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Which of `size` rows or columns the square of each image covers, (N, size)."""
        start = rng.integers(0, size, (N, 1)) - self.length // 2
        pixel = np.arange(size)
        return (pixel >= start) & (pixel < start + self.length)
