"""A rate that falls when a measure no longer improves.

Lectures: Aarhus, lecture 7, "Training ResNet in practise" (divided by 10 when the validation error
plateaus); so did Krizhevsky et al., 2012, section 5, by hand.
"""

import math
from typing import Any, ClassVar, Literal

from minidl.optim.allowed import NOT_NEGATIVE, RATE, STEPS_OR_NONE, Allowed
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.optimizer import Optimizer

_BELOW_1 = Allowed("at least 0 and less than 1", lambda x: 0 <= x < 1)


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by `factor` when the metric has not improved for `patience` steps and one.

        scheduler.step(valid_loss)            # after every epoch
        η = max(η₀ · factor^k, min_lr)        after k reductions

    Args:
        optimizer: whose groups are changed.
        mode: whether a "min" (a loss) or a "max" (an accuracy) is wanted.
        factor: what the rate is multiplied by.
        patience: how many bad steps in a row are endured; the next one lowers the rate.
        threshold: a metric is better than the best so far if it is less than
            best · (1 − threshold), or best − threshold if `threshold_mode` is "abs"; with "max",
            more than best · (1 + threshold) or best + threshold.
        threshold_mode: "rel" or "abs".
        cooldown: how many steps after a reduction no bad step is counted.
        min_lr: the lowest rate, for all groups.

    NaN is never better, so a loss that is NaN counts as bad. PyTorch's `eps`, by which it does not
    care to lower rates of about 10⁻⁸, is left out.
    """

    needs_metric: ClassVar[bool] = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', not {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}"
            )
        self._check(_BELOW_1, factor=factor)
        self._check(STEPS_OR_NONE, patience=patience, cooldown=cooldown)
        self._check(_BELOW_1 if threshold_mode == "rel" else NOT_NEGATIVE, threshold=threshold)
        self._check(RATE, min_lr=min_lr)
        self.mode, self.threshold_mode, self.threshold = mode, threshold_mode, threshold
        self.factor, self.patience, self.cooldown, self.min_lr = factor, patience, cooldown, min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_steps = self.cooling = self.reductions = 0
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """max(η₀ · factor^k, min_lr); a rate that began lower stays where it was."""
        return max(start * self.factor**self.reductions, min(start, self.min_lr))

    def step(self, metric: float | None = None) -> None:
        """Look at the metric of this step and lower the rates if it has been bad for too long."""
        if metric is None:
            raise TypeError(
                "ReduceLROnPlateau goes by a metric: write scheduler.step(valid_loss) with the "
                "number that should improve"
            )
        metric = float(metric)
        if self.improves(metric):
            self.best, self.bad_steps = metric, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            self.reductions += 1
            self.cooling, self.bad_steps = self.cooldown, 0
        super().step()

    def improves(self, metric: float) -> bool:
        """Whether the metric is better than the best so far, by more than the threshold."""
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bar = self.best * (1 + sign * self.threshold)
        else:
            bar = self.best + sign * self.threshold
        return metric < bar if self.mode == "min" else metric > bar

    def state_dict(self) -> dict[str, Any]:
        """The position, the best metric, and what was counted."""
        return super().state_dict() | {
            "best": self.best,
            "bad_steps": self.bad_steps,
            "cooling": self.cooling,
            "reductions": self.reductions,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at a position that `state_dict` returned."""
        super().load_state_dict(state)
        self.best, self.bad_steps = state["best"], state["bad_steps"]
        self.cooling, self.reductions = state["cooling"], state["reductions"]
        self.apply()
