"""What tests share: a Hypothesis profile, the random state, the NumPy kernels, the command line."""

import shlex
import sys
from collections.abc import Iterator

import hypothesis
import minidl_kernels
import pytest
from minidl_kernels import threads

import minidl
from minidl import cli

# The same examples on every machine and in every run: a failure in CI is a failure at home.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    minidl.manual_seed(0)


@pytest.fixture
def numpy_kernels() -> Iterator[None]:
    """The NumPy kernels, which need no compiling: `pytestmark = usefixtures("numpy_kernels")`."""
    with minidl.kernels("numpy"):
        yield


@pytest.fixture
def in_own_folder(tmp_path, monkeypatch):
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
