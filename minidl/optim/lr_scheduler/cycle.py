"""Rates that rise and fall, and momentum that falls and rises.

While the rate is high, the momentum is low, so that the steps do not grow too long. The momentum is
"momentum" in the groups of SGD and RMSprop, and the first of Adam's "betas".

Sources: Smith, Cyclical learning rates for training neural networks, 2017; Smith and Topin,
Super-convergence, 2018; Smith, A disciplined approach to neural network hyper-parameters, 2018
(momentum: section 4.3). Lectures: Aarhus, lecture 7, "Last time – training neural networks" (decay
and cycling) and "Fast.ai approach" (`fit_one_cycle`).
"""

import math
from collections.abc import Iterable
from typing import Literal

from minidl.optim.allowed import KEPT, NOT_NEGATIVE, POSITIVE, RATE, SHARE, STEPS
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.optimizer import Group, Optimizer

Rates = float | Iterable[float]
"""One learning rate for all groups, or one for each."""


class _Cycle(LRScheduler):
    """A schedule that sets rates of its own, whatever the groups had, and the momentum too.

    Args:
        optimizer: whose groups are changed.
        cycle_momentum: whether the momentum moves as well.
        base_momentum: where it is while the rate is highest.
        max_momentum: where it is while the rate is lowest.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        cycle_momentum: bool,
        base_momentum: float,
        max_momentum: float,
    ) -> None:
        if cycle_momentum:
            self._check(KEPT, base_momentum=base_momentum, max_momentum=max_momentum)
            for group in optimizer.param_groups:
                if "betas" not in group and "momentum" not in group:
                    raise ValueError(
                        f"{type(self).__name__}: {type(optimizer).__name__} has no momentum to "
                        "move; write cycle_momentum=False"
                    )
        self.cycle_momentum = cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        super().__init__(optimizer)

    def momentum(self) -> float:
        """The momentum after t steps."""
        raise NotImplementedError

    def apply(self) -> None:
        """Set the rates and the momentum."""
        super().apply()
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                _set_momentum(group, self.momentum())

    def _per_group(self, optimizer: Optimizer, name: str, rates: Rates) -> list[float]:
        """One rate for each group."""
        count = len(optimizer.param_groups)
        each = list(rates) if isinstance(rates, Iterable) else [rates] * count
        if len(each) != count:
            raise ValueError(
                f"{type(self).__name__}: {name} lists {len(each)} learning rates, but the "
                f"optimiser has {count} groups of parameters; give one number for all, or one each"
            )
        for rate in each:
            self._check(RATE, **{name: rate})
        return each


class CyclicLR(_Cycle):
    """Up and down between two rates, again and again.

        c = ⌊t / (U + D)⌋ rounds are over; in this one, s = t − c (U + D) steps
        h = s / U                         on the way up, s ≤ U = step_size_up
        h = 1 − (s − U) / D               on the way down, D = step_size_down
        a = 1, 1/2^c or γ^t               "triangular", "triangular2", "exp_range"
        η = base_lr + (max_lr − base_lr) · h · a
        μ = max_momentum − (max_momentum − base_momentum) · h · a

    Args:
        optimizer: whose groups are changed.
        base_lr, max_lr: the lowest and highest rate, for all groups or a list with one for each.
        step_size_up, step_size_down: U and D; D is U if it is not given.
        mode: whether, and how, the peaks get lower.
        gamma: γ.
        cycle_momentum, base_momentum, max_momentum: whether and where the momentum moves.

    PyTorch's `scale_fn` and `scale_mode` are left out.

    Source: Smith, 2017, section 3.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Rates,
        max_lr: Rates,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(
                f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', not {mode!r}"
            )
        step_size_down = step_size_up if step_size_down is None else step_size_down
        self._check(STEPS, step_size_up=step_size_up, step_size_down=step_size_down)
        self._check(NOT_NEGATIVE, gamma=gamma)
        self.lowest = self._per_group(optimizer, "base_lr", base_lr)
        self.highest = self._per_group(optimizer, "max_lr", max_lr)
        self.up, self.down, self.mode, self.gamma = step_size_up, step_size_down, mode, gamma
        super().__init__(optimizer, cycle_momentum, base_momentum, max_momentum)

    def height(self) -> float:
        """How far the rates are on their way from the lowest to the highest, h · a."""
        rounds, s = divmod(self.t, self.up + self.down)
        h = s / self.up if s <= self.up else 1 - (s - self.up) / self.down
        if self.mode == "triangular2":
            return h * 0.5**rounds
        return h * self.gamma**self.t if self.mode == "exp_range" else h

    def rates(self) -> list[float]:
        """base_lr + (max_lr − base_lr) · h · a, for each group."""
        ends = zip(self.lowest, self.highest, strict=True)
        return [low + (high - low) * self.height() for low, high in ends]

    def momentum(self) -> float:
        """max_momentum − (max_momentum − base_momentum) · h · a."""
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self.height()


