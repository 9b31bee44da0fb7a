"""Colours and filters, against slow formulas of one pixel at a time, `colorsys` and Pillow."""

import colorsys
import itertools
import math
import statistics

import numpy as np
import pytest
from PIL import Image, ImageFilter

from minidl.data import (
    RGB,
    ColorJitter,
    Gamma,
    GaussianBlur,
    Grayscale,
    MedianBlur,
)

ROUNDING = 0.5 + 1e-3


def rng(seed=0):
    return np.random.default_rng(seed)


def images(N, C, H, W, seed=0):
    return rng(seed).integers(0, 256, (N, C, H, W), dtype=np.uint8)


def per_pixel(batch, function):
    """function(r, g, b) → (r, g, b) of every pixel, by a loop."""
    out = np.empty(batch.shape)
    for n, i, j in itertools.product(*(range(batch.shape[axis]) for axis in (0, 2, 3))):
        out[n, :, i, j] = function(*map(float, batch[n, :, i, j]))
    return out


def grey(r, g, b):
    return 0.299 * r + 0.587 * g + 0.114 * b


def cut(v):
    return min(max(v, 0), 255)


def assert_rounds(out, exact):
    assert out.shape == exact.shape and out.dtype == np.uint8
    assert np.abs(out - exact).max() <= ROUNDING


# ------------------------------------------------------------------------------------ colour


def test_brightness_multiplies():
    batch = images(2, 3, 4, 5)
    out = ColorJitter(brightness=(1.4, 1.4))(batch, rng())
    assert_rounds(out, np.minimum(batch * 1.4, 255))


@pytest.mark.parametrize("c", [0.3, 1.7])
def test_contrast_moves_away_from_the_mean_grey_of_the_image(c):
    batch = images(3, 3, 4, 5)
    out = ColorJitter(contrast=(c, c))(batch, rng())
    for n in range(3):
        mean = statistics.mean(grey(*batch[n, :, i, j]) for i in range(4) for j in range(5))
        exact = per_pixel(
            batch[n : n + 1], lambda *p, m=mean: [cut(c * v + (1 - c) * m) for v in p]
        )
        assert_rounds(out[n : n + 1], exact)


@pytest.mark.parametrize("s", [0, 0.4, 1.8])
def test_saturation_moves_away_from_the_grey_of_the_pixel(s):
    batch = images(2, 3, 4, 5)
    out = ColorJitter(saturation=(s, s))(batch, rng())
    exact = per_pixel(batch, lambda *p: [cut(s * v + (1 - s) * grey(*p)) for v in p])
    assert_rounds(out, exact)


@pytest.mark.parametrize("h", [-0.5, -0.21, 1 / 6, 0.37])
def test_hue_turns_the_circle_of_hsv(h):
    batch = images(2, 3, 6, 7)
    batch[0, 1, :2] = batch[0, 0, :2]  # ties of two channels
    batch[0, 2, 2:4] = batch[0, 1, 2:4]
    batch[1, :, :3] = batch[1, :1, :3]  # and of all three: grey

    def turned(r, g, b):
        hue, saturation, value = colorsys.rgb_to_hsv(r / 255, g / 255, b / 255)
        return [255 * v for v in colorsys.hsv_to_rgb((hue + h) % 1, saturation, value)]

    assert_rounds(ColorJitter(hue=(h, h))(batch, rng()), per_pixel(batch, turned))


def test_hue_by_hand():
    # A third of the circle: red → green → blue → red; grey has no hue.
    colours = np.array([[200, 10, 10], [10, 200, 10], [10, 10, 200], [77, 77, 77]], np.uint8)
    out = ColorJitter(hue=(1 / 3, 1 / 3))(colours.reshape(4, 3, 1, 1), rng())
    assert out.reshape(4, 3).tolist() == [[10, 200, 10], [10, 10, 200], [200, 10, 10], [77] * 3]


def test_jitter_draws_from_its_ranges():
    batch = np.full((5000, 3, 1, 1), 100, np.uint8)
    factor = ColorJitter(brightness=0.4)(batch, rng())[:, 0, 0, 0] / 100
    assert (factor.min(), factor.max()) == (0.6, 1.4)
    assert abs(factor.mean() - 1) < 0.02 and abs(factor.std() - 0.8 / math.sqrt(12)) < 0.01
    wide = ColorJitter(brightness=2)(batch, rng())[:, 0, 0, 0]  # 0 … 3, cut off at 255
    assert wide.min() == 0 and abs((wide == 255).mean() - 0.45 / 3) < 0.02


def test_jitter_takes_its_steps_in_any_order():
    # Brightness 2 makes 0 and 400, cut off at 255, whose mean contrast 0 leaves: 127.5. The other
    # way round the mean comes first, 100, and is doubled.
    batch = np.array([0, 200], np.uint8).reshape(1, 1, 1, 2)
    jitter = ColorJitter(brightness=(2, 2), contrast=(0, 0))
    seen = {tuple(jitter(batch, rng(seed)).reshape(-1).tolist()) for seed in range(20)}
    assert seen == {(128, 128), (200, 200)}


