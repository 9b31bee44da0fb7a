"""FractalNet: counts, depth of the columns, joins and pools, drop-path, errors."""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import models
from minidl.models.fractalnet import Fractal, FractalNet, Join
from minidl.nn import Conv2d, Dropout, Module
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)

pytestmark = pytest.mark.usefixtures("numpy_kernels")

COLOUR = (3, 32, 32)


def tiny(columns: int = 3, dropout: float = 0.0, drop_path: float = 0.0) -> FractalNet:
    return FractalNet(columns, channels=(4, 6), dropout=dropout, drop_path=drop_path)


class Counter:
    """Which convolutions of a model have run, and how often."""

    def __init__(self, model: Module) -> None:
        self.ran: list[str] = []
        for name, layer in model.named_modules():
            if isinstance(layer, Conv2d):
                layer.register_forward_hook(lambda *_, name=name: self.ran.append(name))

    def during(self, model: Module, x: np.ndarray, column: int | None = None) -> list[str]:
        self.ran.clear()
        with minidl.no_grad():
            model(x, column)
        return list(self.ran)


def by_hand(columns: int) -> tuple[int, int, int]:
    """Parameters, batch norm statistics, multiply-accumulates of B = 5 blocks of C columns.

    A block has 2^C − 1 layers of 9·c′·c weights and 2c of batch norm. C of them see the block's
    input, where c′ is the number of filters of the block before; for the others c′ = c.
    """
    parameters, statistics, macs, before, side = 10 * 512 + 10, 0, 10 * 512, 3, 32
    for c in (64, 128, 256, 512, 512):
        layers = 2**columns - 1
        weights = 9 * c * (columns * before + (layers - columns) * c)
        parameters += weights + layers * 2 * c
        statistics += layers * 2 * c
        macs += side**2 * weights
        before, side = c, side // 2
    return parameters, statistics, macs


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_counts(columns: int) -> None:
    model = FractalNet(columns)
    assert (
        parameter_count(model),
        statistics_count(model),
        multiply_accumulates(model, COLOUR),
    ) == by_hand(columns)


def test_the_counts_are_the_published_ones() -> None:
    """Those of pytorchcv's fractalnet_cifar10; nobody has published fractalnet40."""
    assert by_hand(3) == (33_724_618, 20_608, 845_222_912)
    for name, columns in (("fractalnet20", 3), ("fractalnet40", 4)):
        entry = models.entry(name)
        assert (entry.parameters, entry.macs) == by_hand(columns)[::2]


def test_the_docstring_prints_the_counts() -> None:
    text = str(FractalNet.__doc__)
    for name in ("fractalnet20", "fractalnet40"):
        entry = models.entry(name)
        assert f"{entry.parameters:,}" in text
        assert f"{entry.macs / 1e6:,.1f} M" in text


def test_every_block_halves_the_image() -> None:
    model = FractalNet(2, channels=(4, 6, 8, 10, 12))
    shapes = output_shapes(model, COLOUR)
    sides = [shapes[f"joins.{block}"] for block in range(5)]
    assert sides == [(4, 16, 16), (6, 8, 8), (8, 4, 4), (10, 2, 2), (12, 1, 1)]
    assert shapes["classifier"] == (10,)


@pytest.mark.parametrize("columns", [3, 4])
def test_depth_of_the_columns(columns: int) -> None:
    """Column k is a plain network of 2^k layers a block, and the columns share no layer."""
    model = tiny(columns).eval()
    counter, x = Counter(model), normal(2, 3, 8, 8)
    alone = [counter.during(model, x, column) for column in range(columns)]
    assert [len(layers) for layers in alone] == [2 * 2**column for column in range(columns)]
    together = counter.during(model, x)
    assert len(together) == 2 * (2**columns - 1)
    assert sorted(together) == sorted(layer for layers in alone for layer in layers)


def test_three_columns_by_hand() -> None:
    """Layer a alone; b, then c; d and e, then f and g; b and e meet in the middle, all at the end.

    The last join stands behind the pooling, and no join within it is left over: a mean of three.
    """
    model = tiny().eval()
    block = model.blocks[0]
    assert isinstance(block, Fractal)
    a, b, c = block.layer, block.first.layer, block.second.layer
    d, e = block.first.first.layer, block.first.second.layer
    f, g = block.second.first.layer, block.second.second.layer
    x = minidl.Tensor(normal(2, 3, 8, 8))
    middle = (b(x) + e(d(x))) / 2
    ends = [a(x), c(middle), g(f(middle))]
    pooled = [F.max_pool2d(end, 2) for end in ends]
    expected = (pooled[0] + pooled[1] + pooled[2]) / 3
    seen: list[np.ndarray] = []
    model.joins[0].register_forward_hook(lambda module, inputs, output: seen.append(output.data))
    model(x)
    np.testing.assert_allclose(seen[0], expected.data, rtol=1e-5, atol=1e-6)
    joined_first = F.max_pool2d((ends[0] + ends[1] + ends[2]) / 3, 2).data
    assert np.abs(joined_first - expected.data).max() > 0.01  # the other order is another network


