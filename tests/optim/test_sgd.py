"""SGD against two or three steps computed by hand, and what all optimisers share.

The parameter starts at w = (1, −2); the gradients of the three steps are always
g₁ = (½, 1), g₂ = (−1, ¼), g₃ = (2, 0); the learning rate is 0.1.
"""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import Tensor, nn, optim
from minidl.optim import SGD

START = [1.0, -2.0]
GRADIENTS = [[0.5, 1.0], [-1.0, 0.25], [2.0, 0.0]]

# name: (settings, w after each of the three steps)
BY_HAND: dict[str, tuple[dict[str, Any], list[list[float]]]] = {
    "plain": ({}, [[0.95, -2.1], [1.05, -2.125], [0.85, -2.125]]),
    # v = (0.5, 1), (−0.55, 1.15), (1.505, 1.035)
    "momentum": ({"momentum": 0.9}, [[0.95, -2.1], [1.005, -2.215], [0.8545, -2.3185]]),
    # the first v is g₁ undamped: (0.5, 1), (0.45 − 0.5, 0.9 + 0.125), (−0.045 + 1, 0.9225)
    "dampening": (
        {"momentum": 0.9, "dampening": 0.5},
        [[0.95, -2.1], [0.955, -2.2025], [0.8595, -2.29475]],
    ),
    # v as with momentum; steps g + 0.9 v = (0.95, 1.9), (−1.495, 1.285), (3.3545, 0.9315)
    "nesterov": (
        {"momentum": 0.9, "nesterov": True},
        [[0.905, -2.19], [1.0545, -2.3185], [0.71905, -2.41165]],
    ),
    # g + w/2 = (1, 0), (−0.55, −0.75), (2.4775, −0.9625)
    "weight decay": (
        {"weight_decay": 0.5},
        [[0.9, -2.0], [0.955, -1.925], [0.70725, -1.82875]],
    ),
    # v = (1, 0), (0.9 − 0.55, −0.75), (0.315 + 2.4325, −0.675 − 0.9625)
    "weight decay, momentum": (
        {"weight_decay": 0.5, "momentum": 0.9},
        [[0.9, -2.0], [0.865, -1.925], [0.59025, -1.76125]],
    ),
    # g + w/2 = (1, 0), (−0.595, −0.75), …; v = (1, 0), (0.305, −0.75);
    # steps (1.9, 0), (−0.595 + 0.2745, −0.75 − 0.675); w = (0.81, −2), (0.84205, −1.8575);
    # g₃ + w/2 = (2.421025, −0.92875), v₃ = (2.695525, −1.60375),
    # step (2.421025 + 2.4259725, −0.92875 − 1.443375)
    "weight decay, nesterov": (
        {"weight_decay": 0.5, "momentum": 0.9, "nesterov": True},
        [[0.81, -2.0], [0.84205, -1.8575], [0.35735025, -1.6202875]],
    ),
}


def parameter(values: Any = START, grad: Any = None, dtype: Any = np.float64) -> nn.Parameter:
    made = nn.Parameter(np.array(values, dtype))
    made.grad = None if grad is None else np.array(grad, dtype)
    return made


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", BY_HAND)
def test_three_steps_by_hand(name: str) -> None:
    settings, expected = BY_HAND[name]
    w = parameter()
    optimizer = SGD([w], lr=0.1, **settings)
    for grad, after in zip(GRADIENTS, expected, strict=True):
        w.grad = np.array(grad)
        optimizer.step()
        close(w.data, after)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_parameter_that_is_one_number(name: str) -> None:
    """NumPy turns 0-d results into scalars, which cannot be changed in place."""
    settings, expected = BY_HAND[name]
    w = parameter(START[0])
    optimizer = SGD([w], lr=0.1, **settings)
    for grad, after in zip(GRADIENTS, expected, strict=True):
        w.grad = np.array(grad[0])
        optimizer.step()
        assert w.data.shape == ()
        close(w.data, after[0])


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_changed_in_place_and_keep_their_dtype(name: str, dtype: Any) -> None:
    w = parameter(dtype=dtype)
    array = w.data
    optimizer = SGD([w], lr=0.1, **BY_HAND[name][0])
    for grad in GRADIENTS:
        w.grad = np.array(grad, dtype)
        optimizer.step()
    assert w.data is array
    assert array.dtype == dtype
    assert all(a.dtype == dtype for memory in optimizer.state.values() for a in memory.values())
    assert not np.array_equal(array, START)


@pytest.mark.parametrize("name", BY_HAND)
def test_gradients_are_read_only(name: str) -> None:
    """Two optimisers, or clipping after the step, would otherwise see changed gradients."""
    w = parameter()
    optimizer = SGD([w], lr=0.1, **BY_HAND[name][0])
    for grad in GRADIENTS:
        w.grad = np.array(grad)
        w.grad.flags.writeable = False
        optimizer.step()
        assert w.grad.tolist() == grad
    for memory in optimizer.state.values():
        assert not any(np.shares_memory(array, w.grad) for array in memory.values())


