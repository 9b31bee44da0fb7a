"""Vision Transformer: tokens, published names, attention, what tells places apart, errors."""

from typing import Any

import numpy as np
import pytest

import minidl
from minidl import Tensor, models, nn
from minidl.models.vit import Attention, Block, PatchEmbed, VisionTransformer
from tests.models.draws import normal
from tests.models.ledger import multiply_accumulates, output_shapes, parameter_count

pytestmark = pytest.mark.usefixtures("numpy_kernels")

TINY: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": 3,
    "depth": 2,
    "num_classes": 7,
    "image_size": 16,
    "patch_size": 4,
}


def test_counts_at_64_pixels() -> None:
    """timm's vit_tiny_patch16_224 with img_size=64: 16 patches and the class token."""
    model = models.create("vit_tiny", image_size=64)
    assert parameter_count(model) == 5_682_856
    assert multiply_accumulates(model, (3, 64, 64)) == 92_794_368


def test_counts_by_hand() -> None:
    """17 tokens of 12: a block has 12·12² weights, 9·12 + 2·12 in biases and 4·12 in norms."""
    model = VisionTransformer(**TINY)
    blocks = 2 * (12 * 144 + (9 + 4) * 12)
    patches, head = 3 * 16 * 12 + 12, 12 * 7 + 7
    assert parameter_count(model) == 12 + 17 * 12 + patches + blocks + 24 + head
    macs = multiply_accumulates(model, (3, 16, 16))
    assert macs == 16 * 3 * 16 * 12 + 17 * 2 * 12 * 144 + 12 * 7


def test_the_docstring_prints_the_counts() -> None:
    text = str(VisionTransformer.__doc__)
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    entries = [models.entry(f"vit_{size}") for size in ("tiny", "small", "base")]
    assert lines["parameters"].split()[1:] == [f"{entry.parameters:,}" for entry in entries]
    assert lines["MACs"].split()[1::2] == [f"{entry.macs / 1e6:,.1f}" for entry in entries]
    for option in ("embed_dim", "num_heads"):
        values = [entry.build.keywords[option] for entry in entries]  # type: ignore[attr-defined]
        assert lines[option].split()[1:] == [str(value) for value in values]
    # timm counts 17,563,828,224 for base with the products within attention
    within = 17_563_828_224 - entries[2].macs
    assert within == 12 * 2 * 197**2 * 768
    assert f"{within / 1e6:.1f} M" in text


def test_shapes() -> None:
    shapes = output_shapes(models.create("vit_tiny"), (3, 224, 224))
    assert shapes["patch_embed.proj"] == (192, 14, 14)
    assert shapes["patch_embed"] == (196, 192)
    assert shapes["blocks.0"] == shapes["blocks.11"] == shapes["norm"] == (197, 192)
    assert shapes["blocks.11.attn.qkv"] == (197, 576)
    assert shapes["blocks.11.mlp.fc1"] == (197, 768)
    assert shapes["head"] == (1000,)
    assert "blocks.12" not in shapes


def test_keys_are_timms() -> None:
    expected = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"]
    for block in (0, 1):
        for layer in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"):
            expected += [f"blocks.{block}.{layer}.{part}" for part in ("weight", "bias")]
    expected += ["norm.weight", "norm.bias", "head.weight", "head.bias"]
    state = VisionTransformer(**TINY).state_dict()
    assert list(state) == expected
    assert state["cls_token"].shape == (1, 1, 12)
    assert state["pos_embed"].shape == (1, 17, 12)
    assert state["blocks.0.attn.qkv.weight"].shape == (36, 12)


def test_a_patch_becomes_a_token() -> None:
    """Token 4 of 3 × 3 is the middle patch: its pixels, channel by channel, times the weights."""
    x, embed = normal(2, 3, 12, 12), PatchEmbed(3, 5, 4)
    assert embed.proj.bias is not None
    patch = x[:, :, 4:8, 4:8].reshape(2, 48)
    expected = patch @ embed.proj.weight.data.reshape(5, 48).T + embed.proj.bias.data
    np.testing.assert_allclose(embed(Tensor(x)).data[:, 4], expected, rtol=1e-4, atol=1e-5)


