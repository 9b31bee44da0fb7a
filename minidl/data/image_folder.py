"""Your own photographs: a folder a class, the images in it."""

import difflib
import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Dataset
from minidl.data.errors import DataFileError, DataNotFoundError
from minidl.data.transforms.arguments import height_and_width

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"),
    *(".avif", ".heic", ".heif"),  # some Pillows cannot read these; better an error than a loss
)
SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")
HELD_OUT = ("test", "val", "valid", "validation")
"""Folders that serve as the split "test", the first that is there; ImageNet's is called val."""


def image_folder(
    root: str | os.PathLike[str] | None = None,
    split: str = "train",
    download: bool = True,  # noqa: ARG001 - every dataset takes it
    *,
    size: int | tuple[int, int] = 224,
    test_fraction: float = 0.2,
    seed: int = 0,
    skip_damaged: bool = False,
) -> Dataset:
    """The images of a folder, RGB and all of one size, (N, 3, h, w); a class is a folder.

    Two layouts are understood. That of ImageNet, with a folder for each split:

        root/train/cat/any name.jpg   root/train/dog/…   root/test/cat/…   (or val for test)

    Or just root/cat/…, root/dog/…: then round(test_fraction · n) of a class's n images, at least
    one, are held out as the split "test", and the others are "train". The draw depends on the file
    names and the seed only, class by class. It is not kept: new files make a new draw, so for
    lasting parts sort the images into train and test.

    Classes are the folders of train in the order of their names, for every split. Images may lie
    deeper inside a class. Hidden files are passed over, and files that do not end like images.

    An image is turned as its EXIF orientation says, cut in the middle to the shape of `size`,
    and resized with antialiasing. Grey, palette, CMYK and 16-bit images become RGB of 8 bits;
    what is transparent becomes white; of a moving picture the first one is taken.

    All images are held in memory: N · 3 · h · w bytes, at 224 × 224 that is 151 MB for 1,000
    images, at 64 × 64 it is 12 MB. They are decoded once, by as many threads as minidl computes
    with; a photograph of 12 megapixels takes some 50 ms of one core.

    Args:
        root: the folder.
        split: "train", "test", or the name of another folder beside train.
        download: accepted like everywhere; there is nothing to download.
        size: height and width of the images; a single number makes them square.
        test_fraction: share held out where the folder is not parted into splits.
        seed: of the draw of what is held out.
        skip_damaged: leave out images that cannot be read, with a warning, instead of an error.

    Raises:
        DataNotFoundError: no such folder, or no such split in it.
        DataFileError: there are no class folders, or empty ones; a class that train does not have;
            two classes whose names differ only in case; images that cannot be read, all of which
            are named.
        MemoryError: the images do not fit in memory.

    Warns:
        UserWarning: a split has no folder for some class of train; or damaged images were left out.
    """
    if root is None:
        raise DataNotFoundError("which folder? Name it: image_folder(root), or --root FOLDER")
    folder = Path(root).expanduser()
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is a share, 0 < test_fraction < 1, got {test_fraction}")
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataNotFoundError(f"{folder} {what} (looked from {Path.cwd()})")
    if any(_folders(folder / part) for part in ("train", *HELD_OUT)):
        classes, files = _of_split(folder, split)
    else:
        classes, files = _of_draw(folder, split, test_fraction, seed)

    # Pillow and rich take 150 ms to import; most runs read no photographs.
    from minidl.data.photographs import read  # noqa: PLC0415

    paths = [path for own in files for path in own]
    labels = np.repeat(np.arange(len(files)), [len(own) for own in files])
    images, damaged = read(paths, height_and_width(size))
    if damaged:
        good = _without(paths, damaged, skip_damaged)
        images, labels = images[good], labels[good]
        _check_nonempty({c: (labels == k).sum() for k, c in enumerate(classes) if files[k]}, folder)
    return Dataset(images, labels, classes, folder.resolve().name)


def _of_split(folder: Path, split: str) -> tuple[list[str], list[list[Path]]]:
    """Classes, and the files of each, where every split has its own folder."""
    names = HELD_OUT if split == "test" else (split,)
    there = {name: path for name in names if _folders(path := folder / name)}
    if not there:
        splits = sorted(path.name for path in _folders(folder))
        close = difflib.get_close_matches(split.lower(), [s.lower() for s in splits], n=1)
        case = [s for s in splits if close and s.lower() == close[0]]
        hint = f" Did you mean {case[0]!r}?" if case else ""
        if split == "test":
            hint += (
                f" To hold out a part of the images of train, give that folder as root: "
                f"{folder / 'train'}."
            )
        raise DataNotFoundError(
            f"{folder} has no folder {split!r} with classes in it; it has {', '.join(splits)}."
            f"{hint}"
        )
    own = next(iter(there.values()))
    home = folder / "train" if _folders(folder / "train") else own
    classes = _classes(home)
    found = {path.name: path for path in _folders(own)}
    if strange := sorted(found.keys() - set(classes)):
        raise DataFileError(
            f"{own} has classes that {home} does not have: {', '.join(strange)}; "
            f"{home.name} has {', '.join(classes)}. A network can only be tested on classes it has "
            "learned: rename the folders alike, upper and lower case too, or take them away"
        )
    if missing := [name for name in classes if name not in found]:
        warnings.warn(
            f"{own} has no images of {', '.join(missing)}: how well these classes are recognised "
            "stays unknown",
            stacklevel=3,
        )
    files = [_images(found[name]) if name in found else [] for name in classes]
    _check_nonempty({name: len(files[classes.index(name)]) for name in found}, own)
    return classes, files


