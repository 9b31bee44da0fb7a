"""Folders of photographs: what is read, in which order, and what is said of folders gone wrong."""

import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from minidl.data import DataFileError, DataLoader, DataNotFoundError, image_folder, photographs
from minidl.data.photographs import decode


def picture(colour, size=(12, 10)):
    """A picture of one colour, `size` = (width, height)."""
    return Image.new("RGB", size, colour)


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture("red")).save(path, **options)
    return path


COLOURS = {"ant": (200, 10, 10), "bee": (10, 200, 10), "cow": (10, 10, 200)}


def make_folder(root, counts, suffix=".png"):
    """Folders with `counts` images of a class; the k-th has the red, green or blue of its class."""
    for name, count in counts.items():
        for k in range(count):
            colour = tuple(v + k for v in COLOURS[name])
            save(root / name / f"{k:02}{suffix}", picture(colour))
    return root


@pytest.fixture
def imagenet(tmp_path):
    make_folder(tmp_path / "train", {"cow": 2, "ant": 3, "bee": 1})
    make_folder(tmp_path / "val", {"ant": 1, "bee": 2, "cow": 1})
    return tmp_path


@pytest.fixture
def flat(tmp_path):
    return make_folder(tmp_path, {"ant": 10, "bee": 4, "cow": 2})


# --------------------------------------------------------------------------------- what is read


def test_imagenets_layout(imagenet):
    train = image_folder(imagenet, size=6)
    assert train.classes == ("ant", "bee", "cow") and train.name == imagenet.name
    assert train.labels.tolist() == [0, 0, 0, 1, 2, 2]
    assert train.images.shape == (6, 3, 6, 6) and train.images.dtype == np.uint8
    expected = [(200, 10, 10), (201, 11, 11), (202, 12, 12), (10, 200, 10), (10, 10, 200)]
    for image, colour in zip(train.images, expected, strict=False):
        assert (image == np.array(colour).reshape(3, 1, 1)).all()
    for split in ("test", "val"):
        test = image_folder(imagenet, split, size=6)
        assert test.labels.tolist() == [0, 1, 1, 2] and test.classes == train.classes


def test_it_is_called_like_every_dataset(imagenet):
    data = image_folder(split="train", root=str(imagenet), download=True, size=(4, 8))
    assert data.images.shape[1:] == (3, 4, 8)
    images, labels = next(iter(DataLoader(data, 4)))
    assert images.shape == (4, 3, 4, 8) and labels.tolist() == [0, 0, 0, 1]


def test_the_current_folder_has_its_name(imagenet, monkeypatch):
    monkeypatch.chdir(imagenet)
    assert image_folder(".", size=4).name == imagenet.name


def test_test_goes_before_val(imagenet):
    make_folder(imagenet / "test", {"ant": 1, "bee": 1, "cow": 1})
    assert len(image_folder(imagenet, "test", size=4)) == 3
    assert len(image_folder(imagenet, "val", size=4)) == 4


def test_a_folder_without_splits_is_parted_by_a_draw(flat):
    train, test = (image_folder(flat, split, size=4) for split in ("train", "test"))
    assert np.bincount(test.labels).tolist() == [2, 1, 1]  # 0.2 · 10; at least one of each
    assert np.bincount(train.labels).tolist() == [8, 3, 1]
    both = np.concatenate([train.images, test.images])
    assert len(np.unique(both.reshape(16, -1), axis=0)) == 16  # every image once
    again = image_folder(flat, "test", size=4)
    np.testing.assert_array_equal(again.images, test.images)
    seeds = {image_folder(flat, "test", size=4, seed=s).images.tobytes() for s in range(6)}
    assert len(seeds) > 2
    half = image_folder(flat, "test", size=4, test_fraction=0.5)
    assert np.bincount(half.labels).tolist() == [5, 2, 1]
    most = image_folder(flat, "train", size=4, test_fraction=0.99)
    assert np.bincount(most.labels).tolist() == [1, 1, 1]


def test_another_class_does_not_change_the_draw_of_the_others(flat):
    before = image_folder(flat, "test", size=4)
    save(flat / "ape" / "1.png")
    save(flat / "ape" / "2.png")
    after = image_folder(flat, "test", size=4)
    assert after.classes == ("ant", "ape", "bee", "cow")
    np.testing.assert_array_equal(after.images[after.labels != 1], before.images)


