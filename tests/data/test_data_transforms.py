import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_data import toy_images

from minidl.data import Compose, Normalize, Pad, RandomCrop, RandomHorizontalFlip


def rng(seed=0):
    return np.random.default_rng(seed)


EACH = [
    RandomHorizontalFlip(),
    RandomCrop(4, padding=2),
    Pad(1),
    Normalize((0.5, 0.4), (0.2, 0.3)),
    Compose([Pad(1), RandomHorizontalFlip()]),
]


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_input_is_unchanged_and_seed_decides(transform):
    batch = toy_images(40, 2, 6)
    batch.flags.writeable = False
    before = batch.copy()
    out = transform(batch, rng(1))
    np.testing.assert_array_equal(batch, before)
    assert not np.shares_memory(out, batch)
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(out, transform(batch, rng(1)))
    if "Random" in repr(transform):
        assert not np.array_equal(out, transform(batch, rng(2)))


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_empty_batch(transform):
    assert len(transform(toy_images(0, 2, 6), rng())) == 0


def test_flip_mirrors_about_half_of_the_images():
    batch = toy_images(1000, 2, 5)
    out = RandomHorizontalFlip()(batch, rng())
    mirrored = 0
    for before, after in zip(batch, out, strict=True):
        if np.array_equal(after, before):
            continue
        for c in range(2):
            for row in range(5):
                assert list(after[c, row]) == list(before[c, row])[::-1]
        mirrored += 1
    assert 430 < mirrored < 570
    np.testing.assert_array_equal(RandomHorizontalFlip(0)(batch, rng()), batch)
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(batch, rng()), batch[..., ::-1])


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 7), st.integers(0, 3)),
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    st.integers(0, 9),
)
def test_crop_is_a_window_of_the_padded_image(shape, size, seed):
    H, W, padding = shape
    h, w = min(size[0], H + 2 * padding), min(size[1], W + 2 * padding)
    batch = rng(seed).integers(1, 256, (3, 2, H, W), dtype=np.uint8)
    out = RandomCrop((h, w), padding)(batch, rng(seed))
    assert out.shape == (3, 2, h, w) and out.dtype == np.uint8
    for image, cut in zip(batch, out, strict=True):
        padded = np.zeros((2, H + 2 * padding, W + 2 * padding), np.uint8)
        for c in range(2):
            for y in range(H):
                for x in range(W):
                    padded[c, y + padding, x + padding] = image[c, y, x]
        assert any(
            np.array_equal(padded[:, y : y + h, x : x + w], cut)
            for y in range(H + 2 * padding - h + 1)
            for x in range(W + 2 * padding - w + 1)
        )


def test_crop_reaches_every_place_about_equally_often():
    # One bright pixel in the middle of 9×9: where it lands tells where the window was.
    batch = np.zeros((8100, 1, 9, 9), np.uint8)
    batch[:, 0, 4, 4] = 1
    out = RandomCrop(9, padding=4)(batch, rng())
    counts = out.sum(axis=(0, 1), dtype=int)  # (9, 9): 81 places, 100 expected in each
    assert counts.sum() == 8100
    assert counts.min() > 60 and counts.max() < 145


def test_crop_moves_all_channels_together():
    batch = np.repeat(toy_images(20, 1, 8), 3, axis=1)
    out = RandomCrop(8, padding=4)(batch, rng())
    np.testing.assert_array_equal(out[:, 0], out[:, 2])


def test_pad_makes_32_of_28():
    batch = toy_images(3)
    out = Pad(2)(batch, rng())
    assert out.shape == (3, 1, 32, 32)
    np.testing.assert_array_equal(out, np.pad(batch, ((0, 0), (0, 0), (2, 2), (2, 2))))


def test_normalize_is_the_formula():
    batch = toy_images(3, 2, 6)
    mean, std = (0.4914, 0.1307), (0.2470, 0.3081)
    out = Normalize(mean, std)(batch, rng())
    assert out.dtype == np.float32
    for c in range(2):
        exact = (batch[:, c].astype(np.float64) / 255 - mean[c]) / std[c]
        np.testing.assert_allclose(out[:, c], exact, rtol=1e-6, atol=1e-6)


def test_compose_keeps_the_order():
    batch = toy_images(5, 2, 6)
    both = Compose([RandomHorizontalFlip(), RandomCrop(6, 2)])
    generator = rng(3)
    flipped = RandomHorizontalFlip()(batch, generator)
    np.testing.assert_array_equal(both(batch, rng(3)), RandomCrop(6, 2)(flipped, generator))


def test_reprs_read_like_the_call():
    assert repr(RandomHorizontalFlip()) == "RandomHorizontalFlip(p=0.5)"
    assert repr(RandomCrop(32, padding=4)) == "RandomCrop(32, padding=4)"
    assert repr(RandomCrop((3, 5))) == "RandomCrop((3, 5), padding=0)"
    assert repr(Normalize([0.5], [0.25])) == "Normalize(mean=(0.5), std=(0.25))"
    assert repr(Compose([Pad(2), Pad(1)])) == "Compose([Pad(2), Pad(1)])"


def test_wrong_use_is_explained():
    batch = toy_images(2, 2, 6)
    with pytest.raises(ValueError, match="window of 9×9 does not fit into images of 8×8"):
        RandomCrop(9, padding=1)(batch, rng())
    with pytest.raises(ValueError, match="probability"):
        RandomHorizontalFlip(1.5)
    with pytest.raises(ValueError, match="0 or more"):
        Pad(-1)
    with pytest.raises(ValueError, match="above 0"):
        Normalize((0.5,), (0.0,))
    with pytest.raises(ValueError, match="one number for each channel"):
        Normalize((0.5, 0.5), (0.1,))
    with pytest.raises(ValueError, match=r"1 mean\(s\), but the images have 2"):
        Normalize((0.5,), (0.1,))(batch, rng())
    twice = Compose([Normalize((0.5, 0.5), (0.1, 0.1))] * 2)
    with pytest.raises(TypeError, match="let Normalize be the last transform"):
        twice(batch, rng())
