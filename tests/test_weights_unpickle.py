"""A pickle is read as data: whatever would need code is refused by name, and nothing runs."""

import builtins
import io
import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc

import pytest

from minidl.weights import WeightsError, load
from minidl.weights import unpickle as module
from minidl.weights.errors import RefusedError
from minidl.weights.unpickle import unpickle
from tests.pytorch_files import (
    NONE,
    call,
    dict_of,
    named,
    storage,
    tensor,
    text,
    tuple_of,
    whole,
    write_legacy,
    write_zip,
)


def read(program: bytes, **known):
    return unpickle(io.BytesIO(program + b"."), known)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_comes_back_as_python_reads_it(protocol):
    data = {
        "numbers": [0, 1, -1, 255, 256, 65536, -(2**31), 2**31, 2**80, 1.5, True, False, None],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "text": "naïve 名前",
        "nested": {"a": {1: []}, "b": [{}]},
        "same": ["x" * 300] * 2,
    }
    assert unpickle(io.BytesIO(pickle.dumps(data, protocol)), {}) == data


def test_one_pickle_is_read_and_the_next_is_left():
    file = io.BytesIO(pickle.dumps([1], 2) + pickle.dumps([2], 2) + b"rest")
    assert [unpickle(file, {}), unpickle(file, {}), file.read()] == [[1], [2], b"rest"]


# ------------------------------------------------------------------------------ attacks


class Attack:
    """An object whose pickle calls `function(*arguments)` when Python reads it."""

    def __init__(self, function, *arguments):
        self.how = (function, arguments)

    def __reduce__(self):
        return self.how


STACK_GLOBAL = b"\x8c\x02os\x8c\x06system\x93"
SHELL = text("echo boom > boom")

# What the program is, and what the refusal must name.
ATTACKS = {
    "os.system": (call(named("os", "system"), SHELL), "'os.system'"),
    "posix.system": (call(named("posix", "system"), SHELL), "'posix.system'"),
    "by the stack": (STACK_GLOBAL + tuple_of(SHELL) + b"R", "'os.system'"),
    "eval": (call(named("builtins", "eval"), text("1")), "'builtins.eval'"),
    "python 2's eval": (call(named("__builtin__", "eval"), text("1")), "'__builtin__.eval'"),
    "getattr": (
        call(named("builtins", "getattr"), named("collections", "OrderedDict"), text("x")),
        "'builtins.getattr'",
    ),
    "a dotted name": (named("collections", "OrderedDict.__init__.__globals__"), "__globals__"),
    "a dotted name on the stack": (
        b"\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93",
        "'collections.OrderedDict.__class__'",
    ),
    "inside torch": (named("torch.hub", "load"), "'torch.hub.load'"),
    "torch's own loader": (
        call(named("torch.storage", "_load_from_bytes"), b"C\x00"),
        "'torch.storage._load_from_bytes'",
    ),
    "a class, by NEWOBJ": (named("subprocess", "Popen") + b")\x81", "'subprocess.Popen'"),
    "NEWOBJ of what is known": (named("collections", "OrderedDict") + b")\x81", "'NEWOBJ'"),
    "NEWOBJ_EX": (named("collections", "OrderedDict") + b")}\x92", "'NEWOBJ_EX'"),
    "INST": (b"(" + SHELL + b"ios\nsystem\n", "'INST os system'"),
    "OBJ": (b"(" + named("os", "system") + SHELL + b"o", "'os.system'"),
    "OBJ of what is known": (b"(" + named("collections", "OrderedDict") + b"o", "'OBJ'"),
    "EXT1": (b"\x82\x01", "'EXT1'"),
    "EXT2": (b"\x83\x01\x00", "'EXT2'"),
    "EXT4": (b"\x84\x01\x00\x00\x00", "'EXT4'"),
    "REDUCE of text": (text("os.system") + tuple_of(SHELL) + b"R", "a str"),
    "REDUCE of a number type": (named("torch", "FloatStorage") + b")R", "_Dtype"),
    "REDUCE with a list": (named("collections", "OrderedDict") + b"]R", "REDUCE"),
    "BUILD of a function": (named("collections", "OrderedDict") + b"}b", "BUILD"),
    "BUILD of a tensor": (tensor(storage("a", 1), (1,), (1,)) + b"}b", "BUILD"),
    "BUILD of a list": (b"]}b", "BUILD"),
    "a huge LONG": (b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6, "'LONG4'"),
    "a huge LONG in digits": (b"L" + b"9" * 4000 + b"L\n", "'LONG'"),
    "PERSID": (b"Pos.system\n", "'PERSID os.system'"),
    "NEXT_BUFFER": (b"\x97", "'NEXT_BUFFER'"),
}


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused_by_name_and_not_run(tmp_path, monkeypatch, write, attack):
    def never(*_, **__):
        raise AssertionError("this was called")

    monkeypatch.chdir(tmp_path)
    program, words = ATTACKS[attack]
    write(tmp_path / "model.pth", program)
    with monkeypatch.context() as patch:
        for owner, name in [(os, "system"), (builtins, "eval"), (subprocess, "Popen")]:
            patch.setattr(owner, name, never)
        with pytest.raises(WeightsError) as caught:
            load(tmp_path / "model.pth")
    assert "model.pth is refused" in str(caught.value)
    assert "Nothing in it was run" in str(caught.value)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(tmp_path))
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_an_attack_that_python_would_run_is_refused(tmp_path, protocol):
    """The same bytes, read by `pickle.loads`, make the folder: the attack is a real one."""
    boom = tmp_path / "boom"
    attack = pickle.dumps({"w": Attack(os.mkdir, str(boom))}, protocol)
    with pytest.raises(RefusedError):
        unpickle(io.BytesIO(attack), {})
    assert not boom.exists()
    pickle.loads(attack)
    assert boom.exists()


