"""Activation functions on numbers small enough for paper, and on those too large for it.

The arithmetic is in the comment beside each row.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn
from minidl.ops.erf import erf, erfc
from tests.ops.golden import check, close, ln2, ln3, ln5

THIRD = 1 / 3

# The normal distribution, from a table: Φ(1), Φ(−2) and the density φ(1), φ(2).
BELOW_1, BELOW_MINUS_2 = 0.8413447460685429486, 0.0227501319481792072
DENSITY_1, DENSITY_2 = 0.2419707245191433498, 0.0539909665131880519

# tanh u at x = 1, where u = √(2/π) (1 + 0.044715), and ∂u/∂x = √(2/π) (1 + 3 · 0.044715)
T = math.tanh(math.sqrt(2 / math.pi) * 1.044715)
SLOPE = math.sqrt(2 / math.pi) * 1.134145

pytestmark = pytest.mark.usefixtures("numpy_kernels")

CASES = {
    "relu": (F.relu, [-2, 0, 3], [0, 0, 3], [5, 7, -1], [0, 0, -1]),
    # e⁻ˣ = 1, 1/3, 3 → y = 1/2, 3/4, 1/4; y (1 − y) = 4/16, 3/16, 3/16
    "sigmoid": (F.sigmoid, [0, ln3, -ln3], [0.5, 0.75, 0.25], [4, 16, -16], [1, 3, -3]),
    # (2 − ½)/(2 + ½) = 0.6; 1 − 0.36 = 0.64
    "tanh": (F.tanh, [0, ln2, -ln2], [0, 0.6, -0.6], [3, 25, 50], [3, 16, 32]),
    # e⁰ : e^ln2 : e^ln5 = 1 : 2 : 5 of 8; Σ g y = 1 + 0 + 2.5; y (g − 3.5)
    "softmax": (
        F.softmax,
        [0, ln2, ln5],
        [0.125, 0.25, 0.625],
        [8, 0, 4],
        [0.125 * 4.5, 0.25 * -3.5, 0.625 * 0.5],
    ),
    # ln of the above; Σ g = 12; g − 12 softmax
    "log_softmax": (
        F.log_softmax,
        [0, ln2, ln5],
        [-3 * ln2, -2 * ln2, ln5 - 3 * ln2],
        [8, 0, 4],
        [8 - 1.5, -3, 4 - 7.5],
    ),
    # both kinks belong to the flat sides
    "relu6": (F.relu6, [-1, 0, 2, 6, 7], [0, 0, 2, 6, 6], [5, 7, 3, 4, 2], [0, 0, 3, 0, 0]),
    # 0.01 by default
    "leaky_relu": (F.leaky_relu, [-4, 0, 3], [-0.04, 0, 3], [5, 7, 4], [0.05, 0.07, 4]),
    "leaky_relu, slope ½": (
        lambda x: F.leaky_relu(x, 0.5),
        [-4, 0, 3],
        [-2, 0, 3],
        [5, 7, 4],
        [2.5, 3.5, 4],
    ),
    # e^(−ln 2) = ½: y = ½ − 1, ∂ = ½; at 0 the curve is smooth
    "elu": (F.elu, [-ln2, 0, 3], [-0.5, 0, 3], [6, 5, 7], [3, 5, 7]),
    # twice that below 0, and at 0 the slope of that side
    "elu, alpha 2": (lambda x: F.elu(x, 2), [-ln2, 0, 3], [-1, 0, 3], [6, 5, 7], [6, 10, 7]),
    # (x + 3)/6 between −3 and 3; slope 1/6 there, 0 at the kinks
    "hardsigmoid": (
        F.hardsigmoid,
        [-4, -3, 0, 1.5, 3, 5],
        [0, 0, 0.5, 0.75, 1, 1],
        [1, 2, 3, 6, 5, 4],
        [0, 0, 0.5, 1, 0, 0],
    ),
    # x (x + 3)/6: −1·2/6, 0, 1·4/6; slopes (2x + 3)/6 = 1/6, 1/2, 5/6, and at the kinks 0 and 1
    "hardswish": (
        F.hardswish,
        [-4, -3, -1, 0, 1, 3, 4],
        [0, 0, -1 / 3, 0, 2 / 3, 3, 4],
        [1, 2, 6, 12, 6, 5, 4],
        [0, 0, 1, 6, 5, 5, 4],
    ),
    # σ = ½, ¾, ¼; slopes σ + x σ (1 − σ) = ½, ¾ + 3/16 ln 3, ¼ − 3/16 ln 3
    "silu": (
        F.silu,
        [0, ln3, -ln3],
        [0, 0.75 * ln3, -0.25 * ln3],
        [4, 16, -16],
        [2, 12 + 3 * ln3, -4 + 3 * ln3],
    ),
    # x Φ(x); slopes Φ(x) + x φ(x)
    "gelu": (
        F.gelu,
        [0, 1, -2],
        [0, BELOW_1, -2 * BELOW_MINUS_2],
        [2, 3, -1],
        [1, 3 * (BELOW_1 + DENSITY_1), 2 * DENSITY_2 - BELOW_MINUS_2],
    ),
    # x/2 (1 + t); slopes (1 + t)/2 + x/2 (1 − t²) ∂u/∂x
    "gelu by tanh": (
        lambda x: F.gelu(x, "tanh"),
        [0, 1, -1],
        [0, (1 + T) / 2, (T - 1) / 2],
        [2, 6, -2],
        [1, 3 * (1 + T) + 3 * (1 - T * T) * SLOPE, -(1 - T) + (1 - T * T) * SLOPE],
    ),
    # ln(1 + 1), ln(1 + 3), ln(1 + 1/3) = ln 4/3; slopes σ = ½, ¾, ¼; beyond 20 a straight line
    "softplus": (
        F.softplus,
        [0, ln3, -ln3, 21],
        [ln2, 2 * ln2, 2 * ln2 - ln3, 21],
        [4, 16, 16, 3],
        [2, 12, 4, 3],
    ),
    # 2x = ln 3: ln(1 + 3)/2 = ln 2, slope ¾; 2x = 4 > 3: straight
    "softplus, beta 2, threshold 3": (
        lambda x: F.softplus(x, 2, 3),
        [ln3 / 2, 2],
        [ln2, 2],
        [8, 5],
        [6, 5],
    ),
    # pieces (1, 3) and (5, 5): of equal ones the first
    "maxout": (lambda x: F.maxout(x, 2), [[1, 3, 5, 5]], [[3, 5]], [[2, 7]], [[0, 2, 7, 0]]),
    # channels (1, 8) and (3, 2): 3 and 8; channels (0, 4) and (6, 4): 6 and the first 4
    "maxout of two pixels": (
        lambda x: F.maxout(x, 2),
        [[[1, 8], [3, 2], [0, 4], [6, 4]]],
        [[[3, 8], [6, 4]]],
        [[[1, 2], [3, 4]]],
        [[[0, 2], [1, 0], [0, 4], [3, 0]]],
    ),
    "maxout of one row": (lambda x: F.maxout(x, 3, axis=0), [1, 4, 2], [4], [5], [0, 5, 0]),
}


@pytest.mark.parametrize("name", CASES)
def test_activations(name: str) -> None:
    """See the comments of the table for the arithmetic."""
    f, x, expected, cotangent, gradient = CASES[name]
    check(f, (x,), expected, cotangent, (gradient,))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_along_the_first_axis(name: str) -> None:
    """The vector of the table as a column, beside a column of three equal logits."""
    f, x, expected, cotangent, gradient = CASES[name]
    check(
        lambda t: f(t, axis=0),
        (np.transpose([x, [1, 1, 1]]),),
        np.transpose(
            [expected, [THIRD] * 3 if name == "softmax" else [-ln3] * 3],
        ),
        np.transpose([cotangent, [6, 0, 3]]),
        # thirds: Σ g y = 3, y (g − 3) = 1, −1, 0;   logarithms: g − 9/3 = 3, −3, 0
        (np.transpose([gradient, [1, -1, 0] if name == "softmax" else [3, -3, 0]]),),
    )


def test_large_inputs_do_not_overflow() -> None:
    """e^1000 is inf in float64, but the results are 1, 0, −1000."""
    close(F.sigmoid(np.array([1000.0, -1000.0])).data, [1, 0])
    close(F.softmax(np.array([1000.0, 0.0])).data, [1, 0])
    close(F.log_softmax(np.array([1000.0, 0.0])).data, [0, -1000])
    close(F.cross_entropy(np.array([[1000.0, 0.0]]), np.array([1])).data, 1000)


def test_prelu() -> None:
    """Two rows of two channels with the slopes ½ and ¼.

    y = [[−2·½, 3], [4, −6·¼]];   dx = g where x > 0, else g·slope = [[½, 2], [3, 4·¼]]
    dw = [1·(−2), 4·(−6)]
    """
    check(
        F.prelu,
        ([[-2, 3], [4, -6]], [0.5, 0.25]),
        [[-1, 3], [4, -1.5]],
        [[1, 2], [3, 4]],
        ([[0.5, 2], [3, 1]], [-2, -24]),
    )


def test_prelu_with_one_slope() -> None:
    """The same with ½ everywhere: dw = 1·(−2) + 4·(−6)."""
    check(
        F.prelu,
        ([[-2, 3], [4, -6]], [0.5]),
        [[-1, 3], [4, -3]],
        [[1, 2], [3, 4]],
        ([[0.5, 2], [3, 2]], [-26]),
    )


def test_squash() -> None:
    """s = (3, 4), q = 25, eps = 11: the root is 6, f = 25/(26·6) = 25/156, v = f·s.

    f′ = (1/26 − 25/(2·36))/156 = (36 − 325)/936/156 = −289/146016;  g·s = 3 + 8 = 11
    ds = f·g + 2 f′·11·s = (25/156 − 6358·3/146016, 50/156 − 6358·4/146016)
       = (23400 − 19074, 46800 − 25432)/146016
    A vector 0 stays 0, and so does its gradient.
    """
    check(
        lambda s: F.squash(s, eps=11),
        ([[3, 4], [0, 0]],),
        [[75 / 156, 100 / 156], [0, 0]],
        [[1, 2], [5, 7]],
        ([[4326 / 146016, 21368 / 146016], [0, 0]],),
    )


def test_squash_gives_the_length_of_the_paper() -> None:
    """|s| = 5 along axis 0: |v| = 25/26."""
    v = F.squash(np.array([[3.0], [4.0]]), axis=0).data
    np.testing.assert_allclose(np.sqrt((v * v).sum()), 25 / 26, rtol=1e-9)


# --------------------------------------------------------------------------- the error function


@pytest.mark.parametrize(("ours", "exact"), [(erf, math.erf), (erfc, math.erfc)])
def test_the_error_function_errs_by_rounding_only(
    ours: Callable[[np.ndarray], np.ndarray], exact: Callable[[float], float]
) -> None:
    """All three ranges with both of their ends, numbers close to 0, and the far tail of erfc."""
    ends = [0.46875, np.nextafter(0.46875, 1), 4.0, np.nextafter(4.0, 5), 0.0, 5e-324, 26.0]
    x = np.concatenate([np.linspace(-7, 26, 20_001), np.logspace(-300, 0, 301), ends])
    x = np.concatenate([x, -np.array(ends), np.logspace(-9, 0, 1001)])
    expected = np.array([exact(value) for value in x])
    np.testing.assert_allclose(ours(x), expected, rtol=1e-15, atol=0)
    rough = ours(x.astype(np.float32))
    assert rough.dtype == np.float32
    near = np.abs(x) < 9  # farther out erfc is too small for float32
    exact_of_rounded = np.array([exact(float(value)) for value in x.astype(np.float32)])
    np.testing.assert_allclose(rough[near], exact_of_rounded[near], rtol=1e-6, atol=1e-45)


def test_the_error_function_of_special_numbers() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, -0.0])
    np.testing.assert_array_equal(erf(x), [np.nan, 1, -1, 1, -1, 0, 0])
    assert np.signbit(erf(x))[-1]
    np.testing.assert_array_equal(erfc(x), [np.nan, 0, 2, 0, 2, 1, 1])


def test_gelu_by_tanh_is_close_to_gelu() -> None:
    x = np.linspace(-8, 8, 1601)
    difference = np.abs(F.gelu(x, "tanh").data - F.gelu(x).data).max()
    assert 1e-4 < difference < 5e-4


# ----------------------------------------------------------------------------- special numbers

ALL: dict[str, Callable[..., Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, np.full(1, 0.25, x.dtype)),
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, "tanh"),
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "softplus": F.softplus,
    "softplus, beta 3": lambda x: F.softplus(x, 3.0, 1000.0),
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "maxout": lambda x: F.maxout(x, 1, axis=-1),
    "squash": F.squash,
}
ELEMENTWISE = [name for name in ALL if name not in ("maxout", "squash")]
# y where x is −1e30 and 1e30, as shares of x where it grows with x
LIMITS = {
    "relu": (0, 1e30),
    "relu6": (0, 6),
    "leaky_relu": (-1e28, 1e30),
    "prelu": (-0.25e30, 1e30),
    "elu": (-1, 1e30),
    "hardsigmoid": (0, 1),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_large_and_infinite_numbers_give_the_limit_and_no_warning(name: str, dtype: type) -> None:
    """Warnings are errors here. Functions not in LIMITS go to 0 and to x."""
    low, high = LIMITS.get(name, (0, 1e30))
    x = Tensor(np.array([-1e30, -60, 60, 1e30], dtype), requires_grad=True)
    y = ALL[name](x)
    np.testing.assert_allclose(y.data[[0, 3]], np.array([low, high]), rtol=1e-6)
    assert y.dtype == dtype
    y.backward(np.array([1, 2, 3, 4]))
    assert np.isfinite(x.grad).all()
    infinite = Tensor(np.array([-np.inf, np.inf], dtype), requires_grad=True)
    y = ALL[name](infinite)
    expected = [value if abs(value) < 1e9 else np.copysign(np.inf, value) for value in (low, high)]
    np.testing.assert_array_equal(y.data, expected)
    y.backward(np.array([1, 2]))
    np.testing.assert_allclose(infinite.grad, x.grad[[0, 3]] / [1, 2], rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_nan_stays_nan(name: str) -> None:
    y = ALL[name](Tensor(np.array([[0.5, np.nan], [-0.5, 1.0]]))).data
    assert np.isnan(y[0, 1])
    assert not np.isnan(y[1]).any()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_single_number_and_an_empty_batch_keep_their_shape(name: str) -> None:
    for shape in ((), (0, 3)):
        x = Tensor(np.full(shape, 0.5), requires_grad=True)
        y = ALL[name](x)
        assert y.shape == shape
        y.backward(np.full(shape, 2.0))
        assert x.grad.shape == shape


def test_numpys_float64_as_option_does_not_widen_float32() -> None:
    """A slope out of np.linspace is a float64 and would turn the result into one."""
    x, number = np.ones((2, 2), np.float32), np.float64(0.5)
    for y in (
        F.leaky_relu(x, number),
        F.elu(x, number),
        F.softplus(x, number, number),
        F.squash(x, eps=number),
    ):
        assert y.dtype == np.float32


def test_whole_numbers_are_welcome_where_any_numbers_are() -> None:
    pixels = np.array([0, 3, 200], np.uint8)
    np.testing.assert_array_equal(F.relu6(pixels).data, [0, 3, 6])
    np.testing.assert_allclose(F.sigmoid(pixels).data, [0.5, 1 / (1 + math.exp(-3)), 1], rtol=1e-6)


def test_prelu_layer_learns_its_slope() -> None:
    """y = max(x, 0) + ¼ min(x, 0) at first; every channel has a slope, and `init` sets it."""
    assert nn.PReLU()(np.array([[-4.0], [8.0]], np.float32)).data.tolist() == [[-1], [8]]
    layer = nn.PReLU(2, init=0.5)
    assert layer.weight.data.tolist() == [0.5, 0.5]
    assert list(layer.state_dict()) == ["weight"]


def test_layers_hand_their_arguments_over() -> None:
    x = np.array([[-2.0, 3.0, 0.5, -1.0]])
    pairs = [
        (nn.LeakyReLU(0.5), F.leaky_relu(x, 0.5)),
        (nn.ELU(2.0), F.elu(x, 2.0)),
        (nn.GELU("tanh"), F.gelu(x, "tanh")),
        (nn.Softplus(2.0, 0.5), F.softplus(x, 2.0, 0.5)),
        (nn.Maxout(2, axis=-1), F.maxout(x, 2, axis=-1)),
    ]
    for layer, expected in pairs:
        close(layer(x).data, expected.data)
        default = type(layer)(4) if isinstance(layer, nn.Maxout) else type(layer)()
        assert default(x).data.tolist() != expected.data.tolist()
