"""Mistakes with: resizing."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import IMAGE, Mistake, f32

MISTAKES: dict[str, Mistake] = {
    "interpolate: neither size nor scale": (
        lambda: F.interpolate(f32(*IMAGE), mode="bilinear"),
        "interpolate",
        ["size=None and scale_factor=None", "just one"],
        "scale_factor=2",
    ),
    "interpolate: size and scale": (
        lambda: F.interpolate(f32(*IMAGE), 12, 2),
        "interpolate",
        ["size=12 and scale_factor=2", "just one"],
        "size=(64, 48)",
    ),
    "interpolate: a scale for a size": (
        lambda: F.interpolate(f32(*IMAGE), 1.5),
        "interpolate",
        ["size=1.5", "integer"],
        "size=2",
    ),
    "interpolate: a size of four axes": (
        lambda: F.interpolate(f32(*IMAGE), (2, 4, 12, 14)),
        "interpolate",
        ["size=(2, 4, 12, 14)", "two integers"],
        "size=(2, 1)",
    ),
    "interpolate: scale 0": (
        lambda: F.interpolate(f32(*IMAGE), scale_factor=0),
        "interpolate",
        ["scale_factor=0", "positive"],
        "scale_factor=2",
    ),
    "interpolate: three scales": (
        lambda: F.interpolate(f32(*IMAGE), scale_factor=(1, 2, 2)),
        "interpolate",
        ["scale_factor=(1, 2, 2)"],
        "(1.5, 2)",
    ),
    "interpolate: nothing is left": (
        lambda: F.interpolate(f32(*IMAGE), scale_factor=0.16),
        "interpolate",
        ["6 rows · 0.16", "7 columns · 0.16", "(0, 1)"],
        "larger scale_factor",
    ),
    "interpolate: a mode it does not know": (
        lambda: F.interpolate(f32(*IMAGE), 12, mode="bicubic"),
        "interpolate",
        ["mode='bicubic'", "neither 'nearest' nor"],
        "labels and masks",
    ),
    "interpolate: corners of the nearest": (
        lambda: F.interpolate(f32(*IMAGE), 12, align_corners=False),
        "interpolate",
        ["align_corners=False", "mode='nearest'"],
        "mode='bilinear'",
    ),
    "interpolate: one image": (
        lambda: F.interpolate(f32(4, 6, 7), 12),
        "interpolate",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "interpolate: pixels": (
        lambda: F.interpolate(np.zeros(IMAGE, np.uint8), 12),
        "interpolate",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "interpolate: no pixels": (
        lambda: F.interpolate(f32(2, 4, 0, 7), 12),
        "interpolate",
        ["(2, 4, 0, 7)", "no pixels"],
        "layers before",
    ),
}
