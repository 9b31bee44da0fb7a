"""GoogLeNet: counts, the paper's table, published names, what a module computes, and its heads.

Counts are those of the Berkeley Caffe model (the paper's network) and of torchvision 0.28 (with
batch norm), with and without the auxiliary heads.
"""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.models.auxiliary import auxiliary_loss
from minidl.models.googlenet import MODULES, GoogLeNet, Inception
from tests.models.draws import normal
from tests.models.ledger import (
    multiply_accumulates,
    output_shapes,
    parameter_count,
    statistics_count,
)
from tests.models.tables import Part, parts, printed_rows, printed_shape

pytestmark = pytest.mark.usefixtures("numpy_kernels")

IMAGE = (3, 224, 224)
# The rows of the paper's table 1, params and ops; its K is 1024.
PAPER = {
    "conv1": (2.7, 34),
    "conv2, conv3": (112, 360),
    "3a": (159, 128),
    "3b": (380, 304),
    "4a": (364, 73),
    "4b": (437, 88),
    "4c": (463, 100),
    "4d": (580, 119),
    "4e": (840, 170),
    "5a": (1072, 54),
    "5b": (1388, 71),
    "fc": (1000, 1),
}
DIFFERENT = {"params": {"conv1", "4c", "5a"}, "ops": {"conv1", "5a"}}


@pytest.fixture(scope="module")
def paper() -> GoogLeNet:
    return models.create("googlenet")


@pytest.fixture(scope="module")
def shapes(paper: GoogLeNet) -> dict[str, tuple[int, ...]]:
    return output_shapes(paper, IMAGE)


@pytest.fixture(scope="module")
def table(paper: GoogLeNet) -> dict[str, Part]:
    return {name.removeprefix("inception"): part for name, part in parts(paper, IMAGE).items()}


# -------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("name", "parameters", "statistics", "macs"),
    [
        ("googlenet", 6_998_552, 0, 1_582_671_872),  # BVLC deploy
        ("googlenet_bn", 6_624_904, 14_560, 1_498_376_192),  # torchvision, aux_logits=False
    ],
)
def test_counts_without_heads(name: str, parameters: int, statistics: int, macs: int) -> None:
    model = models.create(name, aux=False)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics
    assert multiply_accumulates(model, IMAGE) == macs
    for count in (f"{parameters:,}", f"{macs / 1e6:,.1f} M"):
        assert count in str(GoogLeNet.__doc__)


def test_counts_with_heads(paper: GoogLeNet) -> None:
    assert parameter_count(paper) == 13_378_280  # BVLC train_val
    batch_norm = models.create("googlenet_bn")
    assert parameter_count(batch_norm) == 13_004_888  # torchvision
    assert statistics_count(batch_norm) == 15_072


def test_the_heads_take_8_million_macs(paper: GoogLeNet) -> None:
    """BVLC train_val counts 1,591,044,096 in all."""
    heads = [
        multiply_accumulates(head, (channels, 14, 14))
        for head, channels in ((paper.aux1, 512), (paper.aux2, 528))
    ]
    assert 1_582_671_872 + sum(heads) == 1_591_044_096
    for head, macs in zip((paper.aux1, paper.aux2), heads, strict=True):
        assert f"{parameter_count(head):,}{macs / 1e6:11.1f} M" in str(GoogLeNet.__doc__)


def test_the_docstring_prints_shape_weights_and_macs_of_each_module(
    paper: GoogLeNet, table: dict[str, Part]
) -> None:
    printed = printed_rows(paper)
    assert set(table) == {"conv1", "conv2", "conv3", *MODULES, "fc"}
    for name, part in table.items():
        assert printed_shape(part.shape) in printed[name]
        assert printed[name].split()[-3:] == [f"{part.weights:,}", f"{part.macs / 1e6:.1f}", "M"]
    assert sum(part.macs for part in table.values()) == 1_582_671_872
    assert 6_998_552 - sum(part.weights for part in table.values()) == 8_280
    assert f"with 8,280 biases:{6_998_552:>24,}" in str(GoogLeNet.__doc__)


