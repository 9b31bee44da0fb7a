"""The same recipe on PyTorch.

Both sides see the same batches, because minidl's loader makes them, and step at the same rates,
because minidl's schedule sets them: it only needs an optimiser with groups. The network is the
same (`twin.py`); its first weights, its arithmetic and the optimiser are PyTorch's, in
channels_last, its faster layout.
"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import twin
from recipes import main
from record import Row
from rich.progress import track
from torch.nn.functional import cross_entropy

from minidl.data import DataLoader, Dataset
from minidl.optim import decay_groups
from minidl.train import assembly
from minidl.train.callbacks import LRSchedule
from minidl.train.callbacks.resizing import ProgressiveResizing, resized
from minidl.train.config import Config
from minidl.weights import replacing

FOREIGN = ("average", "mixup", "patience")  # switches that the loop below does not know


def on_torch(config: Config) -> list[Row]:
    """Train by PyTorch: a row an epoch, and the accuracy of the last weights.

    A run that was stopped goes on from its last epoch.
    """
    if foreign := [name for name in FOREIGN if getattr(config, name)]:
        raise SystemExit(f"the PyTorch side has no {', '.join(foreign)}; pass them as 0")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    train, test = (assembly.load_data(config, split) for split in ("train", "test"))
    config = replace(config, mean=train.mean, std=train.std)
    shape = {"num_classes": len(train.classes), "in_channels": train.images.shape[1]}
    model = twin.create(config.model, **config.options, **shape)
    model = model.to(memory_format=torch.channels_last)
    optimizer = _sgd(config, model)
    batches = assembly.train_batches(config, train)
    schedule = assembly.schedule(config, optimizer, len(batches))
    parts = {"model": model, "optimizer": optimizer, "batches": batches, "rate": schedule.scheduler}
    rows: list[Row] = []
    saved = Path("runs") / f"{config.model}-{config.data}-{config.seed}-torch.pt"
    if saved.exists():
        state = torch.load(saved)
        rows = state["rows"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for epoch in track(range(len(rows), config.epochs), f"{config.model} on PyTorch"):
        started = time.perf_counter()
        loss = _epoch(config, epoch, model, optimizer, batches, schedule)
        accuracy = _accuracy(config, model, test, "none")
        seconds = round(time.perf_counter() - started, 3)
        rows.append(
            {
                "epoch": epoch + 1,
                "train_loss": loss,
                "valid_accuracy": accuracy,
                "seconds": seconds,
            }
        )
        saved.parent.mkdir(exist_ok=True)
        with replacing(saved) as temporary:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({**states, "rows": rows}, temporary)
    final = _accuracy(config, model, test, config.tta)
    saved.unlink()
    return [*rows, {"final": final}]


def _epoch(
    config: Config,
    epoch: int,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: DataLoader,
    schedule: LRSchedule,
) -> float:
    """Train once on every image, and return the mean loss of the steps."""
    sizes = ProgressiveResizing(config.sizes) if config.sizes else None
    model.train()
    losses = []
    for images, labels in batches:
        if sizes:
            images = resized(images, sizes.size(epoch, config.epochs))
        x = torch.from_numpy(images).to(memory_format=torch.channels_last)
        y = torch.from_numpy(labels)
        loss = cross_entropy(model(x), y, label_smoothing=config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        if config.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        losses.append(loss.item())
        if schedule.per == "step":
            schedule.scheduler.step()
    if schedule.per == "epoch":
        schedule.scheduler.step()
    return float(np.mean(losses))


def _sgd(config: Config, model: torch.nn.Module) -> torch.optim.Optimizer:
    """PyTorch's SGD with the recipe's settings."""
    if config.optimizer != "sgd":
        raise SystemExit(f"the PyTorch side has SGD only, not {config.optimizer}")
    parameters = list(model.parameters())
    decay, nesterov = config.weight_decay, config.momentum > 0
    groups = parameters if config.decay_all else decay_groups(parameters, decay)
    return torch.optim.SGD(groups, config.lr, config.momentum, 0.0, decay, nesterov)


def _accuracy(config: Config, model: torch.nn.Module, test: Dataset, tta: str) -> float:
    """The share of test images given the right class, by the mean over the views of each."""
    model.eval()
    chances = np.zeros((len(test), len(test.classes)), np.float32)  # summed over the views
    for view in assembly.view_batches(config, test, tta):
        with torch.inference_mode():
            logits = torch.cat([model(torch.from_numpy(images)) for images, _ in view])
        chances += torch.softmax(logits, 1).numpy()
    return float((chances.argmax(1) == test.labels).mean())


if __name__ == "__main__":
    main("torch", on_torch)
