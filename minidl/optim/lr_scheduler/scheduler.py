"""What all schedules share: the counter, the first rates, and setting the groups."""

from typing import Any, ClassVar

from minidl.optim.allowed import Allowed
from minidl.optim.optimizer import Optimizer


class LRScheduler:
    """Sets each group's "lr" to `rate(η₀)`; the subclasses write that formula.

    η₀ is the rate the optimiser or its user gave the group: a rate that another schedule has set
    does not count, so that several may be made for one optimiser (see SequentialLR). Each group
    remembers it as "initial_lr", and what its schedule set last as "scheduled_lr".

    Args:
        optimizer: whose groups are changed.

    Attributes:
        t: how many steps were counted.
        base_lrs: η₀ of each group.
        needs_metric: whether `step` must be given a number to go by.
    """

    needs_metric: ClassVar[bool] = False

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.t = 0
        for group in optimizer.param_groups:
            if group["lr"] != group.get("scheduled_lr"):
                group["initial_lr"] = group["lr"]
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.apply()

    def rate(self, start: float) -> float:
        """The learning rate after t steps for a group that started at `start` = η₀."""
        raise NotImplementedError

    def rates(self) -> list[float]:
        """The learning rate of each group after t steps."""
        return [self.rate(start) for start in self.base_lrs]

    def step(self) -> None:
        """Count one step and set the rates for the next."""
        self.t += 1
        self.apply()

    def apply(self) -> None:
        """Set what the groups' settings are after t steps."""
        for group, rate in zip(self.optimizer.param_groups, self.rates(), strict=True):
            group["lr"] = group["scheduled_lr"] = rate

    def get_last_lr(self) -> list[float]:
        """The rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The position: how many steps were counted, and from which rates."""
        return {"schedule": type(self).__name__, "t": self.t, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at a position that `state_dict` returned.

        Raises:
            ValueError: the saved schedule had another rule or another number of groups; nothing has
                been changed.
        """
        if state["schedule"] != type(self).__name__:
            raise ValueError(
                f"the saved schedule is {state['schedule']}, this one {type(self).__name__}; build "
                "the schedule that was saved"
            )
        if len(state["base_lrs"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"the saved schedule is for {len(state['base_lrs'])} groups of parameters, this "
                f"optimiser has {len(self.optimizer.param_groups)}"
            )
        self.t, self.base_lrs = state["t"], list(state["base_lrs"])
        self.apply()

    def _check(self, allowed: Allowed, **settings: float) -> None:
        """Raise unless each of the settings is an allowed number."""
        for name, value in settings.items():
            allowed.check(type(self).__name__, name, value)
