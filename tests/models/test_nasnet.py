"""NASNet-A: counts, the table, published names, the wiring of the cells, and where windows lie.

Counts are those of timm 1.0's nasnetalarge and of the authors' paper (5.3 M parameters and 564 M
multiply-accumulates for 4 @ 1056, 88.9 M and 23.8 G for 6 @ 4032, 3.3 M parameters for 6 @ 768).
"""

from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.nasnet import NORMAL, REDUCTION, Cell, NASNet, Pool, Separable
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

NAMES = ["nasnet_a_mobile", "nasnet_a_large", "nasnet_a_cifar"]
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def full(name: str, **options: Any) -> NASNet:
    with minidl.shapes_only():
        return models.create(name, **options)


# -------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("name", "parameters", "statistics", "macs"),
    [
        ("nasnet_a_mobile", 5_289_978, 36_738, 563_638_816),
        ("nasnet_a_large", 88_753_150, 196_668, 23_783_414_658),
        ("nasnet_a_cifar", 3_328_234, 37_056, 525_786_624),
    ],
)
def test_counts(name: str, parameters: int, statistics: int, macs: int) -> None:
    model = full(name)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, models.entry(name).input_shape) == macs
    column = NAMES.index(name)
    printed = printed_rows(model)
    assert printed["parameters"].split()[1 + column] == f"{parameters:,}"
    assert printed["MACs"].split()[1 + 2 * column] == f"{macs / 1e6:,.1f}"


def test_the_macs_of_the_ports_that_cut_off_a_row_and_a_column() -> None:
    """568,234,858 in Cadene's, where C filters K×K and C·C 1×1 see 29² pixels in place of 28².

    Behind conv0's 111 × 111 the sides are even: 56, 28, 14. In each of the three cells that halve
    them, the first half of five separable convolutions sees a row and a column too many.
    """

    def extra(side: int, channels: int, sizes: tuple[int, ...]) -> int:
        pixels = (side + 1) ** 2 - side**2
        return pixels * sum(channels * k * k + channels * channels for k in sizes)

    more = sum(
        extra(side, channels, (5, 7, 7, 5, 3)) for side, channels in ((28, 22), (14, 88), (7, 176))
    )
    assert 563_638_816 + more == 568_234_858
    assert "568.2 M MACs" in str(NASNet.__doc__)


def test_what_the_authors_first_cell_on_cifar_costs_more() -> None:
    """Of 96 channels in place of 32 behind a 1×1 convolution with batch norm (two numbers each)."""
    squeeze = 96 * 32 + 2 * 32
    separable = {k: (96 - 32) * (k * k + 32) for k in (3, 5)}
    more = 2 * separable[3] + separable[5]  # of the first two sums
    more += squeeze + 2 * squeeze + squeeze  # the identity, both averages, and the cell's output
    assert more - squeeze == 18_304  # without the door
    assert "18,304 parameters more" in str(NASNet.__doc__)


# -------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_prints_the_shapes(name: str) -> None:
    model, column = full(name), NAMES.index(name)
    shapes = output_shapes(model, models.entry(name).input_shape)
    n = (4, 6, 6)[column]
    lines = str(NASNet.__doc__).splitlines()
    rows = [line for line in lines if line.strip().startswith(("conv0", "normal", "reduction"))]
    stages = [
        ["conv0"],
        [f"cell_{k}" for k in range(n)],
        ["reduction_cell_0"],
        [f"cell_{k}" for k in range(n, 2 * n)],
        ["reduction_cell_1"],
        [f"cell_{k}" for k in range(2 * n, 3 * n)],
    ]
    for row, stage in zip(rows, stages, strict=True):
        cells = row.replace(" × N", "").split("  ")
        printed = [cell.strip() for cell in cells if cell.count("×") == 2]
        for layer in stage:
            assert printed[column] == printed_shape(shapes[layer]), layer
    if name != "nasnet_a_cifar":
        for stem in ("cell_stem_0", "cell_stem_1"):
            (row,) = (line for line in lines if line.strip().startswith(stem))
            printed = [cell.strip() for cell in row.split("  ") if cell.count("×") == 2]
            assert printed[column] == printed_shape(shapes[stem])
    assert f"cell_{3 * n}" not in shapes


