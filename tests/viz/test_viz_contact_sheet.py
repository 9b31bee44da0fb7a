"""A contact sheet shows the images given, and what the transform made of them."""

import numpy as np
import pytest

from minidl import viz
from minidl.data import (
    Compose,
    Grayscale,
    MedianBlur,
    Normalize,
    RandomAffine,
    RandomHorizontalFlip,
    Resize,
    digits,
)


def shown(figure):
    """The pixels in each cell, row by row."""
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def colours(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 3, 6, 6), dtype=np.uint8)


def test_rows_are_images_and_columns_are_draws(tmp_path):
    images, transform = colours(), RandomAffine(40)
    figure = viz.contact_sheet(images, transform, draws=3, seed=7, names=["ant", "bee", "cow"])
    cells = shown(figure)
    assert len(cells) == 3 * 4
    draws = [transform(images, np.random.default_rng([7, j])) for j in range(1, 4)]
    for n in range(3):
        for j, column in enumerate([images, *draws]):
            np.testing.assert_array_equal(cells[4 * n + j], column[n].transpose(1, 2, 0))
    assert titles(figure) == ["original", "draw 1", "draw 2", "draw 3"]
    assert [text.get_text() for ax in figure.axes for text in ax.texts] == ["ant", "bee", "cow"]
    figure.savefig(tmp_path / "sheet.png")
    other = viz.contact_sheet(images, transform, draws=3, seed=8)
    assert not np.array_equal(shown(other)[1], cells[1])


def test_normalised_images_are_brought_back():
    data = digits("train")
    images = data.images[:4]
    assert images.min() == 0 and images.max() == 255  # so that stretching undoes it exactly
    flip = RandomHorizontalFlip(1)
    transform = Compose([flip, Normalize(data.mean, data.std)])
    figure = viz.contact_sheet(images, transform, draws=2)
    for n, cell in enumerate(shown(figure)[1::3]):
        np.testing.assert_array_equal(cell, images[n, 0, :, ::-1])


def test_each_channel_is_stretched_for_itself_and_all_draws_alike():
    images = np.zeros((2, 3, 4, 4), np.uint8)
    images[0, :, 0] = np.array([[100], [200], [50]])
    images[1, :, 0] = np.array([[50], [100], [50]])
    figure = viz.contact_sheet(images, Normalize((0.1, 0.5, 0.9), (0.3, 0.2, 0.1)), draws=1)
    _, bright, _, dark = shown(figure)
    assert bright[0, 0].tolist() == [255, 255, 255]
    assert dark[0, 0].tolist() == [128, 128, 255]  # half as bright, in red and green
    assert bright[1, 0].tolist() == [0, 0, 0]


def test_a_constant_channel_is_black():
    images = np.full((1, 1, 4, 4), 9, np.uint8)
    (_, cell) = shown(viz.contact_sheet(images, Normalize([0.5], [0.5]), draws=1))
    assert (cell == 0).all()


def test_size_and_channels_may_change(tmp_path):
    figure = viz.contact_sheet(colours(), Compose([Resize(9), Grayscale()]), draws=1)
    assert [cell.shape for cell in shown(figure)[:2]] == [(6, 6, 3), (9, 9)]
    figure.savefig(tmp_path / "sheet.png")


def test_the_title_lists_the_steps_in_lines_that_fit():
    wide = RandomAffine((-30.5, 30.5), (0.25, 0.25), (0.75, 1.25), (-30, 30, -30, 30), (1, 2, 3))
    figure = viz.contact_sheet(colours(1), Compose([MedianBlur(), wide]), draws=5)
    first, *rest = figure.get_suptitle().splitlines()
    assert first == "MedianBlur(kernel_size=3)"
    assert len(rest) > 1 and " ".join(line.strip() for line in rest) == repr(wide)
    figure.draw_without_rendering()
    drawn = figure._suptitle.get_window_extent()
    assert drawn.width < figure.bbox.width
    assert viz.contact_sheet(colours(), wide, title="mine").get_suptitle() == "mine"


def test_wrong_use_is_explained():
    with pytest.raises(ValueError, match=r"needs images \(N, C, H, W\).* got \(3, 6, 6\)"):
        viz.contact_sheet(colours()[0], MedianBlur())
    with pytest.raises(ValueError, match="draws=0"):
        viz.contact_sheet(colours(), MedianBlur(), draws=0)
    with pytest.raises(ValueError, match="3 images but 2 names"):
        viz.contact_sheet(colours(), MedianBlur(), names=["a", "b"])
