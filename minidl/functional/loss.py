"""Losses."""

import math

from minidl.errors import InputError
from minidl.functional.arguments import as_number, as_tensor
from minidl.ops.dice_loss import DiceLoss
from minidl.ops.embedding_loss import ContrastiveLoss, TripletMarginLoss
from minidl.ops.loss import BCEWithLogits, CrossEntropy, NLLLoss
from minidl.ops.margin_loss import CapsuleMarginLoss, MultiMarginLoss
from minidl.ops.regression_loss import L1Loss, MSELoss, SmoothL1Loss
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
        CrossEntropy,
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
        NLLLoss,
        log_probabilities,
        labels=as_tensor(labels).data,
        weight=None if weight is None else as_tensor(weight).data,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def binary_cross_entropy_with_logits(
    x: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """How surprised σ(x) is by yes-or-no answers, one for each number, averaged.

        loss = − weight · [pos_weight · t · ln σ(x)  +  (1 − t) · ln(1 − σ(x))]

    Args:
        x: logits, any shape; several questions about one image are answered independently.
        target: the share t of "yes", x's shape, between 0 and 1; it may want a gradient too.
        weight: broadcast to x, 1 if None.
        reduction: "mean", "sum" or "none".
        pos_weight: how much a "yes" weighs against a "no", broadcast to x, 1 if None.

    Returns:
        A scalar, or x's shape with reduction "none". No x is so large that it overflows.
    """
    x, target = _alike(x, target)
    return apply(
        BCEWithLogits,
        x,
        target,
        weight=None if weight is None else as_tensor(weight).data,
        pos_weight=None if pos_weight is None else as_tensor(pos_weight).data,
        reduction=reduction,
    )


def mse_loss(x: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Tensor:
    """(x − target)², averaged over all numbers.

    Args:
        x: any shape.
        target: x's shape exactly; it may want a gradient too.
        reduction: "mean", "sum" or "none".
    """
    return apply(MSELoss, *_alike(x, target), reduction=reduction)


def l1_loss(x: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Tensor:
    """|x − target|, averaged over all numbers. Its derivative where they agree is taken as 0.

    Args as for `mse_loss`.
    """
    return apply(L1Loss, *_alike(x, target), reduction=reduction)


def smooth_l1_loss(
    x: ArrayLike, target: ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d² / (2 beta) where d = |x − target| < beta, else d − beta / 2, averaged over all numbers.

    Args as for `mse_loss`; with beta = 0 this is `l1_loss`.

    Source: Girshick, Fast R-CNN, 2015.
    """
    beta = as_number(beta, "beta", "smooth_l1_loss", least=0)
    x, target = _alike(x, target)
    if beta == 0:
        return apply(L1Loss, x, target, reduction=reduction)
    return apply(SmoothL1Loss, x, target, beta=beta, reduction=reduction)


def multi_margin_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The hinge loss of several classes: every wrong class must score lower by the margin.

        loss_n = weight[y_n] / K · Σ_{k ≠ y_n} max(0, margin − z[n,y_n] + z[n,k])^p

    Args:
        scores: z (N, K).
        labels: y (N,), class numbers 0 … K − 1.
        p: 1, or 2 for the squared hinge.
        margin: by how much the right class must win.
        weight: (K,), the weight of each class, 1 if None; "mean" divides by N all the same.
        reduction: "mean", "sum" or "none".

    Returns:
        A scalar, or (N,) with reduction "none". The derivative at the kink is taken as 0.
    """
    if p not in (1, 2):
        raise InputError("multi_margin_loss", f"p={p!r} is no power used here", "Choose 1 or 2")
    return apply(
        MultiMarginLoss,
        scores,
        labels=as_tensor(labels).data,
        p=p,
        margin=as_number(margin, "margin", "multi_margin_loss"),
        weight=None if weight is None else as_tensor(weight).data,
        per_class=True,
        reduction=reduction,
        operation="multi_margin_loss",
    )


def hinge_loss(
    scores: ArrayLike, labels: ArrayLike, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """The multi-class SVM of Stanford's CS231n, Σ_{k ≠ y_n} max(0, z[n,k] − z[n,y_n] + margin).

    It is `multi_margin_loss` with p = 1, but not divided by the number of classes K.

    Args and result as for `multi_margin_loss`; torch has no such function.
    """
    return apply(
        MultiMarginLoss,
        scores,
        labels=as_tensor(labels).data,
        p=1,
        margin=as_number(margin, "margin", "hinge_loss"),
        weight=None,
        per_class=False,
        reduction=reduction,
        operation="hinge_loss",
    )


def margin_loss(
    lengths: ArrayLike,
    labels: ArrayLike,
    m_plus: float = 0.9,
    m_minus: float = 0.1,
    lambda_: float = 0.5,
    reduction: str = "mean",
) -> Tensor:
    """The loss of capsules: the label's must be longer than m_plus, all others below m_minus.

        loss_n = max(0, m_plus − v[n,y_n])² + lambda_ · Σ_{k ≠ y_n} max(0, v[n,k] − m_minus)²

    Args:
        lengths: v (N, K), the length of each class's capsule.
        labels: y (N,), class numbers 0 … K − 1.
        m_plus: how long the label's capsule shall be.
        m_minus: how long the others may be.
        lambda_: the weight of the others.
        reduction: "mean" over N, "sum" or "none".

    Returns:
        A scalar, or (N,) with reduction "none".

    Source: Sabour, Frosst and Hinton, Dynamic routing between capsules, 2017, equation 4.
    """
    return apply(
        CapsuleMarginLoss,
        lengths,
        labels=as_tensor(labels).data,
        m_plus=as_number(m_plus, "m_plus", "margin_loss"),
        m_minus=as_number(m_minus, "m_minus", "margin_loss"),
        lambda_=as_number(lambda_, "lambda_", "margin_loss"),
        reduction=reduction,
    )


def contrastive_loss(
    x1: ArrayLike,
    x2: ArrayLike,
    same: ArrayLike,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Pull embeddings of one kind together and push others apart up to the margin.

        loss_n = ½ y_n d_n² + ½ (1 − y_n) max(0, margin − d_n)²,    d_n = |x1_n − x2_n|

    Args:
        x1: (N, D).
        x2: (N, D), row n is compared with row n of x1. Both may want gradients.
        same: y (N,): 1 (or True) where both are of one kind, 0 where not. The paper has it the
            other way round.
        margin: the distance beyond which unlike pairs no longer count, greater than 0.
        reduction: "mean" over N, "sum" or "none".

    Returns:
        A scalar, or (N,) with reduction "none". Unlike pairs in one place get the gradient 0.

    Source: Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping,
    2006; the ½ is theirs. torch has no such function.
    """
    return apply(
        ContrastiveLoss,
        *_alike(x1, x2),
        same=as_tensor(same).data,
        margin=as_number(margin, "margin", "contrastive_loss", above=0),
        reduction=reduction,
    )


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Want the anchor closer to the positive than to the negative, by the margin.

        loss_n = max(0, d(anchor_n, positive_n) − d(anchor_n, negative_n) + margin)
        d(a, b) = (Σ_k |a_k − b_k + eps|^p)^(1/p)

    Args:
        anchor: (N, D).
        positive: (N, D), of the anchor's kind.
        negative: (N, D), of another kind. All three may want gradients.
        margin: by how much.
        p: which distance: 2 along the straight line, 1 along the axes; finite, at least 1.
        eps: keeps equal embeddings off the kink of the distance.
        swap: take d(positive, negative) where it is smaller than d(anchor, negative).
        reduction: "mean" over N, "sum" or "none".

    Returns:
        A scalar, or (N,) with reduction "none".

    Source: Balntas et al., Learning local feature descriptors with triplets, 2016.
    """
    operation = "triplet_margin_loss"
    q = as_number(p, "p", operation, least=1)
    if q == math.inf:
        raise InputError(operation, "p=inf, the largest difference, is not offered", "Try p=2")
    return apply(
        TripletMarginLoss,
        *_alike(anchor, positive, negative),
        margin=as_number(margin, "margin", operation),
        q=q,
        eps=as_number(eps, "eps", operation, least=0),
        swap=swap,
        reduction=reduction,
    )


def dice_loss(
    probabilities: ArrayLike,
    labels: ArrayLike,
    smooth: float = 1.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """How little the predicted area of each class overlaps the true one: 1 − Dice coefficient.

        loss[n,k] = 1 − (2 Σ_i p[n,k,i] t[n,k,i] + smooth) / (Σ_i p[n,k,i] + Σ_i t[n,k,i] + smooth)

    Args:
        probabilities: p (N, K, …), after softmax over the classes: F.softmax(logits, axis=1). One
            sigmoid channel p becomes two by F.concatenate([1 - p, p], axis=1).
        labels: (N, …), class numbers; t[n,k,i] is 1 where pixel i has the label k, else 0.
        smooth: makes a class that is neither there nor predicted count as right, greater than 0.
        ignore_index: pixels with this label do not count.
        reduction: "mean" over images and classes, "sum" or "none".

    Returns:
        A scalar, or (N, K) with reduction "none".

    Source: Milletari, Navab and Ahmadi, V-Net, 2016, whose p² in the denominator is p here.
    torch has no such function.
    """
    return apply(
        DiceLoss,
        probabilities,
        labels=as_tensor(labels).data,
        smooth=as_number(smooth, "smooth", "dice_loss", above=0),
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _alike(first: ArrayLike, *others: ArrayLike) -> list[Tensor]:
    """All in the dtype of the first; a gradient comes back to each in its own.

    So a float64 target from a data file does not turn a float32 network's loss into float64.
    """
    first = as_tensor(first)
    if first.dtype.kind != "f":
        return [first, *(as_tensor(x) for x in others)]  # the op will say what is wrong
    tensors = [as_tensor(x) for x in others]
    return [first, *(x if x.dtype == first.dtype else x.astype(first.dtype) for x in tensors)]
