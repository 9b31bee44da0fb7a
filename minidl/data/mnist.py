"""MNIST and Fashion-MNIST: 70,000 grey images of 28×28 pixels each, in the same four IDX files."""

import os
from pathlib import Path

import numpy as np

from minidl.data.dataset import Dataset
from minidl.data.errors import DataFileError
from minidl.data.files import Download, Source, locate, md5, read_whole
from minidl.data.idx import parse_idx

FILES: dict[str, tuple[str, ...]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def _source(
    title: str, folders: tuple[str, ...], checksums: dict[str, str], mirrors: tuple[str, ...]
) -> Source:
    downloads = {
        split: tuple(Download(f"{name}.gz", checksums[name], mirrors) for name in names)
        for split, names in FILES.items()
    }
    return Source(title, folders, FILES, downloads)


MNIST = _source(
    "MNIST",
    ("mnist", "MNIST/raw", "."),
    {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
)

FASHION_MNIST = _source(
    "Fashion-MNIST",
    ("fashion_mnist", "FashionMNIST/raw", "."),
    {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
)

# The two datasets share their file names, so a file is told by its content: MD5 of the decompressed
# official files. Any other content is taken for the user's own.
CONTENTS = {
    "6bbc9ace898e44ae57da46a324031adb": ("MNIST", "train-images-idx3-ubyte"),
    "a25bea736e30d166cdddb491f175f624": ("MNIST", "train-labels-idx1-ubyte"),
    "2646ac647ad5339dbf082846283269ea": ("MNIST", "t10k-images-idx3-ubyte"),
    "27ae3e4e09519cfbb04c329615203637": ("MNIST", "t10k-labels-idx1-ubyte"),
    "f4a8712d7a061bf5bd6d2ca38dc4d50a": ("Fashion-MNIST", "train-images-idx3-ubyte"),
    "9018921c3c673c538a1fc5bad174d6f9": ("Fashion-MNIST", "train-labels-idx1-ubyte"),
    "8181f5470baa50b63fa0f6fddb340f0a": ("Fashion-MNIST", "t10k-images-idx3-ubyte"),
    "15d484375f8d13e6eb1aabb0c3f46965": ("Fashion-MNIST", "t10k-labels-idx1-ubyte"),
}


def mnist(
    split: str = "train", root: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """MNIST: handwritten digits, 60,000 for training and 10,000 for testing, (N, 1, 28, 28).

    Args:
        split: "train" or "test".
        root: a folder to search first: ROOT/mnist, ROOT/MNIST/raw (torchvision's layout), ROOT
            itself, with or without `.gz`. Then the same in the folder named by MINIDL_DATA and in
            the user's cache.
        download: fetch what is in none of them, into the first of them; about 11 MB in all.

    Raises:
        DataNotFoundError: no files, and no download; the message says how to get them.
        DataFileError: a file is damaged or belongs to another dataset.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86, 1998.
    """
    classes = tuple("0123456789")
    return _load(MNIST, "mnist", classes, split, root, download)


def fashion_mnist(
    split: str = "train", root: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """Fashion-MNIST: articles of clothing, 60,000 for training, 10,000 for testing, (N, 1, 28, 28).

    Args:
        split: "train" or "test".
        root: a folder to search first: ROOT/fashion_mnist, ROOT/FashionMNIST/raw (torchvision's
            layout), ROOT itself. Then the same in the folder named by MINIDL_DATA and in the
            user's cache.
        download: fetch what is in none of them, into the first of them; about 31 MB in all.

    Raises:
        DataNotFoundError: no files, and no download; the message says how to get them.
        DataFileError: a file is damaged or belongs to another dataset, such as MNIST.

    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017. MIT licence.
    """
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    return _load(FASHION_MNIST, "fashion_mnist", classes, split, root, download)


def _load(
    source: Source,
    name: str,
    classes: tuple[str, ...],
    split: str,
    root: str | os.PathLike[str] | None,
    download: bool,
) -> Dataset:
    image_path, label_path = locate(source, split, root, download)
    images = parse_idx(_read_own(image_path, source), 3, image_path)  # (N, H, W)
    labels = parse_idx(_read_own(label_path, source), 1, label_path)  # (N,)
    if len(images) != len(labels):
        raise DataFileError(
            f"{image_path} holds {len(images):,} images but {label_path} holds {len(labels):,} "
            "labels: they do not belong together. Put a matching pair in their place."
        )
    if labels.size and labels.max() >= len(classes):
        where = int(np.argmax(labels))
        raise DataFileError(
            f"{label_path}: {source.title} has the labels 0…{len(classes) - 1}, "
            f"but label {where} is {labels[where]}: the file is damaged or of another dataset."
        )
    return Dataset(images[:, None], labels, classes, name)  # (N, 1, H, W)


def _read_own(path: Path, source: Source) -> bytes:
    """The content of a file, unless it is the official file of another dataset or split."""
    content = read_whole(path)
    own_name = path.name.removesuffix(".gz")
    title, name = CONTENTS.get(md5(content), (source.title, own_name))
    if (title, name) != (source.title, own_name):
        raise DataFileError(
            f"{path}: this is the file {name} of {title}, not {own_name} of {source.title}. "
            f"Name another folder with --root (root= in Python), or put those of {source.title} "
            f"into the folder {source.folders[0]} there, which is searched first."
        )
    return content
