"""Pooling windows of every kind.

The maximum has a kink where two pixels of a window are equal; there the first one gets the
gradient. Samples have no equal pixels.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import minidl.functional as F
from minidl.ops.pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minidl.samples.sample import Sample, distinct, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    cases: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
        "2 × 2": ((2, 3, 4, 6), {"kernel_size": 2}),
        "overlapping": ((2, 3, 7, 5), {"kernel_size": 3, "stride": 2}),
        "padding": ((2, 3, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
        "asymmetric": ((2, 3, 5, 7), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        "ceil mode": ((2, 3, 5, 6), {"kernel_size": 2, "ceil_mode": True}),
        "ceil mode, padding": (
            (1, 2, 6, 7),
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        ),
        "whole image": ((2, 3, 4, 5), {"kernel_size": (4, 5)}),
        "stride > kernel": ((2, 3, 7, 8), {"kernel_size": 2, "stride": 3}),
    }
    for label, (sizes, options) in cases.items():
        yield Sample(MaxPool2d, label, partial(F.max_pool2d, **options), (distinct(*sizes),))
        for counted in (True, False):
            function = partial(F.avg_pool2d, count_include_pad=counted, **options)
            full = f"{label}, count_include_pad={counted}"
            yield Sample(AvgPool2d, full, function, (normal(*sizes),))
    dilated = partial(F.max_pool2d, kernel_size=2, stride=1, dilation=(2, 3))
    yield Sample(MaxPool2d, "dilation", dilated, (distinct(2, 3, 5, 6),))
    everything = partial(
        F.max_pool2d,
        kernel_size=(2, 3),
        stride=(2, 3),
        padding=(1, 0),
        dilation=(3, 2),
        ceil_mode=True,
    )
    yield Sample(MaxPool2d, "all at once", everything, (distinct(2, 3, 8, 9),))
    for out in (1, 2, (3, 2), (5, 7), (4, 9)):
        function = partial(F.adaptive_avg_pool2d, output_size=out)
        yield Sample(AdaptiveAvgPool2d, f"to {out}", function, (normal(2, 3, 5, 7),))
        function = partial(F.adaptive_max_pool2d, output_size=out)
        yield Sample(AdaptiveMaxPool2d, f"to {out}", function, (distinct(2, 3, 5, 7),))
