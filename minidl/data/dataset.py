"""The one kind of dataset: labelled images that fit in memory."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Dataset:
    """N labelled images as two arrays, in the order of the files they came from.

    Args:
        images: (N, C, H, W) uint8, 0 = black … 255 = full.
        labels: (N,) whole numbers, each an index into `classes`.
        classes: the K class names.
        name: what to call it in tables and titles.

    `dataset[i]` is `(image, label)`: a (C, H, W) uint8 array and an int. `.images` and `.labels`
    (int64) are read-only views, so that no training run can change its own data by accident.

    Raises:
        ValueError: the arrays do not fit each other, or a label is no index into `classes`.
    """

    def __init__(
        self, images: NDArray, labels: ArrayLike, classes: Sequence[str], name: str = "dataset"
    ) -> None:
        targets = np.asarray(labels)
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(
                f"images must be a uint8 array (N, C, H, W), got {images.dtype} {images.shape}; "
                "grey images (N, H, W) need a channel axis: images[:, None]"
            )
        if targets.shape != (len(images),) or (targets.size and targets.dtype.kind not in "iu"):
            raise ValueError(
                f"labels must be whole numbers, one for each of the {len(images):,} images, "
                f"got {targets.dtype} {targets.shape}"
            )
        wrong = np.flatnonzero((targets < 0) | (targets >= len(classes)))
        if wrong.size:
            counted_from_one = targets.min() == 1 and targets.max() == len(classes)
            from_one = ". They are counted from 1: give labels - 1" if counted_from_one else ""
            raise ValueError(
                f"labels must lie in 0…{len(classes) - 1} ({len(classes)} classes), "
                f"but labels[{wrong[0]}] is {targets[wrong[0]]}{from_one}"
            )
        self.images: NDArray[np.uint8] = images.view()
        self.labels: NDArray[np.int64] = targets.astype(np.int64)
        self.images.flags.writeable = False
        self.labels.flags.writeable = False
        self.classes = tuple(classes)
        self.name = name

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        return self.images[index], int(self.labels[index])

    def __repr__(self) -> str:
        _, channels, height, width = self.images.shape
        return (
            f"Dataset({self.name}: {len(self):,} images of {channels}×{height}×{width}, "
            f"{len(self.classes)} classes)"
        )

    def subset(self, indices: ArrayLike) -> "Dataset":
        """The images at `indices`, in that order: a (n,) array of indices or an (N,) boolean mask.

        The pixels are copied: a subset of 45,000 CIFAR images takes another 138 MB.
        """
        chosen = np.asarray(indices)
        if not chosen.size:
            chosen = chosen.astype(np.int64)  # an empty list arrives as float64
        return Dataset(self.images[chosen], self.labels[chosen], self.classes, self.name)

    def split(self, fraction: float = 0.1, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Part the dataset at random into training and validation images: `(train, validation)`.

        Stratified: validation gets round(fraction·N) images, and of each class its share to within
        one image. Both parts keep the order of the whole. The same seed gives the same parts.

        Args:
            fraction: share of the images that goes to validation, 0 < fraction < 1.
            seed: seed of the draw.

        Raises:
            ValueError: `fraction` leaves one of the parts empty.
        """
        count = round(fraction * len(self))
        if not 0 < count < len(self):
            raise ValueError(
                f"fraction={fraction} of {len(self):,} images makes a validation set of {count:,}; "
                "both parts need at least one image: choose 0 < fraction < 1"
            )
        held_out = np.zeros(len(self), dtype=bool)
        held_out[stratified(self.labels, count, seed)] = True
        return self.subset(~held_out), self.subset(held_out)

    @cached_property
    def _moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of x/255 by channel, from counts of the 256 levels."""
        if not len(self):
            raise ValueError(f"{self.name} holds no images, so it has no mean")
        channels = self.images.shape[1]
        counts = np.zeros((channels, 256))  # (C, 256)
        for start in range(0, len(self), 1000):  # in parts: bincount makes 8 bytes of every pixel
            part = self.images[start : start + 1000]
            for c in range(channels):
                counts[c] += np.bincount(part[:, c].ravel(), minlength=256)
        share = counts / counts.sum(axis=1, keepdims=True)  # (C, 256)
        level = np.arange(256) / 255
        mean = share @ level  # (C,)
        variance = (share * (level - mean[:, None]) ** 2).sum(axis=1)  # (C,)
        return tuple(mean.tolist()), tuple(np.sqrt(variance).tolist())

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of x/255 in each of the C channels, over all images and pixels; computed once."""
        return self._moments[0]

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of x/255 (divisor: the number of pixels) in each of the C channels."""
        return self._moments[1]


def stratified(labels: NDArray, count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` indices so that each class gives its share, to within one image.

    Shuffle, sort by class (stably, so the shuffle survives within a class), then take `count`
    evenly spaced positions: position (j + ½)·N/count for j = 0 … count-1.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    spaced = (np.arange(count) + 0.5) * len(labels) / count
    return by_class[spaced.astype(np.int64)]
