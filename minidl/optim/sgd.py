"""Stochastic gradient descent.

    g ← ∂L/∂w + λ w                       λ: weight decay
    v ← μ v + (1 − τ) g                   μ: momentum, τ: dampening; v starts as the first g
    w ← w − η v                           η: learning rate
    w ← w − η (g + μ v)                   with Nesterov's momentum, instead of the line before

Source: the formulation of PyTorch and of Sutskever et al., 2013, where η multiplies v at the end; a
change of η takes effect at once. Lectures: Aarhus, lecture 7, "Training ResNet in practise" (SGD +
momentum 0.9) and "Last time – training neural networks".
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from minidl_kernels import active

from minidl.optim.allowed import KEPT, NOT_NEGATIVE, RATE, Allowed
from minidl.optim.optimizer import Array, Group, Optimizer
from minidl.tensor import Tensor

_SETTINGS = ("lr", "momentum", "dampening", "weight_decay", "nesterov")


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, Nesterov's momentum and weight decay.

    Args:
        params: parameters, or groups of them.
        lr: the learning rate η.
        momentum: μ, how much of the last direction is kept.
        dampening: τ, how much of the new gradient is left out of v.
        weight_decay: λ, the strength of the pull towards zero.
        nesterov: look ahead along v before stepping; needs momentum, and no dampening.
    """

    allowed: ClassVar[Mapping[str, Allowed]] = {
        "lr": RATE,
        "momentum": KEPT,
        "dampening": KEPT,
        "weight_decay": NOT_NEGATIVE,
    }

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    def check(self, group: Group) -> None:
        """Raise if the rule cannot work with the settings of `group`."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                "Nesterov's momentum needs momentum > 0 and dampening 0, not "
                f"momentum={group['momentum']} and dampening={group['dampening']}"
            )

    def update(self, value: Array, grad: Array, memory: dict[str, Array], group: Group) -> None:
        """One step for one parameter, by the formulas above."""
        first = group["momentum"] != 0 and "momentum" not in memory
        if first:
            memory["momentum"] = np.empty(value.shape, value.dtype)
        settings = {name: group[name] for name in _SETTINGS}
        velocity = memory["momentum"] if group["momentum"] else None
        active().update.sgd(value, grad, velocity, first, **settings)
