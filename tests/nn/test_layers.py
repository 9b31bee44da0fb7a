"""The layer contract, kept by every layer of `minidl.nn`, found by introspection.

A layer of `nn.__all__` without a row in EXAMPLES fails `test_every_layer_has_an_example`.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn

LABELS = np.array([2, 0, 1])
SHARES = np.arange(15).reshape(3, 5) % 7 / 7  # between 0 and 1, in float64


@pytest.fixture(autouse=True)
def _numpy_kernels() -> Iterator[None]:
    with minidl.kernels("numpy"):
        yield


@dataclass(frozen=True)
class Example:
    """A layer, the shape of its input, and what is special about it.

    Attributes:
        make: builds the layer.
        shape: of the input, normal numbers.
        more: further arguments of the call, such as labels.
        text: what repr must show beside the class name.
        modes: whether training and evaluation give different outputs.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    text: str
    more: tuple[Any, ...] = field(default=())
    modes: bool = False


IMAGES, ROWS = (3, 4, 7, 6), (3, 5)
TRACKED = "affine=True, track_running_stats=True"

EXAMPLES: dict[str, list[Example]] = {
    "AdaptiveAvgPool2d": [
        Example(lambda: nn.AdaptiveAvgPool2d(1), IMAGES, "output_size=1"),
        Example(lambda: nn.AdaptiveAvgPool2d((3, 2)), IMAGES, "output_size=(3, 2)"),
    ],
    "AdaptiveMaxPool2d": [
        Example(lambda: nn.AdaptiveMaxPool2d(1), IMAGES, "output_size=1"),
        Example(lambda: nn.AdaptiveMaxPool2d((3, 2)), IMAGES, "output_size=(3, 2)"),
    ],
    "AvgPool2d": [
        Example(
            lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
            IMAGES,
            "kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False",
        )
    ],
    "BCEWithLogitsLoss": [
        Example(nn.BCEWithLogitsLoss, ROWS, "reduction='mean'", (SHARES,)),
        Example(
            lambda: nn.BCEWithLogitsLoss(np.arange(1.0, 6.0), "none", np.arange(2.0, 7.0)),
            ROWS,
            "weight=<5 numbers>, pos_weight=<5 numbers>, reduction='none'",
            (SHARES,),
        ),
    ],
    "BatchNorm1d": [
        Example(
            lambda: nn.BatchNorm1d(5),
            ROWS,
            f"5, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNorm1d(4, eps=0.1, momentum=None),
            (3, 4, 7),
            f"4, eps=0.1, momentum=None, {TRACKED}",
            modes=True,
        ),
    ],
    "BatchNorm2d": [
        Example(
            lambda: nn.BatchNorm2d(4),
            IMAGES,
            f"4, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False),
            IMAGES,
            "4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False",
        ),
    ],
    "BatchNormReLU2d": [
        Example(
            lambda: nn.BatchNormReLU2d(4),
            IMAGES,
            f"4, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNormReLU2d(4, eps=0.1, affine=False, track_running_stats=False),
            IMAGES,
            "4, eps=0.1, momentum=0.1, affine=False, track_running_stats=False",
        ),
    ],
    "ChannelShuffle": [Example(lambda: nn.ChannelShuffle(2), IMAGES, "groups=2")],
    "ClassToken": [Example(lambda: nn.ClassToken(4), (3, 5, 4), "4")],
    "ContrastiveLoss": [
        Example(
            lambda: nn.ContrastiveLoss(3.0),
            ROWS,
            "margin=3.0, reduction='mean'",
            (SHARES, np.array([1, 0, 0])),
        )
    ],
    "Conv2d": [
        Example(lambda: nn.Conv2d(4, 6, 3), IMAGES, "4, 6, kernel_size=(3, 3)"),
        Example(
            lambda: nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), 2, 2, False),
            IMAGES,
            "4, 6, kernel_size=(3, 2), stride=(1, 2), padding=(2, 1), dilation=2, groups=2, "
            "bias=False",
        ),
        Example(
            lambda: nn.Conv2d(4, 8, 3, padding="same", groups=4),
            IMAGES,
            "4, 8, kernel_size=(3, 3), padding='same', groups=4",
        ),
    ],
    "ConvTranspose2d": [
        Example(lambda: nn.ConvTranspose2d(4, 6, 3), IMAGES, "4, 6, kernel_size=(3, 3)"),
        Example(
            lambda: nn.ConvTranspose2d(4, 6, (3, 2), (3, 2), (2, 1), (2, 1), 2, False, (1, 2)),
            IMAGES,
            "4, 6, kernel_size=(3, 2), stride=(3, 2), padding=(2, 1), output_padding=(2, 1), "
            "groups=2, dilation=(1, 2), bias=False",
        ),
    ],
    "CrossEntropyLoss": [
        Example(
            lambda: nn.CrossEntropyLoss(np.arange(1.0, 6.0), label_smoothing=0.1),
            ROWS,
            "weight=<5 numbers>, ignore_index=-100, reduction='mean', label_smoothing=0.1",
            (LABELS,),
        ),
        Example(
            lambda: nn.CrossEntropyLoss(ignore_index=1, reduction="none"),
            (3, 5, 2),
            "ignore_index=1, reduction='none'",
            (np.array([[2, 0], [4, 3], [0, 2]]),),
        ),
    ],
    "DepthwiseSeparableConv2d": [
        Example(
            lambda: nn.DepthwiseSeparableConv2d(4, 6, (3, 2), 2, (1, 0)),
            IMAGES,
            "(depthwise): Conv2d(4, 4, kernel_size=(3, 2), stride=2, padding=(1, 0), groups=4)",
        ),
        Example(
            lambda: nn.DepthwiseSeparableConv2d(4, 6, 3, padding="same", bias=False),
            IMAGES,
            "(pointwise): Conv2d(4, 6, kernel_size=(1, 1), bias=False)",
        ),
    ],
    "DiceLoss": [],  # it wants probabilities; tests/ops/test_golden_loss.py has its tests
    # so few samples that with a larger p all of them might be dropped
    "DropPath": [Example(lambda: nn.DropPath(0.01), IMAGES, "p=0.01", modes=True)],
    "Dropout": [Example(lambda: nn.Dropout(0.2), ROWS, "p=0.2", modes=True)],
    "Dropout2d": [Example(lambda: nn.Dropout2d(0.2), IMAGES, "p=0.2", modes=True)],
    "ELU": [Example(lambda: nn.ELU(2.0), ROWS, "alpha=2.0")],
    "Flatten": [
        Example(nn.Flatten, IMAGES, "start_axis=1"),
        Example(lambda: nn.Flatten(2), IMAGES, "start_axis=2"),
    ],
    "Fold": [
        Example(
            lambda: nn.Fold((5, 4), 2),
            (3, 8, 12),
            "output_size=(5, 4), kernel_size=2, dilation=1, padding=0, stride=1",
        ),
        Example(
            lambda: nn.Fold((7, 6), (2, 3), (3, 1), (2, 1), (2, 3)),
            (3, 12, 8),
            "output_size=(7, 6), kernel_size=(2, 3), dilation=(3, 1), padding=(2, 1), "
            "stride=(2, 3)",
        ),
    ],
    "GELU": [
        Example(nn.GELU, ROWS, "approximate='none'"),
        Example(lambda: nn.GELU("tanh"), ROWS, "approximate='tanh'"),
    ],
    "GroupNorm": [
        Example(lambda: nn.GroupNorm(2, 4), IMAGES, "2, 4, eps=1e-05, affine=True"),
        Example(lambda: nn.GroupNorm(1, 4, 0.1, False), IMAGES, "1, 4, eps=0.1, affine=False"),
    ],
    "Hardsigmoid": [Example(nn.Hardsigmoid, ROWS, "")],
    "Hardswish": [Example(nn.Hardswish, ROWS, "")],
    "Identity": [Example(nn.Identity, ROWS, "")],
    "InstanceNorm2d": [
        Example(
            lambda: nn.InstanceNorm2d(4),
            IMAGES,
            "4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False",
        ),
        Example(
            lambda: nn.InstanceNorm2d(4, 0.1, 0.2, affine=True, track_running_stats=True),
            IMAGES,
            f"4, eps=0.1, momentum=0.2, {TRACKED}",
            modes=True,
        ),
    ],
    "L1Loss": [Example(lambda: nn.L1Loss("sum"), ROWS, "reduction='sum'", (SHARES,))],
    "LayerNorm": [
        Example(
            lambda: nn.LayerNorm(5), ROWS, "(5,), eps=1e-05, elementwise_affine=True, bias=True"
        ),
        Example(
            lambda: nn.LayerNorm((7, 6), 0.1, bias=False),
            IMAGES,
            "(7, 6), eps=0.1, elementwise_affine=True, bias=False",
        ),
        Example(
            lambda: nn.LayerNorm([4, 7, 6], elementwise_affine=False),
            IMAGES,
            "(4, 7, 6), eps=1e-05, elementwise_affine=False, bias=False",
        ),
    ],
    "LeakyReLU": [Example(lambda: nn.LeakyReLU(0.2), ROWS, "negative_slope=0.2")],
    "Linear": [
        Example(lambda: nn.Linear(5, 2), ROWS, "5, 2, bias=True"),
        Example(lambda: nn.Linear(5, 2, bias=False), (2, 3, 5), "5, 2, bias=False"),
    ],
    "LocalResponseNorm": [
        Example(
            lambda: nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=2),
            IMAGES,
            "3, alpha=0.5, beta=0.6, k=2",
        )
    ],
    "LogSoftmax": [Example(lambda: nn.LogSoftmax(axis=1), IMAGES, "axis=1")],
    "MSELoss": [Example(nn.MSELoss, ROWS, "reduction='mean'", (SHARES,))],
    "MarginLoss": [
        Example(
            lambda: nn.MarginLoss(0.8, 0.2, 0.4, "sum"),
            ROWS,
            "m_plus=0.8, m_minus=0.2, lambda_=0.4, reduction='sum'",
            (LABELS,),
        )
    ],
    "MaxPool2d": [
        Example(
            lambda: nn.MaxPool2d((2, 3), 1, (1, 0), 2, True),
            IMAGES,
            "kernel_size=(2, 3), stride=1, padding=(1, 0), dilation=2, ceil_mode=True",
        )
    ],
    "Maxout": [
        Example(lambda: nn.Maxout(2), IMAGES, "pool_size=2, axis=1"),
        Example(lambda: nn.Maxout(5, axis=-1), ROWS, "pool_size=5, axis=-1"),
    ],
    "ModuleList": [],  # it has no forward; tests/nn/test_module.py has its tests
    "MultiMarginLoss": [
        Example(
            lambda: nn.MultiMarginLoss(2, 0.5, np.arange(1.0, 6.0)),
            ROWS,
            "p=2, margin=0.5, weight=<5 numbers>, reduction='mean'",
            (LABELS,),
        )
    ],
    "MultiheadAttention": [],  # it returns a pair; tests/nn/test_attention.py has its tests
    "NLLLoss": [
        Example(
            lambda: nn.NLLLoss(np.arange(1.0, 6.0), reduction="sum"),
            ROWS,
            "weight=<5 numbers>, ignore_index=-100, reduction='sum'",
            (LABELS,),
        )
    ],
    "PReLU": [
        Example(nn.PReLU, ROWS, "num_parameters=1"),
        Example(lambda: nn.PReLU(4, init=0.1), IMAGES, "num_parameters=4"),
    ],
    "PositionEmbedding": [Example(lambda: nn.PositionEmbedding(5, 4), (3, 5, 4), "5, 4")],
    "ReLU": [Example(nn.ReLU, ROWS, "")],
    "ReLU6": [Example(nn.ReLU6, ROWS, "")],
    "Sequential": [
        Example(
            lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)),
            ROWS,
            "(0): Linear(5, 4, bias=True)",
        )
    ],
    "SiLU": [Example(nn.SiLU, ROWS, "")],
    "Sigmoid": [Example(nn.Sigmoid, ROWS, "")],
    "SmoothL1Loss": [
        Example(lambda: nn.SmoothL1Loss("none", 0.5), ROWS, "reduction='none', beta=0.5", (SHARES,))
    ],
    "Softmax": [Example(nn.Softmax, ROWS, "axis=-1")],
    "Softplus": [Example(lambda: nn.Softplus(2.0, 1.5), ROWS, "beta=2.0, threshold=1.5")],
    "Tanh": [Example(nn.Tanh, ROWS, "")],
    "TripletMarginLoss": [
        Example(
            lambda: nn.TripletMarginLoss(9.0, 1.0, 1e-3, True, "none"),
            ROWS,
            "margin=9.0, p=1.0, eps=0.001, swap=True, reduction='none'",
            (SHARES, SHARES[::-1]),
        )
    ],
    "Unfold": [
        Example(
            lambda: nn.Unfold((2, 3), (3, 1), (2, 1), (2, 3)),
            IMAGES,
            "kernel_size=(2, 3), dilation=(3, 1), padding=(2, 1), stride=(2, 3)",
        ),
    ],
    "Upsample": [
        Example(
            lambda: nn.Upsample(scale_factor=2), IMAGES, "Upsample(scale_factor=2, mode='nearest')"
        ),
        Example(
            lambda: nn.Upsample((5, 9), mode="bilinear", align_corners=True),
            IMAGES,
            "size=(5, 9), mode='bilinear', align_corners=True",
        ),
    ],
}

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

