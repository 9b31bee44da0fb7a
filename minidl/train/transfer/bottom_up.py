"""Loading weights from the bottom: from the input upwards, until a layer does not fit.

"It makes no sense to load weights for a layer, when one skips loading weights for any layer below"
(Oslo, IN4310, Deep Architecture Evolution, "How to Fine Tune?"): what a layer has learned to do
with the features of the layers below is of no use to others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from minidl.nn import Module
from minidl.train.transfer.layers import is_auxiliary


@dataclass(frozen=True)
class BottomUpReport:
    """How far loading came; printed, it says so in a few lines.

    Attributes:
        model: the model's class.
        loaded: names of the layers whose weights are now those of the state, from the input on.
        stopped_by: the first layer that does not fit; "" if all fitted.
        reason: what does not fit in it.
        new: names of the layers that stayed as they were, `stopped_by` first.
    """

    model: str
    loaded: tuple[str, ...]
    stopped_by: str
    reason: str
    new: tuple[str, ...]

    def __str__(self) -> str:
        count = f"{self.model}: {len(self.loaded)} layers loaded from the bottom"
        if not self.stopped_by:
            return f"{count}; everything fits"
        return (
            f"{count}, {self.loaded[0]} to {self.loaded[-1]}\n"
            f"  stopped by {self.stopped_by}: {self.reason}\n"
            f"  kept from the model ({len(self.new)}): {', '.join(self.new)}"
        )


def load_from_the_bottom(model: Module, state: Mapping[str, np.ndarray]) -> BottomUpReport:
    """Copy a state's weights into a model, from the input upwards, until a layer does not fit.

        model = models.create("resnet20", num_classes=5)
        load_from_the_bottom(model, minidl.load("ten_classes.safetensors"))
        # ResNetCIFAR: 38 layers loaded from the bottom, conv1 to layer3.2.bn2
        #   stopped by linear: weight is (5, 64) in the model and (10, 64) in the state, …
        #   kept from the model (1): linear

    A layer is loaded whole or not at all. Where `load_state_dict(strict=False)` takes all that
    fits, here what stands above a layer that does not fit stays new, even where its shapes fit. An
    auxiliary head stands above the rest, and does not stop the trunk.

    Args:
        model: changed in place. Its layers come in the order it assigned them.
        state: dotted name → array, as `minidl.load` returns it.

    Returns:
        The report, which is printed too if a layer did not fit.

    Raises:
        ValueError: not even the first layer fits; nothing has been changed.
    """
    layers = _layers(model)
    loaded: list[str] = []
    reason = ""
    for name, arrays in layers.items():
        reason = _misfit(name, arrays, state)
        if reason:
            break
        for own, array in arrays.items():
            if own in state:
                array[...] = state[own]
        loaded.append(name)
    names = tuple(layers)
    if names and not loaded:
        raise ValueError(
            f"the first layer of {type(model).__name__}, {names[0]}, does not fit: {reason}. "
            f"Nothing was loaded. The state begins with {', '.join(list(state)[:3])}"
        )
    new = names[len(loaded) :]
    stopped_by = new[0] if new else ""
    report = BottomUpReport(type(model).__name__, tuple(loaded), stopped_by, reason, new)
    if stopped_by:
        print(report)  # noqa: T201 - what stayed new in silence would be searched for long
    return report


def _layers(model: Module) -> dict[str, dict[str, np.ndarray]]:
    """The layers with arrays of their own in order, auxiliary heads last: name → its arrays."""
    names = [name for name, _ in model.named_modules()]
    layers: dict[str, dict[str, np.ndarray]] = {n: {} for n in sorted(names, key=is_auxiliary)}
    for name, parameter in model.named_parameters():
        layers[name.rpartition(".")[0]][name] = parameter.data
    for name, buffer in model.named_buffers():
        layers[name.rpartition(".")[0]][name] = buffer
    return {name or type(model).__name__: arrays for name, arrays in layers.items() if arrays}


def _misfit(layer: str, arrays: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray]) -> str:
    """What of a layer the state lacks or has in another shape; "" if all fits."""
    reasons = []
    for name, array in arrays.items():
        short = name.removeprefix(f"{layer}.")
        if name in state and np.shape(state[name]) != array.shape:
            reasons.append(
                f"{short} is {array.shape} in the model and {np.shape(state[name])} in the state"
            )
        # Files older than PyTorch 0.4.1 do not count the batches a batch norm has seen.
        elif name not in state and not name.endswith("num_batches_tracked"):
            reasons.append(f"the state has no {name}")
    return ", ".join(reasons)
