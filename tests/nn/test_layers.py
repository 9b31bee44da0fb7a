"""The layer contract, kept by every layer of `minidl.nn`, found by introspection.

A layer of `nn.__all__` without a row in EXAMPLES fails `test_every_layer_has_an_example`.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn
from tests.nn.layer_examples import EXAMPLES, SIGNATURES, Example

pytestmark = pytest.mark.usefixtures("numpy_kernels")

CASES = [
    pytest.param(name, example, id=f"{name}-{k}")
    for name, examples in EXAMPLES.items()
    for k, example in enumerate(examples)
]
every_layer = pytest.mark.parametrize(("name", "example"), CASES)


def layer_names() -> set[str]:
    """Every Module subclass of `minidl.nn`, but Module itself."""
    members = {name: getattr(nn, name) for name in nn.__all__}
    return {
        name
        for name, value in members.items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and value is not nn.Module
    }


def drawn(example: Example, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(example.shape).astype(dtype)


def moved(layer: nn.Module) -> nn.Module:
    """The layer with parameters and statistics away from their special first values 0 and 1."""
    rng = np.random.default_rng(3)
    for parameter in layer.parameters():
        parameter.data += rng.uniform(0.1, 0.4, parameter.shape).astype(parameter.dtype)
    for buffer in layer.buffers():
        if buffer.dtype.kind == "f":
            buffer += rng.uniform(0.1, 0.4, buffer.shape).astype(buffer.dtype)
    return layer


def test_every_layer_has_an_example() -> None:
    assert layer_names() == set(EXAMPLES)
    for name, examples in EXAMPLES.items():
        assert examples or name in {"DiceLoss", "ModuleList", "MultiheadAttention"}
        assert all(type(example.make()) is getattr(nn, name) for example in examples)


def test_every_layer_of_the_package_is_exported() -> None:
    """A layer in a file of minidl/nn that `nn.__all__` forgot."""
    found = {nn.Module}
    stack = [nn.Module]
    while stack:
        for layer in stack.pop().__subclasses__():
            stack.append(layer)
            if layer.__module__.startswith("minidl.nn.") and layer.__name__[0] != "_":
                found.add(layer)
    assert {layer.__name__ for layer in found} == layer_names() | {"Module"}


@every_layer
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_gradient_reaches_every_parameter_and_every_input(
    name: str, example: Example, training: bool
) -> None:
    """For a random cotangent every array must receive a gradient that is not zero.

    float64, because with float32 rounding noise would pass for a gradient.
    """
    del name
    layer = moved(example.make()).train(training).astype("float64")
    x = Tensor(drawn(example, np.float64), requires_grad=True)
    output = layer(x, *example.more)
    v = np.random.default_rng(5).standard_normal(output.shape)
    output.backward(v)
    grads = {"input": x.grad, **{n: p.grad for n, p in layer.named_parameters()}}
    for where, grad in grads.items():
        assert grad is not None, f"no gradient for {where}"
        assert np.abs(grad).max() > 1e-3, f"the gradient of {where} is zero"
    for where, parameter in layer.named_parameters():
        assert parameter.grad.shape == parameter.shape, where
        # not one output channel or feature is left out
        rows = np.abs(parameter.grad.reshape(len(parameter.grad), -1)).max(axis=1)
        assert (rows > 0).all(), f"part of {where} receives nothing"


@every_layer
def test_dtype_is_kept(name: str, example: Example) -> None:
    del name
    for dtype in (np.float32, np.float64):
        layer = example.make().astype(dtype)
        x = Tensor(drawn(example, dtype), requires_grad=True)
        output = layer(x, *example.more)
        assert output.dtype == dtype
        output.backward(np.random.default_rng(5).standard_normal(output.shape))
        assert x.grad.dtype == dtype
        assert all(parameter.dtype == dtype for parameter in layer.parameters())
        floats = [buffer for buffer in layer.buffers() if buffer.dtype.kind == "f"]
        assert all(buffer.dtype == dtype for buffer in floats)
        assert layer.eval()(x, *example.more).dtype == dtype


@every_layer
def test_a_new_layer_is_float32(name: str, example: Example) -> None:
    del name
    layer = example.make()
    assert all(parameter.dtype == np.float32 for parameter in layer.parameters())
    assert layer(drawn(example), *example.more).dtype == np.float32


@every_layer
def test_state_dict_round_trip_gives_the_same_bits(name: str, example: Example) -> None:
    del name
    source = moved(example.make())
    source(drawn(example, seed=7), *example.more)  # in training: moves running statistics
    target = example.make()
    target.load_state_dict(source.state_dict())
    x = drawn(example)
    expected = source.eval()(x, *example.more).data
    assert target.eval()(x, *example.more).data.tobytes() == expected.tobytes()


@every_layer
def test_repr_shows_the_constructor_arguments(name: str, example: Example) -> None:
    shown = repr(example.make())
    assert shown.startswith(f"{name}(")
    assert shown.endswith(")")
    assert example.text in shown
    if example.text == "":
        assert shown == f"{name}()"


@every_layer
def test_training_and_evaluation_differ_only_where_meant(name: str, example: Example) -> None:
    del name
    layer, x = moved(example.make()), drawn(example)
    trained = layer(x, *example.more).data
    evaluated = layer.eval()(x, *example.more).data
    assert (trained.tobytes() != evaluated.tobytes()) == example.modes
    # Evaluation has no memory and no chance.
    state = {key: array.tobytes() for key, array in layer.state_dict().items()}
    assert layer(x, *example.more).data.tobytes() == evaluated.tobytes()
    assert {key: array.tobytes() for key, array in layer.state_dict().items()} == state


@every_layer
def test_the_input_is_not_changed_and_arrays_are_welcome(name: str, example: Example) -> None:
    del name
    layer, x = example.make().eval(), drawn(example)
    before = x.tobytes()
    x.flags.writeable = False
    from_array = layer(x, *example.more)
    from_tensor = layer(Tensor(x), *example.more)
    assert isinstance(from_array, Tensor)
    assert from_array.data.tobytes() == from_tensor.data.tobytes()
    assert x.tobytes() == before


# ---------------------------------------------------------------- constructors as in torch.nn


@pytest.mark.parametrize("name", sorted(layer_names()))
def test_constructor_arguments(name: str) -> None:
    layer = getattr(nn, name)
    own = layer.__init__ is not object.__init__
    parameters = inspect.signature(layer).parameters if own else {}
    found = {key: parameter.default for key, parameter in parameters.items()}
    assert list(found) == list(SIGNATURES[name]), "argument names and their order"
    assert found == SIGNATURES[name], "defaults"


def test_pooling_stride_defaults_to_the_kernel() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 1, 4, 6)
    assert nn.MaxPool2d((2, 3))(x).data.tolist() == [[[[8, 11], [20, 23]]]]
    assert nn.AvgPool2d((2, 3))(x).data.tolist() == [[[[4, 7], [16, 19]]]]


def test_flatten() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert nn.Flatten()(x).data.tolist() == x.reshape(2, 12).tolist()
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(2)(x).shape == (2, 3, 4)


def test_first_weights_are_torchs() -> None:
    """Uniform within ±1/√fan_in, weight and bias; batch norm starts as the identity."""
    minidl.manual_seed(0)
    conv, linear = nn.Conv2d(8, 200, 5, groups=2), nn.Linear(64, 5000)
    for layer, fan_in in ((conv, 4 * 25), (linear, 64)):
        bound = 1 / np.sqrt(fan_in)
        for parameter in (layer.weight, layer.bias):
            assert np.abs(parameter.data).max() <= bound
            assert np.abs(parameter.data).max() > 0.97 * bound
            # the standard error of the mean of n uniform numbers is bound/√(3n)
            assert abs(parameter.data.mean()) < 4 * bound / np.sqrt(3 * parameter.size)
    norm = nn.BatchNorm2d(3)
    assert norm.weight.data.tolist() == norm.running_var.tolist() == [1, 1, 1]
    assert norm.bias.data.tolist() == norm.running_mean.tolist() == [0, 0, 0]
    assert norm.num_batches_tracked == 0


def test_losses_are_the_functions() -> None:
    """nn.CrossEntropyLoss hands all its arguments over: two rows by hand.

    logits (0, 0) and (0, 0): −ln ½ each; weights 1 and 3: (1·ln 2 + 3·ln 2)/4 = ln 2, "sum" 4 ln 2.
    """
    logits, labels = np.zeros((3, 2)), np.array([0, 1, 9])
    weight = np.array([1.0, 3.0])
    summed = nn.CrossEntropyLoss(weight, ignore_index=9, reduction="sum")
    assert summed(logits, labels).item() == pytest.approx(4 * np.log(2))
    assert nn.CrossEntropyLoss(weight, 9)(logits, labels).item() == pytest.approx(np.log(2))
    nll = nn.NLLLoss(weight, 9, "none")
    assert nll(np.array([[-1.0, -2], [-3, -4], [-5, -6]]), labels).data.tolist() == [1, 12, 0]


# ------------------------------------------------------- layers hand all their arguments over

# layer: (function, arguments of both, then one argument after the other that must matter)
HANDED_OVER: dict[str, tuple[Callable[..., Tensor], dict[str, Any], dict[str, Any]]] = {
    "MaxPool2d": (
        F.max_pool2d,
        {"kernel_size": 3},
        {
            "kernel_size": 2,
            "stride": 2,
            "padding": 1,
            "dilation": 2,
            "ceil_mode": True,
        },
    ),
    "AvgPool2d": (
        F.avg_pool2d,
        {"kernel_size": 3, "padding": 1},
        {
            "kernel_size": 2,
            "stride": 2,
            "padding": 0,
            "ceil_mode": True,
            "count_include_pad": False,
        },
    ),
    "AdaptiveAvgPool2d": (F.adaptive_avg_pool2d, {"output_size": 1}, {"output_size": (2, 3)}),
    "AdaptiveMaxPool2d": (F.adaptive_max_pool2d, {"output_size": 1}, {"output_size": (2, 3)}),
    "Unfold": (
        F.unfold,
        {"kernel_size": 3},
        {"kernel_size": 2, "dilation": 2, "padding": 1, "stride": 2},
    ),
    "Softmax": (F.softmax, {}, {"axis": 1}),
    "LogSoftmax": (F.log_softmax, {}, {"axis": 2}),
    "LeakyReLU": (F.leaky_relu, {}, {"negative_slope": 0.3}),
    "ELU": (F.elu, {}, {"alpha": 0.3}),
    "GELU": (F.gelu, {}, {"approximate": "tanh"}),
    "Softplus": (F.softplus, {}, {"beta": 2.0, "threshold": 0.5}),
    "Maxout": (F.maxout, {"pool_size": 3}, {"pool_size": 1, "axis": 2}),
}


@pytest.mark.parametrize("name", HANDED_OVER)
def test_every_argument_reaches_the_function(name: str) -> None:
    """Changing one argument must change the output, to what the function gives with it."""
    function, common, changes = HANDED_OVER[name]
    assert set(common) | set(changes) == set(SIGNATURES[name])
    x = drawn(Example(nn.Identity, (2, 3, 9, 10), ""))
    plain = getattr(nn, name)(**common)(x).data
    np.testing.assert_array_equal(plain, function(x, **common).data)
    for argument, value in changes.items():
        options = {**common, argument: value}
        output = getattr(nn, name)(**options)(x).data
        np.testing.assert_array_equal(output, function(x, **options).data)
        assert not np.array_equal(output, plain), f"{argument} has no effect"


@pytest.mark.parametrize(
    ("argument", "value"),
    [("stride", (2, 1)), ("padding", (0, 2)), ("dilation", 2), ("groups", 2), ("bias", False)],
)
def test_every_argument_of_conv2d_reaches_the_function(argument: str, value: Any) -> None:
    x = drawn(Example(nn.Identity, (2, 4, 8, 9), ""))
    layer = nn.Conv2d(4, 6, (3, 2), **{argument: value})
    weight, bias = layer.weight, None if argument == "bias" else layer.bias
    options = {} if argument == "bias" else {argument: value}
    expected = F.conv2d(x, weight, bias, **options).data
    np.testing.assert_array_equal(layer(x).data, expected)
    layer.load_state_dict(layer.state_dict())
    assert (layer.bias is None) == (argument == "bias")


def test_every_argument_of_batch_norm_reaches_the_function() -> None:
    """One channel 1, 3 by hand: x̂ = ∓1/√(1 + eps); μ = 2, unbiased σ² = 2 move by momentum."""
    x = np.array([[1.0], [3.0]])
    layer = nn.BatchNorm1d(1, eps=3, momentum=0.25).astype("float64")
    layer.weight.data[:], layer.bias.data[:] = 4, 1
    np.testing.assert_allclose(layer(x).data, [[-1], [3]])
    np.testing.assert_allclose([layer.running_mean[0], layer.running_var[0]], [0.5, 1.25])
    # evaluation: (x − ½)/√(1.25 + 3) · 4 + 1
    expected = 4 * (x - 0.5) / np.sqrt(4.25) + 1
    np.testing.assert_allclose(layer.eval()(x).data, expected)
    bare = nn.BatchNorm1d(1, affine=False, track_running_stats=False)
    assert bare.state_dict() == {}
    assert bare.running_mean is None
