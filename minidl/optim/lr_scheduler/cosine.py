"""Rates that fall along half a cosine: slowly, fast, slowly; once or again and again.

Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, eq. 5.
"""

import math

from minidl.optim.allowed import NOT_NEGATIVE, STEPS
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """η = η_min + (η₀ − η_min) · (1 + cos(π t / T_max)) / 2: half a cosine from η₀ down to η_min.

    After T_max steps the rate stays at η_min (PyTorch's would rise again).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self._check(STEPS, T_max=T_max)
        self._check(NOT_NEGATIVE, eta_min=eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η_min + (η₀ − η_min) · (1 + cos(π t / T_max)) / 2."""
        t = min(self.t, self.T_max)
        return self.eta_min + (start - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """The same half cosine again and again, each `T_mult` times as long as the one before.

        η = η_min + (η₀ − η_min) · (1 + cos(π s / T)) / 2

    s counts the steps since the last restart, T is the length of this round: T_0, T_0 · T_mult, ….
    η_min itself is never reached: where s would be T, the next round starts at η₀.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        self._check(STEPS, T_0=T_0, T_mult=T_mult)
        self._check(NOT_NEGATIVE, eta_min=eta_min)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, start: float) -> float:
        """η_min + (η₀ − η_min) · (1 + cos(π s / T)) / 2."""
        s, T = self.round()
        return self.eta_min + (start - self.eta_min) * (1 + math.cos(math.pi * s / T)) / 2

    def round(self) -> tuple[int, int]:
        """Where in its round step t is, and how long that round is: (s, T)."""
        if self.T_mult == 1:
            return self.t % self.T_0, self.T_0
        s, T = self.t, self.T_0
        while s >= T:
            s, T = s - T, T * self.T_mult
        return s, T
