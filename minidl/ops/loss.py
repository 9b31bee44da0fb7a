"""Losses of classification: how wrong scores are, given the right classes, as one number."""

import math
from typing import Any

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.activation import sigmoid, softplus
from minidl.ops.dtypes import check_float
from minidl.ops.reduction import check_reduction, reduced, shared_out
from minidl.ops.regression_loss import check_same_shape

Array = np.ndarray


class CrossEntropy(Op):
    """The negative log-likelihood of the labels under softmax(logits), in one stable step.

        loss_n = − Σ_k a[n,k] · ln softmax(z_n)[k]
        a[n,k] = (1 − s) · w[y_n] · [k = y_n]  +  (s / K) · w[k]

    with class weights w (all 1 if absent) and label smoothing s. Ignored rows have a = 0. The
    reduction "mean" divides the sum by Σ_n w[y_n] over the rows not ignored, as PyTorch does.

    Shapes: logits z (N, K, …), labels y (N, …) of integers, e.g. (N, K, H, W) and (N, H, W).
    """

    def forward(
        self,
        logits: Array,
        *,
        labels: Array,
        weight: Array | None,
        ignore_index: int,
        label_smoothing: float,
        reduction: str,
    ) -> Array:
        """Compute the loss: a scalar, or (N, …) with reduction "none"."""
        check_reduction("cross_entropy", reduction)
        counted = check_labels("cross_entropy", logits, labels, ignore_index)
        if not 0 <= label_smoothing <= 1:
            raise InputError(
                "cross_entropy",
                f"label_smoothing={label_smoothing} is a share of the probability, between 0 and 1",
                "Try label_smoothing=0.1",
            )
        w = class_weights("cross_entropy", weight, logits)
        N, K = logits.shape[:2]
        L = math.prod(logits.shape[2:])
        kept = np.where(counted, labels, -1)
        loss, dz = active().loss.cross_entropy(
            logits.reshape(N, K, L), kept.reshape(N, L), w, label_smoothing
        )
        self.divisor = _divisor("cross_entropy", reduction, np.where(counted, w[kept], 0))
        self.reduction = reduction
        self.save(dz.reshape(logits.shape))
        return loss.reshape(labels.shape) if reduction == "none" else loss.sum() / self.divisor

    def backward(self, grad: Array) -> Array:
        """∂loss_n/∂z[n,j] = softmax(z_n)[j] · Σ_k a[n,k] − a[n,j], which forward knew already."""
        (dz,) = self.saved
        scale = np.expand_dims(grad, 1) if self.reduction == "none" else grad / self.divisor
        return dz * scale


class NLLLoss(Op):
    """loss_n = − w[y_n] · logp[n, y_n]: cross-entropy for log-probabilities computed before."""

    def forward(
        self,
        log_p: Array,
        *,
        labels: Array,
        weight: Array | None,
        ignore_index: int,
        reduction: str,
    ) -> Array:
        """Compute the loss from log_p (N, K, …) and labels (N, …)."""
        check_reduction("nll_loss", reduction)
        counted = check_labels("nll_loss", log_p, labels, ignore_index)
        w = class_weights("nll_loss", weight, log_p)
        class_of = np.where(counted, labels, 0)
        row_weight = np.where(counted, w[class_of], 0).astype(log_p.dtype)
        picked = np.take_along_axis(log_p, np.expand_dims(class_of, 1), axis=1)[:, 0]
        self.divisor = _divisor("nll_loss", reduction, row_weight)
        self.reduction, self.log_p_shape = reduction, log_p.shape
        self.save(class_of, row_weight)
        loss = -np.where(row_weight == 0, 0, row_weight * picked)
        return loss if reduction == "none" else loss.sum() / self.divisor

    def backward(self, grad: Array) -> Array:
        """∂loss_n/∂logp[n,k] = −w[y_n] where k = y_n, and 0 elsewhere."""
        class_of, row_weight = self.saved
        scale = grad if self.reduction == "none" else grad / self.divisor
        dlog_p = np.zeros(self.log_p_shape, grad.dtype)
        hit = np.expand_dims(-row_weight * scale, 1)
        np.put_along_axis(dlog_p, np.expand_dims(class_of, 1), hit, axis=1)
        return dlog_p


