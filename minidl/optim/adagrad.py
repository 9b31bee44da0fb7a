"""Adagrad: every number has its own learning rate, the smaller the more it has been moved.

    g ← ∂L/∂w + λ w                       λ: weight decay
    s ← s + g²                            the sum of all squares so far
    w ← w − η/(1 + (t − 1) κ) · g / (√s + ε)        t = 1, 2, …: the step, κ: lr_decay

The steps of rarely used weights stay long. But s only grows, so in the end nothing moves; RMSprop
forgets instead.

Source: Duchi, Hazan and Singer, Adaptive subgradient methods, 2011, fig. 1 (diagonal matrices).
Lectures: Aarhus, lecture 7, "Last time – training neural networks".
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from minidl_kernels import active

from minidl.optim.allowed import NOT_NEGATIVE, POSITIVE, RATE, Allowed
from minidl.optim.optimizer import Array, Group, Optimizer
from minidl.tensor import Tensor


class Adagrad(Optimizer):
    """Gradient descent divided by the root of all squared gradients so far.

    Args:
        params: parameters, or groups of them.
        lr: the learning rate η.
        lr_decay: κ, how fast η falls with the steps, beside what s does.
        weight_decay: λ, the strength of the pull towards zero.
        initial_accumulator_value: s before the first step.
        eps: ε, against division by zero.

    PyTorch's `maximize`, `foreach`, `fused` and `differentiable` are left out.
    """

    allowed: ClassVar[Mapping[str, Allowed]] = {
        "lr": RATE,
        "lr_decay": NOT_NEGATIVE,
        "weight_decay": NOT_NEGATIVE,
        "initial_accumulator_value": NOT_NEGATIVE,
        "eps": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, defaults)

    def update(self, value: Array, grad: Array, memory: dict[str, Array], group: Group) -> None:
        """One step for one parameter, by the formulas above."""
        if not memory:
            memory["step"] = np.zeros((), np.int64)
            memory["sum"] = np.full(value.shape, group["initial_accumulator_value"], value.dtype)
        memory["step"] += 1
        lr = group["lr"] / (1 + (int(memory["step"]) - 1) * group["lr_decay"])
        active().update.adagrad(value, grad, memory["sum"], lr, group["weight_decay"], group["eps"])
