"""Losses with a margin: the right class must win by so much, and then no more is asked."""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.loss import check_labels, class_weights
from minidl.ops.reduction import reduced, shared_out

Array = np.ndarray


class MultiMarginLoss(Op):
    """loss_n = c · w[y_n] · Σ_{k ≠ y_n} max(0, margin − z[n,y_n] + z[n,k])^p, with p = 1 or 2.

    c = 1/K is PyTorch's multi_margin_loss, c = 1 the multi-class SVM of Stanford's CS231n.

    Shapes: scores z (N, K) · labels y (N,) · class weights w (K,).
    Source: Weston and Watkins, Support vector machines for multi-class pattern recognition, 1999.
    """

    def forward(
        self,
        scores: Array,
        *,
        labels: Array,
        p: int,
        margin: float,
        weight: Array | None,
        per_class: bool,
        reduction: str,
        operation: str,
    ) -> Array:
        """Compute the loss: a scalar, or (N,) with reduction "none"; `per_class` sets c = 1/K."""
        _check_rows(operation, scores)
        check_labels(operation, scores, labels)
        rows = np.arange(len(scores))
        violation = np.maximum(margin - scores[rows, labels][:, None] + scores, 0)
        violation[rows, labels] = 0
        c = 1 / scores.shape[1] if per_class else 1.0
        factor = c * class_weights(operation, weight, scores)[labels]
        self.p, self.reduction = p, reduction
        self.save(violation, factor, rows, labels)
        return reduced(operation, reduction, factor * (violation**p).sum(axis=1))

    def backward(self, grad: Array) -> Array:
        """∂loss_n/∂z[n,k] = c w p v[n,k]^(p−1) where v[n,k] = max(0, …) > 0, for k ≠ y_n.

        z[n,y_n] stands in each of these terms with a minus: its gradient is −Σ_k of the others.
        At the kink v = 0 the derivative is taken as 0.
        """
        violation, factor, rows, labels = self.saved
        each = shared_out(grad, self.reduction, factor.shape) * factor
        slope = violation > 0 if self.p == 1 else 2 * violation
        dz = each[:, None] * slope
        dz[rows, labels] = -dz.sum(axis=1)
        return dz


class CapsuleMarginLoss(Op):
    """loss_n = Σ_k T max(0, m⁺ − v[n,k])² + λ (1 − T) max(0, v[n,k] − m⁻)², T = [k = y_n].

    The capsule of the label shall be longer than m⁺ and all others shorter than m⁻; λ keeps the
    many others from shrinking all capsules at first.

    Shapes: lengths v (N, K) · labels y (N,).
    Source: Sabour, Frosst and Hinton, Dynamic routing between capsules, 2017, equation 4.
    """

    def forward(
        self,
        lengths: Array,
        *,
        labels: Array,
        m_plus: float,
        m_minus: float,
        lambda_: float,
        reduction: str,
    ) -> Array:
        """Compute the loss: a scalar, or (N,) with reduction "none"."""
        _check_rows("margin_loss", lengths)
        check_labels("margin_loss", lengths, labels)
        present = np.arange(lengths.shape[1]) == labels[:, None]
        too_short = np.where(present, np.maximum(m_plus - lengths, 0), 0)
        too_long = np.where(present, 0, np.maximum(lengths - m_minus, 0))
        self.lambda_, self.reduction = lambda_, reduction
        self.save(too_short, too_long)
        losses = (too_short**2 + lambda_ * too_long**2).sum(axis=1)
        return reduced("margin_loss", reduction, losses)

    def backward(self, grad: Array) -> Array:
        """∂loss_n/∂v[n,k] = −2 max(0, m⁺ − v) for the label, 2 λ max(0, v − m⁻) for the others."""
        too_short, too_long = self.saved
        each = shared_out(grad, self.reduction, too_short.shape[:1])
        return each[:, None] * 2 * (self.lambda_ * too_long - too_short)


def _check_rows(operation: str, scores: Array) -> None:
    """InputError unless scores are (N, K)."""
    if scores.ndim != 2:
        raise InputError(
            operation,
            f"the scores have shape {scores.shape}, not (N, K) for N rows and K classes",
            "Scores come first, labels second; a single row of scores becomes a batch by x[None]",
        )
