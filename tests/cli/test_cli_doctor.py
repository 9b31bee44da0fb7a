"""`minidl doctor`: what speed depends on."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import minidl_kernels
import numpy as np
import pytest
from minidl_kernels import threads

import minidl.functional as F
from minidl.cli.doctor import diagnosis


def test_doctor_shows_what_it_depends_on(minidl):
    code, out, _ = minidl("doctor")
    assert code == 0
    for word in ("NumPy", np.__version__, "Numba", "kernels", "threads", "MINIDL_DATA", "digits"):
        assert word in out
    assert "ready, 360 test images" in out


@pytest.fixture
def doctor(minidl):
    """Make a dict of what the doctor finds, out of the table that the command prints."""

    def call() -> dict[str, str]:
        code, out, err = minidl("doctor")
        assert code == 0, err
        found: dict[str, str] = {}
        name = ""
        for line in out.splitlines():
            cells = [cell.strip() for cell in line.strip("│| ").split("│")]
            if len(cells) == 1 and line[:2] in ("│ ", "| "):  # the value's next line
                cells = ["", cells[0]]
            if len(cells) == 2:
                name = cells[0] or name
                found[name] = f"{found.get(name, '')} {cells[1]}".strip()
        return found

    return call


def test_doctor_names_versions_and_kernels(doctor):
    with minidl_kernels.use("numba"):
        found = doctor()
    for package in ("numba", "llvmlite"):
        assert found["Numba" if package == "numba" else package] == metadata.version(package)
    assert found["NumPy"] == np.__version__
    assert found["Python"].startswith(platform.python_version())
    assert found["kernels"].startswith("numba (of naive, numpy, numba")
    with minidl_kernels.use("numpy"):
        found = doctor()
    assert found["kernels"].startswith("numpy (of") and "vectors" not in found


def test_doctor_says_which_vectors_and_why(doctor, monkeypatch):
    with minidl_kernels.use("numba"):
        vector = minidl_kernels.active().vector
        monkeypatch.setattr(vector, "WIDE", True)
        assert doctor()["vectors"].startswith("16 numbers wide, held in the registers of AVX-512")
        monkeypatch.setattr(vector, "WIDE", False)
        monkeypatch.delenv("MINIDL_VECTORS", raising=False)
        found = doctor()["vectors"]
        assert found.startswith("plain loops") and found.endswith("has no AVX-512")
        monkeypatch.setenv("MINIDL_VECTORS", "0")
        assert doctor()["vectors"] == "plain loops, as MINIDL_VECTORS=0 says"


def test_doctor_says_where_the_number_of_threads_came_from(monkeypatch):
    for name in ("MINIDL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_chosen", None)
    cores = f"{threads.available_cores()}, from the {threads.available_cores()} of {os.cpu_count()}"
    assert dict(diagnosis())["threads"].startswith(cores)
    for value in ("no number", "0"):  # neither says how many
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert dict(diagnosis())["threads"].startswith(cores)
    for name in ("OMP_NUM_THREADS", "MINIDL_NUM_THREADS"):  # the second goes before the first
        monkeypatch.setenv(name, "1")
        monkeypatch.setattr(threads, "_chosen", None)
        assert dict(diagnosis())["threads"].startswith(f"1, from {name}=1, at most")
    assert "Python's own threads" in dict(diagnosis())["threading layer"]


def test_doctor_shows_where_compiled_kernels_are_kept(monkeypatch):
    with minidl_kernels.use("numba"):
        F.relu(np.ones((2, 3), np.float32))
        folder = Path(dict(diagnosis())["compiled kernels"].rpartition(" (writable, ")[0])
        assert list(folder.glob("relu.*.nbi"))
        with monkeypatch.context() as without_rights:
            without_rights.setattr(os, "access", lambda *_: False)
            assert "(NOT WRITABLE, " in dict(diagnosis())["compiled kernels"]
        uncached = SimpleNamespace(stats=SimpleNamespace(cache_path=None))
        monkeypatch.setattr(minidl_kernels.active(), "relu", SimpleNamespace(kernel=uncached))
        found = dict(diagnosis())["compiled kernels"]
        assert found.startswith("compiled anew by every run: set NUMBA_CACHE_DIR")
        monkeypatch.setattr(minidl_kernels.active(), "relu", SimpleNamespace())
        monkeypatch.setattr(minidl_kernels.active().vector, "WIDE", False)
        found = dict(diagnosis())
        assert found["compiled kernels"] == "none: NUMBA_DISABLE_JIT is set"
        assert found["vectors"].startswith("none: NUMBA_DISABLE_JIT is set")


def test_doctor_shows_blas_and_its_threads(monkeypatch):
    openblas = {
        "user_api": "blas",
        "internal_api": "openblas",
        "version": "0.3.30",
        "architecture": "Zen",
        "num_threads": 1,
    }
    others = {"user_api": "openmp", "internal_api": "openmp", "num_threads": 2}
    module = sys.modules["minidl.cli.doctor"]  # cli.doctor is the command
    monkeypatch.setattr(module, "threadpool_info", lambda: [others, openblas])
    expected = "openblas 0.3.30 with kernels for Zen on 1 thread(s)"
    assert dict(diagnosis())["BLAS"] == expected
    monkeypatch.setattr(module, "threadpool_info", lambda: [others])  # Apple's
    assert "does not tell its kernels and threads" in dict(diagnosis())["BLAS"]
