"""Batches of a dataset: shuffled, transformed, and repeatable to the bit."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Dataset
from minidl.data.transforms import Transform

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


class DataLoader:
    """Iterate over a dataset in batches `(images, labels)`: float32 (N, C, H, W) and int64 (N,).

    Args:
        dataset: where the images come from.
        batch_size: N; the last batch of an epoch may be smaller.
        shuffle: draw a new order for each epoch; otherwise the order of the dataset.
        transform: called as `transform(batch, rng)` with a uint8 batch. What it returns as uint8 is
            scaled to x/255 in float32; what it returns as float32 is left alone.
        drop_last: leave out a last batch of fewer than N images.
        seed: whole number ≥ 0 behind everything random here. None draws one, to be seen as `.seed`.

    **Randomness has no memory.** The order of epoch e is drawn from `default_rng([seed, e])`, what
    the transform of batch k draws comes from `default_rng([seed, e, k + 1])`; nothing depends on
    what was drawn before. (k + 1, because NumPy makes the same generator of [seed, e] and [seed, e,
    0].) So a run that stops after any batch and goes on from `state_dict()` sees the same bits as
    one that never stopped.

    **Epochs.** Each `for` loop over the loader is one epoch, counted from 0. A loop that is left
    early ends its epoch: the next one starts the epoch after, at its first batch. So does a peek
    with `next(iter(loader))`. Only after `load_state_dict` does a loop start inside an epoch. One
    loop at a time: two at once would share one position.

    Raises:
        ValueError: batch_size < 1, a negative seed, or too few images for a single batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool = False,
        transform: Transform | None = None,
        drop_last: bool = False,
        seed: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.transform = transform
        self.drop_last = drop_last
        self.seed = secrets.randbits(32) if seed is None else int(seed)
        if not len(self):
            raise ValueError(
                f"no batch can be made: {dataset.name} has {len(dataset):,} images, "
                f"batch_size={batch_size}, drop_last={drop_last}"
            )
        self._epoch = 0  # the position of the batch that comes next
        self._batch = 0
        self._resuming = False

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        if self._batch and not self._resuming:  # the last loop was left early
            self._epoch, self._batch = self._epoch + 1, 0
        self._resuming = False
        epoch = self._epoch
        order = self._order(epoch)
        for k in range(self._batch, len(self)):
            batch = self._make(epoch, k, order)
            # Move on before handing over: in the loop's body, state_dict() names the batch to come.
            is_last = k + 1 == len(self)
            self._epoch, self._batch = (epoch + 1, 0) if is_last else (epoch, k + 1)
            yield batch

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset.name}: {len(self):,} batches of {self.batch_size}, "
            f"shuffle={self.shuffle}, transform={self.transform}, drop_last={self.drop_last}, "
            f"seed={self.seed})"
        )

    def state_dict(self) -> dict[str, Any]:
        """Which batch comes next (`epoch`, `batch`), and what that depends on; fit for JSON."""
        return {
            "epoch": self._epoch,
            "batch": self._batch,
            "seed": self.seed,
            "shuffle": self.shuffle,
            "batch_size": self.batch_size,
            "samples": len(self.dataset),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next loop start at the batch that `state` names.

        Raises:
            ValueError: the state is of a loader whose batches are not this loader's, or no state
                at all.
        """
        own = self.state_dict()
        if missing := own.keys() - state.keys():
            raise ValueError(f"this is no state of a DataLoader: it lacks {sorted(missing)}")
        for key in ("seed", "shuffle", "batch_size", "samples"):
            if state[key] != own[key]:
                raise ValueError(
                    f"the saved loader had {key}={state[key]}, this one has {key}={own[key]}: its "
                    f"batches would be others. Make the loader as it was when the state was saved."
                )
        epoch, batch = state["epoch"], state["batch"]
        if epoch < 0 or not 0 <= batch < len(self):
            raise ValueError(
                f"there is no batch {batch} of epoch {epoch}: "
                f"an epoch has the batches 0…{len(self) - 1}"
            )
        self._epoch, self._batch = epoch, batch
        self._resuming = True

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The indices of the dataset in the order of an epoch, (len(dataset),)."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.dataset))

    def _make(self, epoch: int, k: int, order: NDArray[np.int64]) -> Batch:
        """Batch k of an epoch."""
        chosen = order[k * self.batch_size : (k + 1) * self.batch_size]
        images: NDArray = self.dataset.images[chosen]  # a copy, (N, C, H, W)
        if self.transform is not None:
            images = self.transform(images, np.random.default_rng([self.seed, epoch, k + 1]))
            if len(images) != len(chosen) or images.dtype not in (np.uint8, np.float32):
                raise ValueError(
                    f"the transform must return {len(chosen)} images in uint8 or float32, "
                    f"got {images.dtype} {images.shape} from {self.transform}"
                )
        if images.dtype == np.uint8:
            images = images / np.float32(255)
        return images, self.dataset.labels[chosen]
