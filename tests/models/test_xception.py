"""Xception: counts, the table, published names, what a block computes.

Counts are those of timm 1.0's legacy_xception, and the paper's table 3.
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.xception import Block, Xception
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import parts, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

IMAGE = (3, 299, 299)


def full(**options: Any) -> Xception:
    with minidl.shapes_only():
        return models.create("xception", **options)


def small(**options: Any) -> Xception:
    return models.create_small("xception", **{"width": 0.125, **options})


# -------------------------------------------------------------------------------------- counts


def test_counts() -> None:
    model = full()
    assert parameter_count(model) == 22_855_952
    assert statistics_count(model) == 54_528
    assert multiply_accumulates(model, IMAGE) == 8_357_403_496


def test_the_docstring_prints_shape_parameters_and_macs_of_each_part() -> None:
    table = parts(full(), IMAGE)
    lines = str(Xception.__doc__).splitlines()
    blocks = [f"block{k}" for k in range(1, 13)]
    assert list(table) == [
        *("conv1", "bn1", "conv2", "bn2"),
        *blocks,
        *("conv3", "bn3", "conv4", "bn4", "fc"),
    ]
    assert len({table[name] for name in blocks[3:11]}) == 1, "the middle flow's blocks are alike"
    for name in ("conv1", "conv2", *blocks[:4], "block12", "conv3", "conv4", "fc"):
        (line,) = (line for line in lines if name in line.split()[:2])
        part, norm = table[name], table.get(name.replace("conv", "bn"))
        parameters = part.parameters + (norm.parameters if norm and norm is not part else 0)
        assert printed_shape(part.shape) in line
        assert line.split()[-3:] == [f"{parameters:,}", f"{part.macs / 1e6:,.1f}", "M"]
    assert f"{22_855_952:,}    {8_357_403_496 / 1e6:,.1f} M" in str(Xception.__doc__)


def test_the_middle_flow_has_as_many_blocks_as_asked() -> None:
    assert parameter_count(full(middle=5)) == 22_855_952 - 3 * 1_613_976
    shapes = output_shapes(full(middle=0), IMAGE)
    assert shapes["block3"] == (728, 19, 19)
    assert shapes["block4"] == (1024, 10, 10)


# -------------------------------------------------------------------------------------- shapes


def test_small_shapes() -> None:
    shapes = output_shapes(small(), (3, 32, 32))
    assert shapes["conv2"] == (8, 32, 32)
    sides = [shapes[f"block{k}"] for k in range(1, 7)]
    assert sides == [(16, 16, 16), (32, 8, 8), (91, 4, 4), (91, 4, 4), (91, 4, 4), (128, 2, 2)]
    assert shapes[""] == (10,)


# --------------------------------------------------------------------------- state-dict names


def test_keys_are_timms() -> None:
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

    def keys(conv: str, bn: str, separable: bool) -> list[str]:
        steps = ("conv1.weight", "pointwise.weight") if separable else ("weight",)
        return [*(f"{conv}.{step}" for step in steps), *(f"{bn}.{part}" for part in norm)]

    expected = [*keys("conv1", "bn1", False), *keys("conv2", "bn2", False)]
    for k in range(1, 13):
        block = f"block{k}"
        if k in (1, 2, 3, 12):
            expected += keys(f"{block}.skip", f"{block}.skipbn", False)
        positions = (0, 3) if k == 1 else (1, 4) if k in (2, 3, 12) else (1, 4, 7)
        for position in positions:
            expected += keys(f"{block}.rep.{position}", f"{block}.rep.{position + 1}", True)
    expected += [*keys("conv3", "bn3", True), *keys("conv4", "bn4", True), "fc.weight", "fc.bias"]
    assert list(full().state_dict()) == expected


# ---------------------------------------------------------------------- what the parts compute


def separable(layer: nn.Sequential, x: Tensor) -> Tensor:
    channels = x.shape[1]
    return F.conv2d(F.conv2d(x, layer[0].weight, padding=1, groups=channels), layer[1].weight)


def normalised(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def with_own_statistics(block: Block) -> Block:
    generator = np.random.default_rng(1)
    for name, array in block.state_dict().items():
        if "running" in name:
            owner = block
            *path, last = name.split(".")
            for step in path:
                owner = getattr(owner, step)
            getattr(owner, last)[...] = generator.uniform(0.5, 2, array.shape)
    return block.eval()


def test_a_block_of_the_middle_flow() -> None:
    """Three times ReLU, separable convolution, batch norm; no ReLU after the last; plus x."""
    block = with_own_statistics(Block(4, [5, 3, 4], stride=1))
    x = Tensor(normal(2, 4, 5, 6))
    y = x
    for position in ("1", "4", "7"):
        y = separable(getattr(block.rep, position), F.relu(y))
        y = normalised(getattr(block.rep, str(int(position) + 1)), y)
    assert (y.data + x.data < 0).any()
    np.testing.assert_allclose(block(x).data, y.data + x.data, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("relu_first", [True, False])
def test_a_block_that_halves(relu_first: bool) -> None:
    """The projection sees x before the ReLU, and the pool stands behind the last batch norm."""
    block = with_own_statistics(Block(4, [5, 6], stride=2, relu_first=relu_first))
    x = Tensor(normal(2, 4, 7, 8))
    first, last = (1, 4) if relu_first else (0, 3)
    y = separable(getattr(block.rep, str(first)), F.relu(x) if relu_first else x)
    y = F.relu(normalised(getattr(block.rep, str(first + 1)), y))
    y = separable(getattr(block.rep, str(last)), y)
    y = F.max_pool2d(normalised(getattr(block.rep, str(last + 1)), y), 3, 2, 1)
    projected = normalised(block.skipbn, F.conv2d(x, block.skip.weight, stride=2))
    assert y.shape == (2, 6, 4, 4)
    np.testing.assert_allclose(block(x).data, y.data + projected.data, rtol=1e-4, atol=1e-5)


def test_only_the_first_block_starts_without_relu() -> None:
    """Its input has just been through one."""
    blocks = [layer for layer in full().modules() if isinstance(layer, Block)]
    starts = [isinstance(block.rep[0], nn.ReLU) for block in blocks]
    assert starts == [False] + 11 * [True]


def test_dropout_acts_in_training_only() -> None:
    x = normal(4, 3, 32, 32)
    model = small(drop_rate=0.5)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    assert np.array_equal(model(x).data, model(x).data)
    assert full().drop_rate == 0.5


def test_first_weights() -> None:
    """He: σ = √(2/fan_in), 9 within a channel; within five standard errors σ/√(2n)."""
    layer = small(width=0.25).block4.rep[3]
    for weight, fan_in in ((layer[0].weight, 9), (layer[1].weight, 182)):
        sigma = np.sqrt(2 / fan_in)
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        Xception(stem="mnist")