def test_the_papers_table_agrees_but_where_the_docstring_says(table: dict[str, Part]) -> None:
    for row, (kilo, mega) in PAPER.items():
        weights = sum(table[name].weights for name in row.split(", "))
        macs = sum(table[name].macs for name in row.split(", "))
        assert (abs(weights / 1024 / kilo - 1) < 0.02) is (row not in DIFFERENT["params"]), row
        near = abs(macs / 1e6 - mega) < max(0.02 * mega, 0.5)  # the table has whole millions
        assert near is (row not in DIFFERENT["ops"]), row


def test_the_lectures_module() -> None:
    """256 channels of 28 × 28: the naive module takes 854 M operations, with reductions 271 M."""
    naive = sum(28 * 28 * o * k * k * 256 for o, k in ((128, 1), (192, 3), (96, 5)))
    module = Inception(256, (128, 64, 192, 64, 96, 64), batch_norm=False)
    reduced = multiply_accumulates(module, (256, 28, 28))
    assert (naive, reduced) == (854_196_224, 271_351_808)
    slide = reduced + 28 * 28 * 192 * 9 * (128 - 64)
    assert slide == 358_055_936
    for count in (naive, reduced, slide):
        assert f"{count / 1e6:.0f} M" in str(Inception.__doc__)


# -------------------------------------------------------------------------------------- shapes


def test_pools_halve_and_round_up(shapes: dict[str, tuple[int, ...]]) -> None:
    sides = [shapes[f"maxpool{k}"] for k in (1, 2, 3, 4)]
    assert sides == [(64, 56, 56), (192, 28, 28), (480, 14, 14), (832, 7, 7)]
    assert shapes[""] == (1000,)


@pytest.mark.parametrize("name", ["googlenet", "googlenet_bn"])
def test_small_shapes(name: str) -> None:
    model = models.create_small(name)
    shapes = output_shapes(model, (3, 32, 32))
    assert shapes["conv1"] == (16, 32, 32)
    assert shapes["inception3a"] == (64, 8, 8)
    assert shapes["inception4a"] == (128, 4, 4)
    assert shapes["inception5b"] == (256, 2, 2)
    assert [logits.shape for logits in model.train()(normal(2, 3, 32, 32))] == [(2, 10)] * 3


def test_evaluation_takes_any_size() -> None:
    model = models.create_small("googlenet").eval()
    assert model(normal(2, 3, 40, 53)).shape == (2, 10)


# --------------------------------------------------------------------------- state-dict names


def unit(prefix: str, batch_norm: bool) -> list[str]:
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    if batch_norm:
        return [f"{prefix}.conv.weight", *(f"{prefix}.bn.{part}" for part in norm)]
    return [f"{prefix}.conv.weight", f"{prefix}.conv.bias"]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_keys_are_torchvisions(batch_norm: bool) -> None:
    expected = [key for k in (1, 2, 3) for key in unit(f"conv{k}", batch_norm)]
    for name in MODULES:
        branches = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
        for branch in branches:
            expected += unit(f"inception{name}.{branch}", batch_norm)
    for head in ("aux1", "aux2"):
        expected += unit(f"{head}.conv", batch_norm)
        expected += [f"{head}.{fc}.{part}" for fc in ("fc1", "fc2") for part in ("weight", "bias")]
    expected += ["fc.weight", "fc.bias"]
    assert list(GoogLeNet(batch_norm=batch_norm, width=0.125).state_dict()) == expected


# ---------------------------------------------------------------------- what the parts compute


