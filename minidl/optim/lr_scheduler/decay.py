"""Rates that fall, or rise, by one formula: in steps, by powers, along a line.

He et al., Deep residual learning, 2016, drop the rate to a tenth twice (section 4.2). Lectures:
Aarhus, lecture 7, "Question (not related to today's topic)": the dips in a loss curve.
"""

from collections.abc import Iterable

from minidl.optim.allowed import NOT_NEGATIVE, STEPS, STEPS_OR_NONE
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """η = η₀ · γ^⌊t / step_size⌋: drop by the factor γ every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._check(STEPS, step_size=step_size)
        self._check(NOT_NEGATIVE, gamma=gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · γ^⌊t / step_size⌋."""
        return start * self.gamma ** (self.t // self.step_size)


class MultiStepLR(LRScheduler):
    """η = η₀ · γ^(number of milestones ≤ t): drop by γ at each milestone."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = tuple(milestones), gamma
        for milestone in self.milestones:
            self._check(STEPS_OR_NONE, milestone=milestone)
        self._check(NOT_NEGATIVE, gamma=gamma)
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · γ^(milestones passed)."""
        return start * self.gamma ** sum(milestone <= self.t for milestone in self.milestones)


class ExponentialLR(LRScheduler):
    """η = η₀ · γ^t: drop by the factor γ at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self._check(NOT_NEGATIVE, gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · γ^t."""
        return start * self.gamma**self.t


class PolynomialLR(LRScheduler):
    """η = η₀ · (1 − t / T)^power, T = `total_iters`: down to 0, along a line if the power is 1.

    After T steps the rate stays 0.

    Source: Liu, Rabinovich and Berg, ParseNet, 2015, section 3.4 ("poly").
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self._check(STEPS, total_iters=total_iters)
        self._check(NOT_NEGATIVE, power=power)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · (1 − t / T)^power."""
        return start * (1 - min(self.t, self.total_iters) / self.total_iters) ** self.power


class LinearLR(LRScheduler):
    """η = η₀ · (a + (b − a) · t / T), T = `total_iters`: from a share of η₀ to another; warm-up.

    a is `start_factor`, b is `end_factor`. After T steps the rate stays b · η₀.

    A large batch needs a large rate, which new weights do not bear for the first few epochs.
    Source: Goyal et al., Accurate, large minibatch SGD, 2017, section 2.2 ("gradual warmup").
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self._check(NOT_NEGATIVE, start_factor=start_factor, end_factor=end_factor)
        self._check(STEPS, total_iters=total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · (a + (b − a) · t / T)."""
        share = min(self.t, self.total_iters) / self.total_iters
        return start * (self.start_factor + (self.end_factor - self.start_factor) * share)
