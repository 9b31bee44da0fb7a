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


class BCEWithLogitsLoss(Module):
    """Cross-entropy of yes-or-no answers; args as for `F.binary_cross_entropy_with_logits`."""

    def __init__(
        self,
        weight: np.ndarray | None = None,
        reduction: str = "mean",
        pos_weight: np.ndarray | None = None,
    ) -> None:
        self.weight, self.reduction, self.pos_weight = weight, reduction, pos_weight

    def forward(self, x: Tensor, target: ArrayLike) -> Tensor:
        """Compare logits with shares of "yes" between 0 and 1, of the same shape."""
        return F.binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        shown = _weights_shown(weight=self.weight, pos_weight=self.pos_weight)
        return f"{shown}reduction={self.reduction!r}"


class MSELoss(Module):
    """(x − target)², averaged; arguments as for `F.mse_loss`."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Tensor, target: ArrayLike) -> Tensor:
        """Compare predictions with targets of the same shape."""
        return F.mse_loss(x, target, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"reduction={self.reduction!r}"


class L1Loss(Module):
    """|x − target|, averaged; arguments as for `F.l1_loss`."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Tensor, target: ArrayLike) -> Tensor:
        """Compare predictions with targets of the same shape."""
        return F.l1_loss(x, target, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"reduction={self.reduction!r}"


class SmoothL1Loss(Module):
    """A parabola for differences below beta and |x − target| beyond, as `F.smooth_l1_loss`."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction, self.beta = reduction, beta

    def forward(self, x: Tensor, target: ArrayLike) -> Tensor:
        """Compare predictions with targets of the same shape."""
        return F.smooth_l1_loss(x, target, self.reduction, self.beta)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"reduction={self.reduction!r}, beta={self.beta}"


class MultiMarginLoss(Module):
    """The hinge loss of several classes; arguments as for `F.multi_margin_loss`."""

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: np.ndarray | None = None,
        reduction: str = "mean",
    ) -> None:
        self.p, self.margin, self.weight, self.reduction = p, margin, weight, reduction

    def forward(self, scores: Tensor, labels: ArrayLike) -> Tensor:
        """Compare scores (N, K) with class numbers (N,)."""
        return F.multi_margin_loss(scores, labels, self.p, self.margin, self.weight, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        shown = _weights_shown(weight=self.weight)
        return f"p={self.p}, margin={self.margin}, {shown}reduction={self.reduction!r}"


class MarginLoss(Module):
    """The loss of capsules; arguments as for `F.margin_loss`; not in torch.nn."""

    def __init__(
        self,
        m_plus: float = 0.9,
        m_minus: float = 0.1,
        lambda_: float = 0.5,
        reduction: str = "mean",
    ) -> None:
        self.m_plus, self.m_minus, self.lambda_ = m_plus, m_minus, lambda_
        self.reduction = reduction

    def forward(self, lengths: Tensor, labels: ArrayLike) -> Tensor:
        """Compare the lengths of the classes' capsules (N, K) with class numbers (N,)."""
        return F.margin_loss(
            lengths, labels, self.m_plus, self.m_minus, self.lambda_, self.reduction
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"m_plus={self.m_plus}, m_minus={self.m_minus}, lambda_={self.lambda_}, "
            f"reduction={self.reduction!r}"
        )


class ContrastiveLoss(Module):
    """Like pairs together, unlike apart; arguments as for `F.contrastive_loss`; not in torch.nn."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin, self.reduction = margin, reduction

    def forward(self, x1: Tensor, x2: Tensor, same: ArrayLike) -> Tensor:
        """Compare embeddings x1 and x2 (N, D), where same (N,) is 1 for pairs of one kind."""
        return F.contrastive_loss(x1, x2, same, self.margin, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"margin={self.margin}, reduction={self.reduction!r}"


class TripletMarginLoss(Module):
    """Anchors closer to positives than to negatives; arguments as for `F.triplet_margin_loss`."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap
        self.reduction = reduction

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Compare three embeddings (N, D)."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            self.margin,
            self.p,
            self.eps,
            self.swap,
            self.reduction,
        )

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"margin={self.margin}, p={self.p}, eps={self.eps}, swap={self.swap}, "
            f"reduction={self.reduction!r}"
        )


class DiceLoss(Module):
    """1 − overlap of predicted and true areas; arguments as for `F.dice_loss`; not in torch.nn."""

    def __init__(
        self, smooth: float = 1.0, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        self.smooth, self.ignore_index, self.reduction = smooth, ignore_index, reduction

    def forward(self, probabilities: Tensor, labels: ArrayLike) -> Tensor:
        """Compare probabilities (N, K, …) with class numbers (N, …)."""
        return F.dice_loss(probabilities, labels, self.smooth, self.ignore_index, self.reduction)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"smooth={self.smooth}, ignore_index={self.ignore_index}, reduction={self.reduction!r}"
        )


def _shown(weight: np.ndarray | None, ignore_index: int, reduction: str) -> str:
    """The arguments that both cross-entropies have."""
    shown = _weights_shown(weight=weight)
    return f"{shown}ignore_index={ignore_index}, reduction={reduction!r}"


def _weights_shown(**weights: np.ndarray | None) -> str:
    """Weights, which may be many, by their number."""
    given = {name: weight for name, weight in weights.items() if weight is not None}
    return "".join(f"{name}=<{np.size(weight)} numbers>, " for name, weight in given.items())
