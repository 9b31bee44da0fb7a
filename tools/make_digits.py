#!/usr/bin/env python3
"""Make minidl/data/digits.npz from the digits of scikit-learn.

Usage: python tools/make_digits.py FILE
Needs NumPy and scikit-learn, and nothing of minidl. The same versions give the same bytes.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

SOURCE = (
    "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, 1998, https://doi.org/10.24432/C50P49; the test part of 1,797 images, as carried "
    "by scikit-learn (load_digits), counts 0..16 unchanged"
)
LICENSE = "Creative Commons Attribution 4.0 International (CC BY 4.0)"
HELD_OUT = 360
SEED = 0


def main(path: str) -> None:
    """Write the images, their labels, and which of them are held out."""
    pixels, labels = load_digits(return_X_y=True)
    # A stratified draw: shuffle, sort by class, take evenly spaced positions.
    shuffled = np.random.default_rng(SEED).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    spaced = (np.arange(HELD_OUT) + 0.5) * len(labels) / HELD_OUT
    held_out = np.zeros(len(labels), dtype=bool)
    held_out[by_class[spaced.astype(int)]] = True
    np.savez_compressed(
        path,
        images=pixels.reshape(-1, 8, 8).astype(np.uint8),
        labels=labels.astype(np.uint8),
        held_out=held_out,
        source=np.array(SOURCE),
        license=np.array(LICENSE),
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