def test_images_are_in_the_order_of_their_names_however_deep_they_lie(tmp_path):
    for name, red in (("b.png", 30), ("a/z.PNG", 10), ("a/sub/x.Jpeg", 0), ("c.webp", 40)):
        save(tmp_path / "train" / "one" / name, picture((red, 0, 0)), quality=100)
    save(tmp_path / "train" / "two" / "b.bmp", picture((90, 0, 0)))
    red = image_folder(tmp_path, size=4).images[:, 0, 0, 0].astype(int)
    assert np.abs(red - [0, 10, 30, 40, 90]).max() <= 2


def test_hidden_and_foreign_files_are_passed_over(imagenet):
    home = imagenet / "train"
    for name in (".DS_Store", "ant/.DS_Store", "ant/._00.png", "ant/Thumbs.db", "ant/notes.txt"):
        (home / name).write_bytes(b"no image")
    save(home / ".hidden" / "0.png")
    save(home / "ant" / ".trash" / "0.png")
    save(home / "__MACOSX" / "0.png")
    data = image_folder(imagenet, size=4)
    assert data.classes == ("ant", "bee", "cow") and len(data) == 6


# ------------------------------------------------------------------------------------ decoding


def test_the_middle_is_cut_out_and_resized(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (10, 50, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    wide = save(tmp_path / "wide.png", image)
    whole = np.asarray(image.resize((25, 5), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode(wide, (5, 5)), whole[:, :, 10:15])
    np.testing.assert_array_equal(decode(wide, (5, 25)), whole)
    high = save(tmp_path / "high.png", image.transpose(Image.Transpose.TRANSPOSE))
    np.testing.assert_array_equal(decode(high, (5, 5)), whole[:, :, 10:15].swapaxes(1, 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(tmp_path, orientation):
    upright = Image.fromarray(np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3) * 20)
    # What each orientation of EXIF says has to be done, and what undoes it.
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],  # stored turned to the left, shown turned to the right
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "photo.png", stored, exif=exif)
    np.testing.assert_array_equal(decode(path, (2, 2)), np.asarray(upright).transpose(2, 0, 1))


def colour_of(path):
    return decode(path, (4, 4))[:, 2, 2].tolist()


def test_every_kind_of_pixel_becomes_rgb(tmp_path):
    grey = save(tmp_path / "grey.png", Image.new("L", (8, 8), 77))
    assert colour_of(grey) == [77] * 3
    palette = save(tmp_path / "palette.png", picture((10, 200, 30)).convert("P", palette=1))
    assert colour_of(palette) == [10, 200, 30]
    bits = save(tmp_path / "bits.png", Image.new("1", (8, 8), 1))
    assert colour_of(bits) == [255] * 3
    cmyk = save(tmp_path / "cmyk.jpg", Image.new("CMYK", (8, 8), (255, 0, 255, 0)), quality=100)
    assert np.abs(np.array(colour_of(cmyk)) - [0, 255, 0]).max() <= 2
    deep = np.full((8, 8), 128 * 257, np.uint16)  # 16 bits: 65535 is white
    assert colour_of(save(tmp_path / "deep.png", Image.fromarray(deep))) == [128] * 3
    deep[:] = 65535
    assert colour_of(save(tmp_path / "deep.tif", Image.fromarray(deep))) == [255] * 3


def test_transparent_pixels_are_white(tmp_path):
    clear = save(tmp_path / "clear.png", Image.new("RGBA", (8, 8), (200, 0, 0, 0)))
    assert colour_of(clear) == [255] * 3
    half = save(tmp_path / "half.png", Image.new("RGBA", (8, 8), (200, 0, 0, 51)))  # a fifth
    assert colour_of(half) == [round(0.2 * 200 + 0.8 * 255), 204, 204]
    grey = save(tmp_path / "grey.png", Image.new("LA", (8, 8), (0, 0)))
    assert colour_of(grey) == [255] * 3
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 0, 250, 0, 0])
    assert colour_of(save(tmp_path / "palette.png", palette, transparency=0)) == [255] * 3


def test_of_a_moving_picture_the_first_is_taken(tmp_path):
    first, second = picture((250, 0, 0)), picture((0, 0, 250))
    path = save(tmp_path / "moving.gif", first, save_all=True, append_images=[second])
    assert colour_of(path) == [250, 0, 0]


