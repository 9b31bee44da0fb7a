"""Small real digits that travel inside the package, so that a first training needs no download."""

import os
from pathlib import Path

import numpy as np

from minidl.data.dataset import Dataset

FILE = Path(__file__).with_name("digits.npz")


def digits(
    split: str = "train",
    root: str | os.PathLike[str] | None = None,  # noqa: ARG001 - every dataset takes these two
    download: bool = True,  # noqa: ARG001
) -> Dataset:
    """Handwritten digits: 1,437 for training and 360 held out for testing, (N, 1, 8, 8).

    Each pixel counts, in the file, the dark dots (0…16) of a 4×4 block of a 32×32 scan; here it is
    scaled to 0…255: round(255·count/16).

    The held-out images are a stratified draw, marked once in the file, so that it never changes.
    The 13 writers occur on both sides: a test score says how well new digits of known writers are
    read, and is some points higher than for unknown writers.

    Args:
        split: "train" or "test".
        root, download: accepted like everywhere, and not needed.

    Raises:
        ValueError: there is no such split.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998, doi 10.24432/C50P49, licence CC BY 4.0; the test part of 1,797 images, by way
    of scikit-learn. Changed: scaled to 0…255 on loading. The file names source and licence, too.
    """
    if split not in ("train", "test"):
        raise ValueError(f"digits has the splits ['train', 'test'], not {split!r}")
    with np.load(FILE) as file:
        counts, labels, held_out = file["images"], file["labels"], file["held_out"]
    images = np.rint(counts * (255 / 16)).astype(np.uint8)[:, None]  # (N, 1, 8, 8)
    everything = Dataset(images, labels, tuple("0123456789"), "digits")
    return everything.subset(held_out if split == "test" else ~held_out)
