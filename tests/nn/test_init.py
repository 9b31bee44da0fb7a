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


def test_drawing_leaves_the_graph_alone() -> None:
    weight = Tensor(np.zeros((3, 2)), requires_grad=True)
    init.xavier_uniform_(weight)
    assert weight.op is None
    assert weight.requires_grad
