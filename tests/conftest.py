"""What tests share: Ctrl-C, a Hypothesis profile, the random state, the NumPy kernels."""

import signal
from collections.abc import Iterator

import hypothesis
import pytest

import minidl

# The same examples on every machine and in every run: a failure in CI is a failure at home.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# A shell lets its background jobs ignore Ctrl-C, and what they start too; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    minidl.manual_seed(0)


@pytest.fixture
def numpy_kernels() -> Iterator[None]:
    """The NumPy kernels, which need no compiling: `pytestmark = usefixtures("numpy_kernels")`."""
    with minidl.kernels("numpy"):
        yield
