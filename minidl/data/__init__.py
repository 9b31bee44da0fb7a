"""Datasets, batches and transforms. Arrays only: this package knows nothing of tensors and layers.

    train = cifar10("train")
    augment = Compose([RandomCrop(32, padding=4), Normalize(train.mean, train.std)])
    for images, labels in DataLoader(train, 128, shuffle=True, transform=augment, seed=0): …

Your own photographs are `image_folder("photos")`, with a folder for each class.

Images are uint8 (N, C, H, W) until a transform or the loader makes them float32.
"""

import difflib
from collections.abc import Callable

from minidl.data.cifar import cifar10, cifar100
from minidl.data.dataset import Dataset
from minidl.data.digits import digits
from minidl.data.errors import DataFileError, DataNotFoundError
from minidl.data.image_folder import image_folder
from minidl.data.loader import DataLoader
from minidl.data.mnist import fashion_mnist, mnist
from minidl.data.transforms import (
    RGB,
    CenterCrop,
    ColorJitter,
    Compose,
    Cutout,
    Gamma,
    GaussianBlur,
    Grayscale,
    MedianBlur,
    Normalize,
    Pad,
    RandomAffine,
    RandomApply,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
}
"""The datasets by name, each called as `load(split=…, root=…, download=…)`."""

LOADERS = DATASETS | {"image_folder": image_folder}
"""The same, and the reader of a user's own photographs, called likewise."""


def get_dataset(name: str) -> Callable[..., Dataset]:
    """The function that loads the dataset called `name`, an entry of `LOADERS`.

    Raises:
        ValueError: no dataset has this name; the message lists those there are.
    """
    if name not in LOADERS:
        close = difflib.get_close_matches(name, LOADERS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no dataset {name!r}; there are {', '.join(LOADERS)}.{hint}")
    return LOADERS[name]


__all__ = [
    "DATASETS",
    "LOADERS",
    "RGB",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "DataFileError",
    "DataLoader",
    "DataNotFoundError",
    "Dataset",
    "Gamma",
    "GaussianBlur",
    "Grayscale",
    "MedianBlur",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "get_dataset",
    "image_folder",
    "mnist",
]
