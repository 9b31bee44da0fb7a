"""HRNet: counts, branches, what flows between them, published names, errors."""

from typing import Any

import numpy as np
import pytest

from minidl import Tensor, models
from minidl.models.hrnet import HRNet, MultiResolutionModule
from tests.models.draws import normal
from tests.models.ledger import output_shapes, parameter_count, statistics_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

TINY: dict[str, Any] = {
    "width": 4,
    "num_classes": 7,
    "modules": (1, 2, 1),
    "blocks": 1,
    "head_width": 3,
}


# timm's models of these names; w48 has 77.5 million parameters in the authors' table.
@pytest.mark.parametrize(
    ("name", "parameters", "statistics"),
    [("hrnet_w18", 21_299_004, 51_216), ("hrnet_w32", 41_232_680, 74_624)],
)
def test_statistics(name: str, parameters: int, statistics: int) -> None:
    model = models.create(name)
    assert parameter_count(model) == parameters
    assert statistics_count(model) == statistics


def test_the_docstring_prints_the_counts() -> None:
    lines = {line.split()[0]: line for line in str(HRNet.__doc__).splitlines() if line.strip()}
    entries = [models.entry(f"hrnet_w{width}") for width in (18, 32, 48)]
    assert lines["parameters"].split()[1:] == [f"{entry.parameters:,}" for entry in entries]
    assert lines["MACs"].split()[1::2] == [f"{entry.macs / 1e6:,.1f}" for entry in entries]


def test_branches_and_head() -> None:
    """At 64 × 64, with the docstring's 56 × 56 as 16 × 16."""
    shapes = output_shapes(models.create("hrnet_w18"), (3, 64, 64))
    assert shapes["bn1"] == (64, 32, 32)
    assert shapes["bn2"] == (64, 16, 16)
    assert shapes["layer1"] == shapes["layer1.3"] == (256, 16, 16)
    branches = [(18, 16, 16), (36, 8, 8), (72, 4, 4), (144, 2, 2)]
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        for module in range(modules):
            for branch in range(4):
                prefix = f"stage{stage}.{module}"
                if branch < stage:
                    assert shapes[f"{prefix}.branches.{branch}.3"] == branches[branch]
                    assert shapes[f"{prefix}.fuse_layers.{branch}"] == branches[branch]
                else:
                    assert f"{prefix}.branches.{branch}" not in shapes
        assert f"stage{stage}.{modules}.branches.0" not in shapes
    for branch, channels in enumerate((128, 256, 512, 1024)):
        assert shapes[f"incre_modules.{branch}"][0] == channels
        if branch:
            assert shapes[f"downsamp_modules.{branch - 1}"] == shapes[f"incre_modules.{branch}"]
    assert shapes["final_layer"] == (2048, 2, 2)
    assert shapes["classifier"] == (1000,)


def test_small_images_keep_their_pixels_longer() -> None:
    model = models.create("hrnet_w18", **TINY, stem_stride=1)
    shapes = output_shapes(model, (3, 32, 32))
    sides = [shapes[f"stage4.0.fuse_layers.{branch}"][1:] for branch in range(4)]
    assert sides == [(16, 16), (8, 8), (4, 4), (2, 2)]


