"""Products of matrices: every kernel set agrees with `naive`, and large ones with themselves."""

import numpy as np
import pytest
import threadpoolctl
from minidl_kernels import KernelSet, available, threads

NAIVE = KernelSet("naive")
OTHERS = [KernelSet(name) for name in available() if name != "naive"]

SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 7), (7, 1)),
    ((3, 0), (0, 2)),
    ((0, 3), (3, 2)),
    ((5, 3, 4), (4, 2)),
    ((3, 2), (6, 2, 4)),
    ((2, 1, 3, 4), (5, 4, 2)),
]


def drawn(a, b, dtype="float64"):
    rng = np.random.default_rng(8)
    return rng.standard_normal(a).astype(dtype), rng.standard_normal(b).astype(dtype)


@pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_products(kernels, shapes):
    a, b = drawn(*shapes)
    wanted = NAIVE.matmul.matmul(a, b)
    np.testing.assert_allclose(wanted, a @ b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kernels.matmul.matmul(a, b), wanted, rtol=1e-12, atol=1e-12)


LARGE = [  # more rows, more columns, a stack longer than the pieces are many, and a shorter one
    ((301, 170), (170, 203)),
    ((203, 170), (170, 301)),
    ((19, 81, 90), (19, 90, 70)),
    ((3, 201, 150), (150, 103)),
]


@pytest.mark.parametrize("shapes", LARGE, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_product_in_pieces(shapes, dtype, monkeypatch):
    """The right one, of transposed operands too, and the same bits for any number of threads."""
    pytest.importorskip("numba")
    from minidl_kernels.numba import matmul  # noqa: PLC0415 - only where Numba is installed

    a, b = drawn(*shapes, dtype)
    monkeypatch.setattr(matmul, "_LARGE", 0)
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = matmul.matmul(a, b)
    assert alone.dtype == dtype
    exact = a.astype("float64") @ b.astype("float64")
    tolerance = 1e-3 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(alone, exact, rtol=tolerance, atol=tolerance)
    turned = matmul.matmul(b.swapaxes(-1, -2), a.swapaxes(-1, -2))
    np.testing.assert_allclose(turned, exact.swapaxes(-1, -2), rtol=tolerance, atol=tolerance)
    for count in (2, 3, 5):
        monkeypatch.setattr(threads, "_chosen", count)
        np.testing.assert_array_equal(matmul.matmul(a, b), alone)


def test_blas_keeps_to_one_thread(monkeypatch):
    """Its own threads would wait in a busy loop on the cores that the kernels' threads want."""
    monkeypatch.setattr(threads, "_chosen", None)
    threads.set_num_threads(2)
    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert blas and all(pool["num_threads"] == 1 for pool in blas)
