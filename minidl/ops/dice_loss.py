"""The Dice loss of segmentation: how little the predicted and the true area overlap."""

import math

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.loss import check_labels
from minidl.ops.reduction import reduced, shared_out

Array = np.ndarray

ROUNDING = 1e-3
"""By how much a probability may leave [0, 1] without being taken for a logit."""


class DiceLoss(Op):
    """loss[n,k] = 1 − (2 Σ_i p[n,k,i] t[n,k,i] + s) / (Σ_i p[n,k,i] + Σ_i t[n,k,i] + s).

    i runs over the pixels, t[n,k,i] = [label of pixel i is k], and `smooth` s makes a class that is
    neither there nor predicted a perfect one. Ignored pixels have p = t = 0.

    Shapes: probabilities p (N, K, …) · labels (N, …) of integers.
    Source: Milletari, Navab and Ahmadi, V-Net, 2016, with p in place of their p².
    """

    def forward(
        self,
        probabilities: Array,
        *,
        labels: Array,
        smooth: float,
        ignore_index: int,
        reduction: str,
    ) -> Array:
        """Compute the loss: a scalar, or (N, K) with reduction "none"."""
        counted = check_labels("dice_loss", probabilities, labels, ignore_index)
        _check_probabilities(probabilities)
        N, K = probabilities.shape[:2]
        pixels = math.prod(labels.shape[1:])
        counted = counted.reshape(N, 1, pixels)
        p = probabilities.reshape(N, K, pixels) * counted
        t = ((labels.reshape(N, 1, pixels) == np.arange(K)[:, None]) & counted).astype(p.dtype)
        overlap = 2 * (p * t).sum(axis=2, keepdims=True) + smooth  # (N, K, 1)
        total = (p + t).sum(axis=2, keepdims=True) + smooth
        self.reduction, self.input_shape = reduction, probabilities.shape
        self.save(t, counted, overlap, total)
        return reduced("dice_loss", reduction, 1 - (overlap / total)[:, :, 0])

    def backward(self, grad: Array) -> Array:
        """∂loss[n,k]/∂p[n,k,i] = (overlap / total − 2 t[n,k,i]) / total, by the quotient rule.

        overlap is the numerator 2 Σ_i p t + s of the fraction above, and total its denominator.
        """
        t, counted, overlap, total = self.saved
        each = shared_out(grad, self.reduction, self.input_shape[:2])[:, :, None]
        dp = each * counted * (overlap / total - 2 * t) / total
        return dp.reshape(self.input_shape)


def _check_probabilities(p: Array) -> None:
    outside = (p < -ROUNDING) | (p > 1 + ROUNDING)
    if outside.any():
        raise InputError(
            "dice_loss",
            f"{p[outside][0]:g} is not a probability between 0 and 1",
            "Turn logits into probabilities before: F.softmax(logits, axis=1)",
        )
