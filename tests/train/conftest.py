"""A small problem that trains in milliseconds and yet has all that a resumed run could forget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import minidl
from minidl import nn
from minidl.data import DataLoader, Dataset, digits, transforms
from minidl.optim import SGD, lr_scheduler
from minidl.train import Callback, Trainer
from minidl.train.callbacks import LRSchedule


def small_digits(split: str, count: int) -> Dataset:
    return digits(split).subset(np.arange(count))


def small_model() -> nn.Module:
    """Batch norm has buffers; dropout draws from the global generator."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64, 10),
    )


@dataclass
class Problem:
    trainer: Trainer
    train: DataLoader
    valid: DataLoader

    def fit(self, epochs: int = 4, **options: Any):
        return self.trainer.fit(self.train, self.valid, epochs, **options)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        return self.trainer.model.state_dict()


@pytest.fixture
def problem() -> Callable[..., Problem]:
    """Make the same problem again and again: same seed, new model, new loaders."""

    def make(
        *callbacks: Callback,
        per: str = "step",
        lr: float = 0.1,
        seed: int = 0,
        schedule: Callable[[SGD], Callback] | None = None,
    ) -> Problem:
        minidl.manual_seed(seed)
        train, valid = small_digits("train", 70), small_digits("test", 30)
        augment = transforms.Compose(
            [
                transforms.RandomCrop(8, padding=1),
                transforms.Normalize(train.mean, train.std),
            ]
        )
        batches = DataLoader(train, 16, shuffle=True, transform=augment, seed=seed)
        normalise = transforms.Normalize(train.mean, train.std)
        model = small_model()
        optimizer = SGD(model.parameters(), lr, momentum=0.9, weight_decay=1e-3, nesterov=True)
        length = 4 * (len(batches) if per == "step" else 1)
        if schedule is None:
            first = LRSchedule(lr_scheduler.CosineAnnealingLR(optimizer, length), per)
        else:
            first = schedule(optimizer)
        trainer = Trainer(model, optimizer, callbacks=[first, *callbacks])
        return Problem(trainer, batches, DataLoader(valid, 16, transform=normalise))

    return make
