"""Losses for numbers; random x and t are not equal, nor just β apart, where the kinks are."""

from collections.abc import Iterator
from functools import partial

import minidl.functional as F
from minidl.ops import regression_loss
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    for sizes in ((5,), (3, 5), (2, 3, 5)):
        pair = (normal(*sizes), normal(*sizes))
        for reduction in ("mean", "sum", "none"):
            label = f"{sizes}, {reduction}"
            mse = partial(F.mse_loss, reduction=reduction)
            yield Sample(regression_loss.MSELoss, label, mse, pair)
            l1 = partial(F.l1_loss, reduction=reduction)
            yield Sample(regression_loss.L1Loss, label, l1, pair)
            for beta in (0.5, 1.0, 2.0):
                smooth = partial(F.smooth_l1_loss, reduction=reduction, beta=beta)
                yield Sample(regression_loss.SmoothL1Loss, f"{label}, beta {beta}", smooth, pair)
