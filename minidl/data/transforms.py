"""Changes to a whole batch of images at once: augmentation, padding, normalisation.

A transform is called as `transform(batch, rng)`. `batch` is (N, C, H, W), uint8 until `Normalize`
makes it float32; `rng` is the generator that the loader made for this batch, so that what is drawn
depends on the seed and on nothing else. A transform returns a new array, and leaves its input as it
was.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Transform = Callable[[NDArray, np.random.Generator], NDArray]


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


class RandomHorizontalFlip:
    """Mirror each image, left for right, with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, 0 ≤ p ≤ 1, got {p}")
        self.p = p

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with some of them mirrored, (N, C, H, W)."""
        flipped = rng.random(len(batch)) < self.p  # (N,)
        out = batch.copy()
        out[flipped] = batch[flipped, :, :, ::-1]
        return out

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class Pad:
    """Add `padding` black pixels on all four sides: `Pad(2)` makes 32×32 of MNIST's 28×28."""

    def __init__(self, padding: int) -> None:
        if padding < 0:
            raise ValueError(f"padding is a number of pixels, 0 or more, got {padding}")
        self.padding = padding

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Images with a black frame, (N, C, H + 2·padding, W + 2·padding)."""
        N, C, H, W = batch.shape
        p = self.padding
        out = np.zeros((N, C, H + 2 * p, W + 2 * p), batch.dtype)
        out[:, :, p : p + H, p : p + W] = batch
        return out

    def __repr__(self) -> str:
        return f"Pad({self.padding})"


class RandomCrop:
    """Pad with black pixels, then cut a window of `size` at a random place, another for each image.

    Every place where the window fits is equally likely. `RandomCrop(32, padding=4)` is the
    augmentation of CIFAR in K. He et al., Deep residual learning, 2015, section 4.2.

    Args:
        size: height and width of the window; a single number makes it square.
        padding: pixels added on each of the four sides before the cut.
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size = (size, size) if isinstance(size, int) else size
        self.pad = Pad(padding)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """A window of each image, (N, C, h, w) with (h, w) = size."""
        padded = self.pad(batch, rng)
        N, _, H, W = padded.shape
        h, w = self.size
        if h > H or w > W:
            raise ValueError(
                f"a window of {h}×{w} does not fit into images of {H}×{W} "
                f"(padding of {self.pad.padding} included): choose a smaller size or more padding"
            )
        top = rng.integers(0, H - h + 1, N)
        left = rng.integers(0, W - w + 1, N)
        windows = sliding_window_view(padded, self.size, axis=(2, 3))  # (N, C, H-h+1, W-w+1, h, w)
        return windows[np.arange(N), :, top, left]  # (N, C, h, w)

    def __repr__(self) -> str:
        h, w = self.size
        return f"RandomCrop({h if h == w else self.size}, padding={self.pad.padding})"


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
        if batch.dtype != np.uint8:
            raise TypeError(
                f"Normalize takes uint8 pixels (0…255), got {batch.dtype}: "
                "let Normalize be the last transform, and the only one of its kind"
            )
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
