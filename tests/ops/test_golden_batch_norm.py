"""Batch norm on examples small enough for paper: forward and backward, by hand."""

import numpy as np
import pytest

import minidl.functional as F
from minidl import nn
from tests.ops.golden import check, close

pytestmark = pytest.mark.usefixtures("numpy_kernels")


@pytest.mark.usefixtures("kernels")
def test_batch_norm_of_vectors() -> None:
    """x = (1, 3), μ = 2, σ² = 1; with eps = 3 the root is 2: x̂ = (−½, ½), y = 4 x̂ + 1 = (−1, 3).

    g = (1, 2): dβ = 3, dγ = −½ + 1 = ½,
    dx = 4/2 · (g − 3/2 − x̂ · ½/2) = 2 · (1 − 1.5 + 0.125, 2 − 1.5 − 0.125) = (−0.75, 0.75)
    """
    check(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=3),
        ([[1], [3]], [4], [1]),
        [[-1], [3]],
        [[1], [2]],
        ([[-0.75], [0.75]], [0.5], [3]),
    )


@pytest.mark.usefixtures("kernels")
def test_batch_norm_of_images() -> None:
    """Two images of two channels and two pixels; eps = 9.

    Channel 0: 1, 9 | 1, 9:   μ = 5,  σ² = 16,  root 5,   x̂ = ∓0.8;  y = 5 x̂ = ∓4
    Channel 1: 0, 8 | 8, 0:   μ = 4,  σ² = 16,  root 5,   x̂ = −0.8, 0.8 | 0.8, −0.8;
               y = 10 x̂ + 1 = −7, 9 | 9, −7
    g₀ = 1, 2 | 3, 4:   dβ = 10, dγ = 0.8 (−1 + 2 − 3 + 4) = 1.6,
        dx = 5/5 · (g − 10/4 − x̂ · 1.6/4) = −1.5 + 0.32, −0.5 − 0.32 | 0.5 + 0.32, 1.5 − 0.32
    g₁ = 0, 1 | 0, −1:  dβ = 0, dγ = 0.8 (1 + 1) = 1.6,
        dx = 10/5 · (g − 0 − x̂ · 0.4) = 2 · (0.32, 1 − 0.32 | −0.32, −1 + 0.32)
    """
    check(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=9),
        ([[[[1, 9]], [[0, 8]]], [[[1, 9]], [[8, 0]]]], [5, 10], [0, 1]),
        [[[[-4, 4]], [[-7, 9]]], [[[-4, 4]], [[9, -7]]]],
        [[[[1, 2]], [[0, 1]]], [[[3, 4]], [[0, -1]]]],
        (
            [[[[-1.18, -0.82]], [[0.64, 1.36]]], [[[0.82, 1.18]], [[-0.64, -1.36]]]],
            [1.6, 1.6],
            [10, 0],
        ),
    )


@pytest.mark.usefixtures("kernels")
def test_batch_norm_moves_the_running_statistics() -> None:
    """Batch (1, 3): μ = 2, unbiased variance ((−1)² + 1²)/(2 − 1) = 2; momentum 0.1.

    mean: 0.9·10 + 0.1·2 = 9.2      variance: 0.9·5 + 0.1·2 = 4.7
    """
    mean, var = np.array([10.0]), np.array([5.0])
    F.batch_norm(np.array([[1.0], [3.0]]), mean, var, training=True, momentum=0.1)
    close(mean, [9.2])
    close(var, [4.7])


@pytest.mark.usefixtures("kernels")
def test_batch_norm_in_evaluation() -> None:
    """Given μ = 1, σ² = 3 and eps = 1 the root is 2: x = (3, −1) → x̂ = (1, −1), y = 4 x̂ − 1.

    g = (1, 2): dx = g · 4/2 (μ and σ² are constants), dγ = 1 − 2 = −1, dβ = 3.
    """
    mean, var = np.array([1.0]), np.array([3.0])
    check(
        lambda x, w, b: F.batch_norm(x, mean, var, w, b, eps=1),
        ([[3], [-1]], [4], [-1]),
        [[3], [-5]],
        [[1], [2]],
        ([[2], [4]], [-1], [3]),
    )
    close(mean, [1])
    close(var, [3])


def test_batch_norm_layer_counts_batches_and_averages_them() -> None:
    """momentum=None averages all batches: means 2 and 8 → 5; unbiased variances 2 and 8 → 5."""
    layer = nn.BatchNorm1d(1, momentum=None).astype("float64")
    for batch in ([[1.0], [3.0]], [[6.0], [10.0]]):
        layer(np.array(batch))
    close(layer.running_mean, [5])
    close(layer.running_var, [5])
    assert layer.num_batches_tracked == 2
    # evaluation uses these: (7 − 5)/√(5 + eps)
    close(layer.eval()(np.array([[7.0]])).data, [[2 / np.sqrt(5 + 1e-5)]])
    assert layer.num_batches_tracked == 2