@pytest.mark.parametrize("name", NAMES)
def test_small_shapes(name: str) -> None:
    shapes = output_shapes(models.create_small(name), (3, 32, 32))
    cells = ["conv0", "cell_0", "reduction_cell_0", "cell_1", "reduction_cell_1", "cell_2", ""]
    assert [shapes[cell] for cell in cells] == [
        (24, 32, 32),
        (48, 32, 32),
        (64, 16, 16),
        (96, 16, 16),
        (128, 8, 8),
        (192, 8, 8),
        (10,),
    ]


@pytest.mark.parametrize("size", [(3, 3), (5, 4), (30, 33)])
def test_any_size(size: tuple[int, int]) -> None:
    model = NASNet(1, 96, 4, num_classes=7)
    assert output_shapes(model, (3, *size))[""] == (7,)


# --------------------------------------------------------------------------- state-dict names


def norm_keys(prefix: str) -> list[str]:
    return [f"{prefix}.{part}" for part in NORM]


def cell_keys(prefix: str, door: str, separables: str) -> list[str]:
    def squeeze(name: str) -> list[str]:
        return [f"{prefix}.{name}.conv.weight", *norm_keys(f"{prefix}.{name}.bn")]

    keys = squeeze("conv_prev_1x1") if door == "squeeze" else []
    keys += squeeze("conv_1x1")
    if door == "halve":
        keys += [f"{prefix}.path_1.conv.weight", f"{prefix}.path_2.conv.weight"]
        keys += norm_keys(f"{prefix}.final_path_bn")
    for name in separables.split():
        for step in (1, 2):
            path = f"{prefix}.comb_iter_{name}"
            for part in ("depthwise", "pointwise"):
                keys.append(f"{path}.separable_{step}.{part}_conv2d.weight")
            keys += norm_keys(f"{path}.bn_sep_{step}")
    return keys


def test_keys_are_timms() -> None:
    ordinary = "0_left 0_right 1_left 1_right 4_left"
    reduction = "0_left 0_right 1_right 2_right 4_left"
    expected = ["conv0.conv.weight", *norm_keys("conv0.bn")]
    expected += cell_keys("cell_stem_0", "open", reduction)
    expected += cell_keys("cell_stem_1", "halve", reduction)
    for k in range(18):
        if k in (6, 12):
            expected += cell_keys(f"reduction_cell_{k // 6 - 1}", "squeeze", reduction)
        expected += cell_keys(f"cell_{k}", "halve" if k % 6 == 0 else "squeeze", ordinary)
    expected += ["last_linear.weight", "last_linear.bias"]
    assert list(full("nasnet_a_large").state_dict()) == expected


# -------------------------------------------------------------------------- the wiring of cells


