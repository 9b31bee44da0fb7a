"""A checkpoint gives back exactly what was put in, and never half of it."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from minidl import weights
from minidl.train import checkpoint
from minidl.train.checkpoint import CheckpointError


def state() -> dict:
    generator = np.random.default_rng(7)
    return {
        "model": {"conv.weight": generator.standard_normal((2, 3)).astype(np.float32)},
        "optimizer": {
            "state": {"momentum": [np.arange(3.0), None, np.array(4, np.int64)]},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "nesterov": True}],
        },
        "random": generator.bit_generator.state,  # 128-bit whole numbers
        "numbers": [1, -1, 2**100, 0.1 + 0.2, math.inf, np.float32(0.1), np.float64(0.1)],
        "nothing": {"list": [], "dict": {}, "none": None, "text": "naïve"},
        "a/b": np.ones(1),
        "a": {"b": np.zeros(2)},  # would get the same name as the one above
    }


def assert_same(a, b, place=""):
    assert type(a) is type(b), place
    if isinstance(a, dict):
        assert list(a) == list(b), place
        for key in a:
            assert_same(a[key], b[key], f"{place}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), place
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{place}/{i}")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), place
    else:
        assert a == b, place


def test_a_nested_state_comes_back_with_all_types_and_bits(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(state(), path)
    assert_same(checkpoint.load(path), state())
    generator = np.random.default_rng()
    generator.bit_generator.state = checkpoint.load(path)["random"]


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"a": [{"b": object()}]}, "a/0/b"),
        ({"a": {1: 2}}, "a has 1"),
        ({"a": {"<array>": 2}}, "<array>"),
    ],
)
def test_what_it_cannot_hold_is_named_with_its_place(tmp_path, bad, place):
    with pytest.raises(TypeError, match=place):
        checkpoint.save(bad, tmp_path / "checkpoint.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_refused_and_sound_files_are_named(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(state(), path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="No other checkpoint or weights") as error:
        checkpoint.load(path)
    assert str(path) in str(error.value)

    weights.save({"w": np.ones(2)}, tmp_path / "best.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    checkpoint.save(state(), tmp_path / "older.safetensors")
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path)
    assert "Resume from older.safetensors instead" in str(error.value)
    assert "best.safetensors can be read" in str(error.value)
    assert "bad.safetensors" not in str(error.value)


def test_weights_are_no_checkpoint(tmp_path):
    weights.save({"w": np.ones(2)}, tmp_path / "last.safetensors")
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        checkpoint.load(tmp_path / "last.safetensors")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.load(tmp_path / "missing.safetensors")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_while_writing_leaves_the_last_complete_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    program = """
        import sys
        import numpy as np
        from minidl.train import checkpoint
        number = 0
        while True:
            weights = [np.full(200_000, number + i) for i in range(5)]
            checkpoint.save({"number": number, "weights": weights}, sys.argv[1])
            number += 1
    """
    for delay in [0.0, 0.004, 0.011]:
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), os.fspath(path)])
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(delay)
        child.kill()
        child.wait()
        found = checkpoint.load(path)
        assert all((w == found["number"] + i).all() for i, w in enumerate(found["weights"]))
        path.unlink()