def test_large_jpegs_are_decoded_smaller_and_look_the_same(tmp_path):
    y, x = np.mgrid[:600, :800]
    waves = np.stack([127 + 120 * np.sin(x / 9), 127 + 120 * np.cos(y / 7), (x + y) / 9], -1)
    image = Image.fromarray(waves.astype(np.uint8))
    small = decode(save(tmp_path / "large.jpg", image, quality=95), (128, 96))
    exact = decode(save(tmp_path / "large.png", image), (128, 96))
    assert np.abs(small.astype(int) - exact).mean() < 1.5


def test_files_are_decoded_by_threads_and_stay_in_order(tmp_path, monkeypatch):
    seen, both = set(), threading.Barrier(2, timeout=20)

    def slow(path, size):
        if len(seen) < 2:
            seen.add(threading.current_thread().name)
            both.wait()  # two files are being decoded at once, or this fails
        return decode(path, size)

    monkeypatch.setattr(photographs, "decode", slow)
    monkeypatch.setattr(photographs, "num_threads", lambda: 2)
    make_folder(tmp_path / "train", {"ant": 20})
    images = image_folder(tmp_path, size=4).images
    assert len(seen) == 2 and threading.current_thread().name not in seen
    assert images[:, 0, 0, 0].tolist() == [200 + k for k in range(20)]


# ------------------------------------------------------------------------------- what went wrong


def test_no_folder():
    with pytest.raises(DataNotFoundError, match="which folder"):
        image_folder()


def test_missing_folder(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"nowhere does not exist \(looked from"):
        image_folder(tmp_path / "nowhere")
    with pytest.raises(DataNotFoundError, match=r"file\.txt is a file, not a folder"):
        path = tmp_path / "file.txt"
        path.touch()
        image_folder(path)


def test_empty_folder(tmp_path):
    with pytest.raises(DataFileError, match=r"a folder for each class.* but it holds no folders"):
        image_folder(tmp_path)


def test_images_without_class_folders(tmp_path):
    save(tmp_path / "a.jpg")
    save(tmp_path / "b.png")
    with pytest.raises(
        DataFileError, match=r"2 images lie directly in it\. Sort them into folders"
    ):
        image_folder(tmp_path)


def test_empty_class(imagenet, flat):
    (imagenet / "train" / "dog").mkdir()
    (imagenet / "train" / "eel").mkdir()
    (imagenet / "train" / "eel" / "notes.txt").touch()
    with pytest.raises(DataFileError, match=r"no image in dog, eel\. Images end in \.jpg"):
        image_folder(imagenet)


def test_missing_split(imagenet):
    with pytest.raises(DataNotFoundError, match=r"no folder 'unseen' .* it has train, val\.$"):
        image_folder(imagenet, "unseen")
    with pytest.raises(DataNotFoundError, match="Did you mean 'train'"):
        image_folder(imagenet, "trian")
    (imagenet / "val").rename(imagenet / "other")
    with pytest.raises(
        DataNotFoundError, match=r"no folder 'test' .*give that folder as root: .*n"
    ):
        image_folder(imagenet, "test")


def test_split_of_another_case(imagenet):
    (imagenet / "val").rename(imagenet / "Extra")
    if not (imagenet / "extra").exists():  # as it does where case makes no difference
        with pytest.raises(DataNotFoundError, match="Did you mean 'Extra'"):
            image_folder(imagenet, "extra")


def test_unknown_split_of_a_folder_without_splits(flat):
    with pytest.raises(DataNotFoundError, match=r"has 'train' and 'test', .* but not 'val'"):
        image_folder(flat, "val")


def test_class_only_in_the_test_split(imagenet):
    save(imagenet / "val" / "dog" / "1.png")
    (imagenet / "val" / "ant").rename(imagenet / "val" / "Ant_")
    image_folder(imagenet)
    with pytest.raises(DataFileError, match=r"does not have: Ant_, dog; train has ant, bee, cow\."):
        image_folder(imagenet, "test")


