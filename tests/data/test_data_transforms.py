import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_data import toy_images

from minidl.data import (
    RGB,
    CenterCrop,
    ColorJitter,
    Compose,
    Cutout,
    Gamma,
    GaussianBlur,
    Grayscale,
    MedianBlur,
    Normalize,
    Pad,
    RandomAffine,
    RandomApply,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    transforms,
)


def rng(seed=0):
    return np.random.default_rng(seed)


RANDOM = [  # each draws something for each image
    RandomHorizontalFlip(),
    RandomVerticalFlip(),
    RandomCrop(4, padding=2),
    RandomCrop((5, 6), padding=(1, 2, 3, 0), padding_mode="reflect"),
    RandomResizedCrop((6, 5), scale=(0.2, 1)),
    RandomRotation(40, fill=9),
    RandomAffine(20, (0.3, 0.2), (0.8, 1.3), (-20, 20, -10, 10)),
    Gamma((0.5, 2)),
    GaussianBlur(3, (0.3, 2)),
    Cutout(3, n_holes=2, fill=50),
    RandomApply([MedianBlur(3)], p=0.5),
]
FIXED = [
    Pad(1),
    Pad((1, 2), fill=7),
    CenterCrop((4, 3)),
    Resize((5, 9)),
    Resize(13, antialias=False),
    MedianBlur(3),
    MedianBlur(5),
]
COLOUR = [ColorJitter(0.5, 0.5, 0.5, 0.2), ColorJitter(contrast=0.5), ColorJitter(brightness=0.5)]
GREYING = [Grayscale(), Grayscale(3), RGB()]
FLOATING = [Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.1))]
EACH = [*RANDOM, *FIXED, *COLOUR, *GREYING, *FLOATING, Compose([Pad(1), *RANDOM[:2]])]


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_input_is_unchanged_and_seed_decides(transform):
    batch = toy_images(40, 3, 7)
    batch.flags.writeable = False
    before = batch.copy()
    out = transform(batch, rng(1))
    np.testing.assert_array_equal(batch, before)
    assert not np.shares_memory(out, batch)
    assert out.flags.c_contiguous and out.flags.writeable
    assert out.dtype == (np.float32 if transform in FLOATING else np.uint8)
    np.testing.assert_array_equal(out, transform(batch, rng(1)))
    if transform in RANDOM + COLOUR:
        assert not np.array_equal(out, transform(batch, rng(2)))


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_batches_of_none_and_one(transform):
    one = transform(toy_images(1, 3, 7), rng())
    none = transform(toy_images(0, 3, 7), rng())
    assert none.shape == (0, *one.shape[1:]) and none.dtype == one.dtype


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_an_image_does_not_depend_on_the_pixels_of_its_neighbours(transform):
    batch = toy_images(9, 3, 7)
    others = toy_images(9, 3, 7, seed=1)
    others[4] = batch[4]
    out, again = (transform(images, rng(5)) for images in (batch, others))
    np.testing.assert_array_equal(out[4], again[4])
    assert not np.array_equal(out, again)


@pytest.mark.parametrize("transform", RANDOM + COLOUR, ids=repr)
def test_each_image_draws_its_own_values(transform):
    out = transform(np.repeat(toy_images(1, 3, 7), 60, axis=0), rng())
    different = {image.tobytes() for image in out}
    two = isinstance(transform, RandomHorizontalFlip | RandomVerticalFlip | RandomApply)
    assert len(different) == 2 if two else len(different) > 15


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_work_in_parts_gives_the_same(transform, monkeypatch):
    batch = toy_images(10, 3, 7)
    whole = transform(batch, rng(3))
    monkeypatch.setattr(transforms.transform, "MOST", 3 * 3 * 7 * 7)  # three images or fewer
    np.testing.assert_array_equal(transform(batch, rng(3)), whole)


@pytest.mark.parametrize("transform", RANDOM + FIXED, ids=repr)
@pytest.mark.parametrize("shape", [(1, 7, 11), (3, 12, 7), (4, 7, 8)], ids=str)
def test_every_channel_is_treated_alike_and_any_shape_is_taken(transform, shape):
    C, H, W = shape
    grey = rng(2).integers(0, 256, (5, 1, H, W), dtype=np.uint8)
    out = transform(np.repeat(grey, C, axis=1), rng(4))
    np.testing.assert_array_equal(out, np.repeat(transform(grey, rng(4)), C, axis=1))


IDENTITIES = [
    Pad(0),
    RandomHorizontalFlip(0),
    RandomVerticalFlip(0),
    RandomCrop((7, 9)),
    CenterCrop((7, 9)),
    Resize((7, 9)),
    Resize(7),
    RandomResizedCrop((7, 9), scale=(1, 1), ratio=(9 / 7, 9 / 7)),
    RandomResizedCrop((7, 9), scale=(1, 1), ratio=(9 / 7, 9 / 7), antialias=False),
    RandomRotation(0),
    RandomRotation((360, 360)),
    RandomAffine(0),
    RandomAffine(0, (0, 0), (1, 1), 0),
    ColorJitter(),
    ColorJitter((1, 1), (1, 1), (1, 1), (0, 0)),
    ColorJitter(hue=(1e-9, 1e-9)),
    Gamma(1),
    GaussianBlur(1),
    GaussianBlur(5, 0.01),
    MedianBlur(1),
    RGB(),
    RandomApply([MedianBlur()], p=0),
    Compose([]),
]


