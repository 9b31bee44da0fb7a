"""Freed memory is kept: the system need not clear pages anew for every array."""

import os
import subprocess
import sys

import pytest
from minidl_kernels.memory import keep_freed_memory

PROGRAM = """
import resource
import numpy as np
from minidl_kernels.memory import keep_freed_memory
print(keep_freed_memory())
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    np.ones(8_000_000)            # 64 MB: the first time its pages have to be fetched
before = faults()
for _ in range(10):
    np.ones(8_000_000)
print(faults() - before)
"""


def page_faults(**environment: str) -> tuple[str, int]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    kept, faults = run.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="only the C library of Linux is told")
def test_arrays_reuse_the_memory_of_those_before():
    kept, few = page_faults()
    if kept != "True":
        pytest.skip("this C library cannot be told")
    left_alone, many = page_faults(MINIDL_KEEP_MEMORY="0")
    assert left_alone == "False"
    assert few < 100
    assert many > 10 * few


def test_other_systems_are_left_alone(monkeypatch):

    monkeypatch.setattr(sys, "platform", "win32")
    assert keep_freed_memory() is False
