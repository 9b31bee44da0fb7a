"""Progressive resizing: which size when, what becomes of the images, and who sees them."""

import numpy as np
import pytest

import minidl
from minidl import nn
from minidl.data import DataLoader
from minidl.train import Callback, ProgressiveResizing, Trainer
from minidl.train.state import State
from tests.train.conftest import small_digits


def shown(sizes, images: np.ndarray, epoch: int, epochs: int) -> np.ndarray:
    """What a step of this epoch would see of the images."""
    state = State(None, None, [], None, epochs, [])
    state.epoch, state.images = epoch, images
    ProgressiveResizing(sizes).on_step_start(state)
    return state.images


@pytest.mark.parametrize(
    ("sizes", "epochs", "expected"),
    [
        ((16, 24, 32), 6, [16, 16, 24, 24, 32, 32]),
        ((16, 24, 32), 4, [16, 16, 24, 32]),  # ⌊0⌋ ⌊3/4⌋ ⌊6/4⌋ ⌊9/4⌋
        ((16, 32), 1, [16]),
        ((24,), 3, [24, 24, 24]),
    ],
)
def test_each_size_has_an_equal_part_of_the_run(sizes, epochs, expected):
    resizing = ProgressiveResizing(sizes)
    assert [resizing.size(epoch, epochs) for epoch in range(epochs)] == expected


def test_half_the_size_is_the_mean_of_two_by_two_pixels():
    images = np.random.default_rng(0).normal(size=(3, 2, 8, 8)).astype(np.float32)
    images.flags.writeable = False  # the loader may hand out the same array again
    half = shown((4, 8), images, epoch=0, epochs=2)
    blocks = images.reshape(3, 2, 4, 2, 4, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(half, blocks, rtol=1e-6, atol=1e-6)
    assert half.dtype == np.float32
    assert shown((4, 8), images, epoch=1, epochs=2) is images


def test_steps_see_every_size_and_validation_only_the_images_own():
    seen = []

    class Watch(nn.Module):
        def forward(self, x):
            seen.append((self.training, x.shape[2:]))
            return x

    class Labels(Callback):
        def on_step_end(self, state):
            ((share, labels),) = state.targets
            assert share == 1 and len(labels) == len(state.images)

    minidl.manual_seed(0)
    head = [nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)]
    model = nn.Sequential(Watch(), *head)
    optimizer = minidl.optim.SGD(model.parameters(), 0.1)
    trainer = Trainer(model, optimizer, callbacks=[ProgressiveResizing((4, 6, 8)), Labels()])
    train, valid = small_digits("train", 20), small_digits("test", 10)
    trainer.fit(DataLoader(train, 20, seed=0), DataLoader(valid, 10), epochs=3)
    test = (False, (8, 8))
    assert seen == [(True, (4, 4)), test, (True, (6, 6)), test, (True, (8, 8)), test]


@pytest.mark.parametrize("sizes", [(), (0, 32), (-8,)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match=r"sizes are heights in pixels, at least one and all ≥ 1"):
        ProgressiveResizing(sizes)
