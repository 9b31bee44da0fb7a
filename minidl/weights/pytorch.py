"""PyTorch's weight files (.pth, .pt, .th), read without PyTorch and without running what they hold.

Both formats keep numbers in *storages*, flat rows of bytes, and describe in a pickle the tensors
that look at them, by offset, size and stride:

    since 1.6    a zip archive, uncompressed: NAME/data.pkl, NAME/data/0, NAME/data/1, …
    before       pickles one after the other (a magic number, the format's version, the machine, the
                 object, the storages' keys), then for each key the number of elements and the bytes

The pickle is read by `unpickle.py` into plain dicts and descriptions (`_Storage`, `_Tensor`). Every
description is checked against the file's true size before an array is made of it.

Rules for what comes back:

- **Checkpoints.** A dict of tensors is the state dict. In a dict with other things too, such as
  {"state_dict": …, "epoch": …}, it is the dict called "state_dict", "model_state_dict" or "model";
  where there is none of these, the only entry that is a dict of tensors.
- **Prefix.** Weights saved from `nn.DataParallel` have names that all begin with `module.`; it is
  taken off.
- **bfloat16**, which NumPy does not have, becomes float32, exactly. All else keeps its type.
- Tensors that share a storage in the file share memory here, as they do in PyTorch.

The first two and bfloat16 are told in notes for the user.
"""

import mmap
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from minidl.weights.errors import RefusedError, WeightsError, unreadable
from minidl.weights.unpickle import unpickle

_PREFERRED = ("state_dict", "model_state_dict", "model")
_PREFIX = "module."
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
# What reading a damaged file raises. A TypeError comes from a rebuilding function with too few
# arguments, an OSError from an archive that says to look before the file's beginning, a Warning,
# where warnings are errors, from odd letters in a name.
_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    EOFError,
    OSError,
    RuntimeError,
    Warning,
    struct.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, eq=False)
class _Dtype:
    """A number type: its name in PyTorch, how its bytes are read, and what NumPy makes of them."""

    name: str
    stored: str
    becomes: str

    @property
    def itemsize(self) -> int:
        return np.dtype(self.stored).itemsize


@dataclass(frozen=True, eq=False)
class _Storage:
    """`numel` elements from `start` on, of the bytes that the file keeps under `key`."""

    key: str
    dtype: _Dtype
    total: int  # elements under the key
    start: int
    numel: int


@dataclass(frozen=True, eq=False)
class _Tensor:
    """Element (i, j, …) is number offset + i·stride[0] + j·stride[1] + … of the storage's bytes."""

    storage: _Storage
    dtype: _Dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class _Contents:
    """What a file holds: the object, and under each key so many bytes that `read` returns."""

    what: Any
    sizes: dict[str, int]
    read: Callable[[str], bytes]
    order: Literal["<", ">"]  # of the bytes in a number: the lowest first, or the highest


