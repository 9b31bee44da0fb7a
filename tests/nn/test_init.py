"""First weights: their spread, their bounds, and that they can be drawn again.

Statistics are taken of one large weight. For n independent numbers the sample mean errs by σ/√n
and the sample deviation of normal numbers by σ/√(2n); the tests allow five of these.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

import minidl
from minidl import Tensor
from minidl.nn import init

O, I, KH, KW = 64, 48, 5, 3
FAN_IN, FAN_OUT = I * KH * KW, O * KH * KW  # 720, 960
N = O * I * KH * KW  # 46,080


def large(dtype: str = "float32") -> Tensor:
    minidl.manual_seed(11)
    return Tensor(np.full((O, I, KH, KW), np.nan, dtype))


# name: (initialiser, standard deviation, bound of the uniform ones)
DRAWS: dict[str, tuple[Callable[[Tensor], Tensor], float, float | None]] = {
    "uniform_": (lambda w: init.uniform_(w, -3, 3), 3 / math.sqrt(3), 3),
    "normal_": (lambda w: init.normal_(w, 0, 0.7), 0.7, None),
    # 2/(720 + 960) = 1/840
    "xavier_normal_": (init.xavier_normal_, math.sqrt(1 / 840), None),
    "xavier_normal_, gain": (lambda w: init.xavier_normal_(w, 3), 3 * math.sqrt(1 / 840), None),
    # 6/1680 = 1/280
    "xavier_uniform_": (init.xavier_uniform_, math.sqrt(1 / 840), math.sqrt(1 / 280)),
    "xavier_uniform_, gain": (
        lambda w: init.xavier_uniform_(w, gain=2),
        2 * math.sqrt(1 / 840),
        2 * math.sqrt(1 / 280),
    ),
    # 2/720 and 2/960
    "kaiming_normal_": (init.kaiming_normal_, math.sqrt(1 / 360), None),
    "kaiming_normal_, fan_out": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        math.sqrt(1 / 480),
        None,
    ),
    # gain √(2/(1 + 3²)) = √(1/5): variance 1/(5·720)
    "kaiming_normal_, slope 3": (
        lambda w: init.kaiming_normal_(w, a=3),
        math.sqrt(1 / 3600),
        None,
    ),
    # bound √(2)·√(3/720) = √(1/120)
    "kaiming_uniform_": (init.kaiming_uniform_, math.sqrt(1 / 360), math.sqrt(1 / 120)),
    # a = √5 is torch.nn.Linear's: gain √(1/3), bound √(1/720) = 1/√fan_in
    "kaiming_uniform_, slope √5": (
        lambda w: init.kaiming_uniform_(w, a=math.sqrt(5)),
        math.sqrt(1 / 2160),
        math.sqrt(1 / 720),
    ),
    "kaiming_uniform_, fan_out, linear": (
        lambda w: init.kaiming_uniform_(w, mode="fan_out", nonlinearity="linear"),
        math.sqrt(1 / 960),
        math.sqrt(1 / 320),
    ),
}
every_draw = pytest.mark.parametrize("name", DRAWS)


@every_draw
def test_spread(name: str) -> None:
    draw, std, bound = DRAWS[name]
    weight = large()
    assert draw(weight) is weight
    values = weight.data.astype(np.float64)
    assert abs(values.mean()) < 5 * std / math.sqrt(N)
    assert abs(values.std() - std) < 5 * std / math.sqrt(2 * N)
    if bound is None:  # normal: 4.55 % lie beyond 2σ, and some beyond 3.5σ (1 in 2,149)
        beyond = (np.abs(values) > 2 * std).mean()
        assert abs(beyond - 0.0455) < 5 * math.sqrt(0.0455 / N)
        assert np.abs(values).max() > 3.5 * std
    else:  # uniform: nothing beyond the bound, but close to it on both sides, and flat
        assert np.abs(values).max() <= bound * (1 + 1e-6)
        assert values.max() > 0.999 * bound
        assert values.min() < -0.999 * bound
        counts = np.histogram(values, bins=10, range=(-bound, bound))[0]
        assert np.abs(counts - N / 10).max() < 5 * math.sqrt(N / 10)


@every_draw
def test_the_same_seed_draws_the_same_numbers(name: str) -> None:
    draw = DRAWS[name][0]
    first, again = draw(large()).data, draw(large()).data
    assert first.tobytes() == again.tobytes()
    assert draw(Tensor(np.empty_like(first))).data.tobytes() != first.tobytes(), "next draw"


@every_draw
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept_and_the_array_filled_in_place(name: str, dtype: str) -> None:
    weight = large(dtype)
    array = weight.data
    DRAWS[name][0](weight)
    assert weight.data is array
    assert array.dtype == dtype
    assert np.isfinite(array).all()
    if dtype == "float64":  # full precision, not float32 numbers in a wider dress
        assert (array != array.astype(np.float32)).mean() > 0.99


def test_uniform_and_normal_move_their_centre() -> None:
    values = init.uniform_(large(), 2, 5).data
    assert 2 <= values.min() < 2.001
    assert 4.999 < values.max() <= 5
    assert abs(init.normal_(large(), mean=-3, std=0.1).data.mean() + 3) < 5 * 0.1 / math.sqrt(N)


# The moments of a normal number cut at ±c: variance 1 − 2 c φ(c)/(2 Φ(c) − 1).
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b", "true_mean", "true_std"),
    [
        # φ(2) = 0.0539910, 2 Φ(2) − 1 = 0.9544997: 1 − 4·0.0539910/0.9544997 = 0.7737413
        (0.0, 1.0, -2.0, 2.0, 0.0, 0.8796257),
        (0.0, 0.02, -2.0, 2.0, 0.0, 0.02),  # 100 σ away: not cut at all
        (3.0, 0.5, 2.0, 4.0, 3.0, 0.5 * 0.8796257),
        # cut in half at the mean: mean √(2/π), variance 1 − 2/π
        (1.0, 2.0, 1.0, 1e9, 1 + 2 * math.sqrt(2 / math.pi), 2 * math.sqrt(1 - 2 / math.pi)),
    ],
)
def test_trunc_normal(
    dtype: str, mean: float, std: float, a: float, b: float, true_mean: float, true_std: float
) -> None:
    """The bound of the sample deviation is a normal number's; a cut one's tails are lighter."""
    weight = large(dtype)
    array = weight.data
    assert init.trunc_normal_(weight, mean, std, a, b) is weight
    assert weight.data is array
    assert array.dtype == dtype
    assert array.min() >= a
    assert array.max() <= b
    values = array.astype(np.float64)
    assert abs(values.mean() - true_mean) < 5 * true_std / math.sqrt(N)
    assert abs(values.std() - true_std) < 5 * true_std / math.sqrt(2 * N)


def test_trunc_normal_keeps_the_shape_of_the_bell() -> None:
    """Not clipped to the bounds, not wrapped: the shares of four ranges, Φ(1) − Φ(0) = 0.3413447.

    Of what lies within ±2 (0.9544997), |x| < 1 has 0.6826895/0.9544997 = 0.7152328.
    """
    values = init.trunc_normal_(large()).data
    assert abs((np.abs(values) < 1).mean() - 0.7152328) < 5 * math.sqrt(0.2 / N)
    assert len(np.unique(values)) > 0.99 * N
    assert (np.abs(values) > 1.99).mean() < 0.002  # 2·0.01·φ(2)/0.954 = 0.0011


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 8), (6, 2, 3, 3), (20, 2, 3, 1)], ids=str)
def test_orthogonal(shape: tuple[int, ...], dtype: str) -> None:
    """W Wᵀ = gain² · 1 where there are no more rows than columns, else Wᵀ W."""
    minidl.manual_seed(11)
    weight = Tensor(np.full(shape, np.nan, dtype))
    array = weight.data
    assert init.orthogonal_(weight, gain=1.5) is weight
    assert weight.data is array
    assert array.dtype == dtype
    w = array.reshape(shape[0], -1).astype(np.float64)
    square = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(square, 2.25 * np.eye(len(square)), atol=tolerance)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """2 × 2: rotations and reflections alike, and every entry of mean 0 and variance ½.

    Without the choice of signs Q's diagonal would always have the same sign.
    """
    minidl.manual_seed(11)
    draws = np.array([init.orthogonal_(Tensor(np.zeros((2, 2)))).data for _ in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 5 * math.sqrt(1 / 2 / 2000)
    np.testing.assert_allclose((draws**2).mean(axis=0), 0.5, atol=5 * math.sqrt(1 / 8 / 2000))
    assert abs((np.linalg.det(draws) > 0).mean() - 0.5) < 5 * math.sqrt(1 / 4 / 2000)


@pytest.mark.parametrize("draw", [init.trunc_normal_, init.orthogonal_])
def test_trunc_normal_and_orthogonal_repeat_after_a_seed(draw: Callable[[Tensor], Tensor]) -> None:
    first, again = draw(large()).data, draw(large()).data
    assert first.tobytes() == again.tobytes()
    assert draw(Tensor(np.empty_like(first))).data.tobytes() != first.tobytes(), "next draw"


def test_constants() -> None:
    weight = Tensor(np.full((2, 3), np.nan))
    assert init.zeros_(weight).data.tolist() == [[0, 0, 0]] * 2
    assert init.ones_(weight).data.tolist() == [[1, 1, 1]] * 2
    assert init.constant_(weight, -2.5).data.tolist() == [[-2.5] * 3] * 2


@pytest.mark.parametrize(
    ("arguments", "gain"),
    [
        (("linear",), 1),
        (("sigmoid",), 1),
        (("tanh",), 5 / 3),
        (("relu",), math.sqrt(2)),
        (("leaky_relu",), math.sqrt(2 / 1.0001)),
        (("leaky_relu", 0.5), math.sqrt(1.6)),
    ],
)
def test_gains(arguments: tuple, gain: float) -> None:
    assert init.calculate_gain(*arguments) == pytest.approx(gain, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((7, 3), (3, 7)), ((8, 4, 5, 3), (60, 120)), ((8, 1, 3, 3), (9, 72)), ((6, 2, 4), (8, 24))],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert init.fan_in_and_fan_out(Tensor(np.zeros(shape))) == fans


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"shape \(5,\).*zeros_, ones_ or uniform_"):
        init.kaiming_normal_(Tensor(np.zeros(5)))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', not 'fan_avg'"):
        init.kaiming_normal_(Tensor(np.zeros((5, 2))), mode="fan_avg")
    with pytest.raises(ValueError, match=r"'swish'; choose one of linear, .*leaky_relu"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match=r"two axes .*shape \(5,\).*zeros_"):
        init.orthogonal_(Tensor(np.zeros(5)))
    with pytest.raises(ValueError, match=r"share of 2.9e-07 .*mean 0.0 and std 1.0 .*a=5 and b=6"):
        init.trunc_normal_(Tensor(np.zeros(5)), a=5, b=6)
    with pytest.raises(ValueError, match=r"share of -0.68 .*a=1 and b=-1"):
        init.trunc_normal_(Tensor(np.zeros(5)), a=1, b=-1)


def test_drawing_leaves_the_graph_alone() -> None:
    weight = Tensor(np.zeros((3, 2)), requires_grad=True)
    init.xavier_uniform_(weight)
    assert weight.op is None
    assert weight.requires_grad