def _of_draw(
    folder: Path, split: str, fraction: float, seed: int
) -> tuple[list[str], list[list[Path]]]:
    """Classes, and the files of each, of a folder whose test images are drawn."""
    if split not in ("train", "test"):
        raise DataNotFoundError(
            f"{folder} is not parted into splits, so it has 'train' and 'test', which are drawn, "
            f"but not {split!r}"
        )
    classes = _classes(folder)
    files = {name: _images(folder / name) for name in classes}
    _check_nonempty({name: len(own) for name, own in files.items()}, folder)
    if single := [name for name, own in files.items() if len(own) == 1]:
        raise DataFileError(
            f"{folder} has a single image of {', '.join(single)}: too few for one to learn from "
            "and one to test. Add images, or take the folder away"
        )
    chosen = []
    for name, own in files.items():
        rng = np.random.default_rng([seed, *name.encode()])  # other classes do not change this draw
        count = min(max(1, round(fraction * len(own))), len(own) - 1)
        held_out = np.zeros(len(own), bool)
        held_out[rng.permutation(len(own))[:count]] = True
        wanted = held_out if split == "test" else ~held_out
        chosen.append([path for path, taken in zip(own, wanted, strict=True) if taken])
    return classes, chosen


def _folders(folder: Path) -> list[Path]:
    """The visible folders in a folder, by name; none if there is no such folder."""
    if not folder.is_dir():
        return []
    inside = (path for path in folder.iterdir() if path.is_dir() and _visible(path.name))
    return sorted(inside, key=lambda path: path.name)


def _classes(folder: Path) -> list[str]:
    """The names of the class folders."""
    names = [path.name for path in _folders(folder)]
    if not names:
        inside = sum(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
        found = f"{inside:,} images lie directly in it" if inside else "it holds no folders"
        raise DataFileError(
            f"{folder}: expected a folder for each class, with the images of the class inside, "
            f"but {found}. Sort them into folders: {folder / 'cat' / 'photo1.jpg'}, …"
        )
    alike = Counter(name.lower() for name in names)
    if twins := [name for name in names if alike[name.lower()] > 1]:
        raise DataFileError(
            f"{folder}: the classes {', '.join(twins)} differ only in upper and lower case, and "
            "are one folder on Windows and macOS. Merge them, or rename one"
        )
    return names


def _images(folder: Path) -> list[Path]:
    """The images in a folder, and deeper, in the order of their names on every system."""
    inside = [
        Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names
    ]
    images = {
        path.relative_to(folder).as_posix(): path
        for path in inside
        if path.suffix.lower() in SUFFIXES and all(map(_visible, path.relative_to(folder).parts))
    }
    return [images[name] for name in sorted(images)]


def _visible(name: str) -> bool:
    """Whether a file or folder is the user's, not the system's."""
    return not name.startswith(".") and name.lower() not in SYSTEM


def _check_nonempty(counts: dict[str, int], folder: Path) -> None:
    """DataFileError if a class has no images."""
    if empty := [name for name, count in counts.items() if not count]:
        raise DataFileError(
            f"{folder}: no image in {', '.join(empty)}. Images end in {' '.join(SUFFIXES)}. "
            "Put some there, or take the folder away"
        )


def _without(paths: list[Path], damaged: dict[Path, str], skip: bool) -> NDArray[np.bool_]:
    """Which images are left when the damaged ones are skipped, (N,); else DataFileError."""
    listed = "\n".join(f"  {path}: {reason}" for path, reason in damaged.items())
    if not skip:
        raise DataFileError(
            f"{len(damaged):,} of {len(paths):,} images cannot be read:\n{listed}\n"
            "Replace them (convert .heic to .jpg) or delete them; or go on without them: "
            "image_folder(…, skip_damaged=True)"
        )
    warnings.warn(
        f"left out {len(damaged):,} of {len(paths):,} images that cannot be read:\n{listed}",
        stacklevel=3,
    )
    return np.array([path not in damaged for path in paths])
