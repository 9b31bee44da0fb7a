"""Padding on each side, on several axes, and cutting off."""

from collections.abc import Iterator
from functools import partial

import minidl.functional as F
from minidl.ops.pad import Pad, PadByCopy
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    widths = {"columns": (1, 2), "all": (1, 2, 0, 3, 2, 1), "cut": (-1, 2, 1, -1), "none": (0, 0)}
    for label, pad in widths.items():
        function = partial(F.pad, pad=pad, value=0.7)
        yield Sample(Pad, label, function, (normal(2, 3, 5),))
    widths = {
        "columns": (1, 2),
        "rows": (0, 0, 2, 1),
        "all": (4, 1, 0, 3, 2, 1),
        "cut": (-1, 2, 1, -2),
        "none": (0, 0),
    }
    for mode in ("reflect", "replicate", "circular"):
        for label, pad in widths.items():
            function = partial(F.pad, pad=pad, mode=mode)
            yield Sample(PadByCopy, f"{mode}, {label}", function, (normal(3, 4, 5),))
