"""The whole story on the digits of the package: learn them from clean scans, then read noisy ones.

Noisy scans are "very similar data", and five of each digit "very little" (Aarhus, lecture 7, the
table of "Transfer learning and fine-tuning"), so a new head on the old features should do.
"""

from functools import cache

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.data import DataLoader, Dataset, Normalize, digits
from minidl.optim import SGD
from minidl.train import Callback, State, evaluate
from minidl.train.transfer import (
    Learner,
    features,
    fit_head,
    load_from_the_bottom,
    nearest_neighbours,
    replace_head,
)

SEEDS = range(2)
PER_CLASS = 5
ALL = digits("train")
NORMALISE = Normalize(ALL.mean, ALL.std)
OLD, NEW = ALL.split(0.5, seed=0)  # scans to pretrain on, scans to draw the few from


def noisy(data: Dataset) -> Dataset:
    noise = np.random.default_rng(0).normal(0, 60, data.images.shape)
    images = np.clip(data.images + noise, 0, 255).astype(np.uint8)
    return Dataset(images, data.labels, data.classes, "noisy digits")


def few(seed: int) -> Dataset:
    """Five noisy images of each digit."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(NEW.labels == c), PER_CLASS, replace=False) for c in range(10)
    ]
    return noisy(NEW).subset(np.concatenate(chosen))


TEST = noisy(digits("test"))


def loader(data: Dataset, size: int = 10) -> DataLoader:
    return DataLoader(data, size, shuffle=True, transform=NORMALISE, seed=0)


@cache
def pretrained() -> dict[str, np.ndarray]:
    """The weights of a ResNet-8 that has learned from clean scans."""
    minidl.manual_seed(0)
    model = models.create("resnet8")
    learner = Learner(model, loader(OLD, 32))
    learner.unfreeze()
    history = learner.fit_one_cycle(4, 1e-2)
    assert history["train_accuracy"][-1] > 0.97
    return model.state_dict()


def old_model(seed: int = 0) -> nn.Module:
    """The pretrained network with a new head."""
    minidl.manual_seed(seed)
    model = models.create("resnet8")
    model.load_state_dict(pretrained())
    replace_head(model, 10)
    return model


def accuracy(model: nn.Module) -> float:
    return evaluate(model, DataLoader(TEST, 180, transform=NORMALISE)).accuracy


def from_scratch(seed: int) -> float:
    minidl.manual_seed(seed)
    model = models.create("resnet8")
    learner = Learner(model, loader(few(seed)))
    learner.unfreeze()
    learner.fit_one_cycle(20, 1e-2)
    return accuracy(model)


def probe(seed: int) -> float:
    model, data = old_model(seed), few(seed)
    fit_head(model, features(model, data, NORMALISE), data.labels)
    return accuracy(model)


def fine_tuned(seed: int) -> float:
    model = old_model(seed)
    learner = Learner(model, loader(few(seed)))
    learner.fit_one_cycle(10, 1e-2)
    learner.unfreeze()
    learner.fit_one_cycle(6, slice(1e-4, 1e-3))
    return accuracy(model)


def neighbours(seed: int) -> float:
    model, data = old_model(seed), few(seed)
    x, test_x = (features(model, images, NORMALISE) for images in (data, TEST))
    return float(np.mean(nearest_neighbours(x, data.labels, test_x, k=1) == TEST.labels))


def test_with_few_images_old_features_beat_a_fresh_start() -> None:
    fresh = [from_scratch(seed) for seed in SEEDS]
    assert 0.5 < np.mean(fresh) < 0.75
    for method in (probe, fine_tuned, neighbours):
        ours = [method(seed) for seed in SEEDS]
        assert np.mean(ours) > 0.8, method.__name__
        assert min(ours) > max(fresh) + 0.05, method.__name__


def test_weights_from_the_bottom_are_as_good_as_those_loaded_by_name() -> None:
    minidl.manual_seed(0)
    model = models.create("resnet8", num_classes=4)
    assert load_from_the_bottom(model, pretrained()).stopped_by == "linear"
    np.testing.assert_array_equal(
        features(model, TEST, NORMALISE), features(old_model(), TEST, NORMALISE)
    )


# -------------------------------------------------------------------------------- the learner


class Watch(Callback):
    """Remember the rates, and the decays, of every step."""

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.decays: set[float] = set()

    def on_step_end(self, state: State) -> None:
        groups = state.optimizer.param_groups
        self.rates.append([group["lr"] for group in groups])
        self.decays |= {group["weight_decay"] for group in groups}


def changed(model: nn.Module, before: dict[str, np.ndarray]) -> set[str]:
    after = model.state_dict()
    return {n.partition(".")[0] for n in after if not np.array_equal(after[n], before[n])}


def test_the_recipe_step_by_step() -> None:
    model, watch = old_model(), Watch()
    learner = Learner(model, loader(few(0)), DataLoader(TEST, 180), callbacks=[watch])
    before = model.state_dict()
    learner.fit_one_cycle(1, 1e-2)
    assert changed(model, before) == {"linear"}, "all below is frozen, statistics too"
    before = model.state_dict()
    assert [group.name for group in learner.freeze_to(2)] == ["layer3", "linear"]
    learner.fit_one_cycle(1, 1e-3)
    assert changed(model, before) == {"layer3", "linear"}
    learner.unfreeze()
    before = model.state_dict()
    finding = learner.lr_find(steps=30)
    assert len(finding.lrs) > 10
    assert not changed(model, before)
    watch.rates.clear()
    history = learner.fit_one_cycle(2, slice(3e-5, 3e-3), pct_start=0.5)
    assert changed(model, before) == {"conv1", "bn1", "layer1", "layer2", "layer3", "linear"}
    assert len(history) == 2
    assert int(np.argmax([rates[-1] for rates in watch.rates])) == 4, "half of the ten steps"
    assert 0 <= history["valid_accuracy"][-1] <= 1
    assert [group.name for group in learner.freeze()] == ["linear"]
    assert not model.conv1.weight.requires_grad


def test_one_cycle_rises_to_each_groups_rate_and_falls() -> None:
    watch = Watch()
    learner = Learner(old_model(), loader(few(0)), weight_decay=0.2, callbacks=[watch])
    learner.unfreeze()
    learner.fit_one_cycle(4, slice(3e-5, 3e-3))
    rates = np.array(watch.rates)  # (steps, groups)
    assert len(rates) == 4 * 5
    assert watch.decays == {0.0, 0.2}
    highest = rates.max(axis=0)
    np.testing.assert_allclose(highest[[0, -1]], [3e-5, 3e-3], rtol=0.05)
    assert (np.diff(highest) >= 0).all()
    ratio = rates / rates[:, -1:]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-9)
    peak = rates[:, 0].argmax()
    assert 2 <= peak <= 7, "three tenths of the way"
    assert rates[-1, 0] < highest[0] / 1e4


def test_another_optimiser_and_no_decay_fit_in() -> None:
    watch = Watch()

    def momentum(groups: list[dict]) -> SGD:
        return SGD(groups, momentum=0.9, nesterov=True)

    learner = Learner(
        old_model(), loader(few(0)), optimizer=momentum, weight_decay=0.0, callbacks=[watch]
    )
    learner.fit_one_cycle(1, slice(0.1))
    assert max(max(rates) for rates in watch.rates) == pytest.approx(0.1, rel=0.05)
    assert watch.decays == {0.0}
