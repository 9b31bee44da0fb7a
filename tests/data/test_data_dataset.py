import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_data import toy_images

from minidl.data import DATASETS, Dataset, digits, get_dataset
from minidl.data.digits import FILE

CLASSES = ("ant", "bee", "cow")


def toy(count=12, channels=2, size=5):
    return Dataset(toy_images(count, channels, size), np.arange(count) % 3, CLASSES, "toy")


def test_items_and_fields():
    images = toy_images(4, 2, 5)
    data = Dataset(images, [2, 0, 1, 1], CLASSES, "toy")
    assert len(data) == 4
    image, label = data[0]
    assert label == 2 and type(label) is int
    np.testing.assert_array_equal(image, images[0])
    assert (data.images.dtype, data.labels.dtype) == (np.uint8, np.int64)
    assert data.classes == CLASSES and data.name == "toy"
    assert repr(data) == "Dataset(toy: 4 images of 2×5×5, 3 classes)"
    assert [label for _, label in data] == [2, 0, 1, 1]  # iteration ends by itself
    with pytest.raises(IndexError):
        data[4]


def test_data_is_read_only_but_the_callers_array_is_not():
    images = toy_images(3)
    data = Dataset(images, [0, 1, 2], CLASSES)
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 0
    images[0] = 0


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 5, 5), np.uint8), [0, 1, 2], "channel axis"),
        (np.zeros((3, 1, 5, 5), np.float32), [0, 1, 2], "uint8"),
        (toy_images(3), [0, 1], "each of the 3 images"),
        (toy_images(3), [0.0, 1.0, 2.0], "whole numbers"),
        (toy_images(3), [0, 3, 1], r"labels\[1\] is 3"),
        (toy_images(3), [0, 1, -1], r"labels\[2\] is -1$"),
        (toy_images(3), [1, 3, 2], r"labels\[1\] is 3. They are counted from 1: give labels - 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        Dataset(images, labels, CLASSES)


def test_subset_takes_indices_or_a_mask():
    data = toy()
    part = data.subset([5, 0])
    np.testing.assert_array_equal(part.images, data.images[[5, 0]])
    np.testing.assert_array_equal(part.labels, [2, 0])
    assert (part.classes, part.name) == (CLASSES, "toy")
    assert len(data.subset(data.labels == 1)) == 4
    assert len(data.subset([])) == 0


@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=60), st.floats(0.05, 0.95), st.integers(0, 99)
)
def test_split_parts_the_images_and_is_stratified(labels, fraction, seed):
    count = round(fraction * len(labels))
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]  # each image is its index
    data = Dataset(images, labels, CLASSES)
    if not 0 < count < len(labels):
        with pytest.raises(ValueError, match="at least one image"):
            data.split(fraction, seed)
        return
    train, valid = data.split(fraction, seed)
    assert len(valid) == count
    both = np.concatenate([train.images.ravel(), valid.images.ravel()])
    np.testing.assert_array_equal(np.sort(both), np.arange(len(labels)))
    assert np.all(np.diff(train.images.ravel().astype(int)) > 0)  # the order is kept
    for c in range(3):
        share = labels.count(c) * count / len(labels)
        assert abs((valid.labels == c).sum() - share) < 1 + 1e-9
    again = data.split(fraction, seed)[1]
    np.testing.assert_array_equal(again.images, valid.images)


def test_split_is_random():
    data = toy(60)
    first, second = (data.split(0.5, seed)[1].images for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_mean_and_std_by_channel():
    data = toy(1003, 2, 3)  # more than one part of 1000
    x = data.images / 255
    np.testing.assert_allclose(data.mean, x.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(data.std, x.std(axis=(0, 2, 3)), rtol=1e-12)
    assert abs(data.mean[0] - data.mean[1]) > 1e-6
    with pytest.raises(ValueError, match="no images"):
        data.subset([]).mean  # noqa: B018


def test_digits_are_the_real_ones():
    train, test = digits("train"), digits("test")
    assert (train.images.shape, test.images.shape) == ((1437, 1, 8, 8), (360, 1, 8, 8))
    assert train.images.max() == 255 and train.images.min() == 0
    assert set(np.unique(train.images)) <= {round(255 * k / 16) for k in range(17)}
    assert train.classes == tuple("0123456789") and train.name == "digits"
    # The first image of the collection, a zero: its first rows as printed in scikit-learn's guide.
    zero = np.array([[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]])
    everything = np.concatenate([train.images, test.images])[:, 0, :2]
    assert (everything == np.rint(zero * 255 / 16)).all(axis=(1, 2)).sum() == 1


def test_digits_held_out_is_stratified_and_disjoint():
    train, test = digits("train"), digits("test")
    assert np.bincount(test.labels).min() >= 34 and np.bincount(test.labels).max() <= 38
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)


def test_digits_name_source_and_licence_and_stay_small():
    assert FILE.stat().st_size < 60_000
    with np.load(FILE) as file:
        assert "10.24432/C50P49" in str(file["source"])
        assert "CC BY 4.0" in str(file["license"])


def test_nearest_neighbour_reads_the_held_out_digits():
    train, test = digits("train"), digits("test")
    a, b = (d.images.reshape(len(d), -1).astype(np.float32) for d in (train, test))
    distance = (b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)
    accuracy = (train.labels[distance.argmin(1)] == test.labels).mean()
    assert accuracy > 0.97


def test_unknown_split_and_unknown_name():
    for load in DATASETS.values():
        with pytest.raises(ValueError, match=r"has the splits \['train', 'test'\], not 'valid'"):
            load("valid", download=False)
    assert get_dataset("digits") is digits
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        get_dataset("cifar-10")
