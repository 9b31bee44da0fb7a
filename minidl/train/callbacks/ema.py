"""Weights averaged over the last steps, which judge better than those of any single step."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.nn import Module
from minidl.train.callbacks.callback import Callback
from minidl.train.state import State


class EMA(Callback):
    """Keep an exponential moving average of the weights; validation looks at the average.

        average ← d · average + (1 − d) · weights        after every step
        d = min(decay, (1 + t) / (10 + t))               t: steps so far

    The factor d starts small, so that the random weights of the beginning are soon forgotten.
    Batch norm's running statistics are averaged in the same way.

    The average is a second model, so the one that learns is never touched: `state.evaluated` is
    this second model, which validation looks at, and whose weights BestWeights and Checkpoint
    write. After the training it is `ema.model`.

    Args:
        decay: how much of the average each step keeps, 0 ≤ decay < 1. It looks back over about
            1 / (1 − decay) steps.

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992;
    d as in TensorFlow's ExponentialMovingAverage.
    """

    model: Module | None = None

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is the share kept by each step, 0 ≤ decay < 1, not {decay}")
        self.decay = decay
        self.steps = 0
        self._resumed: dict[str, np.ndarray] = {}

    def on_fit_start(self, state: State) -> None:
        """Begin with the model's weights, or with the average of the resumed run."""
        state.evaluated = self.model = copy.deepcopy(state.model)
        if self._resumed:
            self.model.load_state_dict(self._resumed)
            self._resumed = {}

    def on_step_end(self, state: State) -> None:
        """Move the average towards the weights."""
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for average, now in zip(_arrays(state.evaluated), _arrays(state.model), strict=True):
            if average.dtype.kind == "f":
                average += share * (now - average)
            else:  # a count
                average[...] = now

    def state_dict(self) -> dict[str, Any]:
        """The average."""
        average = self.model.state_dict() if self.model else {}
        return {"steps": self.steps, "average": average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back the average."""
        self.steps, self._resumed = state["steps"], state["average"]


def _arrays(model: Module) -> Iterator[np.ndarray]:
    """All parameters, each once, and all buffers."""
    yield from (parameter.data for parameter in model.parameters())
    yield from model.buffers()
