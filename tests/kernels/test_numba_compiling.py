"""Compilation: nothing at import, one notice, a cache on disk, and what happens without one."""

import os
import subprocess
import sys
import time
import warnings
import weakref
from pathlib import Path
from queue import SimpleQueue
from threading import Barrier

import numpy as np
import pytest

pytest.importorskip("numba")

import minidl_kernels
import numba
from minidl_kernels import threads
from minidl_kernels.numba import jit as jit_module
from minidl_kernels.numba import team
from numba.core import caching, event

ROOTS = [str(Path(minidl_kernels.__file__).parents[1])]
NOTICE = "minidl: compiling kernels"
USE_A_KERNEL = """
import numpy as np
from minidl_kernels.numba import pool
for kind in (np.float32, np.float64):
    x = np.arange(32, dtype=kind).reshape(1, 2, 4, 4)
    print(pool.avg_pool2d_forward(x, (2, 2), (2, 2), (0, 0, 0, 0), True, (2, 2)).sum())
"""


def run(program, **variables):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(ROOTS), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        env=environment | variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )


def test_importing_the_kernels_does_not_import_numba():
    run("import sys, minidl_kernels; assert 'numba' not in sys.modules")


def test_importing_the_compiled_kernels_compiles_nothing(tmp_path):
    program = "from minidl_kernels.numba import conv, depthwise, norm, pool"
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)).stderr == ""
    assert not list(tmp_path.rglob("*.nbc"))


def test_one_notice_when_compiling_and_none_when_cached(tmp_path):
    first = run(USE_A_KERNEL, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stderr.count(NOTICE) == 1
    assert list(tmp_path.rglob("*.nbc"))
    second = run(USE_A_KERNEL, NUMBA_CACHE_DIR=str(tmp_path))
    assert second.stderr == ""
    assert second.stdout == first.stdout


CONVOLVE = """
import hashlib
import numpy as np
from minidl_kernels.numba import conv
for size, kernel, stride, groups in [
    (8, 3, 1, 1), (32, 3, 1, 1), (16, 5, 1, 1), (16, 3, 2, 1), (16, 1, 1, 1), (16, 3, 1, 16)
]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 16, size, size), np.float32)
    w = rng.standard_normal((16, 16 // groups, kernel, kernel), np.float32)
    window = (stride, stride), (kernel // 2,) * 4, (1, 1), groups
    y = conv.conv2d_forward(x, w, None, *window)
    grad = rng.standard_normal(y.shape, np.float32)
    dx = conv.conv2d_input_gradient(grad, w, x.shape, *window)
    dw = conv.conv2d_weight_gradient(grad, x, w.shape, *window)
    bits = (hashlib.md5(array.tobytes()).hexdigest() for array in (y, dx, dw))
    print(size, kernel, stride, groups, *bits)
"""


@pytest.mark.parametrize("wide", ["0", "1"])
def test_what_was_just_compiled_computes_the_same_bits_as_what_is_read_from_disk(tmp_path, wide):
    """A run that begins by compiling, and is resumed later, must not notice."""
    variables = {"NUMBA_CACHE_DIR": str(tmp_path), "MINIDL_VECTORS": wide}
    compiling, reading = (run(CONVOLVE, **variables) for _ in range(2))
    assert NOTICE in compiling.stderr and NOTICE not in reading.stderr
    assert compiling.stdout.splitlines() == reading.stdout.splitlines()


def test_other_peoples_functions_get_no_notice(tmp_path):
    program = """
import numba, minidl_kernels.numba.pool
assert numba.njit(lambda a: a + 1)(1) == 2
"""
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)).stderr == ""


def test_a_step_of_a_kernel_is_compiled_once_for_all_constants():
    @jit_module.inlined
    def plus(a, b):
        return a + b

    class Count(event.Listener):
        number = 0

        def on_start(self, event):
            self.number += event.data["dispatcher"].py_func is plus

        def on_end(self, event):
            pass

    count = Count()
    with event.install_listener("numba:compile", count):
        three = numba.njit(lambda a: plus(a, 1) + plus(a, 2) + plus(1, a))
        assert three(5) == 6 + 7 + 6
    assert count.number == 1
    assert plus(1, 2) == 3  # Python may call it too


