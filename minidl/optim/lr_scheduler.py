"""Learning-rate schedules: a rule from the number of steps taken to the learning rate.

    scheduler = StepLR(optimizer, step_size=30)
    for epoch in range(90):
        ...                                   # train
        scheduler.step()                      # after the epoch (or after each batch, if so meant)

Every rule is a formula in t, the number of `step()` calls so far, and η₀, the group's first rate.
"""

import math
from collections.abc import Sequence
from typing import Any

from minidl.optim.optimizer import Optimizer


class LRScheduler:
    """Sets each group's "lr" to `rate(η₀)`; the subclasses write that formula.

    Args:
        optimizer: whose groups are changed.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.t = 0
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self._set()

    def rate(self, start: float) -> float:
        """The learning rate after t steps for a group that started at `start` = η₀."""
        raise NotImplementedError

    def step(self) -> None:
        """Count one step and set the rates for the next."""
        self.t += 1
        self._set()

    def _set(self) -> None:
        for group, start in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(start)

    def get_last_lr(self) -> list[float]:
        """The rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The position: how many steps were counted, and from which rates."""
        return {"t": self.t, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at a position that `state_dict` returned.

        Raises:
            ValueError: the saved schedule had another number of groups; nothing has been changed.
        """
        if len(state["base_lrs"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"the saved schedule is for {len(state['base_lrs'])} groups of parameters, this "
                f"optimiser has {len(self.optimizer.param_groups)}"
            )
        self.t, self.base_lrs = state["t"], list(state["base_lrs"])
        self._set()


class StepLR(LRScheduler):
    """η = η₀ · γ^⌊t / step_size⌋: drop by the factor γ every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"step_size counts steps, so it is at least 1, not {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · γ^⌊t / step_size⌋."""
        return start * self.gamma ** (self.t // self.step_size)


class MultiStepLR(LRScheduler):
    """η = η₀ · γ^(number of milestones ≤ t): drop by γ at each milestone."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = tuple(milestones), gamma
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η₀ · γ^(milestones passed)."""
        return start * self.gamma ** sum(milestone <= self.t for milestone in self.milestones)


class CosineAnnealingLR(LRScheduler):
    """η = η_min + (η₀ − η_min) · (1 + cos(π t / T_max)) / 2: half a cosine from η₀ down to η_min.

    After T_max steps the rate stays at η_min (PyTorch's would rise again).
    Source: Loshchilov and Hutter, SGDR, 2017, eq. 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        if T_max < 1:
            raise ValueError(f"T_max counts steps, so it is at least 1, not {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η_min + (η₀ − η_min) · (1 + cos(π t / T_max)) / 2."""
        t = min(self.t, self.T_max)
        return self.eta_min + (start - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2