def test_class_missing_in_the_test_split_is_a_warning_and_labels_stay(imagenet):
    (imagenet / "val" / "bee" / "00.png").unlink()
    (imagenet / "val" / "bee" / "01.png").unlink()
    with pytest.raises(DataFileError, match="no image in bee"):  # an empty folder is a mistake
        image_folder(imagenet, "test", size=4)
    (imagenet / "val" / "bee").rmdir()
    with pytest.warns(UserWarning, match="val has no images of bee: how well"):
        test = image_folder(imagenet, "test", size=4)
    assert test.labels.tolist() == [0, 2] and test.classes == ("ant", "bee", "cow")


def test_only_a_test_split(imagenet):
    (imagenet / "train").rename(imagenet / "old")
    assert image_folder(imagenet, "test", size=4).classes == ("ant", "bee", "cow")


def test_classes_that_differ_only_in_case(imagenet):
    save(imagenet / "train" / "Cow" / "1.png")
    if len(list((imagenet / "train").iterdir())) == 4:  # not where case makes no difference
        with pytest.raises(DataFileError, match="classes Cow, cow differ only in upper and lower"):
            image_folder(imagenet)


def test_a_single_image_cannot_be_parted(flat):
    save(flat / "dog" / "1.png")
    with pytest.raises(DataFileError, match="single image of dog: too few"):
        image_folder(flat)


def damage(imagenet):
    """One image that is none, one cut short, one empty; returns their paths."""
    names = ("ant/01.png", "bee/zero.gif", "cow/photo.jpg")
    paths = [imagenet / "train" / name for name in names]
    paths[0].write_bytes(b"this is a text")
    paths[1].write_bytes(b"")
    y, x = np.mgrid[:100, :100]
    save(paths[2], Image.fromarray((x * y % 256).astype(np.uint8)))
    paths[2].write_bytes(paths[2].read_bytes()[:-1000])
    return paths


def test_damaged_images_are_all_named(imagenet):
    paths = damage(imagenet)
    with pytest.raises(DataFileError, match="3 of 8 images cannot be read") as error:
        image_folder(imagenet, size=4)
    lines = str(error.value).splitlines()
    assert [line.split(": ")[0].strip() for line in lines[1:4]] == [str(path) for path in paths]
    assert "cannot identify image file" in lines[1] and "truncated" in lines[3]
    assert "skip_damaged=True" in lines[4]


def test_damaged_images_can_be_skipped(imagenet):
    whole = image_folder(imagenet, size=4)
    damage(imagenet)
    with pytest.warns(UserWarning, match=r"left out 3 of 8 images that cannot be read:\n.*01\.png"):
        data = image_folder(imagenet, size=4, skip_damaged=True)
    np.testing.assert_array_equal(data.images, whole.images[[0, 2, 3, 4, 5]])
    assert data.labels.tolist() == [0, 0, 1, 2, 2]
    (imagenet / "train" / "bee" / "00.png").write_bytes(b"nor this")
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(DataFileError, match="no image in bee"),
    ):
        image_folder(imagenet, size=4, skip_damaged=True)


def test_an_image_that_would_unpack_into_gigabytes_is_refused(imagenet, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    save(imagenet / "train" / "ant" / "bomb.png", picture("red", (50, 41)))
    with pytest.raises(DataFileError, match=r"1 of 7 .*\n.*bomb\.png: DecompressionBombError"):
        image_folder(imagenet, size=4)


def test_pixels_without_a_white_are_refused(imagenet):
    save(imagenet / "train" / "ant" / "x.tif", Image.new("F", (8, 8), 0.5))
    save(imagenet / "train" / "ant" / "y.tif", Image.new("I", (8, 8), 70_000))
    with pytest.raises(DataFileError) as error:
        image_folder(imagenet, size=4)
    assert "x.tif: ValueError: pixels are floating-point numbers" in str(error.value)
    assert "y.tif: ValueError: levels of 70000…70000, not of 16 bits" in str(error.value)


def test_too_large_for_memory(imagenet):
    size = 2**27
    with pytest.raises(
        MemoryError, match=r"6 images of 3·134217728·134217728 bytes take 324,.* MB"
    ):
        image_folder(imagenet, size=size)


def test_wrong_numbers(flat):
    with pytest.raises(ValueError, match="0 < test_fraction < 1, got 1"):
        image_folder(flat, test_fraction=1)
    with pytest.raises(ValueError, match="size is a number of pixels above 0"):
        image_folder(flat, size=0)
