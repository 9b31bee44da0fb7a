"""Every test of the command line runs in an empty folder; most of them call it on few digits."""

import shlex
import sys

import minidl_kernels
import numpy as np
import pytest
from minidl_kernels import threads

from minidl import cli
from minidl.data import digits
from minidl.train import assembly


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path, monkeypatch):
    """Run a test in an empty folder; put the kernel set and the thread count back."""
    monkeypatch.chdir(tmp_path)
    before = threads.num_threads()
    with minidl_kernels.use(minidl_kernels.active().name):
        yield
    threads.set_num_threads(before)


@pytest.fixture
def command_line(monkeypatch, capsys):
    """Call the command line in this process; return exit code, output, errors."""

    def call(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minidl", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture
def minidl(monkeypatch, command_line):
    """Call the command line in this process, on few digits; return exit code, output, errors."""
    small = {split: digits(split).subset(np.arange(96)) for split in ("train", "test")}
    monkeypatch.setattr(assembly, "get_dataset", lambda _: lambda split, root: small[split])
    return command_line
