"""The mistakes students make, and what the error says.

Every message names the operation (and, inside a model, the layer), then the problem with both of
its numbers, then one thing to try. The tables hold, for each op, the likely mistakes with the
words that must appear.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minidl.functional as F
from minidl import InputError, Tensor, models, nn
from tests import mistakes
from tests.mistakes.inputs import Mistake, f32

pytestmark = pytest.mark.usefixtures("numpy_kernels")

MISTAKES: dict[str, Mistake] = {
    name: mistake
    for found in pkgutil.iter_modules(mistakes.__path__)
    for name, mistake in getattr(
        importlib.import_module(f"{mistakes.__name__}.{found.name}"), "MISTAKES", {}
    ).items()
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name: str) -> None:
    call, operation, problem, fix = MISTAKES[name]
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    place, _, rest = message.partition(": ")
    assert place == operation
    for words in problem:
        assert words in rest
    what_is_wrong = rest.rindex(problem[-1])
    assert fix in rest[what_is_wrong:], "the fix comes after the problem"


def test_every_function_has_its_mistakes() -> None:
    """A function added to `minidl.functional` must come with the mistakes made with it."""
    public = {
        name for name, value in vars(F).items() if inspect.isfunction(value) and name[0] != "_"
    }
    covered = {operation for _, operation, _, _ in MISTAKES.values()}
    takes_any_numbers = {"relu", "relu6", "sigmoid", "tanh"}
    assert public - covered == takes_any_numbers


# ------------------------------------------------------------------- errors that are not values


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.relu("cat.png"), TypeError, "a tensor holds real numbers"),
        (lambda: Tensor([[1, 2], [3]]), (TypeError, ValueError), "inhomogeneous"),
        (lambda: f32(2) ** f32(2), TypeError, "exponent must be a number, not Tensor"),
        (lambda: f32(2, 3)[5], IndexError, "index 5 is out of bounds for axis 0 with size 2"),
        (lambda: f32(2, 3).mean(dim=1), TypeError, "unexpected keyword argument 'dim'"),
        (lambda: nn.Sequential(F.relu), TypeError, r"not function.*nn\.ReLU\(\) for F\.relu"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, "a layer is expected, not list"),
        (lambda: nn.ModuleList([nn.ReLU()])(f32(2)), NotImplementedError, "ModuleList.*forward"),
    ],
)
def test_other_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------- where it happened


class Nested(nn.Module):
    """A network whose layers are three names deep."""

    def __init__(self, **layers: nn.Module) -> None:
        self.stem = nn.Identity()
        self.layer2 = nn.Sequential(nn.Identity(), nn.Sequential(layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer2(self.stem(x))


INSIDE: dict[str, tuple[nn.Module, Any, str]] = {
    "channels": (nn.Conv2d(3, 8, 3), (2, 4, 6, 7), "conv2d"),
    "kernel": (nn.Conv2d(4, 8, 9), (2, 4, 6, 7), "conv2d"),
    "features": (nn.Linear(5, 3), (2, 6), "linear"),
    "pool": (nn.MaxPool2d(8), (2, 4, 6, 7), "max_pool2d"),
    "average": (nn.AvgPool2d(8), (2, 4, 6, 7), "avg_pool2d"),
    "global": (nn.AdaptiveAvgPool2d(1), (4, 6, 7), "adaptive_avg_pool2d"),
    "norm": (nn.BatchNorm2d(3), (2, 4, 6, 7), "BatchNorm2d"),
    "norm of vectors": (nn.BatchNorm1d(3), (2, 4), "BatchNorm1d"),
    "one value": (nn.BatchNorm1d(3), (1, 3), "batch_norm"),
    "softmax": (nn.Softmax(axis=2), (2, 4), "softmax"),
    "log softmax": (nn.LogSoftmax(axis=2), (2, 4), "log_softmax"),
    "dropout": (nn.Dropout(50), (2, 4), "dropout"),
    "slopes": (nn.PReLU(3), (2, 4, 6, 7), "prelu"),
    "pieces": (nn.Maxout(3), (2, 4, 6, 7), "maxout"),
}


@pytest.mark.parametrize("name", INSIDE)
def test_message_names_the_layer(name: str) -> None:
    layer, shape, operation = INSIDE[name]
    with pytest.raises(InputError) as caught:
        Nested(guilty=layer)(f32(*shape))
    assert str(caught.value).startswith(f"{operation} in layer layer2.1.guilty: ")


def test_message_names_a_layer_of_a_real_network() -> None:
    model = models.create("resnet20")
    model.layer2[0].conv1 = nn.Conv2d(17, 32, 3, padding=1)
    with pytest.raises(InputError, match=r"^conv2d in layer layer2\.0\.conv1: .* = 17 .*C = 16"):
        model(f32(1, 3, 8, 8))


def test_message_of_an_op_in_the_models_own_forward() -> None:
    """A function called by the model itself, not by a layer inside, is in the model."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.max_pool2d(x, 99)

    with pytest.raises(InputError, match=r"^max_pool2d in layer Net: "):
        Net()(f32(2, 4, 6, 7))
    with pytest.raises(InputError, match=r"^max_pool2d in layer 1: "):
        nn.Sequential(nn.Identity(), Net())(f32(2, 4, 6, 7))


def test_message_after_a_failed_forward_names_no_layer() -> None:
    with pytest.raises(InputError):
        Nested(guilty=nn.Conv2d(3, 8, 3))(f32(2, 4, 6, 7))
    with pytest.raises(InputError, match=r"^max_pool2d: "):
        F.max_pool2d(f32(2, 4, 6, 7), 99)


# ---------------------------------------------------- what looks like a mistake but is none


def test_integers_of_numpy_are_integers() -> None:
    one, two = np.int64(1), np.int32(2)
    y = F.conv2d(f32(2, 4, 6, 7), f32(8, 4, 3, 3), stride=two, padding=one, dilation=(one, two))
    assert y.shape == (2, 8, 3, 3)
    assert F.max_pool2d(f32(2, 4, 6, 7), two).shape == (2, 4, 3, 3)
    assert F.pad(f32(2, 3), (one, two)).shape == (2, 6)
    assert F.softmax(f32(2, 3), axis=one).shape == (2, 3)


def test_lists_do_for_tuples() -> None:
    x, w = f32(2, 4, 6, 7), f32(8, 4, 3, 3)
    padded = F.conv2d(x, w, padding=[1, 0, 2, 1], stride=[1, 2])
    np.testing.assert_array_equal(
        padded.data, F.conv2d(x, w, padding=(1, 0, 2, 1), stride=(1, 2)).data
    )
    assert f32(2, 3).sum(axis=[0, 1]).shape == ()


def test_running_statistics_may_be_tensors() -> None:
    mean, var = Tensor(np.zeros(3, np.float32)), Tensor(np.ones(3, np.float32))
    x = f32(50, 3)
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.data, x.data.mean(axis=0), rtol=1e-5)
    assert np.abs(F.batch_norm(x, mean, var).data.mean(axis=0)).max() < 1e-5


def test_float64_running_statistics_do_not_widen_a_float32_batch() -> None:
    x = Tensor(f32(5, 3).data, requires_grad=True)
    y = F.batch_norm(x, np.zeros(3), np.ones(3))
    assert y.dtype == np.float32
    y.backward(f32(5, 3).data)
    assert x.grad is not None
    assert x.grad.dtype == np.float32
