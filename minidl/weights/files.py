"""Weights in files: `save` and `load` a state dict as .safetensors or .npz; `load` PyTorch's too.

The first two hold plain arrays and no code, so a file from a stranger cannot run anything. Those of
PyTorch may hold code; it is not run (`pytorch.py`).
A file is written beside its final place and renamed when it is complete: whoever stops the program,
and whenever, finds either the old file or the new one, never half of one.
"""

import glob
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from minidl.weights.errors import WeightsError, unreadable
from minidl.weights.pytorch import read_pytorch

Arrays = dict[str, np.ndarray]

SUFFIXES = (".safetensors", ".npz")
PYTORCH_SUFFIXES = (".pth", ".pt", ".th")


def save(state_dict: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write a state dict to a file; the suffix of `path` decides the format.

    Args:
        state_dict: name → array of numbers, as `Module.state_dict()` returns it.
        path: ends in `.safetensors` (smaller overhead, read by most frameworks) or `.npz` (NumPy's
            own). Its folder is made if need be; a file that is there already is replaced.

    Raises:
        WeightsError: another suffix, or a value that is not an array of numbers.
    """
    path = _with_known_suffix(path, SUFFIXES)
    arrays = {name: _checked(name, array) for name, array in state_dict.items()}
    if path.suffix == ".safetensors":
        write_safetensors(path, arrays)
    else:
        _write_npz(path, arrays)


def load(path: str | os.PathLike[str]) -> Arrays:
    """Read a weights file and return its state dict: name → array.

        model = minidl.models.create("resnet20")
        model.load_state_dict(minidl.load("resnet20-12fca82f.th"))

    Args:
        path: what `save` wrote (`.safetensors`, `.npz`), or what PyTorch's `torch.save` wrote
            (`.pth`, `.pt`, `.th`), today or years ago. PyTorch is not needed, and nothing in the
            file is run. Prints what had to be done beyond reading: see `pytorch.py` for the rules.

    Raises:
        FileNotFoundError: no such file; the message names the weights files that are there.
        WeightsError: another suffix, or a file that is damaged, of another kind, or holds code.
    """
    path = _with_known_suffix(path, SUFFIXES + PYTORCH_SUFFIXES)
    if not path.is_file():
        raise FileNotFoundError(_not_found(path))
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    if path.suffix == ".npz":
        return _read_npz(path)
    arrays, notes = read_pytorch(path)
    if notes:
        print(f"{path.name}: {'; '.join(notes)}")  # noqa: T201 - the user should see it
    return arrays


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the `with` block a temporary path beside `path`, and rename it to `path` at the end.

    If the block raises, the temporary file is removed and `path` stays as it was. If the power
    fails, `path` is the old file or the new one: the numbers are on the disk before the name is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what programs that were killed while they wrote `path` have left beside it."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        with suppress(OSError):  # somebody is writing it now, which Windows guards
            leftover.unlink()


def write_safetensors(path: Path, arrays: Arrays, metadata: dict[str, str] | None = None) -> None:
    """Write arrays, and optionally some text beside them, to a safetensors file."""
    # The library copies raw memory, so an array must lie in C order (and 0-d must stay 0-d).
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as temporary:
        # Not the library's save_file: if killed, that leaves a file behind whose name nobody knows;
        # its errors are no OSErrors; and what it writes, nobody else may read.
        temporary.write_bytes(serialized(dense, metadata))


def read_safetensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read a safetensors file: its arrays and its text metadata."""
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, file.metadata() or {}
    except (SafetensorError, TypeError) as error:  # TypeError: a number type NumPy does not know
        raise WeightsError(unreadable(path, "safetensors", error)) from error


def _write_npz(path: Path, arrays: Arrays) -> None:
    # np.savez takes the names as keyword arguments, so it cannot store one called "file".
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_npz(path: Path) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for name in archive.namelist():
                with archive.open(name) as member:
                    array = np.lib.format.read_array(member, allow_pickle=False)
                arrays[name.removesuffix(".npy")] = array
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise WeightsError(unreadable(path, "npz", error)) from error


def _with_known_suffix(path: str | os.PathLike[str], known: tuple[str, ...]) -> Path:
    path = Path(path)
    if path.suffix not in known:
        suffix = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise WeightsError(
            f"{path} has {suffix}; weights are {' or '.join(known)} files. "
            f"Try {path.with_suffix('.safetensors')}."
        )
    return path


def _checked(name: str, array: object) -> np.ndarray:
    if not isinstance(name, str):
        raise WeightsError(f"a state dict's keys are names; {name!r} is {type(name).__name__}")
    if not isinstance(array, np.ndarray | np.generic):
        raise WeightsError(
            f"{name!r} is of type {type(array).__name__}, not an array. "
            "Save `model.state_dict()`; of a Tensor, save its `.data`."
        )
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise WeightsError(
            f"{name!r} holds {array.dtype}; a weights file holds numbers of at most 64 bits"
        )
    return array


def _not_found(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no file {path}: the folder {path.parent} does not exist"
    others = sorted(
        p.name for p in path.parent.iterdir() if p.suffix in SUFFIXES + PYTORCH_SUFFIXES
    )
    found = f"that folder has {', '.join(others)}" if others else "that folder has no weights files"
    return f"there is no file {path}; {found}"
