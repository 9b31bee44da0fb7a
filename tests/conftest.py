"""What all tests share: one Hypothesis profile, and the same random state at the start."""

import hypothesis
import pytest

import minidl

# The same examples on every machine and in every run: a failure in CI is a failure at home.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    minidl.manual_seed(0)
