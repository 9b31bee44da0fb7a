"""ConvNeXt: stages, published names, what a block sees, layer scale, dropped branches."""

import numpy as np
import pytest

import minidl
from minidl import models
from minidl.models.convnext import ConvNeXt, ConvNeXtBlock, LayerNorm2d
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

SMALL = (3, 32, 32)


def test_counts_of_the_small_configuration() -> None:
    """A block of c channels: 49 c + 8 c² weights, 9 c of biases, norm and layer scale.

    Stages of 32, 64, 128, 256 channels at 16, 8, 4, 2 pixels a side; between them 4 · c · 2c
    weights. Parameters of stem, norms and classifier: 12·32 + 32 + 64, 2c + 2c each, 512 + 2,570.
    """
    parameters, macs = 12 * 32 + 96 + 512 + 2_570, 256 * 12 * 32 + 2_560
    for c, side, depth in ((32, 16, 1), (64, 8, 1), (128, 4, 3), (256, 2, 1)):
        parameters += depth * (49 * c + 8 * c * c + 9 * c)
        macs += depth * side**2 * (49 * c + 8 * c * c)
        if c < 256:
            parameters += 4 * c * 2 * c + 2 * c + 2 * c
            macs += (side // 2) ** 2 * 4 * c * 2 * c
    model = models.create_small("convnext_tiny")
    assert parameter_count(model) == parameters
    assert multiply_accumulates(model, SMALL) == macs


def test_the_docstring_prints_the_counts() -> None:
    lines = {line.split()[0]: line for line in str(ConvNeXt.__doc__).splitlines() if line.strip()}
    entries = [models.entry(f"convnext_{size}") for size in ("tiny", "small", "base", "large")]
    assert lines["parameters"].split()[1:] == [f"{entry.parameters:,}" for entry in entries]
    assert lines["MACs"].split()[1::2] == [f"{entry.macs / 1e6:,.1f}" for entry in entries]
    rates = [entry.build.keywords["drop_path"] for entry in entries]  # type: ignore[attr-defined]
    assert lines["drop_path"].split()[1:] == [str(rate) for rate in rates]


def test_stages() -> None:
    """At 64 × 64: a 16th, 8th, 4th, 2nd of the docstring's sides times 64/56."""
    shapes = output_shapes(models.create("convnext_tiny"), (3, 64, 64))
    for stage, (channels, side, depth) in enumerate(
        [(96, 16, 3), (192, 8, 3), (384, 4, 9), (768, 2, 3)]
    ):
        entrance, blocks = f"features.{2 * stage}", f"features.{2 * stage + 1}"
        assert shapes[entrance] == shapes[blocks] == (channels, side, side)
        assert f"{blocks}.{depth - 1}" in shapes
        assert f"{blocks}.{depth}" not in shapes
    assert shapes["classifier"] == (1000,)


def test_keys_are_torchvisions() -> None:
    def pair(prefix: str) -> list[str]:
        return [f"{prefix}.weight", f"{prefix}.bias"]

    expected = []
    for layer in range(8):
        if layer % 2 == 0:
            expected += [*pair(f"features.{layer}.0"), *pair(f"features.{layer}.1")]
        for block in range((0, 1, 0, 1, 0, 2, 0, 1)[layer]):
            prefix = f"features.{layer}.{block}"
            expected.append(f"{prefix}.layer_scale")
            for step in (0, 2, 3, 5):
                expected += pair(f"{prefix}.block.{step}")
    expected += [*pair("classifier.0"), *pair("classifier.2")]
    state = ConvNeXt(8, (1, 1, 2, 1)).state_dict()
    assert list(state) == expected
    assert state["features.1.0.layer_scale"].shape == (8, 1, 1)
    assert state["features.1.0.block.3.weight"].shape == (32, 8)


def test_a_block_begins_as_the_identity() -> None:
    x, block = normal(2, 6, 9, 8), ConvNeXtBlock(6, 0.0)
    branch = block.block(x).data
    np.testing.assert_allclose(block(x).data, x + np.float32(1e-6) * branch, rtol=1e-6)
    assert np.abs(branch).max() > 0
    block.layer_scale.data[:] = 0
    block.layer_scale.data[2] = 3
    expected = x.copy()
    expected[:, 2] += 3 * branch[:, 2]  # each channel has its own
    np.testing.assert_allclose(block(x).data, expected, rtol=1e-5, atol=1e-6)


def test_a_block_sees_seven_by_seven_pixels() -> None:
    """A change at one pixel is felt up to three pixels away, in every channel, and no further."""
    block = ConvNeXtBlock(4, 0.0).eval()
    for parameter in block.parameters():
        parameter.data[...] = normal(*parameter.shape, seed=parameter.size)
    x = normal(1, 4, 15, 15)
    changed = x.copy()
    changed[0, 1, 7, 7] += 2
    difference = np.abs(block(changed).data - block(x).data)[0]
    seen = np.zeros((15, 15), bool)
    seen[4:11, 4:11] = True
    assert (difference[:, seen] > 0).all()
    assert not difference[:, ~seen].any()


def test_layer_norm_of_images_is_over_channels() -> None:
    x = 3 * normal(2, 5, 3, 4) + 1
    norm = LayerNorm2d(5, eps=1e-6)
    norm.weight.data[:] = normal(5, seed=1)  # type: ignore[union-attr]
    norm.bias.data[:] = normal(5, seed=2)  # type: ignore[union-attr]
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    scale, shift = normal(5, seed=1), normal(5, seed=2)
    expected = (x - mean) / np.sqrt(var + 1e-6) * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(norm(minidl.Tensor(x)).data, expected, rtol=1e-4, atol=1e-5)


def test_later_blocks_are_dropped_more_often() -> None:
    model = ConvNeXt(4, (1, 2, 1, 1), drop_path=0.4)
    rates = [m.drop_path for m in model.modules() if isinstance(m, ConvNeXtBlock)]
    np.testing.assert_allclose(rates, [0, 0.1, 0.2, 0.3, 0.4])


def test_a_branch_is_dropped_image_by_image_in_training_only() -> None:
    block, x = ConvNeXtBlock(4, 0.5), normal(64, 4, 3, 3)
    block.layer_scale.data[:] = 1
    y = block(x).data
    dropped = np.array([np.array_equal(y[n], x[n]) for n in range(64)])
    assert 16 < dropped.sum() < 48  # 64 · ½ ± 4 standard deviations of 4
    branch = block.block(x).data
    np.testing.assert_allclose((y - x)[~dropped], 2 * branch[~dropped], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(block.eval()(x).data, x + branch, rtol=1e-5, atol=1e-6)


def test_first_weights() -> None:
    """Normal with σ = 0.02 within five standard errors (cut off at ±2, far away); biases 0."""
    model = ConvNeXt(32, (1, 1, 1, 1))
    for name, weight in model.named_parameters():
        if name.endswith(("block.3.weight", "block.5.weight")):
            assert abs(weight.data.std() - 0.02) < 5 * 0.02 / np.sqrt(2 * weight.size)
        elif name.endswith("bias"):
            assert not weight.data.any()


def test_evaluation_of_an_image_does_not_depend_on_its_neighbours() -> None:
    model, images = models.create_small("convnext_tiny").eval(), normal(3, *SMALL)
    with minidl.no_grad():
        together = model(images).data
        alone = np.concatenate([model(images[k : k + 1]).data for k in range(3)])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
