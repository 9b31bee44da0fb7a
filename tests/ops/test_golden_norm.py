"""Norms on examples small enough for paper: forward and backward, by hand.

The expected numbers are worked out in the docstrings, never by the function under test. (Batch norm
is in test_golden_batch_norm.py.)
"""

from collections.abc import Callable

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn
from tests.ops.golden import check, check_empty, close

pytestmark = pytest.mark.usefixtures("kernels")

# ---------------------------------------------------------------------- layer, group, instance


def test_layer_norm() -> None:
    """Two rows of three; eps = 2.

    Row 0: 2, 2, −1:   μ = 1,  σ² = (1 + 1 + 4)/3 = 2,     root 2,  x̂ = ½, ½, −1
    Row 1: 1, 4, −5:   μ = 0,  σ² = (1 + 16 + 25)/3 = 14,  root 4,  x̂ = ¼, 1, −5/4
    γ = 2, 4, −1 and β = 1, 0, 3:   y = 2, 2, 4 | 1½, 4, 4¼
    g = 1, 2, 3 | 0, −1, 2:   dβ = 1, 1, 5     dγ = ½ + 0, 1 − 1, −3 − 5/2
    dx̂ = γ g = 2, 8, −3 (mean 7/3, mean of dx̂·x̂ (1 + 4 + 3)/3) | 0, −4, −2 (−2, (−4 + 5/2)/3)
    dx = (dx̂ − mean − x̂ · mean of dx̂·x̂) / root
       = ½ (2 − 7/3 − 4/3, 8 − 7/3 − 4/3, −3 − 7/3 + 8/3) | ¼ (2 + 1/8, −2 + ½, 0 − 5/8)
    """
    check(
        lambda x, w, b: F.layer_norm(x, 3, w, b, eps=2),
        ([[2, 2, -1], [1, 4, -5]], [2, 4, -1], [1, 0, 3]),
        [[2, 2, 4], [1.5, 4, 4.25]],
        [[1, 2, 3], [0, -1, 2]],
        (
            [[-5 / 6, 13 / 6, -8 / 6], [17 / 32, -12 / 32, -5 / 32]],
            [0.5, 0, -5.5],
            [1, 1, 5],
        ),
    )


def test_layer_norm_of_maps_is_that_of_their_rows_joined() -> None:
    """Row 1 of test_layer_norm cut into an image of 1 × 3 × 1; γ = 1 and β = 0."""
    check(
        lambda x: F.layer_norm(x, (3, 1), eps=2),
        ([[[[1], [4], [-5]]]],),
        [[[[0.25], [1], [-1.25]]]],
        # dx̂ = 0, −4, −2, as there
        [[[[0], [-4], [-2]]]],
        ([[[[17 / 32], [-12 / 32], [-5 / 32]]]],),
    )


def test_group_norm() -> None:
    """One image, four channels of two pixels, two groups; eps = 9.

    Group 0: 1, 9 | 9, 1:   μ = 5,  σ² = 16,  root 5,   x̂ = −0.8, 0.8 | 0.8, −0.8
    Group 1: 0, 0 | 8, 8:   μ = 4,  σ² = 16,  root 5,   x̂ = −0.8, −0.8 | 0.8, 0.8
    γ = 5, 10, −5, 2.5 and β = 0, 1, 0, −1:   y = −4, 4 | 9, −7 | 4, 4 | 1, 1
    g = 1, 0 | 0, 2 | 1, −1 | 4, 0:
    dβ = 1, 2, 0, 4     dγ = −0.8, −1.6, 0, 3.2
    dx̂ = 5, 0 | 0, 20 (mean 6.25, mean of dx̂·x̂ −5) | −5, 5 | 10, 0 (mean 2.5, mean of dx̂·x̂ 2)
    dx = (dx̂ − mean − x̂ · mean of dx̂·x̂)/5:
        −5.25, −2.25 | −2.25, 9.75 | −5.9, 4.1 | 5.9, −4.1, each /5
    """
    check(
        lambda x, w, b: F.group_norm(x, 2, w, b, eps=9),
        ([[[1, 9], [9, 1], [0, 0], [8, 8]]], [5, 10, -5, 2.5], [0, 1, 0, -1]),
        [[[-4, 4], [9, -7], [4, 4], [1, 1]]],
        [[[1, 0], [0, 2], [1, -1], [4, 0]]],
        (
            [[[-1.05, -0.45], [-0.45, 1.95], [-1.18, 0.82], [1.18, -0.82]]],
            [-0.8, -1.6, 0, 3.2],
            [1, 2, 0, 4],
        ),
    )