def test_grey_images_have_neither_saturation_nor_hue():
    batch = images(3, 1, 4, 5)
    out = ColorJitter(saturation=(0.2, 0.3), hue=(0.3, 0.4))(batch, rng())
    np.testing.assert_array_equal(out, batch)
    contrast = ColorJitter(contrast=(0.5, 0.5))(batch, rng())
    assert_rounds(contrast, 0.5 * batch + 0.5 * batch.mean(axis=(1, 2, 3), keepdims=True))


def test_grayscale_weighs_the_channels():
    batch = images(2, 3, 4, 5)
    exact = per_pixel(batch, lambda *p: [grey(*p)] * 3)
    assert_rounds(Grayscale(3)(batch, rng()), exact)
    one = Grayscale()(batch, rng())
    assert_rounds(one, exact[:, :1])
    pillow = [np.asarray(Image.fromarray(x.transpose(1, 2, 0)).convert("L")) for x in batch]
    assert np.abs(one[:, 0].astype(int) - pillow).max() <= 1  # Pillow computes in whole numbers
    np.testing.assert_array_equal(Grayscale()(one, rng()), one)
    np.testing.assert_array_equal(Grayscale(3)(one, rng()), np.repeat(one, 3, axis=1))


def test_rgb_repeats_the_grey_channel():
    batch = images(2, 1, 4, 5)
    np.testing.assert_array_equal(RGB()(batch, rng()), np.repeat(batch, 3, axis=1))


def test_gamma_is_a_power():
    batch = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    out = Gamma(0.45)(batch, rng())
    assert_rounds(out.reshape(-1), np.array([255 * math.pow(v / 255, 0.45) for v in range(256)]))
    assert out.reshape(-1)[[0, 255]].tolist() == [0, 255]


def test_gamma_and_its_inverse_are_as_likely():
    batch = np.full((4000, 1, 1, 1), 128, np.uint8)
    out = Gamma((0.25, 4))(batch, rng())
    gamma = np.log(out / 255) / np.log(128 / 255)
    assert abs((gamma > 1).mean() - 0.5) < 0.03
    assert abs((gamma > 2).mean() - 0.25) < 0.03  # ¼, ½, 1, 2, 4: the last of four steps
    assert 0.24 < gamma.min() < 0.26 and 3.8 < gamma.max() < 4.1  # 8 bits tell no better


# ------------------------------------------------------------------------------------ filters


def reflected(i, size):
    if i < 0:
        return -i
    return i if i < size else 2 * (size - 1) - i


@pytest.mark.parametrize(("kernel_size", "shape"), [(3, (5, 7)), ((7, 3), (5, 7)), (5, (3, 9))])
def test_gaussian_blur_is_the_sum_over_its_kernel(kernel_size, shape):
    H, W = shape
    sigma = 0.9
    kx, ky = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    batch = images(2, 2, H, W)
    out = GaussianBlur(kernel_size, sigma)(batch, rng())
    exact = np.empty(batch.shape)
    around = list(itertools.product(range(-(ky // 2), ky // 2 + 1), range(-(kx // 2), kx // 2 + 1)))
    for n, c, i, j in itertools.product(range(2), range(2), range(H), range(W)):
        total = weight = 0.0
        for u, v in around:
            w = math.exp(-(u * u + v * v) / (2 * sigma**2))
            total += w * float(batch[n, c, reflected(i + u, H), reflected(j + v, W)])
            weight += w
        exact[n, c, i, j] = total / weight
    assert_rounds(out, exact)


def test_gaussian_blur_of_a_dot_shows_the_sigma_each_image_drew():
    dot = np.zeros((2000, 1, 1, 21), np.uint8)
    dot[..., 10] = 255
    out = GaussianBlur((21, 1), sigma=(0.5, 1.5))(dot, rng()).astype(float)[:, 0, 0]
    place = np.arange(21) - 10
    sigma = np.sqrt((out * place**2).sum(axis=1) / out.sum(axis=1))
    counts = np.histogram(sigma, bins=5, range=(0.5, 1.5))[0]
    assert counts.min() > 330 and counts.max() < 480


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_median_blur_is_the_median(k):
    batch = images(2, 2, 6, 9) // 16 * 16  # with ties
    out = MedianBlur(k)(batch, rng())
    for n, c, i, j in itertools.product(range(2), range(2), range(6), range(9)):
        rows = [min(max(i + u, 0), 5) for u in range(-(k // 2), k // 2 + 1)]
        columns = [min(max(j + v, 0), 8) for v in range(-(k // 2), k // 2 + 1)]
        values = [int(batch[n, c, y, x]) for y in rows for x in columns]
        assert out[n, c, i, j] == statistics.median(values)


@pytest.mark.parametrize("k", [3, 5])
def test_median_blur_agrees_with_pillow(k):
    (image,) = images(1, 1, 30, 41)[0]
    pillow = Image.fromarray(image).filter(ImageFilter.MedianFilter(k))
    np.testing.assert_array_equal(MedianBlur(k)(image[None, None], rng())[0, 0], pillow)


def test_median_blur_removes_single_pixels_and_keeps_edges():
    image = np.zeros((1, 1, 8, 8), np.uint8)
    image[..., 4:] = 200
    noisy = image.copy()
    noisy[0, 0, 2, 1], noisy[0, 0, 5, 6] = 255, 0
    np.testing.assert_array_equal(MedianBlur()(noisy, rng()), image)
