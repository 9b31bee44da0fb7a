"""Keep single steps from leaping: gradients of limited length."""

from minidl.optim import clip_grad_norm_
from minidl.train.callbacks.callback import Callback
from minidl.train.state import State


class ClipGradients(Callback):
    """Shorten the gradient to the length `max_norm` wherever it is longer.

        g ← g · min(1, max_norm / ‖g‖),   ‖g‖ over all parameters together

    Attributes:
        norm: ‖g‖ of the last step, before it was clipped.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    2013, algorithm 1.
    """

    def __init__(self, max_norm: float) -> None:
        if not max_norm > 0:
            raise ValueError(f"max_norm is a length greater than 0, not {max_norm}")
        self.max_norm = max_norm
        self.norm = float("nan")

    def on_backward_end(self, state: State) -> None:
        """Clip, before the weights move."""
        self.norm = clip_grad_norm_(state.model.parameters(), self.max_norm)