def test_instance_norm() -> None:
    """Two images of one channel and two pixels; eps = 3.

    Image 0: 1, 3:   μ = 2,  σ² = 1,  root 2,   x̂ = −½, ½
    Image 1: 9, 7:   μ = 8,  σ² = 1,  root 2,   x̂ = ½, −½
    γ = 4, β = 1:   y = −1, 3 | 3, −1
    g = 1, 2 | 3, −1:   dβ = 5,   dγ = −½ + 1 + 3/2 + ½ = 2½
    dx = 4/2 · (g − mean of g − x̂ · mean of g·x̂):
        2 (1 − 1.5 + ½·¼, 2 − 1.5 − ½·¼) | 2 (3 − 1 − ½·1, −1 − 1 + ½·1)
    """
    check(
        lambda x, w, b: F.instance_norm(x, None, None, w, b, eps=3),
        ([[[1, 3]], [[9, 7]]], [4], [1]),
        [[[-1, 3]], [[3, -1]]],
        [[[1, 2]], [[3, -1]]],
        ([[[-0.75, 0.75]], [[3, -3]]], [2.5], [5]),
    )


def test_instance_norm_moves_and_uses_running_statistics() -> None:
    """Images (1, 3) and (6, 10): means 2, 8, on average 5; unbiased variances 2, 8, on average 5.

    With momentum 0.1:   mean 0.9·10 + 0.5 = 9.5,   variance 0.9·15 + 0.5 = 14
    Used for (11.5, 5.5), eps = 2: root 4, x̂ = ½, −1;   g = (4, 8): dx = 1, 2 (they are constants)
    """
    mean, var = np.array([10.0]), np.array([15.0])
    F.instance_norm(np.array([[[1.0, 3]], [[6, 10]]]), mean, var)
    close(mean, [9.5])
    close(var, [14])
    check(
        lambda x: F.instance_norm(x, mean, var, use_input_stats=False, eps=2),
        ([[[11.5, 5.5]]],),
        [[[0.5, -1]]],
        [[[4, 8]]],
        ([[[1, 2]]],),
    )
    close(mean, [9.5])


