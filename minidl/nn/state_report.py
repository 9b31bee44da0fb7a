"""How the arrays of a file fit the arrays of a model, name by name, for people to read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StateReport:
    """What `Module.load_state_dict` found; printed, it says so in a few lines.

    Attributes:
        model: the model's class.
        fitting: names whose array the model and the state both have, of the same shape.
        missing: names that only the model has.
        unexpected: names that only the state has.
        misshapen: names that both have, in different shapes: (model's, state's).
    """

    model: str
    fitting: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @classmethod
    def compare(
        cls, model: str, own: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray]
    ) -> "StateReport":
        """Sort all names of a model's arrays and of a state by how they fit."""
        shapes = {k: (own[k].shape, np.shape(state[k])) for k in own if k in state}
        return cls(
            model,
            fitting=tuple(k for k, (ours, theirs) in shapes.items() if ours == theirs),
            # Files older than PyTorch 0.4.1 do not count the batches a batch norm has seen.
            missing=tuple(
                k for k in own if k not in state and not k.endswith("num_batches_tracked")
            ),
            unexpected=tuple(k for k in state if k not in own),
            misshapen={k: both for k, both in shapes.items() if both[0] != both[1]},
        )

    @property
    def complete(self) -> bool:
        """Everything fits and nothing is left over."""
        return not (self.missing or self.unexpected or self.misshapen)

    def differences(self) -> str:
        """A line for each kind of difference that there is, with all its names."""
        shapes = [
            f"{k} (the model has {ours}, the state {theirs})"
            for k, (ours, theirs) in self.misshapen.items()
        ]
        lines = [("misshapen", shapes), ("missing", self.missing), ("unexpected", self.unexpected)]
        return "".join(
            f"\n  {word} ({len(names)}): {', '.join(names)}" for word, names in lines if names
        )

    def __str__(self) -> str:
        loaded = f"{self.model}: arrays loaded by name: {len(self.fitting)}"
        if self.complete:
            return f"{loaded}; everything fits"
        kept = len(self.missing) + len(self.misshapen)
        return f"{loaded}; kept from the model: {kept}{self.differences()}"