def test_a_module_puts_its_branches_side_by_side() -> None:
    x = normal(2, 6, 7, 8)
    module = Inception(6, (2, 3, 4, 5, 1, 3), batch_norm=False)
    y = module(x).data
    assert y.shape == (2, 10, 7, 8)

    def convolved(unit: nn.Sequential, x: Tensor | np.ndarray, padding: int) -> Tensor:
        conv = unit[0]
        return F.relu(F.conv2d(x, conv.weight, conv.bias, padding=padding))

    pooled = F.max_pool2d(x, 3, 1, 1)
    for channels, expected in (
        (slice(0, 2), convolved(module.branch1, x, 0)),
        (slice(2, 6), convolved(module.branch2[1], convolved(module.branch2[0], x, 0), 1)),
        (slice(6, 7), convolved(module.branch3[1], convolved(module.branch3[0], x, 0), 2)),
        (slice(7, 10), convolved(module.branch4[1], pooled, 0)),
    ):
        np.testing.assert_array_equal(y[:, channels], expected.data)


@pytest.mark.parametrize(("batch_norm", "size"), [(False, 5), (True, 3)])
def test_the_filters_of_the_third_branch(batch_norm: bool, size: int) -> None:
    """5×5 in the paper, 3×3 in torchvision, whose published weights have them so."""
    module = Inception(6, (2, 3, 4, 5, 1, 3), batch_norm)
    assert module.branch3[1][0].weight.shape == (1, 5, size, size)


def test_the_paper_normalises_responses_after_pool1_and_before_pool2(paper: GoogLeNet) -> None:
    assert isinstance(paper.norm1, nn.LocalResponseNorm)
    seen = {}
    for name in ("maxpool1", "norm1", "norm2", "maxpool2"):
        getattr(paper, name).register_forward_hook(
            lambda layer, inputs, output, name=name: seen.update({name: (inputs[0], output)})
        )
    with minidl.no_grad():
        paper.eval()(normal(1, 3, 32, 32))
    for norm, before in (("norm1", seen["maxpool1"][1]), ("norm2", seen["norm2"][0])):
        expected = F.local_response_norm(before, 5, 1e-4, 0.75, 1.0)
        np.testing.assert_array_equal(seen[norm][1].data, expected.data)
    assert seen["maxpool2"][0] is seen["norm2"][1]
    batch_norm = models.create_small("googlenet_bn")
    assert isinstance(batch_norm.norm1, nn.Identity)
    assert isinstance(batch_norm.norm2, nn.Identity)


def test_batch_norms_have_the_published_eps() -> None:
    norms = [m for m in models.create_small("googlenet_bn").modules() if hasattr(m, "running_mean")]
    assert len(norms) == 59
    assert {norm.eps for norm in norms} == {1e-3}


# ----------------------------------------------------------------------------- auxiliary heads


@pytest.mark.parametrize("name", ["googlenet", "googlenet_bn"])
def test_heads_answer_in_training_only(name: str) -> None:
    x = normal(2, 3, 32, 32)
    model = models.create_small(name)
    logits, aux1, aux2 = model.train()(x)
    assert logits.shape == aux1.shape == aux2.shape == (2, 10)
    assert isinstance(model.eval()(x), Tensor)
    bare = models.create_small(name, aux=False)
    assert isinstance(bare.train()(x), Tensor)
    assert not any(key.startswith("aux") for key in bare.state_dict())


def test_weights_with_heads_load_into_a_model_without() -> None:
    x = normal(2, 3, 32, 32)
    trained, bare = models.create_small("googlenet"), models.create_small("googlenet", aux=False)
    bare.load_state_dict(trained.state_dict(), strict=False)
    np.testing.assert_array_equal(bare.eval()(x).data, trained.eval()(x).data)


