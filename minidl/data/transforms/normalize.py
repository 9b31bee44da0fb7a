"""From pixels to the numbers a network takes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.transform import check_pixels


class Normalize:
    """Shift and scale each channel c: y = (x/255 − mean_c) / std_c, from uint8 to float32.

    Computed as x·scale_c + shift_c with scale = 1/(255·std) and shift = −mean/std: two passes, not
    three.

    Args:
        mean: of x/255, one number a channel: `Normalize(train.mean, train.std)`. Take it from the
            training images for the test images too.
        std: likewise, the standard deviation of x/255.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = tuple(map(float, mean)), tuple(map(float, std))
        if len(self.mean) != len(self.std) or not all(s > 0 for s in self.std):
            raise ValueError(
                "mean and std need one number for each channel, and std must be above 0, "
                f"got mean={self.mean} and std={self.std}"
            )
        center, spread = np.array(self.mean), np.array(self.std)
        self._scale = (1 / (255 * spread)).astype(np.float32)[:, None, None]  # (C, 1, 1)
        self._shift = (-center / spread).astype(np.float32)[:, None, None]  # (C, 1, 1)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Normalised images, float32 (N, C, H, W)."""
        check_pixels(self, batch)
        if batch.shape[1] != len(self.mean):
            raise ValueError(
                f"Normalize was given {len(self.mean)} mean(s), "
                f"but the images have {batch.shape[1]} channel(s)"
            )
        out = batch * self._scale  # float32, (N, C, H, W)
        out += self._shift
        return out

    def __repr__(self) -> str:
        numbers = [", ".join(f"{v:.4g}" for v in values) for values in (self.mean, self.std)]
        return f"Normalize(mean=({numbers[0]}), std=({numbers[1]}))"