@pytest.mark.parametrize("part", range(5))
def test_every_pickle_of_the_old_format_is_guarded(tmp_path, part):
    """It holds five; the first three are read before anything is known of the file."""
    write_legacy(tmp_path / "model.pth", dict_of())
    parts, file = [], io.BytesIO((tmp_path / "model.pth").read_bytes())
    for _ in range(5):
        begin = file.tell()
        unpickle(file, {})
        parts.append(file.getvalue()[begin : file.tell()])
    parts[part] = pickle.dumps(Attack(os.mkdir, str(tmp_path / "boom")), 2)
    (tmp_path / "model.pth").write_bytes(b"".join(parts))
    with pytest.raises(WeightsError, match=r"mkdir"):
        load(tmp_path / "model.pth")
    assert not (tmp_path / "boom").exists()


def test_nothing_is_imported(tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    write_zip(tmp_path / "model.pth", call(named("evil", "run")))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from minidl.weights import WeightsError, load\n"
        "try: load(sys.argv[1] + '/model.pth')\n"
        "except WeightsError as error: print(error)\n"
        "assert 'evil' not in sys.modules and 'torch' not in sys.modules\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "it asks for 'evil.run'" in run.stdout


# ------------------------------------------------------------------------------- bombs


def doubled(times: int) -> bytes:
    """A tuple of the same tuple twice, of the same tuple twice …: 2**times leaves, a few bytes."""
    return b")" + b"q\x00h\x00\x86" * times


@pytest.mark.parametrize(
    "program",
    [
        b"Nr\xff\xff\xff\xff0" + b"N",  # a memo with a number of four billion, then POP
        b"Nr\xff\xff\xff\xff",
        b"X\xff\xff\xff\xffabc",  # text that claims 4 GB
        b"\x8e" + struct.pack("<Q", 2**62) + b"abc",  # bytes that claim 4 EB
        b"\x8d" + struct.pack("<Q", 2**62) + b"abc",
        b"\x8b\xff\xff\xff\x7f1",  # a number that claims 2 GB
        b"\x95" + struct.pack("<Q", 2**62),  # a frame that claims 4 EB
        doubled(100),
        b"}" + doubled(100) + b"Ns",  # whose hash would take 2**100 steps
        call(named("collections", "OrderedDict"), b"](]" + doubled(100) + b"aNae"),
        text("x") + doubled(100) + b"\x93",
        doubled(100) + b"Q",
        tensor(doubled(100), (1,), (1,)),
        b"]q\x00h\x00a",  # a list that contains itself
        b"}q\x00(" + text("state_dict") + b"h\x00u",
    ],
)
def test_small_files_cannot_take_much_time_or_memory(tmp_path, program):
    write_zip(tmp_path / "new.pth", program)
    write_legacy(tmp_path / "old.pth", program)
    tracemalloc.start()
    began = time.perf_counter()
    for name in ("new.pth", "old.pth"):
        with pytest.raises(WeightsError) as caught:
            load(tmp_path / name)
        assert len(str(caught.value)) < 1000 + len(str(tmp_path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22, "4 MB"
    assert time.perf_counter() - began < 5


def test_the_number_of_instructions_is_limited(monkeypatch):
    monkeypatch.setattr(module, "MAX_INSTRUCTIONS", 100)
    assert len(read(b"](" + b"N" * 90 + b"e")) == 90
    with pytest.raises(RefusedError, match="more than 100 instructions"):
        read(b"](" + b"N" * 100 + b"e")


# --------------------------------------------------------------------------- no sense


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"0",
        b"h\x05",
        b"t",
        b"e",
        b"\x86",
        b"Na",
        b"N(Ne",
        b"}(" + text("a") + b"u",
        b"}" + b"K\x01" + b"s",
        b"NNNs",
        b"}(NNu",
        b"NQ",
        b"\x93",
        b"NN\x93",
        named("torch._utils", "_rebuild_tensor_v2") + b")R",
        named("torch._utils", "_rebuild_parameter") + b"N\x85R",
        tensor(NONE, (1,), (1,)),
        tuple_of(text("module"), NONE, text("a"), text("cpu"), whole(1)) + b"Q",
        b"\xff",
    ],
)
def test_senseless_pickles_are_refused(tmp_path, program):
    for write in (write_zip, write_legacy):
        write(tmp_path / "model.pth", program)
        with pytest.raises(WeightsError, match=r"model\.pth"):
            load(tmp_path / "model.pth")
