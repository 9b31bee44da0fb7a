"""Losses as layers."""

import numpy as np

import minidl.functional as F
from minidl.nn.module import Module
from minidl.tensor import ArrayLike, Tensor


class CrossEntropyLoss(Module):
    """−ln softmax(logits)[n, labels[n]], averaged; arguments as for `F.cross_entropy`."""

    def __init__(
        self,
        weight: np.ndarray | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.weight, self.ignore_index = weight, ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def forward(self, logits: Tensor, labels: ArrayLike) -> Tensor:
        """Compare logits (N, K, …) with class numbers (N, …)."""
        return F.cross_entropy(
            logits, labels, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        smoothing = f", label_smoothing={self.label_smoothing}" if self.label_smoothing else ""
        return _shown(self.weight, self.ignore_index, self.reduction) + smoothing


class NLLLoss(Module):
    """−log_probabilities[n, labels[n]], averaged; arguments as for `F.nll_loss`."""

    def __init__(
        self,
        weight: np.ndarray | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        self.weight, self.ignore_index, self.reduction = weight, ignore_index, reduction

    def forward(self, log_probabilities: Tensor, labels: ArrayLike) -> Tensor:
        """Compare log-probabilities (N, K, …) with class numbers (N, …)."""
        return F.nll_loss(log_probabilities, labels, self.weight, self.ignore_index, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return _shown(self.weight, self.ignore_index, self.reduction)


def _shown(weight: np.ndarray | None, ignore_index: int, reduction: str) -> str:
    """The arguments both losses have; class weights, which may be many, by their number."""
    given = "" if weight is None else f"weight=<{len(weight)} numbers>, "
    return f"{given}ignore_index={ignore_index}, reduction={reduction!r}"
