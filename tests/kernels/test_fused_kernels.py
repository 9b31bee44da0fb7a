"""The fused kernels of all sets agree with the textbook's, and with themselves on more threads."""

import numpy as np
import pytest
from minidl_kernels import KernelSet, available, threads

NAIVE = KernelSet("naive")
OTHERS = [KernelSet(name) for name in available() if name != "naive"]
CLOSE = {"float64": {"rtol": 1e-10, "atol": 1e-10}, "float32": {"rtol": 1e-4, "atol": 2e-5}}


def same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        if other is None:
            assert one is None
        elif isinstance(other, list):
            same(one, other)
        else:
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, **CLOSE[other.dtype.name])


@pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("has_residual", [True, False])
@pytest.mark.parametrize(
    ("N", "channels", "L"),
    [
        (3, (5,), 7),
        (3, (2, 1, 4), 33),
        (6, (3,), 1),
        (6, (2, 20), 1),
        (1, (2,), 1500),
        (1, (1, 2), 3),
        (4, (300,), 9),
        (2, (1,), 2100),
    ],
)
def test_batch_norm_relu(kernels, dtype, has_residual, N, channels, L):
    compare(kernels, dtype, has_residual, N, channels, L)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("has_residual", [True, False])
@pytest.mark.parametrize(
    ("N", "channels", "L"),
    [(16, (5,), 7), (17, (2, 1, 40), 16), (16, (600,), 1), (16, (3, 20), 32), (90, (1,), 4)],
)
def test_many_short_rows_are_taken_column_by_column(
    monkeypatch, dtype, has_residual, N, channels, L
):
    pytest.importorskip("numba")
    from minidl_kernels.numba import norm, norm_columns  # noqa: PLC0415 - only where Numba is

    assert norm._way(128, 256, 16) is norm._way(64, 2048, 1) is norm_columns
    monkeypatch.setattr(norm, "_LARGE", 1)
    assert norm._way(N, sum(channels), L) is norm_columns
    compare(KernelSet("numba"), dtype, has_residual, N, channels, L)


def compare(kernels, dtype, has_residual, N, channels, L):
    """Batch norm and ReLU of these kernels against the textbook's."""
    rng = np.random.default_rng(5)
    C = sum(channels)
    parts = [rng.standard_normal((N, c, L)).astype(dtype) for c in channels]
    grad, other = rng.standard_normal((2, N, C, L)).astype(dtype)
    gamma, beta = rng.standard_normal((2, C)).astype(dtype)
    residual = other if has_residual else None
    ours, definition = kernels.fused, NAIVE.fused
    y, mean, var = definition.batch_norm_relu_forward(parts, gamma, beta, residual, 1e-5)
    same(ours.batch_norm_relu_forward(parts, gamma, beta, residual, 1e-5), (y, mean, var))
    fixed = parts, gamma, beta, mean, var + 1, residual, 1e-5
    same([ours.batch_norm_relu_inference(*fixed)], [definition.batch_norm_relu_inference(*fixed)])
    for measured in (True, False):
        back = grad, parts, gamma, beta, mean, var, y if has_residual else None, 1e-5, measured
        same(ours.batch_norm_relu_backward(*back), definition.batch_norm_relu_backward(*back))


@pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)
@pytest.mark.parametrize("shape", [(3, 5, 7), (9001,), (0, 4), (2, 1, 4096)])
def test_add_relu(kernels, shape):
    a, b, grad = np.random.default_rng(5).standard_normal((3, *shape))
    y = NAIVE.fused.add_relu_forward(a, b)
    np.testing.assert_array_equal(kernels.fused.add_relu_forward(a, b), y)
    np.testing.assert_array_equal(
        kernels.fused.add_relu_backward(grad, y), NAIVE.fused.add_relu_backward(grad, y)
    )


@pytest.mark.parametrize("shape", [(37, 9, 210), (64, 1300, 4)], ids=["long rows", "short rows"])
def test_the_number_of_threads_changes_no_bit(monkeypatch, shape):
    pytest.importorskip("numba")
    from minidl_kernels.numba import fused, team  # noqa: PLC0415 - only where Numba is installed

    rng = np.random.default_rng(6)
    x, grad, residual = rng.standard_normal((3, *shape)).astype(np.float32)
    gamma, beta = rng.standard_normal((2, shape[1])).astype(np.float32)
    parts = [x[:, :2].copy(), x[:, 2:].copy()]

    def results():
        y, mean, var = fused.batch_norm_relu_forward(parts, gamma, beta, residual, 1e-5)
        given = gamma, beta, mean, var
        (dx,), *back = fused.batch_norm_relu_backward(grad, [x], *given, y, 1e-5, True)
        dparts, *without = fused.batch_norm_relu_backward(grad, parts, *given, None, 1e-5, True)
        return [
            y,
            mean,
            var,
            dx,
            *back,
            *dparts,
            *without[:2],
            fused.add_relu_forward(x, residual),
            fused.add_relu_backward(grad, y),
        ]

    monkeypatch.setattr(team, "_SMALL", 0)
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = results()
    monkeypatch.setattr(threads, "_chosen", 4)
    for _ in range(3):
        for one, other in zip(results(), alone, strict=True):
            np.testing.assert_array_equal(one, other)
