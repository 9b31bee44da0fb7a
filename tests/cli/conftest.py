"""Every test of the command line runs in an empty folder; most of them call it on few digits."""

import numpy as np
import pytest

from minidl.data import digits
from minidl.train import assembly


@pytest.fixture(autouse=True)
def _in_own_folder(in_own_folder) -> None:
    """Nothing is left behind."""


@pytest.fixture
def minidl(monkeypatch, command_line):
    """Call the command line in this process, on few digits; return exit code, output, errors."""
    small = {split: digits(split).subset(np.arange(96)) for split in ("train", "test")}
    monkeypatch.setattr(assembly, "get_dataset", lambda _: lambda split, root: small[split])
    return command_line