def test_without_a_writable_folder_there_is_one_warning_and_no_cache(monkeypatch):
    def refuse(*_):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(caching.FunctionCache, "__init__", refuse)
    monkeypatch.setattr(jit_module, "_warned", False)
    with pytest.warns(RuntimeWarning, match="no writable folder") as warned:
        double = jit_module.jit(lambda a: 2 * a)
        triple = jit_module.jit(lambda a: 3 * a)
    assert len(warned) == 1
    assert double(2) == 4 and triple(2) == 6


def test_without_compiling(tmp_path):
    """The same results, slowly, as plain Python that a debugger can step through."""
    compiled = run(USE_A_KERNEL, NUMBA_CACHE_DIR=str(tmp_path))
    plain = run(USE_A_KERNEL, NUMBA_DISABLE_JIT="1")
    assert plain.stdout == compiled.stdout
    assert plain.stderr == ""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MINIDL_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}, 1),
        ({"MINIDL_NUM_THREADS": "", "OMP_NUM_THREADS": "1"}, 1),
        ({"MINIDL_NUM_THREADS": "1000", "OMP_NUM_THREADS": "1"}, "limit"),
        ({"MINIDL_NUM_THREADS": "many", "OMP_NUM_THREADS": "0"}, "limit"),
    ],
)
def test_number_of_threads_from_the_environment(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads, "_chosen", None)
    assert threads.num_threads() == (threads.available_cores() if expected == "limit" else expected)


def test_number_of_threads_by_call(monkeypatch):
    calls = []

    def part(t, count):
        calls.append((t, count))

    def count(operations, pieces):
        calls.clear()
        team.run(part, operations, pieces)
        assert sorted(calls) == [(t, len(calls)) for t in range(len(calls))]
        return len(calls)

    monkeypatch.setattr(threads, "_chosen", None)
    threads.set_num_threads(1)
    assert threads.num_threads() == 1
    assert count(10**12, 100) == 1
    monkeypatch.setattr(threads, "_chosen", 4)
    assert count(10**12, 100) == 4
    assert count(10**12, 3) == 3  # never more threads than pieces of work
    assert count(10**12, 0) == 1  # an empty batch
    assert count(100, 100) == 1  # small arrays run serially
    with pytest.raises(ValueError, match="at least 1"):
        threads.set_num_threads(0)


def test_the_caller_does_the_shares_that_nobody_takes(monkeypatch):
    done = []
    monkeypatch.setattr(team, "_calls", SimpleQueue())  # where no thread listens
    monkeypatch.setattr(threads, "_chosen", 3)
    team.run(lambda t, count: done.append((t, count)), 10**12, 3)
    assert done == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.skipif(threads.available_cores() < 2, reason="one core has no team")
def test_the_team_keeps_no_array_alive(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", 2)
    array = np.zeros(4)
    kept = weakref.ref(array)
    barrier = Barrier(2)  # so that each thread does one share
    team.run(lambda t, count, x: barrier.wait(10), 10**12, 2, array)
    del array
    deadline = time.monotonic() + 10
    while kept() is not None and time.monotonic() < deadline:
        time.sleep(0.001)  # the other thread may still be on its way out
    assert kept() is None


def test_an_error_in_another_thread_is_not_lost(monkeypatch):
    def part(t, _):
        if t == 1:
            raise MemoryError("no room")

    monkeypatch.setattr(threads, "_chosen", 2)
    with pytest.raises(MemoryError, match="no room"):
        team.run(part, 10**12, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_threads_work_in_a_forked_child():
    """And in several threads at once, which Numba's own threads do not allow everywhere."""
    program = """
import os
from concurrent.futures import ThreadPoolExecutor
from minidl_kernels import threads
from minidl_kernels.numba import team
threads._chosen = 3
total = []
def part(t, count):
    total.append(t)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: team.run(part, 10**12, 3), range(20)))
assert sorted(total) == [0] * 20 + [1] * 20 + [2] * 20
child = os.fork()
if child == 0:
    total.clear()
    team.run(part, 10**12, 3)
    os._exit(0 if sorted(total) == [0, 1, 2] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    run(program)


def test_plain_copies_only_what_numba_would_compile_anew():
    array = np.arange(6.0).reshape(2, 3)
    assert jit_module.plain(array) is array
    for other in (array.T, array[::-1], np.broadcast_to(array, (2, 2, 3))):
        copy = jit_module.plain(other)
        assert copy.flags.c_contiguous and copy.flags.writeable
        np.testing.assert_array_equal(copy, other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit_module.plain(np.zeros((0, 3))).shape == (0, 3)
