import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.data import Compose, DataLoader, Dataset, Normalize, RandomCrop, RandomHorizontalFlip


def numbered(count, size=2):
    """Image i is filled with i, so that a batch shows which images are in it."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(size, 2).repeat(size, 3)
    return Dataset(images, np.arange(count) % 7, "abcdefg", "numbered")


def members(batch):
    return np.rint(batch[0][:, 0, 0, 0] * 255).astype(int).tolist()


sizes = st.tuples(st.integers(1, 40), st.integers(1, 12))


@given(sizes, st.booleans(), st.booleans(), st.integers(0, 2**40))
def test_each_image_comes_once_an_epoch(size, shuffle, drop_last, seed):
    count, batch_size = size
    if drop_last and count < batch_size:
        return
    data = numbered(count)
    loader = DataLoader(data, batch_size, shuffle, drop_last=drop_last, seed=seed)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        seen = [i for batch in batches for i in members(batch)]
        if drop_last:
            assert all(len(x) == batch_size for x, _ in batches)
            assert len(seen) == count // batch_size * batch_size
            assert len(set(seen)) == len(seen)
        else:
            assert sorted(seen) == list(range(count))
        if not shuffle:
            assert seen == list(range(len(seen)))
        for batch in batches:
            assert batch[1].tolist() == [i % 7 for i in members(batch)]


def test_dtypes_shapes_and_scale():
    images, labels = next(iter(DataLoader(numbered(5), 3)))
    assert (images.dtype, images.shape) == (np.float32, (3, 1, 2, 2))
    assert (labels.dtype, labels.shape) == (np.int64, (3,))
    np.testing.assert_array_equal(images[:, 0, 0, 0], np.array([0, 1, 2], np.float32) / 255)


def test_batches_are_the_callers_own():
    data = numbered(4)
    for images, labels in DataLoader(data, 2):
        images[:] = -1
        labels[:] = -1
    assert data.images[3].max() == 3 and data.labels[3] == 3


AUGMENT = Compose([RandomCrop(4, padding=2), RandomHorizontalFlip(), Normalize([0.4], [0.3])])


def augmented(seed=5, shuffle=True):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (23, 1, 4, 4), dtype=np.uint8)
    return DataLoader(Dataset(images, np.arange(23) % 7, "abcdefg"), 4, shuffle, AUGMENT, seed=seed)


def bits(batches):
    return [(images.tobytes(), labels.tobytes()) for images, labels in batches]


@settings(max_examples=30)
@given(st.integers(0, 17), st.booleans())
def test_resuming_after_any_batch_gives_the_same_bits(stop, shuffle):
    whole = augmented(shuffle=shuffle)
    expected = bits(b for _ in range(4) for b in whole)
    first = augmented(shuffle=shuffle)
    stream = (batch for _ in range(4) for batch in first)
    done = bits(itertools.islice(stream, stop))
    state = json.loads(json.dumps(first.state_dict()))
    assert (state["epoch"], state["batch"]) == divmod(stop, len(first))

    second = augmented(shuffle=shuffle)
    second.load_state_dict(state)
    rest = bits(b for _ in range(4 - state["epoch"]) for b in second)
    assert done + rest == expected


def test_epochs_and_seeds_differ_and_repeat():
    loader = augmented()
    first, second = bits(loader), bits(loader)
    assert first != second
    assert bits(augmented()) == first
    assert bits(augmented(seed=6)) != first


def test_each_epoch_has_an_order_of_its_own():
    loader = DataLoader(numbered(30), 30, shuffle=True, seed=0)
    first, second = (members(batch) for _ in range(2) for batch in loader)
    assert first != second and sorted(first) != first


def test_no_two_batches_share_their_random_numbers():
    seen = []

    def spy(batch, rng):
        seen.append(rng.integers(0, 2**63))
        return batch

    loader = DataLoader(numbered(12), 3, shuffle=True, transform=spy, seed=3)
    for _ in range(3):
        list(loader)
    # NumPy makes the same generator of [3, e] (which draws the order) and of [3, e, 0].
    orders = [np.random.default_rng([3, e]).integers(0, 2**63) for e in range(3)]
    assert len(set(seen + orders)) == 12 + 3


def test_a_loop_left_early_ends_its_epoch():
    reference = augmented()
    epochs = [bits(reference) for _ in range(3)]
    loader = augmented()
    for _ in loader:
        break
    assert loader.state_dict()["epoch"] == 0 and loader.state_dict()["batch"] == 1
    assert bits(loader) == epochs[1]
    assert bits(loader) == epochs[2]


def test_going_back_to_a_state_of_the_same_loader():
    loader = augmented()
    epoch = bits(loader)
    loader.load_state_dict({**loader.state_dict(), "epoch": 0, "batch": 2})
    assert bits(loader) == epoch[2:]
    assert loader.state_dict()["epoch"] == 1


def test_the_last_batch_already_belongs_to_the_past():
    loader = DataLoader(numbered(4), 2, seed=0)
    positions = [(loader.state_dict()["epoch"], loader.state_dict()["batch"]) for _ in loader]
    assert positions == [(0, 1), (1, 0)]


def test_seed_none_draws_one_and_keeps_it():
    first, second = (DataLoader(numbered(30), 30, shuffle=True) for _ in range(2))
    assert first.seed != second.seed
    again = DataLoader(numbered(30), 30, shuffle=True, seed=first.seed)
    assert bits(first) == bits(again)


def test_a_float32_transform_is_left_alone():
    out = next(iter(DataLoader(numbered(3), 3, transform=lambda b, _: b.astype(np.float32) * 2)))
    assert out[0][2, 0, 0, 0] == 4.0


@pytest.mark.parametrize(
    "transform", [lambda b, _: b.astype(np.float64), lambda b, _: b[:1]], ids=["dtype", "length"]
)
def test_a_transform_that_returns_something_else_is_refused(transform):
    with pytest.raises(ValueError, match="must return 3 images in uint8 or float32"):
        next(iter(DataLoader(numbered(3), 3, transform=transform)))


@pytest.mark.parametrize(
    "change",
    [{"seed": 6}, {"shuffle": False}, {"batch_size": 5}, {"samples": 22}],
    ids=lambda change: next(iter(change)),
)
def test_a_state_of_another_loader_is_refused(change):
    state = {**augmented().state_dict(), **change}
    key, value = next(iter(change.items()))
    with pytest.raises(ValueError, match=f"the saved loader had {key}={value}, this one has"):
        augmented().load_state_dict(state)


def test_an_impossible_state_is_refused():
    loader = augmented()
    with pytest.raises(ValueError, match=r"there is no batch 6 of epoch 0: .* 0…5"):
        loader.load_state_dict({**loader.state_dict(), "batch": 6})
    with pytest.raises(ValueError, match=r"lacks .*'seed'"):
        loader.load_state_dict({"epoch": 0, "batch": 0})


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        DataLoader(numbered(3), 0)
    with pytest.raises(ValueError, match="0 or more"):
        DataLoader(numbered(3), 1, seed=-1)
    with pytest.raises(ValueError, match="no batch can be made: numbered has 3 images"):
        DataLoader(numbered(3), 4, drop_last=True)


def test_repr_shows_what_matters():
    text = repr(DataLoader(numbered(10), 4, True, RandomHorizontalFlip(), seed=9))
    assert "numbered: 3 batches of 4" in text
    assert "RandomHorizontalFlip(p=0.5)" in text and "seed=9" in text
