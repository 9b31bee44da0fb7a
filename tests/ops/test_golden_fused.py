"""Fused ops on examples small enough for paper: forward and backward, by hand."""

from collections.abc import Callable

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor
from tests.ops.golden import check, check_empty, close

pytestmark = pytest.mark.usefixtures("kernels")


def test_batch_norm_relu() -> None:
    """x = (1, 3), eps = 3: x̂ = (−½, ½); 4 x̂ + 1 = (−1, 3), ReLU: (0, 3).

    g = (1, 2), of which (0, 2) passes: dβ = 2, dγ = 2·½ = 1,
    dx = 4/2 · (g − 2/2 − x̂ · 1/2) = 2 · (0 − 1 + ¼, 2 − 1 − ¼)
    """
    check(
        lambda x, w, b: F.batch_norm_relu(x, None, None, w, b, training=True, eps=3),
        ([[1], [3]], [4], [1]),
        [[0], [3]],
        [[1], [2]],
        ([[-1.5], [1.5]], [1], [2]),
    )


def test_batch_norm_relu_with_a_residual() -> None:
    """As above, + (2, −4): sums (1, −1), ReLU: (1, 0).

    Of g = (1, 2) passes (1, 0), which is dresidual: dβ = 1, dγ = −½,
    dx = 2 · (1 − ½ − (−½)(−½)/2, 0 − ½ − ½·(−½)/2) = 2 · (3/8, −3/8)
    """
    check(
        lambda x, w, b, r: F.batch_norm_relu(x, None, None, w, b, True, eps=3, residual=r),
        ([[1], [3]], [4], [1], [[2], [-4]]),
        [[1], [0]],
        [[1], [2]],
        ([[0.75], [-0.75]], [-0.5], [1], [[1], [0]]),
    )


def test_batch_norm_relu_of_parts() -> None:
    """Channels x = (1, 3) and z = (5, 1) in two arrays, w = (4, √7), eps = 3.

    x is normalised as above: (0, 3). z: μ = 3, σ² = 4, √7 · ẑ + 1 = (2, −2) + 1, ReLU: (3, 0).

    g = (1, 2) goes back to x as above: dβ = 2, dγ = 1, dx = (−3/2, 3/2). Of g = (3, 4) passes
    (3, 0) to z: dβ = 3, dγ = 3·2/√7, dz = (3, 0) − 3/2 − (2, −2)/√7 · (6/√7)/2 = (9/14, −9/14).
    """
    root = 7**0.5
    check(
        lambda w, b, x, z: F.batch_norm_relu([x, z], None, None, w, b, training=True, eps=3),
        ([4, root], [1, 1], [[1], [3]], [[5], [1]]),
        [[0, 3], [3, 0]],
        [[1, 3], [2, 4]],
        ([1, 6 / root], [2, 3], [[-1.5], [1.5]], [[9 / 14], [-9 / 14]]),
    )


def test_batch_norm_relu_in_evaluation() -> None:
    """μ = 1, σ² = 3, eps = 1: x = (3, −1) → x̂ = (1, −1), 4 x̂ − 1 = (3, −5), + (−4, 6) = (−1, 1).

    Of g = (1, 2) passes (0, 2): dx = (0, 2·4/2), dγ = −2, dβ = 2.
    """
    mean, var = np.array([1.0]), np.array([3.0])
    check(
        lambda x, w, b, r: F.batch_norm_relu(x, mean, var, w, b, eps=1, residual=r),
        ([[3], [-1]], [4], [-1], [[-4], [6]]),
        [[0], [1]],
        [[1], [2]],
        ([[0], [4]], [-2], [2], [[0], [2]]),
    )
    close(mean, [1])


def test_add_relu() -> None:
    """Sums 2, −1, 0, 2: only the first and the last pass; at the kink 0 nothing does."""
    check(
        F.add_relu,
        ([1, -2, 3, 0], [1, 1, -3, 2]),
        [2, 0, 0, 2],
        [1, 2, 3, 4],
        ([1, 0, 0, 4], [1, 0, 0, 4]),
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.batch_norm_relu(x, np.zeros(4), np.ones(4), residual=x),
        lambda x: F.add_relu(x, x),
    ],
)
def test_no_images(f: Callable[[Tensor], Tensor]) -> None:
    """Of an empty batch the result and the gradient are empty."""
    check_empty(f, (4, 3, 2), (4, 3, 2))
