"""The callbacks: schedules, files, the progress bar."""

import io

import numpy as np
import pytest
from rich.console import Console

from minidl import weights
from minidl.train import BestWeights, Callback, CSVLog, History, LRSchedule, ProgressBar


class Scores(Callback):
    """Replace what validation found by given numbers."""

    order = -1

    def __init__(self, *scores: tuple[float, float]) -> None:
        self.scores = scores

    def on_epoch_end(self, state):
        row = state.history.rows[-1]
        row["valid_accuracy"], row["valid_loss"] = self.scores[state.epoch - 1]


class Keep(Callback):
    """Keep a copy of the weights after every epoch."""

    def __init__(self) -> None:
        self.epochs = []

    def on_epoch_end(self, state):
        self.epochs.append(state.model.state_dict())


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.7, 1.0), (0.6, 0.1)], 2),
        ([(0.7, 1.0), (0.7, 0.9), (0.7, 0.9)], 2),  # equal accuracy: the lower loss; then the first
        ([(0.7, 1.0), (float("nan"), float("nan")), (0.6, 1.0)], 1),
    ],
)
def test_best_weights_are_those_of_the_best_epoch(problem, tmp_path, scores, best):
    path = tmp_path / "best.npz"
    keep = Keep()
    callback = BestWeights(path)
    problem(Scores(*scores), callback, keep).fit(epochs=3)
    assert callback.epoch == best
    for name, array in weights.load(path).items():
        np.testing.assert_array_equal(array, keep.epochs[best - 1][name])


def test_best_weights_need_validation_images(problem, tmp_path):
    p = problem(BestWeights(tmp_path / "best.npz"))
    with pytest.raises(ValueError, match="needs validation images"):
        p.trainer.fit(p.train, None, 1)


class Scheduler:
    steps = 0

    def step(self):
        self.steps += 1

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


@pytest.mark.parametrize(("per", "steps"), [("epoch", 2), ("step", 10)])
def test_a_schedule_steps_per_epoch_or_per_step(problem, per, steps):
    scheduler = Scheduler()
    problem(LRSchedule(scheduler, per)).fit(epochs=2)
    assert scheduler.steps == steps
    with pytest.raises(ValueError, match="'epoch' or 'step'"):
        LRSchedule(scheduler, "batch")


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_history_has_the_learning_rate_an_epoch_began_with(problem, per):
    rates = problem(per=per, lr=0.2).fit(epochs=4)["lr"]
    cosine = 0.2 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(rates, cosine, rtol=1e-6)


def test_csv_is_written_every_epoch(problem, tmp_path):
    lengths = []

    class Look(Callback):
        order = 1

        def on_epoch_end(self, _):
            lengths.append(len(History.from_csv(tmp_path / "history.csv")))

    history = problem(Look(), CSVLog(tmp_path / "history.csv")).fit(epochs=3)
    assert lengths == [1, 2, 3]
    assert History.from_csv(tmp_path / "history.csv").rows == history.rows


def test_a_csv_file_that_is_locked_does_not_end_the_training(problem, tmp_path, monkeypatch):
    """A spreadsheet program on Windows locks the file it shows."""
    real = History.to_csv

    def to_csv(self, path):
        if len(self) == 1:
            raise PermissionError("locked")
        real(self, path)

    monkeypatch.setattr(History, "to_csv", to_csv)
    with pytest.warns(UserWarning, match="locked"):
        problem(CSVLog(tmp_path / "history.csv")).fit(epochs=2)
    assert len(History.from_csv(tmp_path / "history.csv")) == 2


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
