"""The loop: what it computes, in which order, and how it ends."""

import math
import signal
import threading

import numpy as np
import pytest

from minidl import functional as F
from minidl import nn
from minidl.data import DataLoader
from minidl.errors import InputError
from minidl.optim import SGD
from minidl.tensor import Tensor
from minidl.train import Callback, DivergedError, Trainer, accuracy, evaluate
from minidl.train.history import COLUMNS
from tests.train.conftest import small_digits


class Events(Callback):
    """Write down what happened, and in which mode the model was."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def _note(self, event, state):
        mode = "train" if state.model.training else "eval"
        self.seen.append(f"{event} {state.epoch}.{state.step} {mode}")

    def on_fit_start(self, state):
        self._note("fit start", state)

    def on_epoch_start(self, state):
        self._note("epoch start", state)

    def on_step_start(self, state):
        self._note("step start", state)

    def on_backward_end(self, state):
        self._note("backward end", state)

    def on_step_end(self, state):
        self._note("step end", state)

    def on_valid_start(self, state):
        self._note("valid start", state)

    def on_epoch_end(self, state):
        self._note("epoch end", state)

    def on_interrupt(self, state):
        self._note("interrupt", state)

    def on_fit_end(self, state):
        self._note("fit end", state)


class CtrlC(Callback):
    """Press Ctrl-C after a step."""

    def __init__(self, epoch: int, step: int) -> None:
        self.when = (epoch, step)

    def on_step_end(self, state):
        if (state.epoch, state.step) == self.when:
            signal.raise_signal(signal.SIGINT)


def test_it_learns(problem):
    p = problem()
    before = evaluate(p.trainer.model, p.valid)
    history = p.fit(epochs=8)
    after = evaluate(p.trainer.model, p.valid)
    assert len(history) == 8
    assert before.accuracy < 0.3 < 0.45 < after.accuracy
    assert history["valid_accuracy"][-1] == after.accuracy
    assert history["valid_loss"][-1] == after.loss
    assert history["train_loss"][-1] < 0.9 * history["train_loss"][0]


def test_a_row_has_every_column(problem):
    history = problem().fit(epochs=2)
    assert [tuple(row) for row in history.rows] == [COLUMNS, COLUMNS]
    assert history["epoch"] == [1, 2]
    assert all(s > 0 for s in history["seconds"] + history["images_per_second"])


def test_one_step_is_the_one_computed_by_hand(problem):
    p = problem(per="epoch")
    images, labels = next(iter(p.train))
    p.trainer.fit([(images, labels)], None, 1)

    q = problem(per="epoch")  # sets the seed, on which dropout depends
    model, optimizer = q.trainer.model, q.trainer.optimizer
    loss = F.cross_entropy(model(Tensor(images)), labels)
    loss.backward()
    optimizer.step()
    for name, array in q.weights.items():
        np.testing.assert_array_equal(p.weights[name], array, err_msg=name)


def test_training_means_count_images_not_batches(problem):
    p = problem()
    batches = list(p.train)[-2:]
    assert [len(labels) for _, labels in batches] == [16, 6]
    seen = []

    def loss(logits, labels):
        result = F.cross_entropy(logits, labels)
        seen.append((result.item(), accuracy(logits.data, labels), len(labels)))
        return result

    row = Trainer(p.trainer.model, p.trainer.optimizer, loss).fit(batches, None, 1).rows[0]
    assert row["train_loss"] == pytest.approx(sum(s[0] * s[2] for s in seen) / 22, rel=1e-12)
    assert row["train_accuracy"] == pytest.approx(sum(s[1] * s[2] for s in seen) / 22, rel=1e-12)
    assert math.isnan(row["valid_loss"]) and math.isnan(row["valid_accuracy"])


def test_callbacks_see_every_event_in_order_and_the_mode_is_right(problem):
    events = Events()
    p = problem(events)
    p.trainer.model.eval()  # forgetting train() must not matter
    p.fit(epochs=2)
    epoch = [
        "epoch start {e}.0",
        *(
            f"{event} {{e}}.{step + (event == 'step end')} train"
            for step in range(5)
            for event in ("step start", "backward end", "step end")
        ),
        "valid start {e}.5 train",
        "epoch end {n}.0 train",
    ]
    expected = ["fit start 0.0 eval"]
    for e in range(2):
        expected += [line.format(e=e, n=e + 1) for line in epoch]
    expected += ["fit end 2.0 train"]
    expected[1] += " eval"
    expected[19] += " train"
    assert events.seen == expected


def test_validation_is_in_evaluation_mode_without_gradients(problem):
    p = problem()
    modes = []
    inner = p.trainer.loss

    def loss(logits, labels):
        modes.append((p.trainer.model.training, inner(logits, labels).requires_grad))
        return inner(logits, labels)

    p.trainer.loss = loss
    p.fit(epochs=1)
    assert modes == [(True, True)] * 5 + [(False, False)] * 2


def test_evaluate_puts_the_mode_back_even_after_an_error(problem):
    p = problem()
    p.trainer.model.train()
    with pytest.raises(ZeroDivisionError):
        evaluate(p.trainer.model, p.valid, after_batch=lambda: 1 / 0)
    assert p.trainer.model.training
    with pytest.raises(ValueError, match="no images"):
        evaluate(p.trainer.model, [])


def test_an_evaluation_is_consistent(problem):
    p = problem()
    result = evaluate(p.trainer.model, p.valid)
    assert result.logits.shape == (30, 10)
    np.testing.assert_array_equal(result.labels, np.concatenate([y for _, y in p.valid]))
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(result.probabilities.argmax(axis=1), result.predictions)
    assert result.accuracy == np.mean(result.predictions == result.labels)
    right = result.probabilities[np.arange(30), result.labels]
    assert result.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)


def test_a_callback_may_end_the_training_after_an_epoch(problem):
    class StopEarly(Callback):
        def on_epoch_end(self, state):
            state.stop = state.epoch == 2

    assert len(problem(StopEarly()).fit(epochs=5)) == 2


def test_callbacks_end_in_the_opposite_order_and_only_if_they_began(problem):
    seen = []

    class Named(Callback):
        def __init__(self, name: str, order: int, refuses: str = "") -> None:
            self.name, self.order, self.refuses = name, order, refuses

        def on_fit_start(self, _):
            self._note("start")

        def on_fit_end(self, _):
            self._note("end")

        def _note(self, event):
            seen.append(f"{event} {self.name}")
            if event == self.refuses:
                raise ConnectionError(self.name)

    problem(Named("c", 3), Named("a", 1), Named("b", 2)).fit(epochs=1)
    assert seen == ["start a", "start b", "start c", "end c", "end b", "end a"]
    seen.clear()
    with pytest.raises(ConnectionError, match="b"):
        problem(Named("a", 1), Named("b", 2, "start"), Named("c", 3)).fit(epochs=1)
    assert seen == ["start a", "start b", "end a"]
    seen.clear()
    with pytest.raises(ConnectionError, match="b"):
        problem(Named("a", 1), Named("b", 2, "end"), Named("c", 3)).fit(epochs=1)
    assert seen[3:] == ["end c", "end b", "end a"]


def test_the_history_can_be_had_after_ctrl_c(problem):
    p = problem(CtrlC(2, 1))
    with pytest.raises(KeyboardInterrupt):
        p.fit()
    assert p.trainer.history["epoch"] == [1, 2]


# ----------------------------------------------------------------------------------- bad input


def noted(error) -> str:
    return "\n".join([str(error.value), *error.value.__notes__])


def test_a_label_that_is_no_class_is_named_with_its_place(problem):
    p = problem()
    batches = [(images, labels.copy()) for images, labels in p.train]
    batches[2][1][7] = 10
    with pytest.raises(InputError) as error:
        p.trainer.fit(batches, None, 1)
    assert "label 10, which is labels[7], is not one of the 10 classes 0 … 9" in noted(error)
    assert "in epoch 1, step 3" in noted(error)


class VectorNet(nn.Module):
    """Batch norm of vectors: one number for each channel of an image."""

    def __init__(self) -> None:
        self.fc = nn.Linear(64, 10)
        self.norm = nn.BatchNorm1d(10)

    def forward(self, x):
        return self.norm(self.fc(x.reshape(len(x), 64)))


def test_a_last_batch_of_one_image_says_what_to_do_and_drop_last_does_it():
    images = small_digits("train", 33)
    model = VectorNet()
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1))
    with pytest.raises(InputError) as error:
        trainer.fit(DataLoader(images, 16), None, 1)
    for words in ("layer norm", "(1, 10)", "1 value(s) per channel", "drop_last=True", "eval()"):
        assert words in noted(error)
    assert "in epoch 1, step 3" in noted(error)
    assert len(trainer.fit(DataLoader(images, 16, drop_last=True), None, 1)) == 1


def test_a_last_batch_of_one_image_is_fine_where_it_has_many_pixels(problem):
    p = problem()
    batches = DataLoader(small_digits("train", 33), 16)
    assert np.isfinite(p.trainer.fit(batches, None, 1)["train_loss"]).all()


@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1])
def test_a_schedule_that_gives_no_rate_stops_before_it_spoils_the_weights(problem, rate):
    class Bad(Callback):
        def on_step_end(self, state):
            self.before = state.model.state_dict()
            if (state.epoch, state.step) == (1, 2):
                state.optimizer.param_groups[0]["lr"] = rate

    p = problem(bad := Bad(), per="epoch")
    with pytest.raises(ValueError) as error:
        p.fit()
    assert f"lr={rate}" in noted(error) and "in epoch 2, step 3" in noted(error)
    for name, parameter in p.trainer.model.named_parameters():
        np.testing.assert_array_equal(parameter.data, bad.before[name])


def test_a_learning_rate_of_zero_moves_no_weight(problem):
    p = problem(lr=0.0, per="epoch")
    before = p.weights
    p.fit(epochs=1)
    for name, _ in p.trainer.model.named_parameters():
        np.testing.assert_array_equal(p.weights[name], before[name])


@pytest.mark.parametrize(("train", "epochs", "words"), [([], 1, "empty"), (None, 0, "at least 1")])
def test_what_cannot_be_fitted_is_refused(problem, train, epochs, words):
    p = problem()
    with pytest.raises(ValueError, match=words):
        p.trainer.fit(p.train if train is None else train, None, epochs)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_says_what_to_try(problem, bad):
    p = problem(per="epoch")
    steps = iter([1.0, 1.0, bad])
    p.trainer.loss = lambda logits, labels: F.cross_entropy(logits, labels) * next(steps)
    events = Events()
    p.trainer.callbacks.append(events)
    with pytest.raises(DivergedError) as error:
        p.fit()
    text = str(error.value)
    for words in [
        f"the loss became {bad} in epoch 1, step 3",
        "lower learning rate: 0.01 instead of 0.1",
        "detect_anomaly()",
        "normalisation",
        "This batch has mean",
    ]:
        assert words in text
    assert events.seen[-1].startswith("fit end")
    assert all(np.isfinite(array).all() for array in p.weights.values())


def test_weights_spoilt_by_the_last_step_are_noticed_in_validation(problem):
    class Spoil(Callback):
        def on_step_end(self, state):
            if state.step == state.steps:
                next(state.model.parameters()).data[...] = math.nan

    with pytest.raises(DivergedError, match="validation loss became nan after epoch 1"):
        problem(Spoil()).fit()


# ------------------------------------------------------------------------------------ Ctrl-C


def test_the_first_ctrl_c_lets_the_step_end_and_tells_the_callbacks(problem):
    events = Events()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="between two steps"):
        problem(CtrlC(1, 3), events).fit()
    assert events.seen[-3:] == ["step end 1.3 train", "interrupt 1.3 train", "fit end 1.3 train"]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_within_a_step_lets_it_end(problem):
    p = problem(events := Events())
    inner = p.trainer.loss

    def loss(logits, labels):
        if events.seen[-1] == "step start 0.2 train":
            signal.raise_signal(signal.SIGINT)
        return inner(logits, labels)

    p.trainer.loss = loss
    with pytest.raises(KeyboardInterrupt):
        p.fit()
    assert events.seen[-4:] == [
        *("backward end 0.2 train", "step end 0.3 train"),
        *("interrupt 0.3 train", "fit end 0.3 train"),
    ]


def test_the_second_ctrl_c_stops_at_once(problem):
    events = Events()
    before = signal.getsignal(signal.SIGINT)
    p = problem(events)

    def loss(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("went on after the second Ctrl-C")

    p.trainer.loss = loss
    with pytest.raises(KeyboardInterrupt):
        p.fit()
    assert events.seen == [
        f"{event} 0.0 train" for event in ("fit start", "epoch start", "step start", "fit end")
    ]
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_training_works_without_a_handler(problem):
    lengths = []
    thread = threading.Thread(target=lambda: lengths.append(len(problem().fit(epochs=1))))
    thread.start()
    thread.join()
    assert lengths == [1]


def test_ctrl_c_that_is_ignored_stays_ignored(problem):
    """As in a program started with nohup."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(problem(CtrlC(0, 1)).fit(epochs=1)) == 1
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
