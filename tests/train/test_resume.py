"""A run that was stopped and resumed is, bit for bit, the run that was never stopped."""

import signal

import numpy as np
import pytest

from minidl import random, weights
from minidl.data import DataLoader
from minidl.train import BestWeights, Callback, Checkpoint, CheckpointError, CSVLog, History

CLOCKS = ("seconds", "images_per_second")


class Crash(Callback):
    """End the program as an error or a power cut would, without a word to the other callbacks."""

    def __init__(self, epoch: int, step: int) -> None:
        self.when = (epoch, step)

    def on_step_end(self, state):
        if (state.epoch, state.step) == self.when:
            raise ConnectionError("crash")


class Interrupt(Callback):
    """Press Ctrl-C at an event."""

    def __init__(self, event: str, epoch: int, step: int) -> None:
        self.when = (epoch, step)
        setattr(self, event, self._press)

    def _press(self, state):
        if (state.epoch, state.step) == self.when:
            signal.raise_signal(signal.SIGINT)


def without_clocks(history: History) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in CLOCKS} for row in history.rows]


def files(folder):
    return (
        BestWeights(folder / "best.safetensors"),
        CSVLog(folder / "history.csv"),
        Checkpoint(folder / "checkpoint.safetensors", folder / "last.safetensors"),
    )


def assert_same_arrays(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        assert a[name].tobytes() == b[name].tobytes(), name


@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize(
    "stop",
    [
        Interrupt("on_step_end", 0, 1),  # after the first step of all
        Interrupt("on_step_end", 1, 3),  # in the middle of an epoch
        Interrupt("on_step_end", 2, 5),  # after the last step of an epoch, before validation
        Interrupt("on_valid_start", 1, 5),  # during validation
        Interrupt("on_epoch_end", 2, 0),  # between two epochs
        Interrupt("on_epoch_end", 4, 0),  # after the last epoch
        Crash(2, 3),  # two steps are lost and done again
        Crash(3, 1),
    ],
    ids=lambda stop: f"{type(stop).__name__}-{stop.when[0]}-{stop.when[1]}",
)
def test_a_resumed_run_is_the_run_never_stopped(problem, tmp_path, per, stop):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = problem(*files(straight), per=per)
    expected = whole.fit()
    generator = random.get_state()

    with pytest.raises((KeyboardInterrupt, ConnectionError)):
        problem(*files(broken), stop, per=per).fit()
    again = problem(*files(broken), per=per, seed=0)
    random.manual_seed(99)  # what chance did in the meantime must not matter
    for array in again.trainer.model.parameters():
        array.data[...] = 7  # nor what the weights were
    history = again.fit(resume=broken / "checkpoint.safetensors")

    assert without_clocks(history) == without_clocks(expected)
    assert_same_arrays(again.weights, whole.weights)
    assert random.get_state() == generator
    for name in ("best.safetensors", "last.safetensors"):
        assert_same_arrays(weights.load(broken / name), weights.load(straight / name))
    rows = without_clocks(History.from_csv(broken / "history.csv"))
    assert rows == without_clocks(expected)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(problem):
    runs = [problem(seed=seed) for seed in (0, 0, 1)]
    runs[0].fit(epochs=2)
    runs = []
    for seed in (0, 0, 1):
        p = problem(seed=seed)
        p.fit(epochs=2)
        runs.append(p.weights)
    assert_same_arrays(runs[0], runs[1])
    assert any((runs[0][name] != runs[2][name]).any() for name in runs[0])


def test_a_checkpoint_of_a_run_can_be_trained_for_more_epochs(problem, tmp_path):
    p = problem(*files(tmp_path))
    p.fit(epochs=2)
    more = problem(*files(tmp_path))
    assert more.fit(epochs=4, resume=tmp_path / "checkpoint.safetensors")["epoch"] == [1, 2, 3, 4]


def test_progress_within_the_epoch_is_in_the_checkpoint(problem, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        problem(*files(tmp_path), Interrupt("on_step_end", 1, 3)).fit()

    class Look(Callback):
        def on_epoch_start(self, state):
            self.found = self.__dict__.get("found") or (
                state.epoch,
                state.step,
                state.train_loss.weight,
                len(state.history),
            )

    look = Look()
    problem(*files(tmp_path), look).fit(resume=tmp_path / "checkpoint.safetensors")
    assert look.found == (1, 3, 48, 1)


def test_a_checkpoint_of_other_callbacks_is_refused(problem, tmp_path):
    problem(*files(tmp_path)).fit(epochs=1)
    with pytest.raises(CheckpointError, match="BestWeights"):
        problem().fit(resume=tmp_path / "checkpoint.safetensors")


def test_batches_that_do_not_know_their_place_are_refused(problem, tmp_path):
    p = problem(Checkpoint(tmp_path / "checkpoint.safetensors"))
    with pytest.raises(TypeError, match=r"use minidl\.data\.DataLoader"):
        p.trainer.fit(list(p.train), None, 1)


def test_a_failing_disk_leaves_the_checkpoint_before(problem, tmp_path, monkeypatch):
    problem(*files(tmp_path)).fit(epochs=1)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    monkeypatch.setattr(
        weights.files, "save_file", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        problem(*files(tmp_path)).fit(epochs=2, resume=tmp_path / "checkpoint.safetensors")
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_the_loader_is_asked_for_the_remaining_batches_only(problem, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        problem(*files(tmp_path), Interrupt("on_step_end", 0, 3)).fit()
    seen = []

    class Steps(Callback):
        def on_step_end(self, state):
            seen.append((state.epoch, state.step))

    p = problem(*files(tmp_path), Steps())
    assert isinstance(p.train, DataLoader)
    p.fit(epochs=2, resume=tmp_path / "checkpoint.safetensors")
    assert seen == [(0, 4), (0, 5), *((1, s) for s in range(1, 6))]
    assert np.isfinite(p.weights["0.weight"]).all()
