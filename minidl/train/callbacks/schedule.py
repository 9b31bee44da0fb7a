"""Learning-rate schedules, stepped at the right moments."""

from typing import Any, Literal, Protocol

from minidl.train.callbacks.callback import Callback
from minidl.train.state import State


class Scheduler(Protocol):
    """What a learning-rate schedule must offer; those of `minidl.optim.lr_scheduler` do."""

    def step(self, *args: Any, **options: Any) -> None:
        """Set the next learning rate; one with `needs_metric` is given a number to go by."""

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where `state_dict` said."""


class LRSchedule(Callback):
    """Step a learning-rate schedule after every epoch, or after every step.

    Args:
        scheduler: the schedule.
        per: "epoch" or "step".

    A schedule with `needs_metric`, such as ReduceLROnPlateau, is told the epoch's validation loss,
    or its accuracy if the schedule's `mode` is "max".
    """

    def __init__(self, scheduler: Scheduler, per: Literal["epoch", "step"] = "epoch") -> None:
        self.scheduler = scheduler
        self.per = per
        self.needs_metric = getattr(scheduler, "needs_metric", False)
        rising = getattr(scheduler, "mode", "min") == "max"
        self.metric = "valid_accuracy" if rising else "valid_loss"
        if per not in ("epoch", "step"):
            raise ValueError(f"per must be 'epoch' or 'step', not {per!r}")
        if self.needs_metric and per == "step":
            raise ValueError(
                f"{type(scheduler).__name__} goes by the {self.metric}, which is known once an "
                "epoch: use per='epoch'"
            )

    def on_fit_start(self, state: State) -> None:
        """Check that there is a validation loss, if it is needed."""
        if self.needs_metric and state.valid is None:
            raise ValueError(
                f"{type(self.scheduler).__name__} needs validation images: "
                "fit(train, valid, epochs)"
            )

    def on_step_end(self, state: State) -> None:  # noqa: ARG002
        """Step, if it is a schedule per step."""
        if self.per == "step":
            self.scheduler.step()

    def on_epoch_end(self, state: State) -> None:
        """Step, if it is a schedule per epoch."""
        if self.needs_metric:
            self.scheduler.step(state.history.rows[-1][self.metric])
        elif self.per == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's own state."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the schedule's own state."""
        self.scheduler.load_state_dict(state)
