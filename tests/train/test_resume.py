"""A run that was stopped and resumed is, bit for bit, the run that was never stopped."""

import signal

import numpy as np
import pytest

from minidl import nn, random, weights
from minidl.data import DataLoader
from minidl.optim import AdamW, lr_scheduler
from minidl.train import (
    EMA,
    BestWeights,
    Callback,
    Checkpoint,
    CheckpointError,
    ClipGradients,
    CSVLog,
    CutMix,
    EarlyStopping,
    History,
    LRSchedule,
    Mixup,
    Statistics,
    Trainer,
)

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


def everything():
    """All callbacks that remember something or draw."""
    return EMA(0.9), Mixup(0.4), CutMix(), ClipGradients(1.0), Statistics(3), EarlyStopping(2)


def plateau(optimizer):
    return LRSchedule(lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0))


@pytest.mark.parametrize("schedule", [None, plateau])
@pytest.mark.parametrize(
    "stop",
    [
        Interrupt("on_step_end", 1, 3),
        Interrupt("on_valid_start", 1, 5),
        Interrupt("on_epoch_end", 2, 0),
        Crash(2, 3),
    ],
    ids=lambda stop: f"{type(stop).__name__}-{stop.when[0]}-{stop.when[1]}",
)
def test_every_callback_goes_on_as_if_never_stopped(problem, tmp_path, schedule, stop):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    ema, *_, statistics, stopping = parts = everything()
    whole = problem(*parts, *files(straight), schedule=schedule)
    expected = whole.fit()

    with pytest.raises((KeyboardInterrupt, ConnectionError)):
        problem(*everything(), *files(broken), stop, schedule=schedule).fit()
    ema2, *_, statistics2, stopping2 = parts = everything()
    again = problem(*parts, *files(broken), schedule=schedule)
    history = again.fit(resume=broken / "checkpoint.safetensors")

    assert without_clocks(history) == without_clocks(expected)
    assert_same_arrays(again.weights, whole.weights)
    assert_same_arrays(ema2.model.state_dict(), ema.model.state_dict())
    assert (stopping2.best, stopping2.epoch) == (stopping.best, stopping.epoch)
    one, other = statistics.table(), statistics2.table()
    assert one.pop("layers") == other.pop("layers")
    assert len(one["steps"]) == 7
    assert_same_arrays(one, other)
    for name in ("best.safetensors", "last.safetensors"):
        assert_same_arrays(weights.load(broken / name), weights.load(straight / name))


class Worse(Callback):
    """Let the validation loss rise with every epoch."""

    order = -1

    def on_epoch_end(self, state):
        state.history.rows[-1]["valid_loss"] = float(state.epoch)


def test_early_stopping_remembers_the_best_epoch(problem, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    problem(Worse(), EarlyStopping(3), Checkpoint(path)).fit(epochs=2)
    stopping = EarlyStopping(3)
    again = problem(Worse(), stopping, Checkpoint(path)).fit(epochs=9, resume=path)
    assert (len(again), stopping.epoch, stopping.best) == (4, 1, 1.0)


def test_a_run_that_was_ended_early_stays_ended(problem, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    assert len(problem(Worse(), EarlyStopping(1), Checkpoint(path)).fit()) == 2
    assert len(problem(Worse(), EarlyStopping(1), Checkpoint(path)).fit(resume=path)) == 2


# ---------------------------------------------------------------- resuming something else


class Wider(nn.Sequential):
    """The small model with a wider last layer."""

    def __init__(self, model: nn.Sequential) -> None:
        for name, layer in model.named_children():
            setattr(self, name, layer)
        setattr(self, "5", nn.Linear(64, 12))


class Renamed(nn.Sequential):
    """The small model as another class."""

    def __init__(self, model: nn.Sequential) -> None:
        for name, layer in model.named_children():
            setattr(self, name, layer)


class Shorter(Renamed):
    """The small model without its last layer."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__(model)
        delattr(self, "5")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Wider, ["5.weight, of shape (10, 64) in the checkpoint and (12, 64) here"]),
        (Shorter, ["first difference is 5.weight, which this model does not have"]),
        (Renamed, ["names and shapes of all arrays are the same, but not the class"]),
    ],
)
def test_another_model_is_refused_with_both_names_and_the_first_difference(
    problem, tmp_path, other, words
):
    path = tmp_path / "checkpoint.safetensors"
    problem(Checkpoint(path)).fit(epochs=1)
    p = problem(Checkpoint(path))
    model = other(p.trainer.model)
    before = model.state_dict()
    with pytest.raises(CheckpointError) as error:
        Trainer(model, p.trainer.optimizer, callbacks=p.trainer.callbacks).fit(
            p.train, p.valid, 2, resume=path
        )
    text = str(error.value)
    for word in ["of Sequential (8 arrays, 703 numbers)", f"trains {other.__name__} (", *words]:
        assert word in text
    assert_same_arrays(model.state_dict(), before)


def test_a_model_with_more_layers_is_refused_too(problem, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    p = problem(Checkpoint(path))
    model = Shorter(p.trainer.model)
    Trainer(
        nn.Sequential(*model.children()), p.trainer.optimizer, _mean_loss, [Checkpoint(path)]
    ).fit(p.train, None, 1)
    q = problem(Checkpoint(path))
    trainer = Trainer(q.trainer.model, q.trainer.optimizer, callbacks=[Checkpoint(path)])
    with pytest.raises(CheckpointError, match=r"is 5\.weight, which the checkpoint does not have"):
        trainer.fit(q.train, None, 2, resume=path)


def _mean_loss(output, _):
    return (output * output).mean()


def test_another_optimiser_is_refused_by_name(problem, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    p = problem()
    before = p.weights
    Trainer(p.trainer.model, p.trainer.optimizer, callbacks=[Checkpoint(path)]).fit(
        p.train, None, 1
    )
    q = problem()
    adam = AdamW(q.trainer.model.parameters(), lr=1e-3)
    with pytest.raises(CheckpointError) as error:
        Trainer(q.trainer.model, adam, callbacks=[Checkpoint(path)]).fit(
            q.train, None, 2, resume=path
        )
    assert "SGD" in str(error.value) and "AdamW" in str(error.value)
    assert_same_arrays(q.weights, before)


def test_other_training_batches_are_refused(problem, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    problem(Checkpoint(path)).fit(epochs=1)
    p = problem(Checkpoint(path))
    p.train = DataLoader(p.train.dataset, 8, shuffle=True, seed=0)
    with pytest.raises(CheckpointError, match="batch_size=16, this one has batch_size=8"):
        p.fit(resume=path)


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
