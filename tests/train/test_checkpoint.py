"""A checkpoint gives back exactly what was put in, and never half of it."""

import math
import multiprocessing
import random
import signal
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


def test_another_version_is_warned_of_and_another_format_refused(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    monkeypatch.setattr(checkpoint, "version", lambda _: "0.0.7")
    checkpoint.save(state(), path)
    monkeypatch.undo()
    here = checkpoint.version("minidl")
    with pytest.warns(UserWarning, match=rf"by minidl 0\.0\.7, this is minidl {here}"):
        assert_same(checkpoint.load(path), state())

    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    monkeypatch.setattr(checkpoint, "version", lambda _: "7.0.0")
    checkpoint.save(state(), path)
    monkeypatch.undo()
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path)
    for words in ("in format 99, written by minidl 7.0.0", f"this is minidl {here}", "format 2"):
        assert words in str(error.value)


def save_for_ever(path) -> None:
    number = 0
    while True:
        arrays = [np.full(100_000, number + i) for i in range(5)]
        checkpoint.save({"number": number, "weights": arrays}, path)
        number += 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_at_any_instant_leaves_the_last_complete_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["pytest", "minidl.train.checkpoint"])
    chance = random.Random(0)
    newest = []
    for _ in range(10):
        child = server.Process(target=save_for_ever, args=(path,), daemon=True)
        child.start()
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        child.join()
        found = checkpoint.load(path)
        assert all((w == found["number"] + i).all() for i, w in enumerate(found["weights"]))
        newest.append(found["number"])
        path.unlink()
    assert len(set(newest)) > 1  # some were killed later than others
    weights.remove_leftovers(path)
    assert list(tmp_path.iterdir()) == []