def norm_keys(prefix: str) -> list[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{part}" for part in parts]


def pair(prefix: str, bias: bool = False) -> list[str]:
    """A convolution and its batch norm in a Sequential."""
    return [
        f"{prefix}.0.weight",
        *([f"{prefix}.0.bias"] if bias else []),
        *norm_keys(f"{prefix}.1"),
    ]


def block_keys(prefix: str, convolutions: int, downsample: bool = False) -> list[str]:
    keys = []
    for k in range(1, convolutions + 1):
        keys += [f"{prefix}.conv{k}.weight", *norm_keys(f"{prefix}.bn{k}")]
    return keys + (pair(f"{prefix}.downsample") if downsample else [])


def test_keys_are_timms() -> None:
    expected = ["conv1.weight", *norm_keys("bn1"), "conv2.weight", *norm_keys("bn2")]
    expected += [*block_keys("layer1.0", 3, downsample=True), *block_keys("layer1.1", 3)]
    expected += [*pair("transition1.0"), *pair("transition1.1.0")]
    for stage, modules in ((2, 1), (3, 2), (4, 1)):
        for module in range(modules):
            prefix = f"stage{stage}.{module}"
            for branch in range(stage):
                for block in (0, 1):
                    expected += block_keys(f"{prefix}.branches.{branch}.{block}", 2)
            for i in range(stage):
                for j in range(stage):
                    fuse = f"{prefix}.fuse_layers.{i}.{j}"
                    if i < j:
                        expected += pair(fuse)
                    for step in range(i - j):
                        expected += pair(f"{fuse}.{step}")
        if stage < 4:
            expected += pair(f"transition{stage}.{stage}.0")
    for branch in range(4):
        expected += block_keys(f"incre_modules.{branch}.0", 3, downsample=True)
    for branch in range(3):
        expected += pair(f"downsamp_modules.{branch}", bias=True)
    expected += [*pair("final_layer", bias=True), "classifier.weight", "classifier.bias"]
    state = HRNet(**{**TINY, "blocks": 2}).state_dict()
    assert list(state) == expected


def images(*widths: int) -> list[Tensor]:
    """One image a branch, each half as high and wide as the one before."""
    return [
        Tensor(normal(2, width, 8 >> i, 12 >> i, seed=i), requires_grad=True)
        for i, width in enumerate(widths)
    ]


def test_every_branch_hears_of_every_other() -> None:
    """∂y_i/∂x_j is nowhere nothing."""
    for i in range(3):
        module, xs = MultiResolutionModule((4, 6, 8), 1), images(4, 6, 8)
        y = module(xs)[i]
        assert y.shape == xs[i].shape
        y.backward(normal(*y.shape, seed=9))
        for x in xs:
            assert x.grad is not None
            assert np.abs(x.grad).max() > 0


def test_a_module_without_exchange_is_its_branches() -> None:
    """With scale 0 in the norms between branches, y_i = ReLU(branch_i(x_i)) and no more."""
    module, xs = MultiResolutionModule((4, 6, 8), 1), images(4, 6, 8)
    for name, parameter in module.fuse_layers.named_parameters():
        if name.endswith(".1.weight"):
            parameter.data[:] = 0
    for x, y, branch in zip(xs, module(xs), module.branches, strict=True):
        np.testing.assert_allclose(y.data, np.maximum(branch(x).data, 0), rtol=1e-6)


def test_the_finer_branch_gets_copied_pixels() -> None:
    """f_02 makes of each pixel four by four equal ones."""
    module = MultiResolutionModule((4, 6, 8), 1)
    upward = list(next(module.fuse_layers.children()).children())[2]
    y = upward(images(4, 6, 8)[2]).data
    assert y.shape == (2, 4, 8, 12)
    coarse = y[:, :, ::4, ::4]
    np.testing.assert_array_equal(y, coarse.repeat(4, axis=2).repeat(4, axis=3))
    assert np.ptp(coarse) > 0.1


@pytest.mark.parametrize(("stem_stride", "unit"), [(2, 32), (1, 16)])
def test_sizes_that_do_not_halve(stem_stride: int, unit: int) -> None:
    model = HRNet(**TINY, stem_stride=stem_stride)
    with pytest.raises(ValueError, match=rf"must be multiples of {unit}, not 64 × 40; pad"):
        model(normal(1, 3, 64, 40))


def test_first_weights() -> None:
    """σ = √(2/fan_out) within five standard errors σ/√(2n)."""
    weight = dict(HRNet(**TINY).named_parameters())["layer1.0.conv2.weight"]
    sigma = np.sqrt(2 / (9 * 64))
    assert abs(weight.data.std() - sigma) < 5 * sigma / np.sqrt(2 * weight.size)
