"""Softmax and cross-entropy in one step: every kernel set does what `naive` does."""

import numpy as np
import pytest
from minidl_kernels import KernelSet, available, threads

NAIVE = KernelSet("naive")
OTHERS = [KernelSet(name) for name in available() if name != "naive"]
CLOSE = {"float64": 1e-12, "float32": 2e-5}


def drawn(N, K, L, dtype="float64"):
    """Logits, labels of which some are ignored, and weights of which one is 0."""
    rng = np.random.default_rng(9)
    z = 3 * rng.standard_normal((N, K, L)).astype(dtype)
    labels = rng.integers(-1, K, (N, L))
    weight = rng.random(K).astype(dtype)
    weight[0] = 0
    return z, labels, weight


@pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(7, 5, 1), (3, 4, 6), (1, 1, 1), (2, 3, 601), (0, 3, 2)])
def test_agreement(kernels, shape, smoothing, dtype):
    z, labels, weight = drawn(*shape, dtype)
    found = kernels.loss.cross_entropy(z, labels, weight, smoothing)
    wanted = NAIVE.loss.cross_entropy(z, labels, weight, smoothing)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=CLOSE[dtype], atol=CLOSE[dtype])
        assert ours.dtype == dtype


@pytest.mark.parametrize("kernels", [NAIVE, *OTHERS], ids=lambda k: k.name)
def test_large_and_infinite_logits(kernels):
    """No overflow; a class of weight 0 and probability 0 does no harm; NaN is not hidden."""
    inf, nan = np.inf, np.nan
    z = np.array([[1e4, 0.0, -1e4], [0.0, 0.0, -inf], [nan, 0.0, 0.0], [nan, nan, nan]])[:, :, None]
    labels, weight = np.array([[0], [1], [0], [-1]]), np.array([1.0, 1.0, 0.0])
    loss, dz = kernels.loss.cross_entropy(z, labels, weight, 0.0)
    np.testing.assert_allclose(loss[:, 0], [0, np.log(2), nan, 0], atol=1e-15)
    np.testing.assert_allclose(dz[:2, :, 0], [[0, 0, 0], [0.5, -0.5, 0]], atol=1e-15)
    assert np.isnan(dz[2, 0, 0]) and not dz[3].any()


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    pytest.importorskip("numba")
    from minidl_kernels.numba import loss, team  # noqa: PLC0415 - only where Numba is installed

    monkeypatch.setattr(team, "_SMALL", 0)
    arguments = *drawn(5, 7, 601, "float32"), 0.1
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = loss.cross_entropy(*arguments)
    for count in (2, 3):
        monkeypatch.setattr(threads, "_chosen", count)
        for one, other in zip(loss.cross_entropy(*arguments), alone, strict=True):
            np.testing.assert_array_equal(one, other)