def test_a_column_alone_is_its_layers_and_poolings() -> None:
    model = tiny(2).eval()
    x = minidl.Tensor(normal(2, 3, 8, 8))
    out = x
    for block in model.blocks:
        assert isinstance(block, Fractal)
        out = F.max_pool2d(block.second.layer(block.first.layer(out)), 2)
    expected = model.classifier(F.adaptive_avg_pool2d(out, 1).flatten(1))
    np.testing.assert_allclose(model(x, 1).data, expected.data, rtol=1e-6)


def test_only_the_column_that_runs_gets_gradients() -> None:
    model = tiny()
    model(normal(2, 3, 8, 8), 1).backward(normal(2, 10, seed=1))
    learning = {name for name, p in model.named_parameters() if p.grad is not None}
    assert learning
    assert {name.split(".conv")[0].split(".bn")[0] for name in learning} - {
        "classifier.weight",
        "classifier.bias",
    } == {f"blocks.{block}.{half}.layer" for block in (0, 1) for half in ("first", "second")}


def test_half_of_the_steps_train_one_column_alone() -> None:
    """Global drop-path, each of the three as often; within four standard deviations."""
    model = tiny(drop_path=0.15)
    counter, x = Counter(model), normal(2, 3, 4, 4)
    layers = [len(counter.during(model, x)) for _ in range(300)]
    assert set(layers) == {14, 2, 4, 8}  # all; columns 0, 1, 2 alone
    assert abs(layers.count(14) - 150) < 4 * np.sqrt(300 / 4)
    for alone in (2, 4, 8):
        assert abs(layers.count(alone) - 50) < 4 * np.sqrt(300 * 5 / 36)


def test_joins_drop_columns_in_training() -> None:
    """Two columns, each dropped with probability ½, but never both: a mean, or one of the two."""
    join, a, b = Join(0.5), normal(2, 3), normal(2, 3, seed=1)
    found = {"both": 0, "a": 0, "b": 0}
    for _ in range(200):
        y = join([minidl.Tensor(a), minidl.Tensor(b)]).data
        means = {"both": (a + b) / 2, "a": a, "b": b}
        found[next(key for key, mean in means.items() if np.allclose(y, mean))] += 1
    assert abs(found["both"] - 50) < 4 * np.sqrt(200 * 3 / 16)  # ¼ both, ¼ each, ¼ one drawn anew
    assert abs(found["a"] - 75) < 4 * np.sqrt(200 * 15 / 64)
    join.eval()
    np.testing.assert_allclose(join([minidl.Tensor(a), minidl.Tensor(b)]).data, (a + b) / 2)


def test_every_join_has_the_same_probability() -> None:
    model = FractalNet(3, channels=(4, 4), drop_path=0.25)
    rates = [module.drop_path for module in model.modules() if isinstance(module, Join)]
    assert rates == [0.25] * 8  # three inside each block, one behind it


def test_dropout_rises_from_block_to_block() -> None:
    model = FractalNet(2, channels=(2, 2, 2, 2, 2))
    rates = [
        sorted({layer.p for layer in block.modules() if isinstance(layer, Dropout)})
        for block in model.blocks
    ]
    np.testing.assert_allclose(np.array(rates)[:, 0], [0, 0.1, 0.2, 0.3, 0.4])


def test_without_drop_path_and_dropout_nothing_is_random() -> None:
    model, x = tiny(), normal(4, 3, 8, 8)
    np.testing.assert_array_equal(model(x).data, model(x).data)
    assert np.abs(tiny(dropout=0.4)(x).data - model(x).data).max() > 0
    dropping = tiny(dropout=0.4)
    assert not np.array_equal(dropping(x).data, dropping(x).data)


def test_keys() -> None:
    keys = list(tiny(2).state_dict())
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = [
        f"blocks.{block}.{layer}.{part}"
        for block in (0, 1)
        for layer in ("layer", "first.layer", "second.layer")
        for part in ("conv.weight", *(f"bn.{part}" for part in parts))
    ]
    assert keys == [*expected, "classifier.weight", "classifier.bias"]


def test_first_weights() -> None:
    """Glorot: uniform within ±√(6 / (fan_in + fan_out)), which the largest all but reaches."""
    weights = dict(FractalNet(2).named_parameters())
    bound = np.sqrt(6 / (9 * (512 + 512)))
    assert 0.999 * bound < np.abs(weights["blocks.4.second.layer.conv.weight"].data).max() <= bound


@pytest.mark.parametrize("column", [3, -1])
def test_columns_that_are_not_there(column: int) -> None:
    with pytest.raises(
        ValueError, match=rf"no column {column}; the 3 columns .* to 2, the longest"
    ):
        tiny()(normal(1, 3, 8, 8), column)


def test_a_fractal_without_columns() -> None:
    with pytest.raises(ValueError, match="at least one column, not 0"):
        FractalNet(0)
