"""The progress bar: what a terminal shows, and what is left in a file."""

import io

import pytest
from rich.console import Console

from minidl.train import BestWeights, Callback, ProgressBar


def shown(problem, encoding: str, terminal: bool, width: int = 80, **options) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, force_terminal=terminal, width=width, legacy_windows=False)
    problem(ProgressBar(console, **options)).fit(epochs=2)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_file_gets_a_line_for_every_epoch_and_no_bar(problem):
    lines = shown(problem, "ascii", terminal=False, valid_name="test").splitlines()
    assert len(lines) == 3
    assert "test loss" in lines[0]
    assert lines[1].split()[0] == "1/2" and lines[2].split()[0] == "2/2"
    assert "%" in lines[1]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-8"])
def test_a_terminal_gets_a_bar_it_can_show(problem, encoding, width):
    text = shown(problem, encoding, terminal=True, width=width)
    assert "epoch" in text and "2/2" in text
    assert ("\u2501" in text) == (encoding == "utf-8" and width > 40) or width == 40
    if width >= 80:
        assert "images/s" in text and "loss" in text and "left" in text


def test_the_bar_is_taken_away_when_the_training_fails(problem):
    """Otherwise the terminal's cursor would stay hidden."""

    class Fail(Callback):
        def on_step_end(self, _):
            raise ConnectionError

    file = io.StringIO()
    bar = ProgressBar(Console(file=file, force_terminal=True))
    with pytest.raises(ConnectionError):
        problem(bar, Fail()).fit()
    assert bar.progress.finished or not bar.progress.live.is_started
    assert file.getvalue().rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in file.getvalue()


def test_a_run_that_ended_early_says_so(problem):
    class StopEarly(Callback):
        def on_epoch_end(self, state):
            state.stop = state.epoch == 2

    file = io.StringIO()
    problem(ProgressBar(Console(file=file)), StopEarly()).fit(epochs=4)
    assert file.getvalue().splitlines()[-1] == "stopped early, after epoch 2 of 4"
    file = io.StringIO()
    problem(ProgressBar(Console(file=file))).fit(epochs=2)
    assert "stopped" not in file.getvalue()


def test_a_callback_that_refuses_to_start_is_heard(problem, tmp_path):
    """The bar, which never started, must not be ended."""
    p = problem(BestWeights(tmp_path / "best.npz"), ProgressBar(Console(file=io.StringIO())))
    with pytest.raises(ValueError, match="BestWeights needs validation images"):
        p.trainer.fit(p.train, None, 1)
