"""Weights files: nothing is lost on the way, nothing is half written, bad files are named."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from minidl.weights import WeightsError, load, save

SUFFIXES = [".safetensors", ".npz"]


def example() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((6, 8)).astype(np.float32)
    return {
        "conv1.weight": rng.standard_normal((3, 2, 5, 4)).astype(np.float32),
        "double": rng.standard_normal(7),
        "half": np.array([1.5, -2.0], np.float16),
        "bn.num_batches_tracked": np.array(17),
        "mask": np.array([[True], [False]]),
        "labels": np.arange(5, dtype=np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        "transposed": base.T,
        "reversed": base[::-1, ::-2],
        "broadcast": np.broadcast_to(base[0], (4, 8)),
        "big_endian": np.arange(4, dtype=">f4"),
        "special": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
        "file": np.ones(2),  # a name that np.savez cannot store
        "naïve/名前": np.ones(1),
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_state_dict_comes_back_bit_for_bit(tmp_path, suffix):
    before = example()
    save(before, tmp_path / f"model{suffix}")
    after = load(tmp_path / f"model{suffix}")
    assert after.keys() == before.keys()
    for name, array in before.items():
        assert after[name].shape == array.shape, name
        assert after[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("="), name
        assert after[name].astype(array.dtype).tobytes() == array.tobytes(), name
        assert after[name].flags.writeable, name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_path_may_be_text_and_its_folder_is_made(tmp_path, suffix):
    path = str(tmp_path / "new" / "folder" / f"a{suffix}")
    save({"w": np.ones(2, np.float32)}, path)
    np.testing.assert_array_equal(load(path)["w"], [1, 1])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_not_an_array_of_numbers_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for bad, words in [
        ({"layer": [1.0, 2.0]}, ["'layer'", "list", "state_dict()"]),
        ({"layer": np.array([None])}, ["'layer'", "object"]),
        ({"layer": np.array(["text"])}, ["'layer'", "<U4"]),
        ({3: np.ones(1)}, ["3", "int"]),
    ]:
        with pytest.raises(WeightsError) as error:
            save(bad, path)
        assert all(word in str(error.value) for word in words), error.value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (load, ".safetensors or .npz or .pth or .pt or .th files"),
        (lambda path: save({}, path), ".safetensors or .npz files"),
    ],
    ids=["load", "save"],
)
@pytest.mark.parametrize("name", ["model.pkl", "model", "model.safetensors.gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name, function, known):
    with pytest.raises(WeightsError) as error:
        function(tmp_path / name)
    assert name in str(error.value)
    assert known in str(error.value)


def test_weights_are_not_saved_as_pytorch_files(tmp_path):
    with pytest.raises(WeightsError, match=r"Try .*model\.safetensors"):
        save({}, tmp_path / "model.pth")


def test_a_missing_file_names_those_that_are_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights files"):
        load(tmp_path / "best.npz")
    save({}, tmp_path / "last.npz")
    with pytest.raises(FileNotFoundError, match=r"best\.npz.*last\.npz"):
        load(tmp_path / "best.npz")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "nowhere" / "best.npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    save({"a": np.arange(50.0), "b": np.arange(3)}, path)
    whole = path.read_bytes()
    for length in [*range(0, 120), *range(120, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=f"model{suffix}"):
            load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_another_kind_is_refused(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    other = {".safetensors": ".npz", ".npz": ".safetensors"}[suffix]
    save({"a": np.ones(3)}, tmp_path / f"other{other}")
    for content in [(tmp_path / f"other{other}").read_bytes(), b"<html>404</html>" * 20]:
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="another kind"):
            load(path)


def test_an_npz_with_pickled_objects_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "boom"),))

    np.savez(tmp_path / "bomb.npz", a=np.array([Bomb()], dtype=object))
    with pytest.raises(WeightsError, match=r"bomb\.npz"):
        load(tmp_path / "bomb.npz")
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_save_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"model{suffix}"
    save({"a": np.ones(3)}, path)

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        save({"a": np.zeros(3)}, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    np.testing.assert_array_equal(load(path)["a"], np.ones(3))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_killed_while_writing_leaves_a_complete_file(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    program = """
        import sys
        import numpy as np
        from minidl.weights import save
        number = 0
        while True:
            save({"a": np.full(500_000, number), "b": np.full(3, number)}, sys.argv[1])
            number += 1
    """
    for delay in [0.0, 0.003, 0.01, 0.02]:
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), str(path)])
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(delay)
        child.kill()
        child.wait()
        arrays = load(path)
        assert (arrays["a"] == arrays["b"][0]).all()
        path.unlink()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_numbers_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch, suffix):
    """Or a power failure could leave the new name with nothing behind it, and the old file gone."""
    path = tmp_path / f"weights{suffix}"
    save(example(), path)
    before, after = path.read_bytes(), dict(example(), labels=np.arange(5, 10, dtype=np.uint8))
    seen = []

    def synchronise(number: int) -> None:
        (unnamed,) = tmp_path.glob(".*.partial")
        assert os.fstat(number).st_size == unnamed.stat().st_size > 0
        seen.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", synchronise)
    save(after, path)
    assert seen == [before] and path.read_bytes() != before
