"""Losses for embeddings; random rows are neither equal nor just a margin apart."""

from collections.abc import Iterator
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.ops import embedding_loss
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    same = np.array([1, 0, 0, 1, 0])
    pair, triplet = (normal(5, 3),) * 2, (normal(5, 3),) * 3
    for reduction in ("mean", "sum", "none"):
        for margin in (1.0, 3.0):
            contrastive = partial(F.contrastive_loss, same=same, margin=margin, reduction=reduction)
            label = f"margin {margin}, {reduction}"
            yield Sample(embedding_loss.ContrastiveLoss, label, contrastive, pair)
        for swap in (False, True):
            for p in (1.0, 2.0, 3.0):
                function = partial(
                    F.triplet_margin_loss, margin=2.0, p=p, swap=swap, reduction=reduction
                )
                label = f"p = {p}, {'swap, ' if swap else ''}{reduction}"
                yield Sample(embedding_loss.TripletMarginLoss, label, function, triplet)
    eps = partial(F.triplet_margin_loss, eps=0.5)
    yield Sample(embedding_loss.TripletMarginLoss, "large eps", eps, triplet)
