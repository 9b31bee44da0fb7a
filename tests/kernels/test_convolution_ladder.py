"""Every step of the climb computes the convolution of naive/conv.py, and its tour is true."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from minidl_kernels.naive import conv as naive
from minidl_kernels.numba import vector, winograd

from benchmarks import convolution_ladder as ladder

SMALL = ladder.Problem(images=9, channels=8, size=7)
HERE = [step for step in ladder.steps() if step.vectors is not False]


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    """Afterwards, as many threads as before."""
    monkeypatch.setattr("minidl_kernels.threads._chosen", None)


def test_the_ladders_own_definition_is_the_textbooks():
    x, w, y = ladder.data(SMALL)
    expected = naive.conv2d_forward(x.astype(float), w.astype(float), None, *ladder.WINDOW)
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize("step", HERE, ids=lambda step: step.name)
def test_a_step_is_right_and_is_timed(step):
    assert ladder.time_here(step, SMALL, at_least=0) > 0


def test_a_wrong_step_is_not_timed():
    wrong = ladder.Step("wrong", "flips the filters", lambda x, w: HERE[1].run(x, w[..., ::-1]))
    with pytest.raises(AssertionError, match="wrong"):
        ladder.time_here(wrong, SMALL, at_least=0)


def test_the_step_without_vectors_runs_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling takes longer than the sums
    (step,) = (step for step in ladder.STEPS if step.vectors is False)
    assert ladder.time_without_vectors(step, ladder.Problem(1, 4, 3)) > 0


@pytest.mark.skipif(not vector.WIDE, reason="needs a processor with wide registers")
def test_the_steps_around_winograd_take_different_ways(monkeypatch):
    """With its way closed nothing of it runs; else it does."""
    x, w, _ = ladder.data(SMALL)
    calls = []
    original = winograd.correlate
    monkeypatch.setattr(winograd, "correlate", lambda *a: calls.append(a) or original(*a))
    ladder.without_winograd(x, w)
    assert not calls
    ladder.as_shipped(x, w)
    assert calls


TOUR = Path(__file__).resolve().parents[2] / "kernels" / "README.md"


def test_the_tour_shows_the_numbers_of_the_results():
    rows = re.findall(r"^\| (\d) (.+?) \| (\S+) \| (\S+) \|", TOUR.read_text("utf-8"), re.MULTILINE)
    with (ladder.RESULTS / "convolution_ladder.csv").open(encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    assert [step for _, step, _, _ in rows] == [row["step"] for row in results]
    assert [ms for _, _, ms, _ in rows] == [row["ms an image"] for row in results]
    assert [rate for _, _, _, rate in rows] == [row["GFLOP/s"] for row in results]


def test_what_the_tour_links_to_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", TOUR.read_text("utf-8"))
    assert len(targets) > 10
    for target in targets:
        assert (TOUR.parent / target).exists(), target
