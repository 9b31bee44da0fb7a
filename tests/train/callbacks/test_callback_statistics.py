"""Statistics against what is computed by hand from the weights, the batch and the gradients."""

import numpy as np
import pytest

from minidl import nn
from minidl.train import Callback, ClipGradients, Statistics, Trainer
from minidl.train.callbacks.statistics import EDGES, IMAGES


class Look(Callback):
    """Copy what the statistics are made of, step by step."""

    order = -200  # before their hooks count what is computed here

    def __init__(self) -> None:
        self.steps = []

    def on_step_start(self, state):
        conv = (
            state.model.__dict__["0"] if "0" in vars(state.model) else next(state.model.children())
        )
        self.now = {
            "before": state.model.state_dict(),
            "activations": conv(state.images[:IMAGES]).data,
        }

    def on_backward_end(self, state):
        named = state.model.named_parameters()
        self.now["gradients"] = {name: p.grad.copy() for name, p in named}

    def on_step_end(self, state):
        self.steps.append(self.now | {"after": state.model.state_dict()})


def length(*arrays) -> float:
    return float(np.sqrt(sum((np.asarray(a, float) ** 2).sum() for a in arrays)))


def test_every_number_is_the_one_computed_by_hand(problem):
    look, statistics = Look(), Statistics(every=3)
    problem(look, statistics).fit(epochs=2)
    table = statistics.table()
    assert table["layers"] == ["0", "1", "5"]  # convolution, batch norm, fully connected
    np.testing.assert_array_equal(table["steps"], [0, 3, 6, 9])
    for row, step in enumerate(table["steps"]):
        seen = look.steps[step]
        a = seen["activations"].astype(float)
        assert table["activation_mean"][row, 0] == pytest.approx(a.mean(), rel=1e-5, abs=1e-7)
        assert table["activation_std"][row, 0] == pytest.approx(a.std(), rel=1e-5)
        counts, _ = np.histogram(np.abs(a), [0, *EDGES, np.inf])
        np.testing.assert_array_equal(table["activation_histogram"][row, 0], counts)
        for k, names in enumerate([["0.weight"], ["1.weight", "1.bias"], ["5.weight", "5.bias"]]):
            gradient = length(*(seen["gradients"][name] for name in names))
            moved = length(*(seen["after"][name] - seen["before"][name] for name in names))
            ratio = moved / length(*(seen["before"][name] for name in names))
            assert table["gradient_norm"][row, k] == pytest.approx(gradient, rel=1e-6)
            assert table["update_ratio"][row, k] == pytest.approx(ratio, rel=1e-6)
            slopes, before, after = (
                np.concatenate([np.ravel(seen[when][name]) for name in names])
                for when in ("gradients", "before", "after")
            )
            steps = np.abs(after - before) / np.sqrt((before.astype(float) ** 2).mean())
            for of, values in (("gradient", np.abs(slopes)), ("update", steps)):
                counts, _ = np.histogram(values, [0, *EDGES, np.inf])
                np.testing.assert_array_equal(table[f"{of}_histogram"][row, k], counts, err_msg=of)
    assert table["update_histogram"].shape == (4, 3, len(EDGES) + 1)
    np.testing.assert_array_equal(table["edges"], EDGES)


def test_measuring_does_not_change_the_run(problem):
    plain = problem()
    plain.fit(epochs=2)
    measured = problem(Statistics(every=1))
    measured.fit(epochs=2)
    for name, array in plain.weights.items():
        np.testing.assert_array_equal(measured.weights[name], array)


def test_gradients_are_those_before_they_are_clipped(problem):
    clip, statistics = ClipGradients(1e-3), Statistics(every=1)
    p = problem(clip, statistics)
    p.trainer.fit([next(iter(p.train))], None, 1)
    whole = np.sqrt((statistics.table()["gradient_norm"] ** 2).sum())
    assert whole == pytest.approx(clip.norm, rel=1e-5)
    assert whole > 0.1


def test_layers_may_be_chosen_and_those_without_parameters_have_no_gradient(problem):
    statistics = Statistics(every=2, layers=["2", "5"])
    problem(statistics).fit(epochs=1)
    table = statistics.table()
    assert table["layers"] == ["2", "5"]
    assert np.isnan(table["gradient_norm"][:, 0]).all()
    assert np.isnan(table["update_ratio"][:, 0]).all()
    assert np.isfinite(table["gradient_norm"][:, 1]).all()
    relu = table["activation_histogram"][:, 0]
    assert (relu[:, 0] > 0.2 * relu.sum(axis=1)).all()  # zeros are in the lowest bin


class Strange(nn.Module):
    """A layer used twice, one never, and a parameter of the model's own."""

    def __init__(self) -> None:
        self.twice = nn.Linear(64, 64)
        self.never = nn.Linear(3, 3)
        self.out = nn.Linear(64, 10)
        self.shift = nn.Parameter(np.zeros(10, np.float32))

    def forward(self, x):
        return self.out(self.twice(self.twice(x.reshape(len(x), 64)))) + self.shift


def test_odd_layers(problem):
    p, statistics = problem(), Statistics(every=2)
    model = Strange()
    optimizer = type(p.trainer.optimizer)(model.parameters(), lr=0.01)
    Trainer(model, optimizer, callbacks=[statistics]).fit(p.train, None, 1)
    table = statistics.table()
    assert table["layers"] == ["Strange", "twice", "never", "out"]
    counts = table["activation_histogram"].sum(axis=2)[0]
    np.testing.assert_array_equal(counts, [16 * 10, 2 * 16 * 64, 0, 16 * 10])
    assert np.isnan(table["activation_mean"][:, 2]).all()
    assert np.isnan(table["gradient_norm"][:, 2]).all()
    assert (table["update_ratio"][:, 2] == 0).all()
    assert not np.isfinite(table["update_ratio"][0, 0])  # the shift was all 0
    assert np.isfinite(table["update_ratio"][1:, 0]).all()


def test_no_hook_is_left_behind_even_after_an_error(problem):
    statistics = Statistics(every=1)
    p = problem(statistics)

    def fail(*_):
        raise ConnectionError

    p.trainer.loss = fail
    with pytest.raises(ConnectionError):
        p.fit()
    assert not any(module._forward_hooks for module in p.trainer.model.modules())


def test_nothing_measured_is_an_empty_table():
    table = Statistics().table()
    assert table["layers"] == [] and len(table["steps"]) == 0
    assert table["activation_histogram"].shape == (0, 0, len(EDGES) + 1)


def test_unknown_layers_are_named_with_what_was_meant(problem):
    with pytest.raises(ValueError, match=r"no layer 'fc'"):
        problem(Statistics(layers=["fc"])).fit(epochs=1)
    p = problem()
    model = Strange()
    trainer = Trainer(model, p.trainer.optimizer, callbacks=[Statistics(layers=["twise"])])
    with pytest.raises(ValueError, match="no layer 'twise'; did you mean 'twice'"):
        trainer.fit(p.train, None, 1)
    with pytest.raises(ValueError, match="every counts steps"):
        Statistics(every=0)
