"""Losses."""

from minidl.functional.arguments import as_tensor
from minidl.ops import loss
from minidl.tensor import ArrayLike, Tensor, apply


def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """How surprised softmax(logits) is by the labels: −ln softmax(logits)[n, labels[n]], averaged.

    Args:
        logits: (N, K, …), scores before softmax.
        labels: (N, …), class numbers 0 … K − 1.
        weight: (K,), the weight of each class, 1 if None.
        ignore_index: rows with this label do not count.
        reduction: "mean" (weighted), "sum" or "none".
        label_smoothing: s: the wanted distribution is (1 − s) for the label plus s / K for each.

    Returns:
        A scalar, or (N, …) with reduction "none".
    """
    return apply(
        loss.CrossEntropy,
        logits,
        labels=as_tensor(labels).data,
        weight=None if weight is None else as_tensor(weight).data,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def nll_loss(
    log_probabilities: ArrayLike,
    labels: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """−log_probabilities[n, labels[n]], averaged: cross-entropy after `log_softmax`.

    Args and result as for `cross_entropy`, with log-probabilities (N, K, …).
    """
    return apply(
        loss.NLLLoss,
        log_probabilities,
        labels=as_tensor(labels).data,
        weight=None if weight is None else as_tensor(weight).data,
        ignore_index=ignore_index,
        reduction=reduction,
    )
