"""The protocol: a callback is told when something happened and sees the `State`.

    class Watch(Callback):
        def on_step_end(self, state):
            print(state.epoch, state.step, state.loss)

The trainer calls callbacks in the order of their `order`, and of the list where that is equal;
`on_fit_end` in the opposite order, so that what was opened last is closed first.
"""

from typing import Any

from minidl.train.state import State


class Callback:
    """Override the methods you need. `minidl.train.trainer` shows when each is called.

    What a callback must remember for a resumed run it returns from `state_dict`, and takes back in
    `load_state_dict`. Chance has no memory if it is drawn from `default_rng([seed, state.epoch,
    state.step, …])`.
    """

    order = 0

    def on_fit_start(self, state: State) -> None:
        """Before the first epoch; in a resumed run, after the checkpoint was loaded."""

    def on_epoch_start(self, state: State) -> None:
        """Before an epoch's first step; in a resumed run, before its remaining steps."""

    def on_step_start(self, state: State) -> None:
        """Before the forward pass; `state.images` and `state.targets` may be replaced."""

    def on_backward_end(self, state: State) -> None:
        """Gradients are there, and the weights have not moved yet."""

    def on_step_end(self, state: State) -> None:
        """After the weights moved; `state.loss` is the step's."""

    def on_valid_start(self, state: State) -> None:
        """Before the validation images."""

    def on_epoch_end(self, state: State) -> None:
        """After validation; the epoch is the last row of `state.history`."""

    def on_interrupt(self, state: State) -> None:
        """After Ctrl-C, between two steps; then the training stops."""

    def on_fit_end(self, state: State) -> None:
        """The last call, whatever ended the training: its end, Ctrl-C or an error."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should keep of this callback."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
