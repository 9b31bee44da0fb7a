"""What the tests of ops share: golden examples run on two kernel sets."""

from collections.abc import Iterator

import pytest

import minidl

# Its asserts show what they compare, as those of test files do.
pytest.register_assert_rewrite("tests.ops.golden")


@pytest.fixture(params=["naive", "numpy"])
def kernels(request: pytest.FixtureRequest, numpy_kernels: None) -> Iterator[str]:
    """The textbook loops and the whole-array version; tests/kernels compares all three.

    It asks for `numpy_kernels` so as to come after it, and to win, where a whole file uses that.
    """
    with minidl.kernels(request.param):
        yield request.param