def test_the_norms_average_over_what_they_say() -> None:
    """y = 0 exactly where x is its own mean: x[n,c,h,w] = 8 n + 4 c + 2 h + w, minus each μ.

    μ[c] = 4 + 4 c + 1.5     μ[n] = 8 n + 6 + 1.5 (of 4 channels)     μ[n,c] = 8 n + 4 c + 1.5
    μ[n,g] = 8 n + 8 g + 2 + 1.5 (two channels a group)
    """
    n, c, h, w = np.indices((2, 4, 2, 2)).astype(float)
    x = 8 * n + 4 * c + 2 * h + w
    large = 1e6  # so large an eps that y · 1000 = x − μ, but for 1 in 10⁴
    expected = {
        "batch": (F.batch_norm(x, None, None, training=True, eps=large), 4 + 4 * c + 1.5),
        "layer": (F.layer_norm(x, (4, 2, 2), eps=large), 8 * n + 6 + 1.5),
        "group": (F.group_norm(x, 2, eps=large), 8 * n + 8 * (c // 2) + 2 + 1.5),
        "instance": (F.instance_norm(x, eps=large), 8 * n + 4 * c + 1.5),
    }
    for name, (y, mean) in expected.items():
        np.testing.assert_allclose(y.data * 1000, x - mean, rtol=1e-4, err_msg=name)


def test_norm_layers_start_as_the_bare_norm() -> None:
    """γ = 1 and β = 0, so that x̂ of the examples above comes out."""
    rows, maps = np.array([[2.0, 2, -1]]), np.array([[[1.0, 9], [9, 1]]])
    close(nn.LayerNorm(3, eps=2).astype("float64")(rows).data, [[0.5, 0.5, -1]])
    close(nn.GroupNorm(1, 2, eps=9).astype("float64")(maps).data, [[[-0.8, 0.8], [0.8, -0.8]]])
    image = np.array([[[[1.0, 3]]]])
    close(nn.InstanceNorm2d(1, eps=3).astype("float64")(image).data, [[[[-0.5, 0.5]]]])


# ------------------------------------------------------------------------- local response norm


def test_local_response_norm() -> None:
    """x = 1, 2, 3, size 3, alpha = 3 (so α/size = 1), beta = 1, k = 1.

    s = 1 + 1 + 4, 1 + 1 + 4 + 9, 1 + 4 + 9 = 6, 15, 14;   y = x/s
    g = 36, 225, −196:   g/s = 6, 15, −14;   t = g x/s² = 1, 2, −3, its sums around c 3, 0, −1
    dx = g/s − 2 x · sums = 6 − 6, 15 − 0, −14 + 6
    """
    check(
        lambda x: F.local_response_norm(x, 3, alpha=3, beta=1),
        ([[[1], [2], [3]]],),
        [[[1 / 6], [2 / 15], [3 / 14]]],
        [[[36], [225], [-196]]],
        ([[[0], [15], [-8]]],),
    )


def test_local_response_norm_of_even_size_looks_back() -> None:
    """x = 1, 2, 3, size 2, alpha = 2, beta = 1, k = 1: channel c with the one before it.

    s = 1 + 1, 1 + 1 + 4, 1 + 4 + 9 = 2, 6, 14;   y = x/s
    g = 4, 36, 196:   g/s = 2, 6, 14;   t = g x/s² = 1, 2, 3
    Channel c acts on itself and the one after it: sums 3, 5, 3;   dx = 2 − 6, 6 − 20, 14 − 18
    """
    check(
        lambda x: F.local_response_norm(x, 2, alpha=2, beta=1),
        ([[[1], [2], [3]]],),
        [[[1 / 2], [2 / 6], [3 / 14]]],
        [[[4], [36], [196]]],
        ([[[-4], [-14], [-4]]],),
    )


def test_local_response_norm_of_one_channel() -> None:
    """y = x/√(5 + x²) at x = 2: 2/3;   dy/dx = 5/(5 + x²)^1.5 = 5/27, times g = 27."""
    check(
        lambda x: F.local_response_norm(x, 1, alpha=1, beta=0.5, k=5),
        ([[[2]]],),
        [[[2 / 3]]],
        [[[27]]],
        ([[[5]]],),
    )


def test_local_response_norm_as_in_the_alexnet_paper() -> None:
    """b = a/(2 + 10⁻⁴ Σ a²)^0.75 over n = 5 channels, a = 10, 20, 30, 0, 0, 40, at channel 2.

    Σ over channels 0 … 4 = 100 + 400 + 900 = 1400, so b = 30/2.14^0.75.
    """
    a = np.array([10.0, 20, 30, 0, 0, 40]).reshape(1, 6, 1, 1)
    y = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)(a)
    close(y.data[0, 2, 0, 0], 30 / 2.14**0.75)


# --------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.layer_norm(x, (3, 2)),
        lambda x: F.group_norm(x, 2),
        F.instance_norm,
        lambda x: F.local_response_norm(x, 3),
    ],
)
def test_no_images(f: Callable[[Tensor], Tensor]) -> None:
    """Of an empty batch the result and the gradient are empty."""
    check_empty(f, (4, 3, 2), (4, 3, 2))