@pytest.mark.parametrize("transform", IDENTITIES, ids=repr)
def test_values_that_change_nothing_give_the_same_image(transform):
    batch = rng(1).integers(0, 256, (6, 3, 7, 9), dtype=np.uint8)
    np.testing.assert_array_equal(transform(batch, rng()), batch)


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_a_single_image_needs_its_batch_axis(transform):
    with pytest.raises(ValueError, match=r"takes a batch \(N, C, H, W\), .*image\[None\]"):
        transform(toy_images(1, 3, 7)[0], rng())


MOVE_ONLY = (
    *(RandomHorizontalFlip, RandomVerticalFlip, RandomCrop, CenterCrop, Pad, Cutout),
    Compose,  # here of such
)


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_pixels_must_be_uint8_where_they_are_computed_with(transform):
    batch = Normalize([0.5] * 3, [0.2] * 3)(toy_images(4, 3, 7), rng())
    if isinstance(transform, MOVE_ONLY):
        assert transform(batch, rng()).dtype == np.float32
    else:
        with pytest.raises(TypeError, match=r"takes uint8 pixels .* got float32: let Normalize be"):
            transform(batch, rng())


def test_flips_turn_rows_and_columns():
    batch = toy_images(300, 2, 5)
    np.testing.assert_array_equal(RandomVerticalFlip(1)(batch, rng()), batch[:, :, ::-1])
    out = RandomVerticalFlip(0.2)(batch, rng())
    turned = (out != batch).any(axis=(1, 2, 3))
    assert 35 < turned.sum() < 85
    np.testing.assert_array_equal(out[turned], batch[turned, :, ::-1])


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


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_pad_copies_as_its_mode_says(mode):
    row = np.array([10, 20, 30], np.uint8).reshape(1, 1, 1, 3)
    frames = {
        "edge": [10, 10, 10, 20, 30, 30],
        "reflect": [30, 20, 10, 20, 30, 20],
        "symmetric": [20, 10, 10, 20, 30, 30],
    }
    out = Pad((2, 0, 1, 0), padding_mode=mode)(row, rng())
    assert out.reshape(-1).tolist() == frames[mode]


def test_pad_takes_sides_and_colours():
    batch = toy_images(2, 3, 4)
    out = Pad((1, 2, 3, 4), fill=(10, 20, 30))(batch, rng())
    assert out.shape == (2, 3, 2 + 4 + 4, 1 + 4 + 3)
    np.testing.assert_array_equal(out[:, :, 2:6, 1:5], batch)
    out[:, :, 2:6, 1:5] = np.array([10, 20, 30], np.uint8).reshape(3, 1, 1)
    assert all((out[:, c] == 10 * (c + 1)).all() for c in range(3))


def test_center_crop_takes_the_middle():
    batch = toy_images(2, 2, 8)
    np.testing.assert_array_equal(CenterCrop((4, 2))(batch, rng()), batch[:, :, 2:6, 3:5])
    # Where ½ pixel is left, it goes to the even start: 8 − 5 = 3, 1½ → 2; 8 − 7 = 1, ½ → 0.
    np.testing.assert_array_equal(CenterCrop((5, 7))(batch, rng()), batch[:, :, 2:7, 0:7])


def test_random_apply_applies_to_its_share():
    batch = toy_images(1000, 1, 5)
    out = RandomApply([Pad(1), CenterCrop(5), MedianBlur()], p=0.3)(batch, rng())
    blurred = MedianBlur()(batch, rng())
    changed = (out != batch).any(axis=(1, 2, 3))
    assert 240 < changed.sum() < 360
    np.testing.assert_array_equal(out[changed], blurred[changed])


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


