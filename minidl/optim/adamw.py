"""AdamW: Adam, with a weight decay that the division does not touch.

    w ← w − η λ w                         λ: weight decay, of w itself
    m ← β₁ m + (1 − β₁) g                 g = ∂L/∂w, without λ w
    s ← β₂ s + (1 − β₂) g²
    w ← w − η m̂ / (√ŝ + ε)                m̂, ŝ as in Adam

In Adam, λ w is part of g and so divided by √ŝ: weights with large gradients hardly decay. Here all
decay at the same pace.

Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2019, algorithm 2 (where η λ
is the schedule's factor times λ; here, as in PyTorch, it is the learning rate times λ).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from minidl.optim.adam import Adam
from minidl.tensor import Tensor


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Args:
        params: parameters, or groups of them; `decay_groups` leaves norms and biases undecayed.
        lr: the learning rate η.
        betas: β₁ and β₂, how much of the running means is kept.
        eps: ε, against division by zero.
        weight_decay: λ; a step shrinks the weights by the factor 1 − η λ.

    What Adam leaves out of PyTorch's arguments is left out here.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
