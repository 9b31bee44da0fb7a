"""Mixup and CutMix: training images that are part one image, part another, and labelled so.

A batch is mixed with itself in another order. Its loss becomes the mixture of two losses,

    share · loss(logits, labels) + (1 − share) · loss(logits, labels[order])

and its accuracy likewise, so the training accuracy is no longer what the network would reach on
the images as they are.
"""

import numpy as np

from minidl.train.callbacks.callback import Callback
from minidl.train.state import State

Array = np.ndarray


class _Mixing(Callback):
    """What the two share: drawing the partners, and the labels of the mixture."""

    kind: int  # keeps the draws of the two apart where both have one seed

    def __init__(self, alpha: float = 1.0, probability: float = 1.0, seed: int = 0) -> None:
        if not 0 < alpha < float("inf"):
            raise ValueError(f"alpha, of Beta(alpha, alpha), is a number above 0, not {alpha}")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability lies between 0 and 1, not {probability}")
        self.alpha, self.probability, self.seed = alpha, probability, seed

    def on_step_start(self, state: State) -> None:
        """Mix the batch. What is drawn depends on the seed, the epoch and the step alone."""
        rng = np.random.default_rng([self.seed, state.epoch, state.step, self.kind])
        if rng.random() >= self.probability:
            return
        order = rng.permutation(len(state.images))
        wanted = rng.beta(self.alpha, self.alpha)
        state.images, share = self.mix(state.images, state.images[order], wanted, rng)
        state.targets = [
            *((share * part, labels) for part, labels in state.targets),
            *(((1 - share) * part, labels[order]) for part, labels in state.targets),
        ]

    def mix(
        self, images: Array, partners: Array, wanted: float, rng: np.random.Generator
    ) -> tuple[Array, float]:
        """The mixed images, and which share of each is its own: about `wanted`."""
        raise NotImplementedError


class Mixup(_Mixing):
    """Lay two images over each other.

        image = λ · image_a + (1 − λ) · image_b,   λ ~ Beta(alpha, alpha), one for a batch

    Args:
        alpha: small, and nearly all of λ is near 0 or 1; 1, and every λ is as likely. The paper
            takes 1 for CIFAR, 0.2 for ImageNet.
        probability: how many of the batches are mixed.
        seed: of what is drawn.

    Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018.
    """

    kind = 1

    def mix(
        self,
        images: Array,
        partners: Array,
        wanted: float,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> tuple[Array, float]:
        """λ · images + (1 − λ) · partners."""
        return images * np.float32(wanted) + partners * np.float32(1 - wanted), wanted


class CutMix(_Mixing):
    """Paste a rectangle of one image into another, at the same place.

    The rectangle's sides are √(1 − λ) of the image's, λ ~ Beta(alpha, alpha), and its centre is
    anywhere, so the border may cut it; the share is what of the image is left to be seen. One
    rectangle for a batch.

    Args:
        alpha: as in Mixup; the paper takes 1.
        probability: how many of the batches are mixed; 0.5 in the paper's code for CIFAR.
        seed: of what is drawn.

    Source: Yun et al., CutMix, 2019, algorithm A1.
    """

    kind = 2

    def mix(
        self, images: Array, partners: Array, wanted: float, rng: np.random.Generator
    ) -> tuple[Array, float]:
        """Images with a rectangle of their partners."""
        height, width = images.shape[2:]
        rows, columns = (
            _interval(int(rng.integers(length)), int(length * np.sqrt(1 - wanted)), length)
            for length in (height, width)
        )
        mixed = images.copy()
        mixed[:, :, rows, columns] = partners[:, :, rows, columns]
        pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
        return mixed, 1 - pasted / (height * width)


def _interval(centre: int, length: int, end: int) -> slice:
    """`length` numbers around `centre`, as far as they lie in 0 … end − 1."""
    start = centre - length // 2
    return slice(max(start, 0), min(start + length, end))