class OneCycleLR(_Cycle):
    """Once up to a high rate and down to nearly none, over the whole training; step it per batch.

        p = pct_start · total_steps − 1                 the peak
        η: max_lr / div_factor → max_lr                 over the steps 0 … p
        η: max_lr → max_lr / (div_factor · final_div_factor)        p … total_steps − 1
        μ: max_momentum → base_momentum → max_momentum  at the same time
        from a to b, at the share x of the way: b + (a − b) · (1 + cos(π x)) / 2        "cos"
                                                a + (b − a) · x                         "linear"

    Args:
        optimizer: whose groups are changed.
        max_lr: the highest rate, for all groups or a list with one for each.
        total_steps: how often `step()` will be called: epochs · batches in an epoch.
        pct_start: which share of the steps goes upwards.
        anneal_strategy: along half a cosine, or a line.
        cycle_momentum, base_momentum, max_momentum: whether and where the momentum moves.
        div_factor: how many times lower than `max_lr` the first rate is.
        final_div_factor: how many times lower still the last rate is.

    PyTorch's `epochs`, `steps_per_epoch` and `three_phase` are left out.

    Raises:
        ValueError: `step()` is called more than `total_steps` times.

    Source: Smith and Topin, 2018, section 3, in fast.ai's form with two phases.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}"
            )
        self._check(STEPS, total_steps=total_steps)
        self._check(SHARE, pct_start=pct_start)
        self._check(POSITIVE, div_factor=div_factor, final_div_factor=final_div_factor)
        self.highest = self._per_group(optimizer, "max_lr", max_lr)
        self.total_steps, self.pct_start = total_steps, pct_start
        self.anneal_strategy = anneal_strategy
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        super().__init__(optimizer, cycle_momentum, base_momentum, max_momentum)

    def step(self) -> None:
        """Count one step and set rates and momentum for the next."""
        if self.t == self.total_steps:
            raise ValueError(
                f"OneCycleLR was made for total_steps={self.total_steps} and is stepped once more; "
                "total_steps is the number of step() calls: epochs · len(loader) if it is stepped "
                "after every batch"
            )
        super().step()

    def between(self, first: float, peak: float, last: float) -> float:
        """The value after t steps of something that goes from `first` to `peak` to `last`."""
        end = self.total_steps - 1
        t, p = min(self.t, end), max(self.pct_start * self.total_steps - 1, 0)
        if t <= p:
            a, b, x = first, peak, t / p if p else 1.0
        else:
            a, b, x = peak, last, (t - p) / (end - p)
        if self.anneal_strategy == "linear":
            return a + (b - a) * x
        return b + (a - b) * (1 + math.cos(math.pi * x)) / 2

    def rates(self) -> list[float]:
        """From max_lr / div_factor to max_lr, and down, for each group."""
        factor = self.between(1, self.div_factor, 1 / self.final_div_factor)
        return [high / self.div_factor * factor for high in self.highest]

    def momentum(self) -> float:
        """From max_momentum to base_momentum and back."""
        return self.between(self.max_momentum, self.base_momentum, self.max_momentum)


def _set_momentum(group: Group, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
