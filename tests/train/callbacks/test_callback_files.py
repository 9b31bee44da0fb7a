"""What a run keeps in files, and what happens when they cannot be written."""

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from minidl import weights
from minidl.train import BestWeights, Callback, Checkpoint, CSVLog, History, checkpoint


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


# ------------------------------------------------------------------------------- full disks


class Disk:
    """A disk that is full after so many bytes of a file (−1: all but the last), while set so."""

    def __init__(self, monkeypatch) -> None:
        self.room: int | None = None
        real = Path.write_bytes

        def write_bytes(path, data):
            if self.room is None:
                return real(path, data)
            real(path, data[: self.room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        monkeypatch.setattr(Path, "write_bytes", write_bytes)


@pytest.fixture
def disk(monkeypatch) -> Disk:
    return Disk(monkeypatch)


class Fill(Callback):
    """Fill the disk before the files of some epochs are written, and look at them afterwards."""

    order = -1

    def __init__(self, disk: Disk, epochs, room: int = 0) -> None:
        self.disk, self.epochs, self.room = disk, epochs, room

    def on_epoch_end(self, state):
        self.disk.room = self.room if state.epoch in self.epochs else None


class Kept(Callback):
    """Write down which epoch the checkpoint is of, after each epoch."""

    order = 101

    def __init__(self, path) -> None:
        self.path, self.epochs = path, []

    def on_epoch_end(self, state):
        self.epochs.append(checkpoint.load(self.path)["progress"]["epoch"])


@pytest.mark.parametrize("room", [0, 5, 1000, -1])
def test_a_full_disk_does_not_end_the_training_nor_spoil_the_checkpoint(
    problem, tmp_path, disk, room
):
    path = tmp_path / "checkpoint.safetensors"
    whole = problem()
    whole.fit(epochs=4)
    kept = Kept(path)
    p = problem(Fill(disk, {2, 3}, room), Checkpoint(path), kept)
    with pytest.warns(UserWarning) as caught:
        p.fit(epochs=4)
    assert kept.epochs == [1, 1, 1, 4]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert len(caught) == 2
    for epoch, warning in zip((2, 3), caught, strict=True):
        text = str(warning.message)
        assert f"{path} could not be written after epoch {epoch}" in text
        assert "No space left" in text and "one written before is intact" in text
        assert "next attempt: after the next epoch" in text
    for name, array in p.weights.items():
        np.testing.assert_array_equal(array, whole.weights[name])


def test_a_disk_that_stays_full_ends_in_an_error_after_the_training(problem, tmp_path, disk):
    path = tmp_path / "checkpoint.safetensors"
    ended = []

    class End(Callback):
        def on_fit_end(self, state):
            ended.append(state.epoch)

    p = problem(Fill(disk, {2, 3}), Checkpoint(path), End())
    with pytest.warns(UserWarning), pytest.raises(OSError) as error:
        p.fit(epochs=3)
    assert error.value.errno == errno.ENOSPC
    text = str(error.value)
    for words in ("training is finished", str(path), "intact", "still in memory", "minidl.save"):
        assert words in text
    assert ended == [3]
    assert p.trainer.history["epoch"] == [1, 2, 3]
    assert checkpoint.load(path)["progress"]["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_room_made_before_the_end_is_used(problem, tmp_path, disk):
    path = tmp_path / "checkpoint.safetensors"

    class Clean(Callback):
        order = 101  # its end comes first

        def on_fit_end(self, _):
            disk.room = None

    with pytest.warns(UserWarning, match="There is none yet"):
        problem(Fill(disk, {1, 2}), Checkpoint(path), Clean()).fit(epochs=2)
    assert checkpoint.load(path)["progress"]["epoch"] == 2


def test_best_weights_wait_for_room(problem, tmp_path, disk):
    """The best epoch's weights stay in memory, and in the checkpoint, until they are written."""
    path = tmp_path / "best.safetensors"
    scores = Scores((0.5, 1.0), (0.9, 1.0), (0.6, 1.0))
    keep, best = Keep(), BestWeights(path)
    with pytest.warns(UserWarning, match="best.safetensors could not be written after epoch 2"):
        problem(scores, Fill(disk, {2}), best, keep).fit(epochs=3)
    for name, array in weights.load(path).items():
        np.testing.assert_array_equal(array, keep.epochs[1][name])

    waiting, other = BestWeights(path), BestWeights(tmp_path / "other.safetensors")
    disk.room = 0
    with pytest.warns(UserWarning), pytest.raises(OSError):
        problem(scores, waiting).fit(epochs=2)
    disk.room = None
    other.load_state_dict(waiting.state_dict())
    other.write(None)
    for name, array in weights.load(other.path).items():
        np.testing.assert_array_equal(array, keep.epochs[1][name])


def test_ctrl_c_on_a_full_disk_says_what_is_lost(problem, tmp_path, disk):
    class Press(Callback):
        def on_step_end(self, state):
            if (state.epoch, state.step) == (1, 3):
                disk.room = 0
                signal.raise_signal(signal.SIGINT)

    path = tmp_path / "checkpoint.safetensors"
    with (
        pytest.warns(UserWarning, match=r"after epoch 1 and 3 steps:.*since then is lost"),
        pytest.raises(KeyboardInterrupt),
    ):
        problem(Checkpoint(path), Press()).fit()
    progress = checkpoint.load(path)["progress"]
    assert (progress["epoch"], progress["step"]) == (1, 0)


def test_what_a_killed_run_left_half_written_is_removed(problem, tmp_path):
    left = tmp_path / ".checkpoint.safetensors.4711.partial"
    other = tmp_path / ".mine.safetensors.4711.partial"
    for file in (left, other):
        file.write_bytes(b"half")
    problem(Checkpoint(tmp_path / "checkpoint.safetensors")).fit(epochs=1)
    assert not left.exists() and other.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_files_may_be_read_by_whoever_may_read_other_files(problem, tmp_path):
    problem(Checkpoint(tmp_path / "checkpoint.safetensors", tmp_path / "last.npz")).fit(epochs=1)
    (tmp_path / "other").write_bytes(b"")
    assert len({file.stat().st_mode for file in tmp_path.iterdir()}) == 1