def test_a_normal_cell() -> None:
    """The paper's figure 4, left: h is the newer input, b the older one, both squeezed."""
    cell = Cell(5, 7, 4, NORMAL).eval()
    x, before = Tensor(normal(2, 7, 6, 5)), Tensor(normal(2, 5, 6, 5, seed=1))
    h, b = cell.conv_1x1(x), cell.conv_prev_1x1(before)

    def average(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    sums = [
        b,
        cell.comb_iter_0_left(h) + cell.comb_iter_0_right(b),
        cell.comb_iter_1_left(b) + cell.comb_iter_1_right(b),
        average(h) + b,
        average(b) + average(b),
        cell.comb_iter_4_left(h) + h,
    ]
    expected = np.concatenate([part.data for part in sums], axis=1)
    assert expected.shape == (2, 24, 6, 5)
    np.testing.assert_allclose(cell(x, before).data, expected, rtol=1e-5, atol=1e-6)
    sizes = {
        name: getattr(cell, f"comb_iter_{name}").margin * 2 + 1
        for name in ("0_left", "0_right", "1_left", "1_right", "4_left")
    }
    assert sizes == {"0_left": 5, "0_right": 3, "1_left": 5, "1_right": 3, "4_left": 3}


def test_a_reduction_cell() -> None:
    """The paper's figure 4, right; of odd sides, so that windows lie the same on both ends."""
    cell = Cell(5, 7, 4, REDUCTION).eval()
    x, before = Tensor(normal(2, 7, 7, 5)), Tensor(normal(2, 5, 7, 5, seed=1))
    h, b = cell.conv_1x1(x), cell.conv_prev_1x1(before)
    first = cell.comb_iter_0_left(h) + cell.comb_iter_0_right(b)
    second = F.max_pool2d(h, 3, 2, 1) + cell.comb_iter_1_right(b)
    third = F.avg_pool2d(h, 3, 2, 1, count_include_pad=False) + cell.comb_iter_2_right(b)
    fourth = second + F.avg_pool2d(first, 3, 1, 1, count_include_pad=False)
    fifth = cell.comb_iter_4_left(first) + F.max_pool2d(h, 3, 2, 1)
    expected = np.concatenate([part.data for part in (second, third, fourth, fifth)], axis=1)
    assert expected.shape == (2, 16, 4, 3)
    np.testing.assert_allclose(cell(x, before).data, expected, rtol=1e-5, atol=1e-6)
    sizes = {
        name: getattr(cell, f"comb_iter_{name}").margin * 2 + 1
        for name in ("0_left", "0_right", "1_right", "2_right", "4_left")
    }
    assert sizes == {"0_left": 5, "0_right": 7, "1_right": 7, "2_right": 5, "4_left": 3}


def test_the_first_cell_takes_its_older_input_as_it_is() -> None:
    cell = Cell(5, 5, 4, REDUCTION, door="open")
    before = Tensor(normal(2, 5, 7, 5))
    assert cell.matched(before) is before
    assert cell.comb_iter_0_right.separable_1[0].weight.shape == (5, 1, 7, 7)
    assert cell.comb_iter_0_right.separable_1[1].weight.shape == (4, 5, 1, 1)
    assert cell.comb_iter_0_left.separable_1[0].weight.shape == (4, 1, 5, 5)


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (6, 5)])
def test_halving_the_older_input(size: tuple[int, int]) -> None:
    """Even pixels through the first filters, odd ones through the second; zeros where none are."""
    cell = Cell(3, 7, 4, NORMAL, door="halve").eval()
    x = normal(2, 3, *size)
    active = np.maximum(x, 0)
    rows, columns = -(-size[0] // 2), -(-size[1] // 2)
    odd = np.zeros((2, 3, rows, columns), np.float32)
    found = active[:, :, 1::2, 1::2]
    odd[:, :, : found.shape[2], : found.shape[3]] = found
    parts = [
        np.einsum("oc,nchw->nohw", path[0].weight.data[:, :, 0, 0], pixels)
        for path, pixels in ((cell.path_1, active[:, :, ::2, ::2]), (cell.path_2, odd))
    ]
    expected = np.concatenate(parts, axis=1) / np.sqrt(1 + 1e-3)  # batch norm's first statistics
    np.testing.assert_allclose(cell.matched(Tensor(x)).data, expected, rtol=1e-4, atol=1e-5)


def older_inputs(name: str, **options: Any) -> dict[str, str]:
    model = full(name, **options)
    outputs = ["conv0", *(cell for cell, _ in model.cells)]
    return {cell: outputs[older] for cell, older in model.cells}


def test_which_cell_sees_which() -> None:
    """Behind a reduction the mobile network takes the reduction's input, the large one an older."""
    assert older_inputs("nasnet_a_mobile", repeats=2) == {
        "cell_stem_0": "conv0",
        "cell_stem_1": "conv0",
        "cell_0": "cell_stem_0",
        "cell_1": "cell_stem_1",
        "reduction_cell_0": "cell_0",
        "cell_2": "cell_1",
        "cell_3": "reduction_cell_0",
        "reduction_cell_1": "cell_2",
        "cell_4": "cell_3",
        "cell_5": "reduction_cell_1",
    }
    large = older_inputs("nasnet_a_large", repeats=2)
    different = {"cell_2": "cell_0", "cell_4": "cell_2"}
    assert large == older_inputs("nasnet_a_mobile", repeats=2) | different
    assert older_inputs("nasnet_a_cifar", repeats=2) == {
        "cell_0": "conv0",
        "cell_1": "conv0",
        "reduction_cell_0": "cell_0",
        "cell_2": "cell_1",
        "cell_3": "reduction_cell_0",
        "reduction_cell_1": "cell_2",
        "cell_4": "cell_3",
        "cell_5": "reduction_cell_1",
    }


# ---------------------------------------------------------------------------- where windows lie


@pytest.mark.parametrize(
    ("kind", "length", "expected"),
    [
        ("max", 6, [2, 4, 5]),  # 0 1 2 · 2 3 4 · 4 5
        ("max", 5, [1, 3, 4]),  # 0 1 · 1 2 3 · 3 4
        ("average", 6, [1, 3, 4.5]),
        ("average", 5, [0.5, 2, 3.5]),
    ],
)
def test_pools_that_halve(kind: str, length: int, expected: list[float]) -> None:
    """Along each axis by itself: the other has seven pixels that are all alike."""
    row = np.arange(length, dtype=np.float32) - 10  # below the zeros around, which never win
    pool = Pool(kind, stride=2)
    wanted = np.tile(np.array(expected, np.float32) - 10, (4, 1))
    across = Tensor(np.tile(row, (7, 1))[None, None])
    np.testing.assert_allclose(pool(across).data[0, 0], wanted, rtol=1e-6)
    down = Tensor(np.tile(row, (7, 1)).T[None, None])
    np.testing.assert_allclose(pool(down).data[0, 0], wanted.T, rtol=1e-6)


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (8, 7)])
def test_separable_convolutions_that_halve(kernel_size: int, size: tuple[int, int]) -> None:
    """A filter that is 1 in the middle picks every odd pixel of an even side, else every even."""
    layer, seen = Separable(2, 2, kernel_size, stride=2), []
    layer.separable_1.register_forward_hook(lambda *args: seen.append(args[2].data))
    depthwise, pointwise = layer.separable_1
    depthwise.weight.data[...] = 0
    depthwise.weight.data[:, :, kernel_size // 2, kernel_size // 2] = 1
    pointwise.weight.data[...] = np.eye(2)[:, :, None, None]
    x = normal(3, 2, *size)
    layer(Tensor(x))
    rows, columns = (1 - side % 2 for side in size)
    np.testing.assert_array_equal(seen[0], np.maximum(x, 0)[:, :, rows::2, columns::2])


# --------------------------------------------------------------------------------- the rest


def test_the_last_cell_is_activated_before_the_average() -> None:
    model, seen = models.create_small("nasnet_a_cifar").eval(), {}
    model.cell_2.register_forward_hook(lambda *args: seen.update(maps=args[2].data))
    model.last_linear.register_forward_hook(lambda *args: seen.update(features=args[1][0].data))
    model(normal(2, 3, 16, 16))
    assert (seen["maps"] < 0).any()
    expected = np.maximum(seen["maps"], 0).mean(axis=(2, 3))
    np.testing.assert_allclose(seen["features"], expected, rtol=1e-4, atol=1e-5)


def test_batch_norms_have_the_published_eps() -> None:
    kinds = nn.BatchNorm2d | nn.BatchNormReLU2d
    norms = [layer for layer in full("nasnet_a_mobile").modules() if isinstance(layer, kinds)]
    assert len(norms) == 1 + 11 + 15 * 12  # conv0, the first cell, all others
    assert {norm.eps for norm in norms} == {1e-3}


def test_dropout_on_imagenet_only() -> None:
    assert full("nasnet_a_mobile").drop_rate == full("nasnet_a_large").drop_rate == 0.5
    assert full("nasnet_a_cifar").drop_rate == 0.0
    model, seen = NASNet(1, 96, 4, num_classes=7), []
    model.last_linear.register_forward_hook(lambda *args: seen.append(args[1][0].data))
    x = normal(4, 3, 64, 64)
    model(x)
    model.eval()(x)
    model(x)
    alive = seen[1] > 0
    share = (seen[0][alive] == 0).mean()
    assert abs(share - 0.5) < 5 * np.sqrt(0.25 / alive.sum())
    np.testing.assert_array_equal(seen[1], seen[2])


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        NASNet(2, 96, 8, stem="mnist")


@pytest.mark.parametrize(
    ("stem", "penultimate", "words"),
    [
        ("imagenet", 1000, "1000 is not a multiple of 96: .*stem a quarter; the nearest is 960$"),
        ("imagenet", 120, "nearest is 96$"),
        ("cifar", 700, r"700 is not a multiple of 24: .*of the first; the nearest is 696$"),
        ("cifar", 0, "nearest is 24$"),
        ("cifar", -24, "nearest is 24$"),
    ],
)
def test_penultimate(stem: str, penultimate: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NASNet(2, penultimate, 8, stem=stem)
