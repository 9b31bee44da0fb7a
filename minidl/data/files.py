"""Find a dataset's files on this computer, or have them downloaded, and read them whole.

The places, in order: the folder given as `root`, the folder named by the environment variable
MINIDL_DATA, the user's cache. The first place that holds every file of the split serves it. What is
nowhere is downloaded into the first of these places.

What was downloaded must match the checksum of its publisher. A file that a user put in place must
be sound (magic number, sizes, labels) but may hold other images: people bring their own.
"""

import gzip
import hashlib
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minidl.data.errors import DataFileError, DataNotFoundError

ENVIRONMENT_VARIABLE = "MINIDL_DATA"
REPAIR = (
    "Delete the file, and it is downloaded again at the next run; or put a good copy in its place."
)


@dataclass(frozen=True)
class Download:
    """One published file: its name, its MD5 as the publisher states it, and who serves it.

    The address is `mirror + name`; mirrors are tried in order.
    """

    name: str
    md5: str
    mirrors: tuple[str, ...]

    @property
    def is_archive(self) -> bool:
        """Whether the dataset's files are packed inside this one."""
        return self.name.endswith(".tar.gz")


@dataclass(frozen=True)
class Source:
    """Where the files of a dataset are, for each split.

    Attributes:
        title: the dataset's name, as its authors write it.
        folders: where in a place the files may lie; a download goes to the first.
        files: the file names of a split, each also accepted with `.gz` behind it.
        downloads: what to download for a split.
    """

    title: str
    folders: tuple[str, ...]
    files: dict[str, tuple[str, ...]]
    downloads: dict[str, tuple[Download, ...]]


def locate(
    source: Source, split: str, root: str | os.PathLike[str] | None, download: bool
) -> list[Path]:
    """The paths of `source.files[split]`, found or, if `download`, fetched.

    An archive that lies in a place, put there by hand on a computer without network, is unpacked
    there.

    Raises:
        ValueError: there is no such split.
        DataNotFoundError: the files are in none of the places, and `download` is false or failed.
        DataFileError: an archive was found whose checksum is not the official one.
    """
    if split not in source.files:
        raise ValueError(f"{source.title} has the splits {list(source.files)}, not {split!r}")
    names = source.files[split]
    for place in _places(root):
        for folder in source.folders:
            if paths := _complete(place / folder, names):
                return paths
        for item in source.downloads[split]:
            if item.is_archive and (place / item.name).is_file():
                return _unpack(place / item.name, item.md5, place / source.folders[0], names)

    places = list(_places(root))
    if not download:
        raise DataNotFoundError(
            _how_to_get(source, split, places, "download=False forbids a download.")
        )
    # pooch and rich take some 60 ms to import; most runs need no download.
    from minidl.data.download import fetch  # noqa: PLC0415

    home = places[0]
    for item in source.downloads[split]:
        target = home if item.is_archive else home / source.folders[0]
        if _existing(target, item.name.removesuffix(".gz")):
            continue  # a file of the user's is never overwritten
        if failures := fetch(item, target):
            reason = "No mirror could be used:\n" + "\n".join(f"  {line}" for line in failures)
            raise DataNotFoundError(_how_to_get(source, split, places, reason))
        if item.is_archive:
            return _unpack(home / item.name, item.md5, home / source.folders[0], names)
    return _complete(home / source.folders[0], names)


def read_whole(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzip (by its first bytes, not by its name).

    Raises:
        DataFileError: the gzip stream is cut short or damaged.
    """
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":  # browsers unzip some downloads without renaming them
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(
            f"{path}: the gzip file is cut short or damaged ({error}). {REPAIR}"
        ) from error


def md5(content: bytes) -> str:
    """The MD5 checksum in hexadecimal: it tells files apart, no more."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _places(root: str | os.PathLike[str] | None) -> Iterator[Path]:
    """The folders to search, in order."""
    if root is not None:
        yield Path(root).expanduser()
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        yield Path(named).expanduser()
    # pooch knows each system's cache folder; it too is imported only when the search gets here.
    from minidl.data.download import cache_folder  # noqa: PLC0415

    yield cache_folder()


def _existing(folder: Path, name: str) -> Path | None:
    """The file `name` or `name.gz` in a folder."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def _complete(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The paths of all the named files if the folder holds every one, else an empty list."""
    paths = [path for name in names if (path := _existing(folder, name))]
    return paths if len(paths) == len(names) else []


def _unpack(archive: Path, checksum: str, folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Unpack the official archive, whose one top folder is `folder.name`, into `folder`.

    It is unpacked into a temporary folder beside, and each file is then moved to its place: an
    interrupted run leaves no half-written file behind, and a file that is there already stays.
    """
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != checksum:
        raise DataFileError(
            f"{archive}: this is not the official archive, or it is damaged: its MD5 should be "
            f"{checksum}, it is {found}. {REPAIR}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="unpacking-") as temporary:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        for path in (Path(temporary) / folder.name).iterdir():
            if not (folder / path.name).exists():
                path.replace(folder / path.name)
    return _complete(folder, names)


def _addresses(item: Download) -> str:
    """A file's name and checksum, and below it the addresses that serve it."""
    lines = [f"  {item.name}  (MD5 {item.md5}), from any of"]
    return "\n".join(lines + [f"    {mirror}{item.name}" for mirror in item.mirrors])


def _how_to_get(source: Source, split: str, places: list[Path], reason: str) -> str:
    """What was looked for and where, why it is not to be had, and what the reader can do."""
    downloads = source.downloads[split]
    home = places[0] if downloads[0].is_archive else places[0] / source.folders[0]
    lines = [
        f"The {split} files of {source.title} were not found.",
        f"Looked for: {', '.join(source.files[split])}",
        "in:",
        *(f"  {place / folder}" for place in places for folder in source.folders),
        reason,
        "To get them by hand, download",
        *(_addresses(item) for item in downloads),
        f"and put {' and '.join(item.name for item in downloads)} into",
        f"  {home}",
        "or into a folder of your own, named with --root FOLDER (root=FOLDER in Python) or by the "
        f"environment variable {ENVIRONMENT_VARIABLE}.",
    ]
    return "\n".join(lines)
