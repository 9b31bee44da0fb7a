"""Losses for embeddings: like things shall lie close together, unlike things apart.

Rows belong together: embeddings are (N, D), N of them with D numbers each.
"""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_float
from minidl.ops.reduction import reduced, shared_out

Array = np.ndarray


class ContrastiveLoss(Op):
    """loss_n = ½ y_n d_n² + ½ (1 − y_n) max(0, m − d_n)², where d_n = |x1_n − x2_n|.

    y_n = 1 says that the two are of one kind, and pulls them together; y_n = 0 says that they are
    not, and pushes them apart until their distance is the margin m.

    Shapes: x1, x2 (N, D) · y (N,).
    Source: Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping,
    2006, equation 4, where Y = 1 − y.
    """

    def forward(self, x1: Array, x2: Array, *, same: Array, margin: float, reduction: str) -> Array:
        """Compute the loss: a scalar, or (N,) with reduction "none"."""
        _check_embeddings("contrastive_loss", x1=x1, x2=x2)
        _check_pairs("contrastive_loss", x1, same)
        y = same.astype(x1.dtype)
        difference = x1 - x2
        d = np.sqrt((difference * difference).sum(axis=1))
        gap = np.maximum(margin - d, 0)
        self.reduction = reduction
        self.save(y, difference, d, gap)
        return reduced("contrastive_loss", reduction, (y * d * d + (1 - y) * gap * gap) / 2)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        """∂loss_n/∂x1_n = (y_n − (1 − y_n) max(0, m − d_n) / d_n) · (x1_n − x2_n).

        Two unlike rows in the very same place (d = 0) give no direction to part in, and get 0.
        """
        y, difference, d, gap = self.saved
        push = np.divide(gap, d, out=np.zeros_like(d), where=d > 0)
        each = shared_out(grad, self.reduction, d.shape)
        dx1 = (each * (y - (1 - y) * push))[:, None] * difference
        return dx1 if self.needs[0] else None, -dx1 if self.needs[1] else None


class TripletMarginLoss(Op):
    """loss_n = max(0, d(a_n, p_n) − d(a_n, n_n) + margin): the positive closer than the negative.

        d(a, b) = (Σ_k |u_k|^q)^(1/q),    u = a − b + eps

    With `swap` the second distance is the smaller of d(a, n) and d(p, n).

    Shapes: anchor a, positive p and negative n (N, D).
    Source: Balntas et al., Learning local feature descriptors with triplets, 2016; the distance,
    with its eps in every difference, is PyTorch's.
    """

    def forward(
        self,
        anchor: Array,
        positive: Array,
        negative: Array,
        *,
        margin: float,
        q: float,
        eps: float,
        swap: bool,
        reduction: str,
    ) -> Array:
        """Compute the loss: a scalar, or (N,) with reduction "none"."""
        operation = "triplet_margin_loss"
        _check_embeddings(operation, anchor=anchor, positive=positive, negative=negative)
        self.q, self.reduction = q, reduction
        u_close, u_far = anchor - positive + eps, anchor - negative + eps
        d_close, d_far = _distance(u_close, q), _distance(u_far, q)
        swapped = np.zeros(len(anchor), bool)
        if swap:
            u_pn = positive - negative + eps
            swapped = _distance(u_pn, q) < d_far
            u_far = np.where(swapped[:, None], u_pn, u_far)
            d_far = _distance(u_far, q)
        losses = np.maximum(d_close - d_far + margin, 0)
        self.save(losses > 0, swapped, u_close, d_close, u_far, d_far)
        return reduced(operation, reduction, losses)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        """∂d(a, b)/∂a = sign(u) (|u| / d)^(q−1) and ∂d(a, b)/∂b is its negative; 0 where d = 0.

        The loss adds d(a, p) and subtracts d(a, n), or d(p, n) where swapped. It is flat, with
        derivative 0, where the negative is farther away by the margin or more.
        """
        active, swapped, u_close, d_close, u_far, d_far = self.saved
        each = (shared_out(grad, self.reduction, active.shape) * active)[:, None]
        close = each * _distance_gradient(u_close, d_close, self.q)
        far = -each * _distance_gradient(u_far, d_far, self.q)
        from_positive = swapped[:, None]  # else from the anchor
        return (
            close + np.where(from_positive, 0, far) if self.needs[0] else None,
            np.where(from_positive, far, 0) - close if self.needs[1] else None,
            -far if self.needs[2] else None,
        )


def _distance(u: Array, q: float) -> Array:
    """The q-norm of each row."""
    return (np.abs(u) ** q).sum(axis=1) ** (1 / q)


def _distance_gradient(u: Array, d: Array, q: float) -> Array:
    """∂d/∂u for every row, (N, D)."""
    share = np.divide(np.abs(u), d[:, None], out=np.zeros_like(u), where=d[:, None] > 0)
    return np.sign(u) * share ** (q - 1)


def _check_embeddings(operation: str, **embeddings: Array) -> None:
    """InputError unless all are (N, D) of one shape."""
    (first_name, first), *others = embeddings.items()
    for name, array in embeddings.items():
        check_float(operation, array)
        if array.ndim != 2:
            raise InputError(
                operation,
                f"{name} has shape {array.shape}, not (N, D) for N embeddings of D numbers",
                f"Use {name}[None]" if array.ndim == 1 else f"Use {name}.flatten(1)",
            )
    for name, array in others:
        if array.shape != first.shape:
            raise InputError(
                operation,
                f"{first_name} has shape {first.shape} but {name} {array.shape}; row n of one is "
                "compared with row n of the other",
                "Give as many rows of each, all from the same model",
            )


def _check_pairs(operation: str, x1: Array, same: Array) -> None:
    """InputError unless `same` says 0 or 1 for each of the N pairs."""
    wanted = x1.shape[:1]
    if same.shape != wanted:
        raise InputError(
            operation,
            f"for embeddings (N, D) = {x1.shape}, `same` must have shape {wanted}, but has "
            f"{same.shape}",
            f"Use same.reshape({wanted})"
            if same.size == len(x1)
            else "Say for each pair whether it is of one kind",
        )
    odd = (same != 0) & (same != 1)
    if odd.any():
        raise InputError(
            operation,
            f"`same` holds {same[odd][0]}, but is 1 where a pair is of one kind and 0 where not",
            "From class numbers, compare: same = labels1 == labels2",
        )