def test_heads_stand_on_4a_and_4d() -> None:
    model = models.create_small("googlenet")
    seen = {}
    for name in ("inception4a", "inception4d", "aux1", "aux2"):
        getattr(model, name).register_forward_hook(
            lambda layer, inputs, output, name=name: seen.update({name: (inputs[0], output)})
        )
    model(normal(2, 3, 32, 32))
    assert seen["aux1"][0] is seen["inception4a"][1]
    assert seen["aux2"][0] is seen["inception4d"][1]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_the_heads_pool(batch_norm: bool) -> None:
    """14 × 14 to 4 × 4: the paper by 5×5 windows in steps of 3, torchvision by windows of 4."""
    x = normal(1, 8, 14, 14)
    pool = GoogLeNet(batch_norm=batch_norm, width=0.125).aux1.pool
    windows = (
        [(0, 4), (3, 7), (7, 11), (10, 14)] if batch_norm else [(k, k + 5) for k in (0, 3, 6, 9)]
    )
    expected = [[x[0, 5, a:b, c:d].mean() for c, d in windows] for a, b in windows]
    np.testing.assert_allclose(pool(Tensor(x)).data[0, 5], expected, rtol=1e-5, atol=1e-6)


def test_the_loss_counts_each_head_by_its_weight() -> None:
    """Uniform logits cost log K; a main head sure of the right class costs nothing."""
    uniform, labels = Tensor(np.zeros((3, 4), np.float32)), np.array([0, 3, 1])
    sure = Tensor(50 * np.eye(4, dtype=np.float32)[labels])
    assert auxiliary_loss((sure, uniform, uniform), labels).item() == pytest.approx(
        0.6 * np.log(4), rel=1e-6
    )
    assert auxiliary_loss((sure, uniform), labels, weight=0.4).item() == pytest.approx(
        0.4 * np.log(4), rel=1e-6
    )
    assert auxiliary_loss(uniform, labels).item() == pytest.approx(np.log(4), rel=1e-6)


def test_the_loss_of_the_docstring() -> None:
    model, labels = models.create_small("googlenet_bn"), np.arange(4)
    outputs = model(normal(4, 3, 32, 32))
    logits, aux1, aux2 = outputs
    loss = F.cross_entropy(logits, labels) + 0.3 * (
        F.cross_entropy(aux1, labels) + F.cross_entropy(aux2, labels)
    )
    assert auxiliary_loss(outputs, labels).item() == pytest.approx(loss.item(), rel=1e-6)


def test_dropout_of_main_and_auxiliary_heads() -> None:
    """0.4 before fc in the paper, 0.2 with batch norm, and 0.7 in the heads."""
    assert models.create("googlenet", width=0.125).drop_rate == 0.4
    assert models.create("googlenet_bn", width=0.125).drop_rate == 0.2
    model = GoogLeNet(num_classes=10, stem="cifar", width=1.0, drop_rate=0.25)
    seen = {}
    model.inception5b.register_forward_hook(lambda *args: seen.update(maps=args[2].data))
    model.fc.register_forward_hook(lambda *args: seen.update(features=args[1][0].data))
    model.aux1.fc1.register_forward_hook(lambda *args: seen.update(before=args[2].data))
    model.aux1.fc2.register_forward_hook(lambda *args: seen.update(after=args[1][0].data))
    model(normal(2, 3, 32, 32))
    for before, after, rate in (
        (seen["maps"].mean((2, 3)), seen["features"], 0.25),
        (seen["before"], seen["after"], 0.7),
    ):
        alive = before > 0  # ReLU has left zeros of its own
        share = (after[alive] == 0).mean()
        assert abs(share - rate) < 5 * np.sqrt(rate * (1 - rate) / alive.sum())


def test_first_weights() -> None:
    """Filters as He et al. say, classifiers N(0, 0.01²); within five standard errors σ/√(2n)."""
    model = models.create_small("googlenet", width=0.5)
    conv, fc1 = model.inception4e.branch2[1][0], model.aux1.fc1
    for weight, sigma in ((conv.weight, np.sqrt(2 / (80 * 9))), (fc1.weight, 0.01)):
        assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
    assert not conv.bias.data.any()
    assert not fc1.bias.data.any()


# -------------------------------------------------------------------------------------- errors


def test_stem() -> None:
    with pytest.raises(ValueError, match="'imagenet' or 'cifar', not 'mnist'"):
        GoogLeNet(stem="mnist")
