"""Gradients kept from growing too long: between `backward` and `step`.

loss.backward()
clip_grad_norm_(model.parameters(), max_norm=1.0)
optimizer.step()
"""

import math
from collections.abc import Iterable

import numpy as np

from minidl.optim.allowed import POSITIVE
from minidl.tensor import Tensor


def clip_grad_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Shorten all gradients by one factor, so that together they are no longer than `max_norm`.

        ‖g‖ = √(Σ g_k²)                   over all numbers of all gradients
        g ← g · min(1, max_norm / ‖g‖)    their direction stays

    Args:
        parameters: whose gradients are changed, in place; those without one are passed over.
        max_norm: the greatest length; infinity changes nothing and measures only.

    Returns:
        ‖g‖ before.

    Raises:
        FloatingPointError: a gradient is infinite or NaN, so no factor can mend it; nothing has
            been changed. PyTorch goes on and makes all gradients NaN or 0.

    PyTorch divides by ‖g‖ + 10⁻⁶. Its norms other than the Euclidean are left out.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    2013, algorithm 1.
    """
    if max_norm != math.inf:
        POSITIVE.check("clip_grad_norm_", "max_norm", max_norm)
    grads = _gradients(parameters, "clip_grad_norm_")
    lengths = [math.sqrt(np.vdot(grad, grad)) for grad in grads.values()]
    for number, length in zip(grads, lengths, strict=True):
        if not math.isfinite(length):
            raise FloatingPointError(
                f"the gradient of parameter {number} has the norm {length}: the training diverges, "
                "or something is divided by 0. Try a smaller learning rate; "
                "minidl.detect_anomaly() names the operation"
            )
    norm = math.hypot(*lengths)
    if norm > max_norm:
        for grad in grads.values():
            grad *= max_norm / norm
    return norm


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Cut every number of every gradient off at ± `clip_value`.

        g_k ← min(max(g_k, −clip_value), clip_value)    their direction changes

    Args:
        parameters: whose gradients are changed, in place; those without one are passed over.
        clip_value: the greatest absolute value. NaN stays NaN.
    """
    POSITIVE.check("clip_grad_value_", "clip_value", clip_value)
    for grad in _gradients(parameters, "clip_grad_value_").values():
        np.clip(grad, -clip_value, clip_value, out=grad)


def _gradients(parameters: Iterable[Tensor] | Tensor, caller: str) -> dict[int, np.ndarray]:
    """The gradients by the number of their parameter."""
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed:
        raise ValueError(
            f"{caller} got no parameters; pass model.parameters(), and note that an iterator can "
            "be used up once only"
        )
    return {number: p.grad for number, p in enumerate(listed) if p.grad is not None}