def test_other_reprs_name_their_arguments():
    assert repr(GaussianBlur(3)) == "GaussianBlur(kernel_size=3)"
    assert repr(ColorJitter(0.25, hue=(0, 0.1))) == "ColorJitter(brightness=0.25, hue=(0, 0.1))"
    assert repr(Cutout(8, fill=(1, 2, 3))) == "Cutout(length=8, fill=(1, 2, 3))"
    assert repr(Gamma()) == "Gamma(gamma=(0.8, 1.25))"  # the usual ones where there are no others
    assert repr(RGB()) == "RGB()"
    assert repr(RandomCrop(8, 1, (1, 2), "edge")) == (
        "RandomCrop(8, padding=1, fill=(1, 2), padding_mode='edge')"
    )
    for transform in (*RANDOM, *FIXED, *COLOUR, *GREYING):
        assert repr(eval(repr(transform))) == repr(transform)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomVerticalFlip(-0.1), "probability, 0 ≤ p ≤ 1, got -0.1"),
        (lambda: RandomApply([], p=float("nan")), "probability"),
        (lambda: RandomCrop(0), r"size is a number of pixels above 0.*\(height, width\), got 0"),
        (lambda: CenterCrop((3, 4, 5)), r"got \(3, 4, 5\)"),
        (lambda: Resize(2.5), "size is a number of pixels"),
        (lambda: Resize(8, max_size=8), "max_size limits the longer side.* size=8, max_size=8"),
        (lambda: Resize((8, 9), max_size=10), "where size is one number"),
        (lambda: Pad((1, 2, 3)), r"two such numbers for \(x, y\), or four .* got \(1, 2, 3\)"),
        (lambda: Pad(1, padding_mode="mirror"), "constant, edge, reflect, symmetric, got 'mirror'"),
        (lambda: RandomResizedCrop(8, scale=(0.5, 1.5)), "at most 1, got .*let Pad come first"),
        (lambda: RandomResizedCrop(8, scale=(0, 1)), "scale is a number above 0"),
        (lambda: RandomResizedCrop(8, ratio=(2, 1)), r"0 < low ≤ high, got \(2, 1\)"),
        (lambda: RandomRotation(-10), r"degrees is one number v ≥ 0, for the range 0 − v … 0 \+ v"),
        (lambda: RandomRotation((10, -10)), r"\(low, high\) with low ≤ high, got \(10, -10\)"),
        (lambda: RandomRotation(float("nan")), "got nan"),
        (lambda: RandomAffine(0, translate=(0.1,)), r"\(share of the width, share of the height\)"),
        (lambda: RandomAffine(0, translate=(0, 2)), "each 0 ≤ share ≤ 1"),
        (lambda: RandomAffine(0, scale=(-1, 1)), "scale is a number above 0"),
        (lambda: RandomAffine(0, shear=90), "between −90 and 90 degrees, got 90"),
        (lambda: RandomAffine(0, shear=(1, 2, 3)), "shear is one number"),
        (lambda: ColorJitter(-1), "brightness is one number v ≥ 0, for the range 1 − v … 1"),
        (lambda: ColorJitter(contrast=(-0.5, 1)), "contrast .* 0 ≤ low ≤ high"),
        (lambda: ColorJitter(hue=0.6), "hue .* -0.5 ≤ low ≤ high ≤ 0.5, got 0.6"),
        (lambda: Grayscale(2), "num_output_channels must be 1 or 3, got 2"),
        (lambda: Gamma(0), "gamma is a number above 0.* got 0"),
        (lambda: GaussianBlur(4), "odd number of pixels, so that the kernel has a middle.*got 4"),
        (lambda: GaussianBlur(3, sigma=(0, 1)), "sigma is a number above 0"),
        (lambda: MedianBlur(2), "odd number of pixels.* got 2"),
        (lambda: Cutout(0), "at least 1, got length=0, n_holes=1"),
    ],
)
def test_wrong_arguments_are_explained(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("transform", "channels", "message"),
    [
        (CenterCrop((5, 9)), 1, "window of 5×9 does not fit into images of 7×7: .*Resize or Pad"),
        (GaussianBlur((15, 3)), 1, "15 reaches 7 pixels .*7 pixels wide have only 6 .*at most 13"),
        (GaussianBlur((3, 15)), 1, "7 pixels high"),
        (Pad(7, padding_mode="reflect"), 1, "padding of 7 .*7 pixels high have 6: .*'edge'"),
        (Pad((8, 7), padding_mode="symmetric"), 1, "padding of 8 .*7 pixels wide have 7"),
        (Cutout(8), 1, "8×8 would hide most of images of 7×7: .*at most 7"),
        (Cutout(2, fill=(1, 2)), 3, r"fill=\(1, 2\) must be one number, or one for each of the 3"),
        (Pad(1, fill=0.5), 3, "whole in 0…255, got 0.5"),
        (Pad(1, fill=-1), 3, "whole in 0…255, got -1"),
        (RandomRotation(1, fill=256), 3, "whole in 0…255, got 256"),
        (ColorJitter(0.1), 4, "ColorJitter takes grey or RGB images, of 1 or 3 channels, got 4"),
        (Grayscale(), 2, "Grayscale takes grey or RGB"),
        (RGB(), 4, "RGB takes grey or RGB"),
        (RandomApply([Pad(1)], p=1), 1, r"keeps size and dtype: .*uint8 \(1, 9, 9\) of uint8"),
        (RandomApply([Normalize([0.5], [0.5])], p=1), 1, "made float32"),
    ],
)
def test_wrong_images_are_explained(transform, channels, message):
    with pytest.raises(ValueError, match=message):
        transform(toy_images(2, channels, 7), rng())


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