def test_attention_is_that_of_the_layer_with_these_weights() -> None:
    """nn.MultiheadAttention keeps the same three projections as one weight."""
    ours, layer = Attention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    state = ours.state_dict()
    layer.load_state_dict(
        {
            "in_proj_weight": state["qkv.weight"],
            "in_proj_bias": state["qkv.bias"],
            "out_proj.weight": state["proj.weight"],
            "out_proj.bias": state["proj.bias"],
        }
    )
    x = Tensor(normal(2, 5, 12))
    np.testing.assert_allclose(ours(x).data, layer(x, x, x)[0].data, rtol=1e-5, atol=1e-6)


def test_a_block_whose_branches_are_zero_is_the_identity() -> None:
    x, block = normal(2, 5, 12), Block(12, 3)
    for last in (block.attn.proj, block.mlp.fc2):
        assert last.bias is not None
        last.weight.data[:] = 0
        last.bias.data[:] = 0
    np.testing.assert_array_equal(block(Tensor(x)).data, x)


def test_only_the_position_embedding_tells_places_apart() -> None:
    """Patches in another order: without it the class token sees the same, with it it does not."""
    model, x = VisionTransformer(**TINY).eval(), normal(2, 3, 16, 16)
    for parameter in model.parameters():
        parameter.data[...] += 0.3 * normal(*parameter.shape, seed=parameter.size)
    swapped = x.copy()
    swapped[:, :, 0:4, 4:8], swapped[:, :, 8:12, 0:4] = x[:, :, 8:12, 0:4], x[:, :, 0:4, 4:8]
    assert np.abs(model(swapped).data - model(x).data).max() > 1e-3
    model.pos_embed.data[:] = 0
    np.testing.assert_allclose(model(swapped).data, model(x).data, rtol=1e-4, atol=1e-5)


def test_the_head_reads_the_class_token() -> None:
    """Without blocks it sees no image at all: token and place, normalised, times the weights."""
    model = VisionTransformer(**{**TINY, "depth": 0}).eval()
    token = (model.cls_token.data + model.pos_embed.data[:, :1])[0, 0]
    normalised = (token - token.mean()) / np.sqrt(token.var() + 1e-6)
    expected = model.head.weight.data @ normalised
    logits = model(normal(3, 3, 16, 16)).data
    np.testing.assert_allclose(logits, np.tile(expected, (3, 1)), rtol=1e-4, atol=1e-6)


def test_first_weights() -> None:
    """Normal with σ = 0.02, cut off at ±2, far away; five standard errors σ/√(2n)."""
    model = VisionTransformer(embed_dim=96, num_heads=3, depth=1, image_size=64)
    for weight in (model.pos_embed, model.head.weight):
        assert abs(weight.data.std() - 0.02) < 5 * 0.02 / np.sqrt(2 * weight.size)
    assert model.cls_token.data.any()
    for name, weight in model.named_parameters():
        if name.endswith("bias") and "patch_embed" not in name:
            assert not weight.data.any()


def test_heads_that_do_not_share_evenly() -> None:
    with pytest.raises(ValueError, match=r"embed_dim=192 .*num_heads=5 heads: 192 / 5 = 38\.4"):
        models.create("vit_tiny", num_heads=5)


def test_patches_that_do_not_tile_the_image() -> None:
    with pytest.raises(ValueError, match=r"16 pixels do not tile .*100 = 6 · 16 \+ 4; choose"):
        models.create("vit_tiny", image_size=100)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 3, 16, 20)])
def test_images_of_another_size(shape: tuple[int, ...]) -> None:
    model = VisionTransformer(**TINY)
    with pytest.raises(ValueError, match=r"images of 16 × 16 pixels.*another image_size"):
        model(normal(*shape))


def test_grey_images() -> None:
    model = VisionTransformer(**TINY, in_channels=1)
    with minidl.no_grad():
        assert model(normal(2, 1, 16, 16)).shape == (2, 7)