def test_a_parameter_without_gradient_stays() -> None:
    """Weight decay and momentum do not move what the loss did not depend on."""
    w, frozen = parameter(grad=GRADIENTS[0]), parameter()
    optimizer = SGD([frozen, w], lr=0.1, momentum=0.9, weight_decay=0.5)
    optimizer.step()
    assert frozen.data.tolist() == START
    close(w.data, [0.9, -2.0])
    assert set(optimizer.state) == {1}
    # its first gradient, one step later, starts its own momentum: g + w/2 = (1, 0)
    frozen.grad = np.array(GRADIENTS[0])
    optimizer.step()
    close(frozen.data, [0.9, -2.0])


def test_groups_have_their_own_settings() -> None:
    """Group a steps with 0.1 · (½, 1), group b with the default 1 · (½ + ½, 1 − 1)."""
    a, b = parameter(grad=GRADIENTS[0]), parameter(grad=GRADIENTS[0])
    optimizer = SGD([{"params": [a], "lr": 0.1, "weight_decay": 0}, {"params": [b]}], 1.0,
                    weight_decay=0.5)  # fmt: skip
    optimizer.step()
    close(a.data, [0.95, -2.1])
    close(b.data, [0.0, -2.0])
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    close(a.data, [0.95, -2.1])


def test_a_group_may_be_one_parameter_or_an_iterator() -> None:
    a, layer = parameter(grad=GRADIENTS[0]), nn.Linear(2, 3)
    optimizer = SGD([{"params": a}, {"params": layer.parameters(), "lr": 0.5}], lr=0.1)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 2]
    optimizer.step()
    close(a.data, [0.95, -2.1])


def test_groups_given_are_not_changed() -> None:
    given = [{"params": [parameter()], "lr": 0.3}]
    SGD(given, lr=0.1, momentum=0.9).param_groups[0]["lr"] = 5.0
    assert given[0].keys() == {"params", "lr"}
    assert given[0]["lr"] == 0.3


def test_a_changed_learning_rate_acts_at_once() -> None:
    """η multiplies v at the end: v₂ = (−0.55, 1.15), so w₂ = w₁ − 1·v₂ with η = 1."""
    w = parameter(grad=GRADIENTS[0])
    optimizer = SGD([w], lr=0.1, momentum=0.9)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 1.0
    w.grad = np.array(GRADIENTS[1])
    optimizer.step()
    close(w.data, [0.95 + 0.55, -2.1 - 1.15])


def test_zero_grad() -> None:
    w = parameter(grad=GRADIENTS[0])
    optimizer = SGD([w], lr=0.1)
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()
    assert w.data.tolist() == START


