"""Adam: momentum, divided by how large each number's gradients have been of late.

    g ← ∂L/∂w + λ w                       λ: weight decay
    m ← β₁ m + (1 − β₁) g                 a running mean of the gradients
    s ← β₂ s + (1 − β₂) g²                a running mean of their squares
    m̂ = m / (1 − β₁ᵗ)                     t = 1, 2, …: the step. Both means start at 0, which
    ŝ = s / (1 − β₂ᵗ)                     these corrections make up for
    w ← w − η m̂ / (√ŝ + ε)                η: learning rate, about the length of a step

Source: Kingma and Ba, Adam, 2015, algorithm 1 (where s is called v). Lectures: Aarhus, lecture 7,
"Last time – training neural networks".
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from minidl_kernels import active

from minidl.optim.allowed import KEPT, NOT_NEGATIVE, POSITIVE, RATE, Allowed
from minidl.optim.optimizer import Array, Group, Optimizer
from minidl.tensor import Tensor


class Adam(Optimizer):
    """Steps of a running mean of the gradients over the root of that of their squares.

    Args:
        params: parameters, or groups of them.
        lr: the learning rate η.
        betas: β₁ and β₂, how much of the running means is kept.
        eps: ε, against division by zero.
        weight_decay: λ, the strength of the pull towards zero. It goes through the division like
            the gradient, which takes most of its effect away; see AdamW.

    PyTorch's `amsgrad`, `maximize`, `foreach`, `fused`, `capturable` and `differentiable` are left
    out; for `decoupled_weight_decay` take AdamW.
    """

    allowed: ClassVar[Mapping[str, Allowed]] = {
        "lr": RATE,
        "eps": POSITIVE,
        "weight_decay": NOT_NEGATIVE,
    }
    decoupled: ClassVar[bool] = False
    """Whether the weight decay goes beside the gradient, not into it."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def check(self, group: Group) -> None:
        """Raise if the rule cannot work with the settings of `group`."""
        super().check(group)
        name, betas = type(self).__name__, group["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(
                f"{name}: betas must be two numbers, such as (0.9, 0.999): what is kept of the "
                f"mean of the gradients and of the mean of their squares; not {betas!r}"
            )
        for k, beta in enumerate(betas):
            KEPT.check(name, f"betas[{k}]", beta)

    def update(self, value: Array, grad: Array, memory: dict[str, Array], group: Group) -> None:
        """One step for one parameter, by the formulas above."""
        if not memory:
            memory["step"] = np.zeros((), np.int64)
            memory["mean"] = np.zeros(value.shape, value.dtype)
            memory["square"] = np.zeros(value.shape, value.dtype)
        memory["step"] += 1
        active().update.adam(
            value,
            grad,
            memory["mean"],
            memory["square"],
            int(memory["step"]),
            group["lr"],
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            self.decoupled,
        )