class BCEWithLogits(Op):
    """The negative log-likelihood of yes-or-no answers under p = σ(x), in one stable step.

        loss = − w · [P · t · ln σ(x)  +  (1 − t) · ln(1 − σ(x))]

    with the share t of "yes" between 0 and 1, weights w, and P, the weight of "yes" over "no".
    Neither logarithm meets 0: − ln σ(x) = softplus(−x) and − ln(1 − σ(x)) = softplus(x).

    Shapes: logits x and targets t have one shape, to which w and P are broadcast.
    """

    def forward(
        self,
        x: Array,
        target: Array,
        *,
        weight: Array | None,
        pos_weight: Array | None,
        reduction: str,
    ) -> Array:
        """Compute the loss: a scalar, or x's shape with reduction "none"."""
        operation = "binary_cross_entropy_with_logits"
        check_same_shape(operation, x, target)
        _check_shares(operation, target)
        w = _broadcast_weights(operation, "weight", weight, x)
        P = _broadcast_weights(operation, "pos_weight", pos_weight, x)
        minus_ln_yes, minus_ln_no = softplus(-x), softplus(x)
        losses = w * (P * target * minus_ln_yes + (1 - target) * minus_ln_no)
        self.reduction = reduction
        dt = w * (P * minus_ln_yes - minus_ln_no) if self.needs[1] else None
        self.save(x, target, w, P, dt)
        return reduced(operation, reduction, losses)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        """∂loss/∂x = w [(1 − t) σ(x) − P t σ(−x)]; ∂loss/∂t = − w [P ln σ(x) − ln(1 − σ(x))]."""
        x, t, w, P, dt = self.saved
        each = shared_out(grad, self.reduction, x.shape)
        dx = each * w * ((1 - t) * sigmoid(x) - P * t * sigmoid(-x)) if self.needs[0] else None
        return dx, None if dt is None else each * dt


def class_weights(operation: str, weight: Array | None, scores: Array) -> Array:
    """The weight of each class (K,), 1 if none is given."""
    K = scores.shape[1]
    if weight is None:
        return np.ones(K, scores.dtype)
    if weight.shape != (K,):
        raise InputError(
            operation,
            f"the class weights have shape {weight.shape}, but the scores of shape {scores.shape} "
            f"are for {K} classes",
            f"Give {K} weights, one for each class",
        )
    return weight.astype(scores.dtype)


def _divisor(operation: str, reduction: str, row_weight: Array) -> Any:
    """What the summed loss is divided by."""
    if reduction != "mean":
        return 1
    total = row_weight.sum()
    if total == 0:
        raise InputError(
            operation,
            f"the mean over {row_weight.size} labels divides by the weight of those that count, "
            "which is 0 (an empty batch, or all labels ignored or of weight 0)",
            "Skip such a batch, or use reduction='sum'",
        )
    return total


def check_labels(
    operation: str, scores: Array, labels: Array, ignore_index: int | None = None
) -> Array:
    """Which labels count (N, …); InputError where labels cannot be classes of scores (N, K, …)."""
    if scores.ndim < 2:
        raise InputError(
            operation,
            f"the scores have shape {scores.shape}, not (N, K, …) for N rows and K classes",
            "Scores come first, labels second; a single row of scores becomes a batch by x[None]",
        )
    check_float(operation, scores)
    wanted = (scores.shape[0], *scores.shape[2:])
    if labels.shape != wanted:
        fix = "Labels are class numbers, one for each row of scores"
        if labels.shape == scores.shape:
            fix += ", not one-hot rows: use labels.argmax(axis=1)"
        elif labels.size == np.prod(wanted):
            fix += f": use labels.reshape({wanted})"
        raise InputError(
            operation,
            f"for scores (N, K, …) = {scores.shape} the labels must have shape {wanted}, "
            f"but have {labels.shape}",
            fix,
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            operation,
            f"labels are class numbers and must be integers, but have dtype {labels.dtype}",
            "Convert them: labels.astype('int64')",
        )
    counted = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    outside = counted & ((labels < 0) | (labels >= scores.shape[1]))
    if outside.any():
        place = ", ".join(map(str, np.argwhere(outside)[0]))
        raise InputError(
            operation,
            f"label {labels[outside][0]}, which is labels[{place}], is not one of the "
            f"{scores.shape[1]} classes 0 … {scores.shape[1] - 1}",
            "Give the model num_classes large enough, and count classes from 0",
        )
    return counted


def _check_shares(operation: str, target: Array) -> None:
    """InputError for targets that no share of "yes" can be, rounding apart."""
    outside = (target < -1e-3) | (target > 1 + 1e-3)
    if outside.any():
        raise InputError(
            operation,
            f"target {target[outside][0]:g} is not between 0 (no) and 1 (yes)",
            "Divide pixels by 255, map -1 and 1 to 0 and 1; for class numbers use cross_entropy",
        )


def _broadcast_weights(operation: str, name: str, weight: Array | None, x: Array) -> Array:
    """Weights in x's dtype, 1 if none are given; InputError if they do not lie over x."""
    if weight is None:
        return np.ones((), x.dtype)
    over = zip(weight.shape[::-1], x.shape[::-1], strict=False)
    if weight.ndim > x.ndim or any(m not in (1, n) for m, n in over):
        raise InputError(
            operation,
            f"{name} has shape {weight.shape}, which cannot be broadcast to the logits' {x.shape}",
            f"Shapes are compared from the last axis on; for one {name} a channel of images "
            "(N, C, H, W) give shape (C, 1, 1)",
        )
    return weight.astype(x.dtype)
