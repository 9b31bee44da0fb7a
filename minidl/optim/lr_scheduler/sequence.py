"""Schedules one after another, such as a warm-up and then a cosine."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from minidl.optim.allowed import STEPS
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """The first schedule up to the first milestone, then the second, and so on.

        warmup, cosine = LinearLR(sgd, 0.01, total_iters=500), CosineAnnealingLR(sgd, 9500)
        scheduler = SequentialLR(sgd, [warmup, cosine], milestones=[500])

    Schedule k counts its own t from milestone k − 1, and starts from the same η₀ as the others.
    Step this scheduler only.

    Args:
        optimizer: that of all the schedules.
        schedulers: in the order in which they are used.
        milestones: the step from which each schedule but the first is used.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones "
                f"between them, not {len(milestones)}"
            )
        for milestone in milestones:
            self._check(STEPS, milestone=milestone)
        if any(a >= b for a, b in pairwise(milestones)):
            raise ValueError(f"SequentialLR: milestones must increase, not {list(milestones)}")
        for scheduler in schedulers:
            name = type(scheduler).__name__
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: {name} was made for another optimiser")
            if scheduler.needs_metric:
                raise ValueError(
                    f"SequentialLR counts steps, but {name} goes by a metric; step it by itself"
                )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def apply(self) -> None:
        """Set what the schedule in use sets after its own steps."""
        number = bisect_right(self.milestones, self.t)
        scheduler = self.schedulers[number]
        scheduler.t = self.t - (self.milestones[number - 1] if number else 0)
        scheduler.apply()

    def state_dict(self) -> dict[str, Any]:
        """The position, and those of the schedules."""
        each = [scheduler.state_dict() for scheduler in self.schedulers]
        return super().state_dict() | {"schedulers": each}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at a position that `state_dict` returned.

        Raises:
            ValueError: the saved sequence was of other schedules.
        """
        saved = [each["schedule"] for each in state.get("schedulers", [])]
        own = [type(scheduler).__name__ for scheduler in self.schedulers]
        if saved != own:
            raise ValueError(f"the saved schedules are {saved}, those of this sequence {own}")
        for scheduler, position in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(position)
        super().load_state_dict(state)
