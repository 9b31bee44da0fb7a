"""Losses with a margin; random scores do not stand just at it, where the kink is."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops import margin_loss
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    labels, weight = np.array([2, 0, 3, 1, 2]), np.array([0.5, 2.0, 1.0, 0.3])
    for reduction in ("mean", "sum", "none"):
        for p in (1, 2):
            variants: dict[str, dict[str, Any]] = {"": {}, ", weights": {"weight": weight}}
            for name, more in variants.items():
                function = partial(
                    F.multi_margin_loss, labels=labels, p=p, reduction=reduction, **more
                )
                label = f"p = {p}, {reduction}{name}"
                yield Sample(margin_loss.MultiMarginLoss, label, function, (normal(5, 4),))
        hinge = partial(F.hinge_loss, labels=labels, margin=0.4, reduction=reduction)
        yield Sample(margin_loss.MultiMarginLoss, f"hinge, {reduction}", hinge, (normal(5, 4),))
        capsules = partial(F.margin_loss, labels=labels, reduction=reduction)
        yield Sample(margin_loss.CapsuleMarginLoss, reduction, capsules, (_lengths,))
        other = partial(capsules, m_plus=0.7, m_minus=0.3, lambda_=0.2)
        label = f"{reduction}, other margins"
        yield Sample(margin_loss.CapsuleMarginLoss, label, other, (_lengths,))


def _lengths(rng: np.random.Generator) -> np.ndarray:
    """Lengths of capsules, between 0 and 1."""
    return rng.uniform(0, 1, (5, 4))
