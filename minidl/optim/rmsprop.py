"""RMSprop: every number's step is divided by how large its gradients have been of late.

    g ← ∂L/∂w + λ w                       λ: weight decay
    s ← α s + (1 − α) g²                  a running mean of the squares
    m ← α m + (1 − α) g                   a running mean of the gradients, if centred
    u ← g / (√(s − m²) + ε)               without m² if not centred
    v ← μ v + u                           μ: momentum
    w ← w − η v                           η: learning rate; w − η u without momentum

Source: Tieleman and Hinton, Neural networks for machine learning, lecture 6.5, 2012; centred:
Graves, Generating sequences with recurrent neural networks, 2013, eq. 38 to 41 (his ε is under the
root; here, as in PyTorch, it is not). Lectures: Aarhus, lecture 7, "Last time – training neural
networks".
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from minidl_kernels import active

from minidl.optim.allowed import KEPT, NOT_NEGATIVE, POSITIVE, RATE, Allowed
from minidl.optim.optimizer import Array, Group, Optimizer
from minidl.tensor import Tensor

_SETTINGS = ("lr", "alpha", "eps", "weight_decay", "momentum")


class RMSprop(Optimizer):
    """Gradient descent divided by a running root mean square of the gradients.

    Args:
        params: parameters, or groups of them.
        lr: the learning rate η.
        alpha: α, how much of the running means is kept.
        eps: ε, against division by zero.
        weight_decay: λ, the strength of the pull towards zero.
        momentum: μ, how much of the last direction is kept.
        centered: divide by the gradients' standard deviation. Where they are nearly all the same,
            rounding can make s − m² negative; it counts as 0 then, while PyTorch gets NaN.

    PyTorch's `maximize`, `foreach`, `capturable` and `differentiable` are left out.
    """

    allowed: ClassVar[Mapping[str, Allowed]] = {
        "lr": RATE,
        "alpha": KEPT,
        "eps": POSITIVE,
        "weight_decay": NOT_NEGATIVE,
        "momentum": KEPT,
    }

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, defaults)

    def update(self, value: Array, grad: Array, memory: dict[str, Array], group: Group) -> None:
        """One step for one parameter, by the formulas above."""
        needed = {"square": True, "mean": group["centered"], "momentum": group["momentum"] > 0}
        for name, wanted in needed.items():
            if wanted and name not in memory:
                memory[name] = np.zeros(value.shape, value.dtype)
        square, mean, velocity = (memory[k] if needed[k] else None for k in needed)
        settings = {name: group[name] for name in _SETTINGS}
        active().update.rmsprop(value, grad, square, mean, velocity, **settings)
