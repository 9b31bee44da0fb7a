"""Find a learning rate: raise it from tiny to huge, step by step, and watch the loss."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, repeat

import numpy as np

from minidl import functional as F
from minidl import random
from minidl.nn import Module
from minidl.train.evaluation import Loss
from minidl.train.state import Batch, Batches, Optimizer

BETA = 0.98  # how much of the mean before each new loss leaves
WORSE = 4  # stop when the smoothed loss is so many times the lowest


@dataclass(frozen=True)
class LRFinding:
    """What a search for a learning rate saw, step by step.

    Attributes:
        lrs: (S,), the rates, rising geometrically.
        losses: (S,), of one batch each, before the step at that rate.
    """

    lrs: np.ndarray
    losses: np.ndarray

    @cached_property
    def smoothed(self) -> np.ndarray:
        """(S,), the mean of the losses so far, each counting 0.98 times as much as the next.

        It trails behind: where the losses fall, it is above them, and turns later than they do.
        """
        return _smoothed(self.losses)

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls most steeply: argmin d smoothed / d log lr.

        Looked for before the lowest loss, and after the first tenth of the steps, whose mean is
        one of too few batches. It is a rate for short runs; for long ones, and networks without
        normalisation, `minimum / 10` is the safer one.

        Raises:
            ValueError: the loss fell nowhere.
        """
        first, last = len(self.lrs) // 10, int(self.smoothed.argmin())
        if last - first < 2:
            raise ValueError(
                f"from {self.lrs[0]:g} to {self.lrs[-1]:g} the loss was lowest at "
                f"{self.minimum:g}, too near the beginning to say where it falls: look at it by "
                "minidl.viz.lr_finding, and search from a lower rate or in more steps"
            )
        slope = np.gradient(self.smoothed)[first:last]
        return float(self.lrs[first + slope.argmin()])

    @property
    def minimum(self) -> float:
        """The rate at which the smoothed loss is lowest: too high, but a tenth is often good."""
        return float(self.lrs[self.smoothed.argmin()])


def lr_find(
    model: Module,
    optimizer: Optimizer,
    batches: Batches,
    loss: Loss = F.cross_entropy,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
) -> LRFinding:
    """Train for a few steps while the learning rate rises from `start` to `end`; then undo it all.

        lr[s] = start · (end / start)^(s / (steps − 1))

    It ends early when the smoothed loss is more than 4 times the lowest before, or no finite
    number. Too small a rate changes nothing, too large a one makes the loss rise; where it falls
    most steeply is a good rate, `finding.suggestion`.

    Model (batch norm's statistics too), optimiser and random numbers are put back as they were,
    also after an error. The batches keep their place, as a copy of the loader is asked for them.

    Args:
        model: images → logits; trained in training mode.
        optimizer: its largest learning rate becomes lr[s]. Groups with smaller rates keep their
            ratio to it.
        batches: from where training would start; from the beginning again if they end.
        loss: (logits, labels) → scalar Tensor.
        start: the first rate.
        end: the last.
        steps: how many rates.

    Raises:
        ValueError: no range of rates, or the loss is no finite number from the beginning.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3 (rising
    linearly); Howard and Gugger's fastai (geometrically, smoothed, and the suggestion).
    """
    if not 0 < start < end < math.inf:
        raise ValueError(f"the rates must rise: 0 < start < end, not start={start}, end={end}")
    if steps < 2:
        raise ValueError(f"steps must be at least 2, not {steps}")
    if len(batches) == 0:
        raise ValueError("there is nothing to learn from: the batches are empty")
    lrs = start * (end / start) ** (np.arange(steps) / (steps - 1))
    largest = max(group["lr"] for group in optimizer.param_groups)
    ratios = [group["lr"] / largest if largest else 1.0 for group in optimizer.param_groups]
    losses: list[float] = []
    with _undone(model, optimizer):
        model.train()
        for lr, (images, labels) in zip(lrs, _endless(batches), strict=False):
            for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
                group["lr"] = float(lr * ratio)
            value = loss(model(images), labels)
            if not math.isfinite(value.item()):
                break
            losses.append(value.item())
            smoothed = _smoothed(losses)
            if smoothed[-1] > WORSE * smoothed.min():
                break
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    if not losses:
        raise ValueError(
            "the loss of the first batch is no finite number, before any step: check the images, "
            "their normalisation, and the model; inside `with minidl.detect_anomaly():` the first "
            "operation is named whose result is NaN or infinite"
        )
    return LRFinding(lrs[: len(losses)], np.array(losses))


def _smoothed(losses: Sequence[float] | np.ndarray) -> np.ndarray:
    """m[s] / (1 − β^(s + 1)) with m[s] = β · m[s − 1] + (1 − β) · losses[s] and m[−1] = 0.

    The division makes up for the 0: without it the mean would begin near 0.
    """
    means = list(accumulate(losses, lambda m, loss: BETA * m + (1 - BETA) * loss, initial=0.0))
    return np.array(means[1:]) / (1 - BETA ** np.arange(1, len(means)))


def _endless(batches: Batches) -> Iterator[Batch]:
    """The batches again and again. A copy of the loader is asked, so that it keeps its place."""
    return chain.from_iterable(repeat(copy.copy(batches)))


@contextmanager
def _undone(model: Module, optimizer: Optimizer) -> Iterator[None]:
    """Put everything back at the end of the `with` block, whatever ended it."""
    weights, memory, chance = model.state_dict(), optimizer.state_dict(), random.get_state()
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(memory)
        random.set_state(chance)
        for module, mode in modes:
            module.training = mode
        for parameter, gradient in gradients:
            parameter.grad = gradient