def read_pytorch(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the state dict in a PyTorch file, and notes on what was done to it.

    Raises:
        WeightsError: the file is damaged, holds code, or holds no state dict.
    """
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    try:
        return _read_zip(path) if is_zip else _read_legacy(path)
    except RefusedError as error:
        raise WeightsError(
            f"{path} is refused: {error}. Nothing in it was run; minidl takes tensors, numbers, "
            "text and dicts of these. If you trust the file, load it in PyTorch and save "
            "`model.state_dict()` alone."
        ) from error
    except _DAMAGE as error:
        raise WeightsError(unreadable(path, "a PyTorch file", error)) from error


# ----------------------------------------------------------------------- the two formats


def _read_zip(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info.file_size for info in archive.infolist()}
        roots = [n.removesuffix("data.pkl") for n in members if n.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError(f"an archive of PyTorch has one data.pkl, this one {len(roots)}")
        root = roots[0]
        if f"{root}constants.pkl" in members:
            raise RefusedError("it is a TorchScript program (torch.jit.save), not a state dict")
        claimed, size = sum(info.file_size for info in archive.infolist()), path.stat().st_size
        if claimed > size or any(info.compress_type for info in archive.infolist()):
            raise ValueError(
                f"its members claim {claimed:,} bytes, or are compressed; PyTorch compresses none"
            )
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in members else b"little"
        data = f"{root}data/"
        contents = _Contents(
            unpickle(BytesIO(archive.read(f"{root}data.pkl")), _KNOWN, _storage),
            {n.removeprefix(data): size for n, size in members.items() if n.startswith(data)},
            lambda key: archive.read(f"{data}{key}"),
            ">" if order == b"big" else "<",
        )
        return _state_dict(contents)


def _read_legacy(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    storages: dict[str, _Storage] = {}

    def persistent(saved: Any) -> _Storage:
        storage = _storage(saved)
        storages[storage.key] = storage
        return storage

    # In a mapped file, a text that claims gigabytes is cut at the end, not allocated first.
    with (
        path.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        file = cast(IO[bytes], mapped)
        for part, expected in (("magic number", _MAGIC), ("version", _VERSION)):
            if unpickle(file, {}) != expected:
                raise ValueError(f"it does not begin with the format's {part}")
        unpickle(file, {})  # the machine; the numbers have their lowest byte first on every one
        what = unpickle(file, _KNOWN, persistent)
        begins = {}
        for key in unpickle(file, {}):
            (numel,) = struct.unpack("<q", file.read(8))
            begin, size = file.tell(), storages[key].total * storages[key].dtype.itemsize
            if numel != storages[key].total or begin + size > len(mapped):
                raise ValueError(
                    f"storage {key[:40]!r} claims {size:,} bytes at byte {begin:,}, "
                    f"and the file has {len(mapped) - begin:,} left"
                )
            begins[key] = begin
            file.seek(size, 1)
        sizes = {key: storages[key].total * storages[key].dtype.itemsize for key in begins}
        contents = _Contents(
            what, sizes, lambda key: mapped[begins[key] : begins[key] + sizes[key]], "<"
        )
        return _state_dict(contents)


# ------------------------------------------------ what the pickle may call, and what that makes


def _storage(saved: Any) -> _Storage:
    """("storage", type, key, device, number of elements[, (key, start, number) of a view])."""
    tag, dtype, key, _, total, *view = saved
    if not (tag == "storage" and isinstance(dtype, _Dtype) and isinstance(key, str)):
        raise ValueError("a storage is described wrongly")
    _, start, numel = view[0] if view and view[0] is not None else (None, 0, total)
    _whole(total, start, numel)
    if start + numel > total:
        raise ValueError(f"elements {start:,} to {start + numel:,} of a storage of {total:,}")
    return _Storage(key, dtype, total, start, numel)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise TypeError(f"a tensor of a {type(storage).__name__}")
    return _checked(storage, storage.dtype, offset, size, stride)


def _tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, bits: Any = None
) -> _Tensor:
    if bits:  # a tensor that is read with the sign turned
        raise RefusedError("it has a tensor with a negative or conjugate bit")
    return _tensor(storage, offset, size, stride)


def _tensor_v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    _grad: Any,
    _hooks: Any,
    dtype: Any,
    bits: Any = None,
) -> _Tensor:
    if not isinstance(storage, _Storage) or not isinstance(dtype, _Dtype):
        raise TypeError(f"a tensor of {type(storage).__name__} and {type(dtype).__name__}")
    if bits:
        raise RefusedError("it has a tensor with a negative or conjugate bit")
    return _checked(storage, dtype, offset, size, stride)


def _checked(storage: _Storage, dtype: _Dtype, offset: Any, size: Any, stride: Any) -> _Tensor:
    """The tensor, if all its elements lie inside the storage."""
    _whole(offset, *size, *stride)
    if not len(size) == len(stride) <= 64:  # NumPy counts no further
        raise ValueError(f"a tensor has {len(size)} sizes and {len(stride)} strides")
    available = storage.numel * storage.dtype.itemsize // dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= available:
        raise ValueError(
            f"a tensor of size {size} and stride {stride} from {offset} on reaches to element "
            f"{last:,} of a storage of {available:,}"
        )
    return _Tensor(storage, dtype, offset, tuple(size), tuple(stride))


def _whole(*numbers: Any) -> None:
    if not all(type(number) is int and 0 <= number < 2**60 for number in numbers):
        raise ValueError("a size, stride or offset is not a whole number from 0 to 2⁶⁰")


def _parameter(tensor: Any, *_: Any) -> _Tensor:
    if not isinstance(tensor, _Tensor):
        raise TypeError(f"a parameter of a {type(tensor).__name__}")
    return tensor


def _ordered_dict(pairs: Any = ()) -> dict[str, Any]:
    """Python's dicts keep the order; Python 2 wrote the pairs as arguments."""
    if not all(isinstance(key, str | int) for key, _ in pairs):
        raise TypeError("a dict with a key that is not text")
    return dict(pairs)


_DTYPES = {  # PyTorch's storage class → the type of its elements
    "DoubleStorage": _Dtype("float64", "f8", "f8"),
    "FloatStorage": _Dtype("float32", "f4", "f4"),
    "HalfStorage": _Dtype("float16", "f2", "f2"),
    "BFloat16Storage": _Dtype("bfloat16", "u2", "f4"),
    "LongStorage": _Dtype("int64", "i8", "i8"),
    "IntStorage": _Dtype("int32", "i4", "i4"),
    "ShortStorage": _Dtype("int16", "i2", "i2"),
    "CharStorage": _Dtype("int8", "i1", "i1"),
    "ByteStorage": _Dtype("uint8", "u1", "u1"),
    "BoolStorage": _Dtype("bool", "u1", "?"),
}
_LATE_DTYPES = [_Dtype(f"uint{8 * n}", f"u{n}", f"u{n}") for n in (2, 4, 8)]  # no storage class
_BYTES = _Dtype("bytes", "u1", "u1")

# All that a file may name. Anything else is refused.
_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.storage.UntypedStorage": _BYTES,
    **{f"torch.{name}": dtype for name, dtype in _DTYPES.items()},
    **{f"torch.{dtype.name}": dtype for dtype in [*_DTYPES.values(), *_LATE_DTYPES]},
}


