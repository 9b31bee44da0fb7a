"""Every planted bug is found, and every op has at least four."""

from collections import Counter

import pytest

from minidl.samples import samples
from tests.mutants import Bug, bugs, finding

SAMPLES = samples()
BUGS = bugs()


def test_every_op_has_at_least_four_planted_bugs():
    counts = Counter(bug.op for bug in BUGS)
    few = {op: counts[op] for op in {s.op.__name__ for s in SAMPLES} if counts[op] < 4}
    assert not few, f"add rows to tests/planted_bugs: {few}"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.op}-{bug.mistake}")
def test_the_bug_is_found(bug):
    assert finding(bug, [s for s in SAMPLES if s.op.__name__ == bug.op])


def test_a_bug_is_removed_again():
    for bug in BUGS:
        sample = next(s for s in SAMPLES if s.op.__name__ == bug.op)
        with bug.planted():
            pass
        sample.check()


def test_a_harmless_change_is_reported_as_not_found():
    harmless = Bug("Exp", "none", "minidl.ops.elementwise:Exp", "grad * y", "y * grad")
    assert not finding(harmless, [s for s in SAMPLES if s.op.__name__ == "Exp"])
