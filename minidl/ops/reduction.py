"""Making one number of many losses, and sending its gradient back to each of them."""

import math

import numpy as np

from minidl.errors import InputError

Array = np.ndarray


def check_reduction(operation: str, reduction: str) -> None:
    """InputError if there is no such reduction."""
    if reduction not in ("mean", "sum", "none"):
        raise InputError(
            operation,
            f"there is no reduction {reduction!r}",
            "Choose 'mean', 'sum' or 'none'",
        )


def reduced(operation: str, reduction: str, losses: Array) -> Array:
    """The mean of all losses, their sum, or the losses as they are."""
    check_reduction(operation, reduction)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if losses.size == 0:
        raise InputError(
            operation,
            f"the mean over losses of shape {losses.shape} divides by 0, their number",
            "Skip an empty batch, or use reduction='sum'",
        )
    return losses.mean()


def shared_out(grad: Array, reduction: str, shape: tuple[int, ...]) -> Array:
    """∂L/∂loss for each of the losses of `shape`, from grad = ∂L/∂reduced(losses).

    Every loss has the same part in a sum, and a part of 1/count in a mean.
    """
    if reduction == "mean":
        grad = np.asarray(grad / math.prod(shape))
    return np.broadcast_to(grad, shape)
