"""Resizing, turning and holes, against slow formulas of one pixel at a time, and against Pillow.

A result is right if it is a rounding of the exact number, so at most ½ away from it; float32 and
the last step of the rounding are given another thousandth.
"""

import math

import numpy as np
import pytest
from PIL import Image
from toy_data import toy_images

from minidl.data import Cutout, RandomAffine, RandomResizedCrop, RandomRotation, Resize
from minidl.data.transforms.affine import moved

ROUNDING = 0.5 + 1e-3


def rng(seed=0):
    return np.random.default_rng(seed)


def images(N, C, H, W, seed=0):
    return rng(seed).integers(0, 256, (N, C, H, W), dtype=np.uint8)


def assert_rounds(out, exact):
    assert out.shape == exact.shape and out.dtype == np.uint8
    assert np.abs(out - exact).max() <= ROUNDING


# ------------------------------------------------------------------------------------ resize


def between(row, place):
    """A row of numbers read at a place, its pixels' centres lying at ½, 1½, …; ends go on."""
    place = min(max(place - 0.5, 0), len(row) - 1)
    low = math.floor(place)
    high = min(low + 1, len(row) - 1)
    return row[low] * (1 - (place - low)) + row[high] * (place - low)


def bilinear(image, top, left, height, width, h, w):
    """A window of an image (H, W) brought to h × w, pixel by pixel."""
    window = image[top : top + height, left : left + width].astype(float).tolist()
    out = np.empty((h, w))
    for i in range(h):
        for j in range(w):
            at_column = [between(row, (j + 0.5) * width / w) for row in window]
            out[i, j] = between(at_column, (i + 0.5) * height / h)
    return out


