"""Resizing is linear in the image, so it has no kinks."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import minidl.functional as F
from minidl.ops.resize import UpsampleBilinear, UpsampleNearest
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    cases: dict[str, dict[str, Any]] = {
        "larger": {"size": (5, 9)},
        "smaller": {"size": (2, 3)},
        "taller, narrower": {"size": (7, 2)},
        "same": {"size": (3, 4)},
        "to one pixel": {"size": 1},
        "doubled": {"scale_factor": 2},
        "scales": {"scale_factor": (2.5, 0.6)},
        "rounded scales": {"scale_factor": (1.9, 3.3)},
    }
    for label, options in cases.items():
        draws = (normal(2, 3, 3, 4),)
        yield Sample(UpsampleNearest, label, partial(F.interpolate, **options), draws)
        for align in (False, True):
            function = partial(F.interpolate, mode="bilinear", align_corners=align, **options)
            full = f"{label}, align_corners={align}"
            yield Sample(UpsampleBilinear, full, function, draws)
    row = partial(F.interpolate, size=(2, 5), mode="bilinear", align_corners=True)
    yield Sample(UpsampleBilinear, "of one row", row, (normal(1, 2, 1, 3),))