# --------------------------------------------------------------------- from there to arrays


def _state_dict(contents: _Contents) -> tuple[dict[str, np.ndarray], list[str]]:
    tensors, notes = _find(contents.what)
    if tensors and all(name.startswith(_PREFIX) for name in tensors):
        notes.append(f"took the prefix {_PREFIX!r} off its {len(tensors)} names")
        tensors = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    narrow = sum(tensor.dtype.name == "bfloat16" for tensor in tensors.values())
    if narrow:
        notes.append(f"made float32 of {narrow} bfloat16 array{'s' if narrow > 1 else ''}")
    rows: dict[tuple[str, str], np.ndarray] = {}
    return {name: _array(tensor, contents, rows) for name, tensor in tensors.items()}, notes


def _find(what: Any) -> tuple[dict[str, _Tensor], list[str]]:
    """The state dict in the object that the file holds; the rule stands at the top."""
    if _is_state_dict(what):
        return what, []
    if not isinstance(what, dict):
        raise RefusedError(f"it holds a {_called(what)}, not a state dict")
    others = ", ".join(f"{str(key)[:40]!r} ({_called(what[key])})" for key in list(what)[:20])
    chosen = [key for key in _PREFERRED if isinstance(what.get(key), dict)][:1] or [
        key for key, value in what.items() if value and _is_state_dict(value)
    ]
    if len(chosen) != 1:
        raise RefusedError(f"it holds {len(chosen) or 'no'} state dicts in the entries {others}")
    if not _is_state_dict(what[chosen[0]]):
        raise RefusedError(f"{chosen[0]!r} of the entries {others} holds more than tensors")
    return what[chosen[0]], [f"took {chosen[0]!r} of the entries {others}"]


def _is_state_dict(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(item, _Tensor) for key, item in value.items()
    )


def _called(value: Any) -> str:
    return "tensor" if isinstance(value, _Tensor) else type(value).__name__


def _array(
    tensor: _Tensor, contents: _Contents, rows: dict[tuple[str, str], np.ndarray]
) -> np.ndarray:
    """The tensor as a view of its storage's numbers, which `rows` keeps for the next one."""
    storage, dtype = tensor.storage, tensor.dtype
    if 0 in tensor.size:
        return np.empty(tensor.size, dtype.becomes)
    claimed, present = storage.total * storage.dtype.itemsize, contents.sizes[storage.key]
    if claimed != present:
        raise ValueError(
            f"storage {storage.key[:40]!r} claims {claimed:,} bytes, the file has {present:,}"
        )
    if (storage.key, dtype.name) not in rows:
        rows[storage.key, dtype.name] = _numbers(contents.read(storage.key), dtype, contents.order)
    row = rows[storage.key, dtype.name]
    begin = storage.start * storage.dtype.itemsize // dtype.itemsize + tensor.offset
    return np.ndarray(  # checks once more that the view lies inside the row
        tensor.size,
        row.dtype,
        row,
        begin * row.itemsize,
        [step * row.itemsize for step in tensor.stride],
    )


def _numbers(raw: bytes, dtype: _Dtype, order: Literal["<", ">"]) -> np.ndarray:
    """All numbers of a storage, as an array of their own."""
    row = np.frombuffer(raw, np.dtype(dtype.stored).newbyteorder(order))
    if dtype.name == "bfloat16":  # the upper half of a float32
        return (row.astype(np.uint32) << 16).view(np.float32)
    return row.astype(dtype.becomes)