def test_it_minimises() -> None:
    """(w − 3)² falls to its minimum."""
    w = parameter([0.0])
    optimizer = SGD([w], lr=0.1, momentum=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        ((w - 3) ** 2).sum().backward()
        optimizer.step()
    assert w.item() == pytest.approx(3, abs=1e-6)


# ------------------------------------------------------------------------- saving and loading


def model_and_optimizer() -> tuple[nn.Module, SGD]:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    groups = [
        {"params": model[0].parameters(), "lr": 0.05},
        {"params": model[2].parameters(), "weight_decay": 0.01},
    ]
    return model, SGD(groups, lr=0.1, momentum=0.9, nesterov=True)


def train(model: nn.Module, optimizer: SGD, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        x = rng.standard_normal((5, 4)).astype(np.float32)
        (model(x) ** 2).mean().backward()
        optimizer.step()


def bits(model: nn.Module) -> list[bytes]:
    return [p.data.tobytes() for p in model.parameters()]


def test_a_loaded_optimiser_continues_bit_identically() -> None:
    model, optimizer = model_and_optimizer()
    train(model, optimizer, 3, seed=1)
    optimizer.param_groups[1]["lr"] = 0.02  # as a scheduler would
    saved_model, saved = model.state_dict(), copy.deepcopy(optimizer.state_dict())
    train(model, optimizer, 3, seed=2)

    other, loaded = model_and_optimizer()
    other.load_state_dict(saved_model)
    loaded.load_state_dict(saved)
    assert [group["lr"] for group in loaded.param_groups] == [0.05, 0.02]
    train(other, loaded, 3, seed=2)
    assert bits(other) == bits(model)

    forgetful, empty = model_and_optimizer()
    forgetful.load_state_dict(saved_model)
    train(forgetful, empty, 3, seed=2)
    assert bits(forgetful) != bits(model), "the memory must matter, or nothing was tested"


def test_state_dict_is_a_copy_both_ways() -> None:
    model, optimizer = model_and_optimizer()
    train(model, optimizer, 1, seed=1)
    state = optimizer.state_dict()
    kept = copy.deepcopy(state)
    train(model, optimizer, 1, seed=2)
    for position, memory in state["state"].items():
        np.testing.assert_array_equal(memory["momentum"], kept["state"][position]["momentum"])
    _, other = model_and_optimizer()
    other.load_state_dict(state)
    for memory in state["state"].values():
        memory["momentum"][...] = 99
    assert not any((m["momentum"] == 99).any() for m in other.state.values())


def test_state_dict_of_a_new_optimiser() -> None:
    state = model_and_optimizer()[1].state_dict()
    assert state["state"] == {}
    assert [group["params"] for group in state["param_groups"]] == [2, 2]
    assert state["param_groups"][0]["lr"] == 0.05


def test_loading_refuses_another_model_and_changes_nothing() -> None:
    model, optimizer = model_and_optimizer()
    train(model, optimizer, 1, seed=1)
    before = copy.deepcopy(optimizer.state_dict())

    fewer = SGD(nn.Linear(4, 3).parameters(), lr=7.0)
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters, this one of \[2, 2\]"):
        optimizer.load_state_dict(fewer.state_dict())

    misshapen = copy.deepcopy(before)
    misshapen["state"]["3"]["momentum"] = np.zeros(9)
    misshapen["param_groups"][0]["lr"] = 7.0
    misshapen["state"]["0"]["momentum"][...] = 7.0
    with pytest.raises(ValueError, match=r"momentum of parameter 3 has shape \(9,\).*\(2,\)"):
        optimizer.load_state_dict(misshapen)

    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for position, memory in before["state"].items():
        np.testing.assert_array_equal(after["state"][position]["momentum"], memory["momentum"])


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: SGD([], lr=0.1), ValueError, r"SGD got no parameters; pass model\.parameters"),
        (lambda: SGD([parameter()], lr=-0.1), ValueError, "lr=-0.1"),
        (lambda: SGD([parameter()], lr=float("nan")), ValueError, "lr=nan"),
        (lambda: SGD([{"params": [parameter()], "lr": -1}]), ValueError, "lr=-1"),
        (lambda: SGD([parameter()], momentum=-0.9), ValueError, "momentum=-0.9"),
        (lambda: SGD([parameter()], weight_decay=-1e-4), ValueError, "weight_decay=-0.0001"),
        (lambda: SGD([parameter()], nesterov=True), ValueError, "momentum > 0.*momentum=0"),
        (
            lambda: SGD([parameter()], momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "dampening=0.1",
        ),
        (
            lambda: SGD([{"params": [parameter()], "momentum": 0}], momentum=0.9, nesterov=True),
            ValueError,
            "momentum=0 and",
        ),
        (lambda: SGD([np.zeros(3)]), TypeError, "steps tensors, not ndarray"),
        (lambda: SGD(nn.Linear(2, 2).named_parameters()), TypeError, "not tuple"),
        (lambda: SGD(parameter()), TypeError, r"not one tensor; write \[parameter\]"),
        (lambda: SGD([parameter() * 2]), ValueError, "leaves, not a tensor made by Multiply"),
        (lambda: SGD([{"params": [parameter()]}, parameter()]), TypeError, "mixed"),
        (lambda: SGD([{"parameters": [parameter()]}]), TypeError, "'params'"),
        (
            lambda: SGD([{"params": [parameter()], "learning_rate": 0.1}]),
            ValueError,
            "learning_rate, which SGD does not have; its settings are lr, momentum",
        ),
    ],
)
def test_errors(make: Callable[[], SGD], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_parameter_listed_twice_is_refused() -> None:
    w = parameter()
    for params in ([w, w], [{"params": [w]}, {"params": [w]}]):
        with pytest.raises(ValueError, match="listed twice"):
            SGD(params)


def test_used_up_iterator_is_named() -> None:
    parameters = nn.Linear(2, 2).parameters()
    SGD(parameters)
    with pytest.raises(ValueError, match="used up"):
        SGD(parameters)


def test_arguments_are_torchs() -> None:
    defaults = {k: p.default for k, p in inspect.signature(SGD).parameters.items()}
    assert list(defaults) == [
        "params", "lr", "momentum", "dampening", "weight_decay", "nesterov"
    ]  # fmt: skip
    del defaults["params"]
    assert list(defaults.values()) == [1e-3, 0, 0, 0, False]


def test_plain_tensors_that_require_grad_will_do() -> None:
    w = Tensor(np.array(START), requires_grad=True)
    (w * np.array(GRADIENTS[0])).sum().backward()
    optim.SGD([w], lr=0.1).step()
    close(w.data, [0.95, -2.1])