REQUIRED = inspect.Parameter.empty

SIGNATURES: dict[str, dict[str, Any]] = {
    "AdaptiveAvgPool2d": {"output_size": REQUIRED},
    "AdaptiveMaxPool2d": {"output_size": REQUIRED},  # torch: and return_indices
    "AvgPool2d": {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "ceil_mode": False,
        "count_include_pad": True,
    },
    "BCEWithLogitsLoss": {"weight": None, "reduction": "mean", "pos_weight": None},
    "BatchNorm1d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "BatchNorm2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "BatchNormReLU2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "ChannelShuffle": {"groups": REQUIRED},
    "ClassToken": {"embed_dim": REQUIRED},
    "ContrastiveLoss": {"margin": 1.0, "reduction": "mean"},  # torch has none
    "Conv2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
    },
    # another order than Conv2d's, as in torch.nn
    "ConvTranspose2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "output_padding": 0,
        "groups": 1,
        "bias": True,
        "dilation": 1,
    },
    # torch.nn has the deprecated size_average and reduce between; here they do not exist
    "CrossEntropyLoss": {
        "weight": None,
        "ignore_index": -100,
        "reduction": "mean",
        "label_smoothing": 0.0,
    },
    "DepthwiseSeparableConv2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "bias": True,
    },
    "DiceLoss": {"smooth": 1.0, "ignore_index": -100, "reduction": "mean"},  # torch has none
    "DropPath": {"p": REQUIRED},
    "Dropout": {"p": 0.5},
    "Dropout2d": {"p": 0.5},
    "ELU": {"alpha": 1.0},  # torch: and inplace, as in the others
    "Flatten": {"start_axis": 1},  # torch: start_dim
    "Fold": {
        "output_size": REQUIRED,
        "kernel_size": REQUIRED,
        "dilation": 1,
        "padding": 0,
        "stride": 1,
    },
    "GELU": {"approximate": "none"},
    "GroupNorm": {"num_groups": REQUIRED, "num_channels": REQUIRED, "eps": 1e-5, "affine": True},
    "Hardsigmoid": {},
    "Hardswish": {},
    "Identity": {},
    "InstanceNorm2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": False,
        "track_running_stats": False,
    },
    "L1Loss": {"reduction": "mean"},
    "LayerNorm": {
        "normalized_shape": REQUIRED,
        "eps": 1e-5,
        "elementwise_affine": True,
        "bias": True,
    },
    "LeakyReLU": {"negative_slope": 0.01},
    "Linear": {"in_features": REQUIRED, "out_features": REQUIRED, "bias": True},
    "LocalResponseNorm": {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "LogSoftmax": {"axis": -1},  # torch: dim=None, which guesses and warns
    "MSELoss": {"reduction": "mean"},
    # torch has none
    "MarginLoss": {"m_plus": 0.9, "m_minus": 0.1, "lambda_": 0.5, "reduction": "mean"},
    # torch.nn has return_indices between dilation and ceil_mode
    "MaxPool2d": {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "dilation": 1,
        "ceil_mode": False,
    },
    "Maxout": {"pool_size": REQUIRED, "axis": 1},  # torch has none
    "ModuleList": {"layers": ()},
    "MultiMarginLoss": {"p": 1, "margin": 1.0, "weight": None, "reduction": "mean"},
    # torch.nn has add_bias_kv, add_zero_attn, kdim and vdim between bias and batch_first
    "MultiheadAttention": {
        "embed_dim": REQUIRED,
        "num_heads": REQUIRED,
        "dropout": 0.0,
        "bias": True,
        "batch_first": False,
    },
    "NLLLoss": {"weight": None, "ignore_index": -100, "reduction": "mean"},
    "PReLU": {"num_parameters": 1, "init": 0.25},
    "PositionEmbedding": {"length": REQUIRED, "embed_dim": REQUIRED},
    "ReLU": {},
    "ReLU6": {},
    "Sequential": {"layers": REQUIRED},
    "SiLU": {},
    "Sigmoid": {},
    "SmoothL1Loss": {"reduction": "mean", "beta": 1.0},
    "Softmax": {"axis": -1},
    "Softplus": {"beta": 1.0, "threshold": 20.0},
    "Tanh": {},
    "TripletMarginLoss": {
        "margin": 1.0,
        "p": 2.0,
        "eps": 1e-6,
        "swap": False,
        "reduction": "mean",
    },
    "Unfold": {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1},
    "Upsample": {"size": None, "scale_factor": None, "mode": "nearest", "align_corners": None},
}


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
