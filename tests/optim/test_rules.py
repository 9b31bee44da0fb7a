"""What holds for every optimiser, and each rule against its formulas transcribed in NumPy."""

import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from minidl_kernels import available

import minidl
from minidl import Tensor, nn
from minidl.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from minidl.train import checkpoint

# ------------------------------------------------------------------- the rules, transcribed
# Each is a generator: it is sent a gradient and yields the parameter after the step.


def sgd(w, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    v = None
    while True:
        g = (yield w) + weight_decay * w
        v = g if v is None else momentum * v + (1 - dampening) * g
        w = w - lr * ((g + momentum * v if nesterov else v) if momentum else g)


def adagrad(w, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    total, t = initial_accumulator_value, 0
    while True:
        g = (yield w) + weight_decay * w
        total = total + g * g
        w = w - lr / (1 + t * lr_decay) * g / (total**0.5 + eps)
        t += 1


def rmsprop(w, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    s, m, v = 0 * w, 0 * w, 0 * w
    while True:
        g = (yield w) + weight_decay * w
        s = alpha * s + (1 - alpha) * g * g
        m = alpha * m + (1 - alpha) * g
        v = momentum * v + g / ((s - centered * m * m) ** 0.5 + eps)
        w = w - lr * v


def adam(w, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    (a, b), m, s, t = betas, 0 * w, 0 * w, 0
    while True:
        g, t = (yield w) + (not decoupled) * weight_decay * w, t + 1
        m, s = a * m + (1 - a) * g, b * s + (1 - b) * g * g
        w = w - decoupled * lr * weight_decay * w
        w = w - lr * (m / (1 - a**t)) / ((s / (1 - b**t)) ** 0.5 + eps)


def adamw(w, weight_decay=1e-2, **settings):
    return adam(w, weight_decay=weight_decay, decoupled=True, **settings)


ALL = {"lr": 0.05, "weight_decay": 0.3}
RULES: dict[str, tuple[type[Optimizer], Callable[..., Any], dict[str, Any]]] = {
    "SGD": (SGD, sgd, {}),
    "SGD, dampening": (SGD, sgd, {**ALL, "momentum": 0.8, "dampening": 0.4}),
    "SGD, nesterov": (SGD, sgd, {**ALL, "momentum": 0.8, "nesterov": True}),
    "Adagrad": (Adagrad, adagrad, {}),
    "Adagrad, all": (
        Adagrad,
        adagrad,
        {**ALL, "lr_decay": 0.2, "initial_accumulator_value": 0.5, "eps": 1e-3},
    ),
    "RMSprop": (RMSprop, rmsprop, {}),
    "RMSprop, momentum": (RMSprop, rmsprop, {"momentum": 0.8}),
    "RMSprop, centered": (RMSprop, rmsprop, {"centered": True, "alpha": 0.7}),
    "RMSprop, all": (
        RMSprop,
        rmsprop,
        {**ALL, "momentum": 0.8, "centered": True, "alpha": 0.7, "eps": 1e-3},
    ),
    "Adam": (Adam, adam, {}),
    "Adam, all": (Adam, adam, {**ALL, "betas": (0.7, 0.95), "eps": 1e-3}),
    "AdamW": (AdamW, adamw, {}),
    "AdamW, all": (AdamW, adamw, {**ALL, "betas": (0.7, 0.95), "eps": 1e-3}),
}
CLASSES = [SGD, Adagrad, RMSprop, Adam, AdamW]
every_rule = pytest.mark.parametrize("name", RULES)
every_class = pytest.mark.parametrize("kind", CLASSES)
SHAPE = (4, 5)


def drawn(count: int, shape: tuple[int, ...] = SHAPE, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, *shape)).astype(dtype)


def parameter(array: Any) -> Tensor:
    return Tensor(np.asarray(array), requires_grad=True)


def transcribed(name: str, start: np.ndarray, grads: np.ndarray) -> list[np.ndarray]:
    _, rule, settings = RULES[name]
    steps = rule(start.copy(), **settings)
    next(steps)
    return [steps.send(grad) for grad in grads]


@every_rule
@pytest.mark.parametrize("kernels", available())
def test_ten_steps_are_the_formulas(name: str, kernels: str) -> None:
    start, *grads = drawn(11)
    kind, _, settings = RULES[name]
    w = parameter(start.copy())
    optimizer = kind([w], **settings)
    with minidl.kernels(kernels):
        for grad, expected in zip(grads, transcribed(name, start, grads), strict=True):
            w.grad = grad.copy()
            optimizer.step()
            np.testing.assert_allclose(w.data, expected, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(w.grad, grad)


@every_rule
@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a[1, 2:3]])
def test_parameters_that_are_views_are_changed_where_they_are(name: str, view: Any) -> None:
    start, *grads = drawn(4)
    kind, _, settings = RULES[name]
    store = start.copy()
    w = parameter(view(store))
    optimizer = kind([w], **settings)
    for grad in grads:
        w.grad = view(grad)
        optimizer.step()
    expected = start.copy()
    view(expected)[...] = transcribed(name, view(start), [view(grad) for grad in grads])[-1]
    np.testing.assert_allclose(store, expected, rtol=1e-12, atol=1e-12)


@every_rule
def test_float32_stays_float32_and_close_to_float64(name: str) -> None:
    start, *grads = drawn(6, dtype=np.float32)
    kind, _, settings = RULES[name]
    w = parameter(start.copy())
    array = w.data
    optimizer = kind([w], **settings)
    for grad in grads:
        w.grad = grad
        optimizer.step()
    assert w.data is array
    assert array.dtype == np.float32
    memory = [a for a in optimizer.state.get(0, {}).values() if a.ndim]
    assert all(a.dtype == np.float32 for a in memory)
    exact = transcribed(name, start.astype(np.float64), [g.astype(np.float64) for g in grads])[-1]
    np.testing.assert_allclose(array, exact, rtol=1e-5, atol=1e-5)


@every_rule
def test_a_parameter_without_gradient_stays_and_later_begins_at_its_own_first_step(
    name: str,
) -> None:
    start, *grads = drawn(4)
    kind, _, settings = RULES[name]
    still, w = parameter(start.copy()), parameter(start.copy())
    optimizer = kind([still, w], **settings)
    for grad in grads:
        w.grad = grad
        optimizer.step()
    np.testing.assert_array_equal(still.data, start)
    for grad in grads:
        still.grad = grad
        w.grad = None
        optimizer.step()
    np.testing.assert_array_equal(still.data, w.data)


@every_rule
def test_a_rate_of_0_moves_nothing(name: str) -> None:
    """Such a group stays to the bit, while its memory goes on."""
    start, *grads = drawn(4)
    kind, _, settings = RULES[name]
    still, w = parameter(start.copy()), parameter(start.copy())
    optimizer = kind([{"params": still, "lr": 0.0}, {"params": w}], **settings)
    for grad in grads:
        still.grad, w.grad = grad, grad
        optimizer.step()
    np.testing.assert_array_equal(still.data, start)
    assert not np.array_equal(w.data, start)
    if "weight_decay" not in settings:
        for key, array in optimizer.state.get(0, {}).items():
            np.testing.assert_array_equal(array, optimizer.state[1][key])


@every_rule
def test_without_weight_decay_an_infinite_parameter_stays_infinite(name: str) -> None:
    kind, _, settings = RULES[name]
    for kernels in available():
        w = parameter(np.array([np.inf, 1.0, -np.inf]))
        w.grad = np.array([1.0, 1.0, -2.0])
        with minidl.kernels(kernels):
            kind([w], **{**settings, "weight_decay": 0.0}).step()
        np.testing.assert_array_equal(w.data[::2], [np.inf, -np.inf])


@pytest.mark.parametrize("kernels", available())
def test_centred_rmsprop_survives_equal_gradients(kernels: str) -> None:
    """s − m² is 0 up to rounding, which must not end in the root of a negative number."""
    w = parameter(np.ones(7, np.float32))
    optimizer = RMSprop([w], lr=1e-3, alpha=0.5, eps=1e-2, centered=True)
    with minidl.kernels(kernels):
        for _ in range(60):
            w.grad = np.linspace(0.1, 3, 7).astype(np.float32)
            optimizer.step()
    assert np.isfinite(w.data).all()


@pytest.mark.parametrize("kernels", available())
def test_nan_is_not_hidden(kernels: str) -> None:
    for kind in CLASSES:
        w = parameter(np.ones(3))
        w.grad = np.array([1.0, np.nan, 1.0])
        with minidl.kernels(kernels):
            kind([w], lr=0.1).step()
        assert np.isnan(w.data).tolist() == [False, True, False], kind


# -------------------------------------------------------------------------------- minimising

MINIMISERS = {
    "SGD": lambda w: SGD(w, 1e-3, momentum=0.9, nesterov=True),
    "Adagrad": lambda w: Adagrad(w, 1.0),
    "RMSprop": lambda w: RMSprop(w, 1e-3, momentum=0.9),
    "RMSprop, centered": lambda w: RMSprop(w, 1e-3, momentum=0.9, centered=True),
    "Adam": lambda w: Adam(w, 0.02),
    "AdamW": lambda w: AdamW(w, 0.02, weight_decay=0.0),
}


@pytest.mark.parametrize("name", MINIMISERS)
def test_rosenbrocks_valley(name: str) -> None:
    """(1 − x)² + 100 (y − x²)²: from (−1.2, 1) through a bent valley to the minimum at (1, 1)."""
    w = parameter(np.array([-1.2, 1.0]))
    optimizer = MINIMISERS[name]([w])
    for _ in range(6000 if name == "Adagrad" else 3000):  # its steps only ever get shorter
        x, y = w.data
        w.grad = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        optimizer.step()
    np.testing.assert_allclose(w.data, [1, 1], atol=0.05)


# ---------------------------------------------------------------------------- saving and loading


def made(kind: type[Optimizer], **settings: Any) -> tuple[nn.Module, Optimizer]:
    minidl.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    groups = [
        {"params": model[0].parameters(), "lr": 0.05},
        {"params": model[2].parameters(), "weight_decay": 0.01},
    ]
    return model, kind(groups, **{"lr": 0.1, **settings})


def train(model: nn.Module, optimizer: Optimizer, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(rng.standard_normal((5, 4)).astype(np.float32)) ** 2).mean().backward()
        optimizer.step()


@every_rule
def test_a_run_that_goes_on_from_a_checkpoint_is_bit_identical(name: str, tmp_path: Path) -> None:
    kind, _, settings = RULES[name]
    model, optimizer = made(kind, **settings)
    train(model, optimizer, 3, seed=1)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    checkpoint.save(state, tmp_path / "run.safetensors")
    train(model, optimizer, 3, seed=2)

    state = checkpoint.load(tmp_path / "run.safetensors")
    other, loaded = made(kind, **settings)
    other.load_state_dict(state["model"])
    loaded.load_state_dict(state["optimizer"])
    train(other, loaded, 3, seed=2)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, two.data)


@pytest.mark.parametrize("kind", [Adagrad, RMSprop, Adam, AdamW])
def test_forgetting_the_memory_would_be_seen(kind: type[Optimizer]) -> None:
    model, optimizer = made(kind)
    train(model, optimizer, 3, seed=1)
    weights = model.state_dict()
    train(model, optimizer, 3, seed=2)
    other, empty = made(kind)
    other.load_state_dict(weights)
    train(other, empty, 3, seed=2)
    assert not np.array_equal(other[0].weight.data, model[0].weight.data)


def test_the_memory_of_another_rule_is_refused_and_changes_nothing() -> None:
    _, adam = made(Adam)
    model, adamw = made(AdamW)
    train(model, adamw, 1, seed=1)
    before = copy.deepcopy(adamw.state_dict())
    with pytest.raises(ValueError, match=r"saved optimiser is Adam, this one AdamW"):
        adamw.load_state_dict(adam.state_dict())
    old = {key: value for key, value in before.items() if key != "optimizer"}
    with pytest.raises(ValueError, match=r"saved optimiser is of an older version, this one AdamW"):
        adamw.load_state_dict(old)
    spoilt = copy.deepcopy(before)
    spoilt["param_groups"][1]["lr"] = float("nan")
    spoilt["state"] = {}
    with pytest.raises(ValueError, match="lr=nan"):
        adamw.load_state_dict(spoilt)
    assert adamw.state_dict()["param_groups"] == before["param_groups"]
    assert adamw.state_dict()["state"].keys() == before["state"].keys()


# --------------------------------------------------------------------------------------- errors

WRONG = {
    "lr": [
        (-0.1, "lr must be a finite number, 0 .* or more, but lr=-0.1"),
        (np.nan, "lr=nan"),
        (np.inf, "lr=inf"),
    ],
    "momentum": [(1.0, "momentum must be at least 0 and less than 1.*=1.0"), (-0.1, "=-0.1")],
    "dampening": [(1.5, "dampening=1.5"), (np.nan, "dampening=nan")],
    "weight_decay": [(-1e-4, "weight_decay=-0.0001"), (np.nan, "=nan"), (np.inf, "=inf")],
    "lr_decay": [(-1.0, "lr_decay=-1")],
    "initial_accumulator_value": [(-1.0, "initial_accumulator_value=-1")],
    "alpha": [(1.0, "alpha=1.0"), (np.nan, "alpha=nan")],
    "eps": [(0.0, "eps must be a finite number greater than 0, but eps=0"), (-1e-8, "=-1e-08")],
    "betas": [
        ((1.0, 0.9), r"betas\[0\] must be at least 0 and less than 1.*=1.0"),
        ((0.9, -0.1), r"betas\[1\]=-0.1"),
        ((0.9, np.nan), r"betas\[1\]=nan"),
    ],
}


@every_class
def test_wrong_settings(kind: type[Optimizer]) -> None:
    arguments = [name for name in inspect.signature(kind).parameters if name in WRONG]
    assert {"lr", "weight_decay"} <= set(arguments)
    for name in arguments:
        for value, words in WRONG[name]:
            with pytest.raises(ValueError, match=rf"{kind.__name__}: .*{words}"):
                kind([parameter(np.ones(2))], **{name: value})


@every_class
def test_every_number_is_checked(kind: type[Optimizer]) -> None:
    """Each argument is in the list of wrong ones above, or is a flag."""
    arguments = inspect.signature(kind).parameters.values()
    assert {a.name for a in arguments if not isinstance(a.default, bool)} <= {"params", *WRONG}


@every_class
def test_a_rate_that_becomes_nan_stops_before_anything_is_changed(kind: type[Optimizer]) -> None:
    first, second = parameter(np.ones(2)), parameter(np.ones(2))
    optimizer = kind([{"params": first}, {"params": second}], lr=0.1)
    first.grad, second.grad = np.ones(2), np.ones(2)
    optimizer.param_groups[1]["lr"] = float("nan")
    with pytest.raises(ValueError, match="lr=nan"):
        optimizer.step()
    np.testing.assert_array_equal([first.data, second.data], np.ones((2, 2)))


@pytest.mark.parametrize("betas", [0.9, (0.9,), (0.9, 0.99, 0.999)])
def test_betas_are_two(betas: Any) -> None:
    with pytest.raises(TypeError, match=r"Adam: betas must be two numbers, such as \(0.9, 0.999\)"):
        Adam([parameter(np.ones(2))], betas=betas)


def test_a_rate_that_is_text() -> None:
    with pytest.raises(TypeError, match=r"SGD: lr must be.*not '0.1', which is of type str"):
        SGD([parameter(np.ones(2))], lr="0.1")  # type: ignore[arg-type]


def test_arguments_are_torchs() -> None:
    expected: dict[type[Optimizer], dict[str, Any]] = {
        Adagrad: {"lr": 1e-2, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0}
        | {"eps": 1e-10},
        RMSprop: {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0}
        | {"centered": False},
        Adam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0},
        AdamW: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2},
    }
    for kind, arguments in expected.items():
        parameters = dict(inspect.signature(kind).parameters)
        del parameters["params"]
        found = {name: parameter.default for name, parameter in parameters.items()}
        assert list(found.items()) == list(arguments.items())
