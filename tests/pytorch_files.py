"""PyTorch's two file formats, written by hand: pickle instructions, a zip archive, raw numbers."""

import struct
import zipfile
from pathlib import Path

NONE, FALSE = b"N", b"\x89"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(value: int) -> bytes:
    """BININT where it fits into 32 bits, else LONG1."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tuple_of(*arguments) + b"R"


def ordered_dict(**items: bytes) -> bytes:
    """collections.OrderedDict(), filled item by item, as Python 3 writes it."""
    pairs = b"".join(text(name) + value for name, value in items.items())
    return call(named("collections", "OrderedDict")) + b"(" + pairs + b"u"


def dict_of(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def storage(key: str, numel: int, kind: str = "FloatStorage", view: bytes = b"") -> bytes:
    """A reference to numbers elsewhere; the old format adds `view`, as a rule NONE."""
    where = [text("storage"), named("torch", kind), text(key), text("cpu"), whole(numel)]
    return tuple_of(*where, *([view] if view else [])) + b"Q"


def tensor(where: bytes, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    shape = [tuple_of(*map(whole, numbers)) for numbers in (size, stride)]
    rebuild = named("torch._utils", "_rebuild_tensor_v2")
    hooks = call(named("collections", "OrderedDict"))
    return call(rebuild, where, whole(offset), *shape, FALSE, hooks)


def pickled(program: bytes) -> bytes:
    return b"\x80\x02" + program + b"."


def write_zip(path: Path, program: bytes, byteorder: str = "little", **storages: bytes) -> None:
    """The format since PyTorch 1.6: the pickle, and each storage as a file beside it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(program))
        archive.writestr("archive/byteorder", byteorder)
        for key, raw in storages.items():
            archive.writestr(f"archive/data/{key}", raw)
        archive.writestr("archive/version", "3\n")


def write_legacy(path: Path, program: bytes, **storages: tuple[int, bytes]) -> None:
    """The format before: pickles, then for each storage its number of elements and its bytes."""
    machine = dict_of(protocol_version=whole(1001), little_endian=b"\x88")
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    parts = [whole(0x1950A86A20F9469CFC6C), whole(1001), machine, program, keys]
    raw = b"".join(struct.pack("<q", numel) + numbers for numel, numbers in storages.values())
    path.write_bytes(b"".join(map(pickled, parts)) + raw)
