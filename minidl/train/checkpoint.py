"""One file that holds everything a run needs to go on.

A checkpoint is a safetensors file. The arrays of a nested state (dicts, lists, arrays, numbers,
text) are its tensors; the rest is JSON in its metadata, where each array has left a reference:

    {"model": {"fc.bias": array}, "epoch": 3}
      → tensor "model/fc.bias", and the text {"model": {"fc.bias": {"<array>": "model/fc.bias"}},
        "epoch": 3}

Its format has a number, and beside it stands the version of minidl that wrote it.
"""

import json
import os
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from minidl.weights import Arrays, WeightsError, read_safetensors, write_safetensors

KIND, FORMAT = "minidl checkpoint", 2
ARRAY, SCALAR, TUPLE = "<array>", "<scalar>", "<tuple>"


class CheckpointError(ValueError):
    """A file cannot serve as a checkpoint of this run."""


def save(state: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a nested state to one file, complete or not at all.

    Args:
        state: dicts with text keys, lists and tuples of arrays, numbers, text, True, False, None.
        path: the file; one that is there already is replaced at the very end.

    Raises:
        TypeError: something else is in the state; the message says where.
    """
    arrays: Arrays = {}
    text = json.dumps(_flatten(state, "", arrays))
    metadata = {"format": f"{KIND} {FORMAT}", "minidl": version("minidl"), "state": text}
    write_safetensors(Path(path), arrays, metadata)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the state that `save` wrote.

    There is a warning if another version of minidl wrote it.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: the file is damaged or is no checkpoint; the message names files beside it
            that are sound. Or it is a checkpoint in another format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        arrays, metadata = read_safetensors(path)
    except WeightsError as error:
        raise CheckpointError(f"{error} {_sound_files_beside(path)}") from error
    kind, _, written = metadata.get("format", "").rpartition(" ")
    if kind != KIND:
        raise CheckpointError(
            f"{path} holds arrays but is no checkpoint (weights alone do not say where the run "
            f"stood). {_sound_files_beside(path)}"
        )
    by, here = metadata.get("minidl", "(version unknown)"), version("minidl")
    if written != str(FORMAT):
        raise CheckpointError(
            f"{path} is a checkpoint in format {written}, written by minidl {by}; this is minidl "
            f"{here}, which reads format {FORMAT}. Finish the run with minidl {by}, or start a new "
            "one from its weights"
        )
    if by != here:
        warnings.warn(
            f"{path} was written by minidl {by}, this is minidl {here}. The run can go on, but may "
            "not end in the same bits as with one version throughout.",
            stacklevel=2,
        )
    state: dict[str, Any] = _unflatten(json.loads(metadata["state"]), arrays)
    return state


def _flatten(value: Any, place: str, arrays: Arrays) -> Any:
    """Return `value` as JSON can hold it, with its arrays moved into `arrays`."""
    if isinstance(value, np.generic):  # a NumPy number: its precision decides later arithmetic
        return {SCALAR: _store(np.asarray(value), place, arrays)}
    if isinstance(value, np.ndarray):
        return {ARRAY: _store(value, place, arrays)}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in (ARRAY, SCALAR, TUPLE):
                raise TypeError(f"a state's keys are text; {place or 'the state'} has {key!r}")
        return {key: _flatten(v, f"{place}/{key}".lstrip("/"), arrays) for key, v in value.items()}
    if isinstance(value, list):
        return [_flatten(v, f"{place}/{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, tuple):
        return {TUPLE: _flatten(list(value), place, arrays)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot hold {place}, which is of type {type(value).__name__}")


def _store(array: np.ndarray, name: str, arrays: Arrays) -> str:
    """Put an array under a free name: keys with slashes could make two places read the same."""
    while name in arrays:
        name += "'"
    arrays[name] = array
    return name


def _unflatten(value: Any, arrays: Arrays) -> Any:
    """Undo `_flatten`."""
    if isinstance(value, list):
        return [_unflatten(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [(key, name)] if key == ARRAY:
            return arrays[name]
        case [(key, name)] if key == SCALAR:
            return arrays[name][()]
        case [(key, items)] if key == TUPLE:
            return tuple(_unflatten(items, arrays))
    return {key: _unflatten(v, arrays) for key, v in value.items()}


def _sound_files_beside(path: Path) -> str:
    checkpoints: list[str] = []
    weights: list[str] = []
    for other in sorted(path.parent.glob("*.safetensors")):
        try:
            _, metadata = read_safetensors(other)
        except WeightsError:
            continue
        is_checkpoint = metadata.get("format") == f"{KIND} {FORMAT}"
        (checkpoints if is_checkpoint else weights).append(other.name)
    advice = []
    if checkpoints:
        advice.append(f"Resume from {' or '.join(checkpoints)} instead.")
    if weights:
        advice.append(
            f"In the same folder {' and '.join(weights)} can be read: weights to evaluate or to "
            "start a new run from (`minidl.load`)."
        )
    return " ".join(advice) or "No other checkpoint or weights file in that folder can be read."
