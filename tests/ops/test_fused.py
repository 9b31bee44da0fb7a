"""A fused op is the chain of its parts: same results, gradients and statistics, no more memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from minidl_kernels import available

import minidl
import minidl.functional as F
from minidl import Tensor, nn
from minidl.autograd import Op
from minidl.errors import InputError

SHAPES = [(3, 5, 4, 6), (6, 3), (1, 2, 3, 7), (5, 2, 1, 1)]
TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


def run(fused: bool, training: bool, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Output, running statistics and all gradients, under one cotangent."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    x, weight, bias, *residual = tensors
    C = x.shape[1]
    mean, var = np.linspace(-0.1, 0.4, C, dtype=x.dtype), np.linspace(0.6, 2, C, dtype=x.dtype)
    common: Any = (x, mean, var, weight, bias, training, 0.3, 1e-3)
    if fused:
        y = F.batch_norm_relu(*common, residual=residual[0] if residual else None)
    else:
        y = F.batch_norm(*common)
        y = F.relu(y + residual[0] if residual else y)
    y.backward(np.random.default_rng(8).standard_normal(y.shape))
    return [y.data, mean, var, *(tensor.grad for tensor in tensors)]


def drawn(shape: tuple[int, ...], dtype: str, residual: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    shapes = [shape, shape[1:2], shape[1:2]] + [shape] * residual
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


@pytest.mark.parametrize("kernels", available())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("residual", [True, False], ids=["residual", "no residual"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_relu_is_its_parts(
    kernels: str, dtype: str, training: bool, residual: bool, shape: tuple[int, ...]
) -> None:
    arrays = drawn(shape, dtype, residual)
    with minidl.kernels(kernels):
        fused, parts = run(True, training, arrays), run(False, training, arrays)
    for one, other in zip(fused, parts, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(one, other, **TOLERANCE[dtype])


@pytest.mark.parametrize("kernels", available())
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_list_of_parts_is_their_concatenation(kernels: str, training: bool) -> None:
    """Same result, statistics and gradients, also where one of them wants no gradient."""
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal((3, channels, 4, 5)) for channels in (2, 1, 3)]
    affine, residual = rng.standard_normal((2, 6)), rng.standard_normal((3, 6, 4, 5))
    results = []
    for joined in (False, True):
        parts = [Tensor(array, requires_grad=k != 1) for k, array in enumerate(arrays)]
        weight, bias = (Tensor(array, requires_grad=True) for array in affine)
        mean, var = np.linspace(-0.1, 0.4, 6), np.linspace(0.6, 2, 6)
        x: Any = F.concatenate(parts, axis=1) if joined else parts
        with minidl.kernels(kernels):
            y = F.batch_norm_relu(
                x, mean, var, weight, bias, training, 0.3, 1e-3, residual=residual
            )
            y.backward(np.random.default_rng(8).standard_normal(y.shape))
        assert parts[1].grad is None
        grads = [tensor.grad for tensor in (parts[0], parts[2], weight, bias)]
        results.append([y.data, mean, var, *grads])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_parts_are_not_copied() -> None:
    """Backward keeps the parts themselves, once each, however many layers read them."""
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, 4, 5)), requires_grad=True)
    y = F.batch_norm_relu([x, x], None, None, training=True)
    kept_parts = [a for a in y.op.saved if a is not None and a.size == x.size]
    assert len(kept_parts) == 2
    assert all(np.shares_memory(part, x.data) for part in kept_parts)


def test_the_layer_names_the_channels_of_parts_that_do_not_fit() -> None:
    x = np.zeros((2, 3, 4, 5), np.float32)
    layer = nn.BatchNormReLU2d(7)
    with pytest.raises(InputError, match=r"C = 7 .* 3 \+ 3 = 6.*num_features=6"):
        layer([Tensor(x), Tensor(x)])
    with pytest.raises(InputError, match=r"parts of shape \(N, C, H, W\).*\(2, 3, 4\)"):
        layer([Tensor(x), Tensor(x[..., 0])])


@pytest.mark.parametrize("kernels", available())
def test_a_large_mean_costs_no_precision(kernels: str) -> None:
    """The variance of numbers around 1000: their squares' mean minus the mean's square, naively."""
    x = (1000 + np.random.default_rng(0).standard_normal((8, 2, 9, 9))).astype(np.float32)
    mean, var = np.zeros(2, np.float32), np.zeros(2, np.float32)
    with minidl.kernels(kernels):
        F.batch_norm_relu(x, mean, var, training=True, momentum=1.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var, exact.var(axis=(0, 2, 3), ddof=1), rtol=1e-4)


@pytest.mark.parametrize("kernels", available())
def test_add_relu_is_its_parts(kernels: str) -> None:
    rng = np.random.default_rng(7)
    arrays = rng.standard_normal((2, 3, 5, 7, 90))
    v = rng.standard_normal(arrays[0].shape)
    results = []
    with minidl.kernels(kernels):
        for f in (F.add_relu, lambda a, b: F.relu(a + b)):
            a, b = (Tensor(array, requires_grad=True) for array in arrays)
            y = f(a, b)
            y.backward(v)
            results.append((y.data, a.grad, b.grad))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def kept(y: Tensor, parameters: list[Tensor]) -> int:
    """Bytes of the arrays that the graph behind y holds, each once; parameters stay in any case."""
    arrays: dict[int, int] = {}
    stack: list[Any] = [y.op]
    while stack:
        op = stack.pop()
        if isinstance(op, Op):
            stack.extend(op.parents or ())
            for array in op.saved:
                if isinstance(array, np.ndarray):
                    start = array.__array_interface__["data"][0]
                    arrays[start] = array.nbytes
    for parameter in parameters:
        arrays.pop(parameter.data.__array_interface__["data"][0], None)
    return sum(arrays.values())


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("residual", [True, False], ids=["residual", "no residual"])
def test_no_more_is_kept_for_backward(training: bool, residual: bool) -> None:
    x, weight, bias, *rest = (
        Tensor(array, requires_grad=True) for array in drawn((3, 5, 4, 6), "float64", residual)
    )
    mean, var = np.zeros(5), np.ones(5)
    fused = F.batch_norm_relu(
        x, mean, var, weight, bias, training, residual=rest[0] if rest else None
    )
    y = F.batch_norm(x, mean, var, weight, bias, training)
    parts = F.relu(y + rest[0] if rest else y)
    assert kept(fused, [weight, bias]) <= kept(parts, [weight, bias])


def test_the_layer_is_batch_norm_2d_followed_by_relu() -> None:
    """Same parameters, buffers and names, so that one's state loads into the other."""
    plain, fused = nn.BatchNorm2d(4, momentum=None), nn.BatchNormReLU2d(4, momentum=None)
    rng = np.random.default_rng(3)
    plain.weight.data += rng.standard_normal(4).astype(np.float32)
    fused.load_state_dict(plain.state_dict())
    for _ in range(2):
        x, residual = rng.standard_normal((2, 3, 4, 5, 6)).astype(np.float32)
        wanted = F.relu(plain(x) + residual)
        np.testing.assert_allclose(fused(x, residual).data, wanted.data, rtol=1e-5, atol=1e-6)
    for name, array in plain.state_dict().items():
        np.testing.assert_array_equal(fused.state_dict()[name], array, err_msg=name)
    wanted = F.relu(plain.eval()(x))
    np.testing.assert_allclose(fused.eval()(x).data, wanted.data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernels", available())
@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.add_relu(x, x),
        lambda x: F.batch_norm_relu(x, None, None, training=True),
        lambda x: F.batch_norm_relu(x, np.zeros(3), np.ones(3)),
    ],
    ids=["add_relu", "training", "evaluation"],
)
def test_nan_is_not_cut_off(kernels: str, f: Callable[[np.ndarray], Tensor]) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 5))
    x[2, 1, 3] = np.nan
    with minidl.kernels(kernels):
        y = f(x).data
    assert np.isnan(y[2, 1, 3])
    assert np.isfinite(y[:, 0]).all()