def pillow(image, top, left, height, width, h, w):
    """The same with antialiasing, by Pillow in floating point."""
    window = image[top : top + height, left : left + width].astype(np.float32)
    return np.asarray(Image.fromarray(window).resize((w, h), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("size", [(5, 9), (14, 22), (7, 3), (1, 1), (30, 2)])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize_is_bilinear(size, antialias):
    batch = images(2, 3, 7, 11)
    out = Resize(size, antialias=antialias)(batch, rng())
    by_hand = pillow if antialias else bilinear
    exact = np.array([[by_hand(x, 0, 0, 7, 11, *size) for x in image] for image in batch])
    assert_rounds(out, exact)


def test_resize_by_hand():
    # Output pixels 0 … 3 of 2 are read at −¼, ¼, ¾, 1¼: the ends go on.
    row = np.array([0, 100], np.uint8).reshape(1, 1, 1, 2)
    assert Resize((1, 4))(row, rng()).reshape(-1).tolist() == [0, 25, 75, 100]
    # Shrunk to half, a pixel is a mean with the weights 1, 3, 3, 1, less what lies outside.
    row = np.array([0, 70, 140, 210], np.uint8).reshape(1, 1, 1, 4)
    first, last = (70 * 3 + 140) / 7, (70 + 140 * 3 + 210 * 3) / 7
    assert Resize((1, 2))(row, rng()).reshape(-1).tolist() == [round(first), round(last)]
    assert Resize((1, 2), antialias=False)(row, rng()).reshape(-1).tolist() == [35, 175]


@pytest.mark.parametrize(
    ("size", "max_size", "H", "W", "expected"),
    [
        (256, None, 375, 500, (256, 341)),  # 256 · 500 / 375 = 341.3
        (256, None, 500, 375, (341, 256)),
        (256, 300, 375, 500, (225, 300)),  # 300 · 256 / 341 = 225.2
        (32, None, 28, 28, (32, 32)),
        ((20, 30), None, 28, 28, (20, 30)),
    ],
)
def test_resize_keeps_the_shape_where_one_number_is_given(size, max_size, H, W, expected):
    assert Resize(size, max_size).new_size(H, W) == expected


def test_white_stays_white():
    white = np.full((1, 3, 13, 17), 255, np.uint8)
    for size in ((5, 29), (40, 3), (13, 16)):
        assert (Resize(size)(white, rng()) == 255).all()


@pytest.mark.parametrize("antialias", [True, False])
def test_random_resized_crop_resizes_the_windows_it_drew(antialias):
    crop = RandomResizedCrop((6, 5), scale=(0.1, 1), antialias=antialias)
    batch = images(20, 2, 13, 17)
    out = crop(batch, rng(3))
    boxes = zip(*crop.windows(20, 13, 17, rng(3)), strict=True)
    by_hand = pillow if antialias else bilinear
    exact = [
        [by_hand(x, *box, 6, 5) for x in image] for image, box in zip(batch, boxes, strict=True)
    ]
    assert_rounds(out, np.array(exact))


def test_random_resized_crop_draws_areas_shapes_and_places():
    top, left, height, width = RandomResizedCrop(8).windows(20_000, 200, 300, rng())
    assert top.min() == 0 and left.min() == 0
    assert (top + height).max() == 200 and (left + width).max() == 300
    share, shape = height * width / (200 * 300), width / height
    assert 0.078 < share.min() < 0.085 and share.max() == 267 / 300  # 4/3 · 200 = 266.7
    assert 0.73 < shape.min() < 0.77 and 1.31 < shape.max() < 1.36
    # Small windows always fit, so of them nothing is drawn twice: areas are uniform there, and
    # shapes above and below 1 equally likely.
    counts = np.histogram(share, bins=4, range=(0.1, 0.3))[0]
    assert counts.max() / counts.min() < 1.2
    assert abs((shape[share < 0.3] > 1).mean() - 0.5) < 0.03
    inside = (left / np.maximum(300 - width, 1))[share < 0.3]
    assert abs(inside.mean() - 0.5) < 0.02 and abs(inside.std() - math.sqrt(1 / 12)) < 0.01


@pytest.mark.parametrize(
    ("H", "W", "ratio", "expected"),
    [
        (10, 100, (3 / 4, 4 / 3), (10, 13)),  # too wide: 10 · 4/3 = 13.3
        (100, 10, (3 / 4, 4 / 3), (13, 10)),  # too high: 10 / (3/4) = 13.3
        (40, 40, (1, 1), (40, 40)),
    ],
)
def test_where_no_window_fits_the_largest_in_the_middle_is_taken(H, W, ratio, expected):
    # A window of the whole area fits only if it has the image's own shape.
    crop = RandomResizedCrop(8, scale=(1, 1), ratio=ratio)
    top, left, height, width = crop.windows(3, H, W, rng())
    h, w = expected
    assert set(zip(height, width, strict=True)) == {expected}
    assert set(zip(top, left, strict=True)) == {((H - h) // 2, (W - w) // 2)}


# ------------------------------------------------------------------------------------ affine


def affine(image, backwards, fill):
    """An image (H, W) read at x, y = backwards(x, y), counted in pixels from the centre.

    Every pixel of the image counts with the share of a tent of width 2 around its place; what is
    missing to 1 is `fill`.
    """
    H, W = image.shape
    out = np.empty((H, W))
    for i in range(H):
        for j in range(W):
            x, y = backwards(j - (W - 1) / 2, i - (H - 1) / 2)
            x, y = x + (W - 1) / 2, y + (H - 1) / 2
            total = share = 0.0
            for h in range(max(0, math.floor(y)), min(H, math.floor(y) + 2)):
                for k in range(max(0, math.floor(x)), min(W, math.floor(x) + 2)):
                    weight = max(0, 1 - abs(x - k)) * max(0, 1 - abs(y - h))
                    total += weight * float(image[h, k])
                    share += weight
            out[i, j] = total + (1 - share) * fill
    return out


@pytest.mark.parametrize("angle", [17, -63, 90, 180, 225])
def test_rotation_turns_counter_clockwise_about_the_centre(angle):
    batch = images(2, 2, 8, 11)
    out = RandomRotation((angle, angle), fill=30)(batch, rng())
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def backwards(x, y):  # with y upwards a turn to the left is (c −s; s c); back is its transpose
        y = -y
        return c * x + s * y, -(-s * x + c * y)

    assert_rounds(out, np.array([[affine(x, backwards, 30) for x in image] for image in batch]))


def test_a_quarter_turn_only_moves_pixels():
    batch = images(3, 2, 6, 6)
    turned = RandomRotation((90, 90))(batch, rng())
    np.testing.assert_array_equal(turned, np.rot90(batch, axes=(2, 3)))  # to the left
    clockwise = RandomAffine((90, 90))(batch, rng())
    np.testing.assert_array_equal(clockwise, np.rot90(batch, -1, axes=(2, 3)))


def test_rotation_agrees_with_pillow_inside():
    (image,) = images(1, 1, 40, 40)[0]
    out = RandomRotation((25, 25))(image[None, None], rng())[0, 0]
    other = np.asarray(Image.fromarray(image).rotate(25, Image.Resampling.BILINEAR))
    inside = RandomRotation((25, 25))(np.full((1, 1, 40, 40), 255, np.uint8), rng())[0, 0] == 255
    assert inside.mean() > 0.8  # at the border Pillow mixes in no fill
    assert np.abs(out.astype(int) - other)[inside].max() <= 1  # Pillow rounds down


def test_affine_is_turn_times_scale_times_shears():
    angle, scale, shear_x, shear_y = 33.0, 1.3, -14.0, 9.0
    transform = RandomAffine(
        (angle, angle),
        scale=(scale, scale),
        shear=(shear_x, shear_x, shear_y, shear_y),
        fill=200,
    )
    batch = images(2, 1, 9, 12)
    a, x, y = (math.radians(v) for v in (angle, shear_x, shear_y))
    # The product written out, as torchvision's source does.
    m11 = scale * math.cos(a - y) / math.cos(y)
    m12 = scale * (-math.cos(a - y) * math.tan(x) / math.cos(y) - math.sin(a))
    m21 = scale * math.sin(a - y) / math.cos(y)
    m22 = scale * (-math.sin(a - y) * math.tan(x) / math.cos(y) + math.cos(a))
    det = m11 * m22 - m12 * m21

    def backwards(px, py):
        return (m22 * px - m12 * py) / det, (m11 * py - m21 * px) / det

    out = transform(batch, rng())
    assert_rounds(out, np.array([[affine(x, backwards, 200) for x in image] for image in batch]))


def test_affine_agrees_with_pillow_inside():
    (image,) = images(1, 1, 40, 40)[0]
    transform = RandomAffine((0, 0), scale=(0.8, 0.8), shear=(20, 20))
    out = transform(image[None, None], rng())[0, 0]
    # x' = 0.8 (x − tan(20°) y), y' = 0.8 y from the centre; Pillow wants the way back, from edges.
    c, t = 20, math.tan(math.radians(20))
    way_back = (1 / 0.8, t / 0.8, c - (c + t * c) / 0.8, 0, 1 / 0.8, c - c / 0.8)
    other = Image.fromarray(image).transform(
        (40, 40), Image.Transform.AFFINE, way_back, Image.Resampling.BILINEAR
    )
    inside = transform(np.full((1, 1, 40, 40), 255, np.uint8), rng())[0, 0] == 255
    assert inside.mean() > 0.4
    assert np.abs(out.astype(int) - np.asarray(other))[inside].max() <= 1


def test_a_pixel_is_moved_by_the_matrix_and_then_by_the_shift():
    image = np.zeros((1, 1, 9, 11), np.uint8)
    image[0, 0, 4, 8] = 255  # at (3, 0) from the centre, (5, 4)
    quarter = np.array([[[0.0, -1.0], [1.0, 0.0]]])  # right becomes down: (0, 3)
    out = moved(image, quarter, np.array([[2.0, -1.0]]), fill=0)  # and then (2, 2)
    assert np.argwhere(out[0, 0]).tolist() == [[4 + 2, 5 + 2]] and out.max() == 255


def test_shifts_are_whole_pixels_within_their_shares():
    batch = np.zeros((3000, 1, 9, 15), np.uint8)
    batch[:, 0, 4, 7] = 255
    out = RandomAffine(0, translate=(0.2, 0.4))(batch, rng())
    assert set(np.unique(out)) == {0, 255}
    _, _, rows, columns = np.nonzero(out)
    assert len(rows) == 3000
    # 0.2 · 15 = 3.0, 0.4 · 9 = 3.6; rounded, the last ones are half as likely, or a tenth.
    assert set(columns) == set(range(4, 11)) and set(rows) == set(range(0, 9))
    within = np.bincount(columns)[5:10]
    assert within.min() > 0.85 * 3000 / 6 and within.max() < 1.15 * 3000 / 6


def test_angles_are_uniform():
    # A pixel far out on the right tells the angle.
    batch = np.zeros((4000, 1, 41, 41), np.uint8)
    batch[:, 0, 19:22, 38:41] = 255
    out = RandomRotation((-30, 60))(batch, rng()).astype(float)[:, 0]
    mass = out.sum(axis=(1, 2))
    y = 20 - (out.sum(axis=2) * np.arange(41)).sum(axis=1) / mass
    x = (out.sum(axis=1) * np.arange(41)).sum(axis=1) / mass - 20
    angle = np.degrees(np.arctan2(y, x))
    counts = np.histogram(angle, bins=9, range=(-30, 60))[0]
    assert counts.sum() > 3950 and counts.min() > 370 and counts.max() < 520


def test_fill_may_be_a_colour():
    batch = np.full((4, 3, 9, 9), 100, np.uint8)
    out = RandomAffine((45, 45), scale=(0.5, 0.5), fill=(10, 20, 30))(batch, rng())
    assert out[:, :, 0, 0].tolist() == [[10, 20, 30]] * 4
    assert (out[:, :, 4, 4] == 100).all()


# ------------------------------------------------------------------------------------ holes


@pytest.mark.parametrize("length", [3, 4])
def test_cutout_is_one_square_cut_off_at_the_borders(length):
    batch = images(600, 2, 9, 12) // 2  # below 128
    out = Cutout(length, fill=(200, 250))(batch, rng())
    whole, least = 0, {"first": length, "last": length}
    for before, after in zip(batch, out, strict=True):
        hole = after[0] >= 200
        np.testing.assert_array_equal(after[1] == 250, hole)
        assert (after[0][hole] == 200).all()
        np.testing.assert_array_equal(after[:, ~hole], before[:, ~hole])
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert hole.sum() == len(rows) * len(columns)  # a rectangle without gaps
        for there, size in ((rows, 9), (columns, 12)):
            assert 1 <= len(there) <= length and there[-1] - there[0] + 1 == len(there)
            if len(there) < length:
                border = "first" if there[0] == 0 else "last"
                assert border == "first" or there[-1] == size - 1
                least[border] = min(least[border], len(there))
        whole += len(rows) == len(columns) == length
    # The centre, pixel number ⌊length/2⌋ of the square, lies inside.
    assert least == {"first": length - length // 2, "last": length // 2 + 1}
    share = (9 - length + 1) * (12 - length + 1) / (9 * 12)  # centres from which all is inside
    assert abs(whole / 600 - share) < 0.06


def test_cutout_after_normalize_fills_with_zero():
    batch = toy_images(5, 3, 8).astype(np.float32) + 1
    out = Cutout(4)(batch, rng())
    assert out.dtype == np.float32 and (out == 0).any(axis=(1, 2, 3)).all()


def test_cutout_makes_n_holes():
    batch = np.full((300, 1, 40, 40), 255, np.uint8)
    holes = (Cutout(5, n_holes=3)(batch, rng()) == 0).sum(axis=(1, 2, 3))
    assert holes.max() == 75 and 50 < holes.mean() < 75
