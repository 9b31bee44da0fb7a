"""What tests of the command line share: a process as a user starts it, and what a run leaves."""

import os
import subprocess
import sys
from pathlib import Path

from minidl.train import History

CLOCKS = ("seconds", "images_per_second")
# Python ignores Ctrl-C if its parent did, which some test machines do.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from minidl.cli import main; main()"
)


def process(*arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # One thread: where many tests share few cores, two threads wait for each other.
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "MINIDL_NUM_THREADS": "1", **environment},
    )


def rows(folder: Path) -> list[dict]:
    history = History.from_csv(folder / "history.csv")
    return [{k: v for k, v in row.items() if k not in CLOCKS} for row in history.rows]


def assert_same_run(a: Path, b: Path) -> None:
    assert rows(a) == rows(b)
    for name in ("best.safetensors", "last.safetensors"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def wait_for(child: subprocess.Popen, text: str) -> None:
    for line in child.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came: {child.stderr.read()}")
