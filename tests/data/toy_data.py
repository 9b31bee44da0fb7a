"""Tiny datasets in the official file layouts."""

import gzip
import struct

import numpy as np


def idx_bytes(array):
    """An IDX file of bytes, written from the format's description."""
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(np.uint8).tobytes()
    )


def toy_images(count, channels=1, size=28, seed=0):
    shape = (count, channels, size, size)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_idx_pair(folder, count=6, prefix="train", zipped=True):
    """Write `count` random 28×28 images with the labels 0, 1, 2, …; returns (images, labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = toy_images(count)[:, 0], np.arange(count) % 10
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx_bytes(array)
        path = folder / f"{prefix}-{name}-ubyte"
        if zipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)
    return images, labels


def cifar_bytes(images, *label_columns):
    """CIFAR records: the label bytes, then the pixels."""
    rows = [bytes(int(c[i]) for c in label_columns) + x.tobytes() for i, x in enumerate(images)]
    return b"".join(rows)
