"""Windows as columns and back: both are linear, so they have no kinks."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import minidl.functional as F
from minidl.ops.fold import Fold, Unfold
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    # (x of unfold, number of windows, options)
    cases: dict[str, tuple[tuple[int, int, int, int], int, dict[str, Any]]] = {
        "plain": ((2, 3, 4, 5), 12, {"kernel_size": (2, 2)}),
        "no overlap": ((2, 3, 4, 6), 4, {"kernel_size": (2, 3), "stride": (2, 3)}),
        "padding": ((1, 2, 4, 5), 36, {"kernel_size": (3, 2), "padding": (2, 1)}),
        "stride": ((2, 2, 7, 6), 6, {"kernel_size": (3, 2), "stride": (2, 3)}),
        "dilation": ((2, 3, 5, 6), 9, {"kernel_size": (2, 2), "dilation": (2, 3)}),
        "one pixel": ((1, 2, 1, 1), 1, {"kernel_size": (1, 1)}),
        "whole image": ((2, 3, 4, 5), 1, {"kernel_size": (4, 5)}),
        "four paddings": ((1, 2, 3, 4), 24, {"kernel_size": (2, 3), "padding": (2, 0, 1, 3)}),
        "all at once": (
            (2, 2, 8, 9),
            20,
            {"kernel_size": (2, 3), "stride": (2, 3), "padding": (2, 3), "dilation": (3, 2)},
        ),
    }
    for label, (sizes, windows, options) in cases.items():
        N, C, H, W = sizes
        KH, KW = options["kernel_size"]
        yield Sample(Unfold, label, partial(F.unfold, **options), (normal(*sizes),))
        folded = partial(F.fold, output_size=(H, W), **options)
        yield Sample(Fold, label, folded, (normal(N, C * KH * KW, windows),))
