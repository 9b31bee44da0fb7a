"""Recipes: every file is complete, runs, and is what its model and dataset take."""

from dataclasses import fields, replace

import numpy as np
import pytest

from minidl import models, nn, optim
from minidl.data import Dataset, transforms
from minidl.train import assembly, callbacks
from minidl.train.config import Config, RunError
from minidl.train.recipe import FOR_DATASET, configure, read_recipe, recipe_text, recipes

SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


def images(data: str, count: int = 12) -> Dataset:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, *SHAPES[data]), np.uint8)
    return Dataset(pixels, rng.integers(0, 10, count), [str(k) for k in range(10)], data)


def configured(**settings: object) -> Config:
    train = images("cifar10")
    return replace(
        configure("resnet8", "cifar10", {"epochs": 2} | settings), mean=train.mean, std=train.std
    )


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_says_all_and_its_model_takes_its_images(name):
    settings = read_recipe(name)
    said = {"model", "data", "epochs", "batch_size", "optimizer", "schedule", "lr", "weight_decay"}
    assert said <= settings.keys()
    config = configure(None, None, {}, recipe=name)
    assert all(getattr(config, key) == value for key, value in settings.items())
    train = images(config.data)
    config = replace(config, mean=train.mean, std=train.std)
    assembly.check_takes(config, train)
    model = assembly.build(config, train)
    optimizer = assembly.optimizer(config, model)
    assembly.schedule(config, optimizer, steps=10)
    assembly.tricks(config)
    batch, labels = next(iter(assembly.train_batches(config, train)))
    assert batch.dtype == np.float32 and len(labels) == min(config.batch_size, 12)
    assert abs(batch.mean()) < 1


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_opens_with_what_it_is_and_says_if_it_was_not_run(name):
    first = recipe_text(name).splitlines()[0]
    assert first.startswith("# ") and len(first) <= 100
    assert ("Not run" in recipe_text(name)) == name.endswith("-paper")


def test_what_is_given_beside_a_recipe_goes_before_it():
    config = configure("resnet8", None, {"epochs": 3, "lr": None}, recipe="cifar10-resnet20")
    assert (config.model, config.epochs) == ("resnet8", 3)
    assert config.lr == read_recipe("cifar10-resnet20")["lr"]


def test_a_recipe_is_not_mixed_with_what_is_usual_for_the_dataset():
    usual = FOR_DATASET["mnist"]["batch_size"]
    config = configure(None, None, {}, recipe="mnist-resnet")
    assert config.batch_size == read_recipe("mnist-resnet")["batch_size"] != usual


def test_unknown_names_are_answered_with_those_there_are(tmp_path, monkeypatch):
    with pytest.raises(RunError, match=r"no recipe 'mnist-lenet'; there are .*mnist-lenet5.*mean"):
        configure(None, None, {}, recipe="mnist-lenet")
    monkeypatch.setattr("minidl.train.recipe.FOLDER", tmp_path)
    (tmp_path / "mine.toml").write_text('model = "lenet5"\nmomemtum = 0.9\n')
    with pytest.raises(RunError, match="recipe mine sets momemtum, which is no setting"):
        configure(None, None, {}, recipe="mine")
    with pytest.raises(RunError, match="no optimizer 'sdg'; there are sgd, adam"):
        assembly.optimizer(configured(optimizer="sdg"), nn.Linear(2, 2))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
def test_every_optimizer_moves_the_weights_and_leaves_norms_undecayed_if_told(name):
    model = models.create("resnet8")
    optimizer = assembly.optimizer(configured(optimizer=name, decay_all=False), model)
    assert type(optimizer).__name__.lower() == name
    assert isinstance(optimizer, optim.Optimizer)
    for group in optimizer.param_groups:
        weights = [parameter.ndim > 1 for parameter in group["params"]]
        assert all(weights) if group["weight_decay"] else not any(weights)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        list(model.parameters())
    )


def test_one_cycle_climbs_to_lr_and_falls_to_nothing():
    config = configured(schedule="one_cycle", lr=0.5, warmup=0.25)
    optimizer = assembly.optimizer(config, nn.Linear(2, 2))
    schedule = assembly.schedule(config, optimizer, steps=20)
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.on_step_end(None)
    assert np.argmax(rates) == 9 and max(rates) == pytest.approx(0.5)  # 0.25 · 40 steps, from 0
    assert rates[0] == pytest.approx(0.02) and rates[-1] == pytest.approx(2e-6)


def test_switches_switch_on():
    assert assembly.tricks(configured()) == []
    kinds = [
        type(trick)
        for trick in assembly.tricks(
            configured(sizes=(16, 32), mixup=0.2, clip=1.0, average=0.99, patience=3),
        )
    ]
    assert kinds == [
        callbacks.ProgressiveResizing,
        callbacks.Mixup,
        callbacks.ClipGradients,
        callbacks.EMA,
        callbacks.EarlyStopping,
    ]
    augmentation = assembly.transform(
        configured(crop_padding=2, flip=True, rotation=5, cutout=8), images("cifar10"), augment=True
    )
    assert [type(step) for step in augmentation.transforms] == [
        transforms.RandomRotation,
        transforms.RandomCrop,
        transforms.RandomHorizontalFlip,
        transforms.Cutout,
        transforms.Normalize,
    ]
    plain = assembly.transform(
        configured(crop_padding=2, flip=True), images("cifar10"), augment=False
    )
    assert [type(step) for step in plain.transforms] == [transforms.Normalize]


def test_a_model_must_take_the_smaller_images_too():
    train = images("cifar10")
    assembly.check_takes(configured(sizes=(16, 24, 32)), train)
    fixed = replace(configure("lenet5", "cifar10", {"sizes": (32, 16)}), mean=(0,), std=(1,))
    with pytest.raises(RunError, match=r"lenet5 does not take .* cifar10 at 16 x 16 pixels: .*"):
        assembly.check_takes(fixed, train)


def test_label_smoothing_reaches_the_loss():
    logits, labels = np.random.default_rng(0).normal(size=(4, 10)), np.arange(4)
    p = np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))  # (N, K)
    expected = -(0.9 * p[np.arange(4), labels] + 0.1 * p.mean(1)).mean()
    loss = assembly.loss(configured(label_smoothing=0.1))
    assert loss(logits, labels).item() == pytest.approx(expected)


def test_every_setting_is_explained():
    text = Config.__doc__.split("Attributes:")[1]
    for field in fields(Config):
        assert f"{field.name}" in text, field.name
