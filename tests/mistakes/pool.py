"""Mistakes with: pooling."""

import numpy as np

import minidl.functional as F
from tests.mistakes.inputs import IMAGE, Mistake, f32

MISTAKES: dict[str, Mistake] = {
    "max_pool2d: one image": (
        lambda: F.max_pool2d(f32(4, 6, 7), 2),
        "max_pool2d",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "max_pool2d: window larger than the image": (
        lambda: F.max_pool2d(f32(*IMAGE), 8),
        "max_pool2d",
        ["height 6 + padding 0 = 6", "= 8"],
        "fewer downsampling layers",
    ),
    "max_pool2d: much padding": (
        lambda: F.max_pool2d(f32(*IMAGE), 3, padding=2),
        "max_pool2d",
        ["padding (2, 2)", "half the kernel (3, 3)"],
        "less padding",
    ),
    "max_pool2d: negative padding": (
        lambda: F.max_pool2d(f32(*IMAGE), 3, padding=-1),
        "max_pool2d",
        ["padding=-1", "at least 0"],
        "padding=1",
    ),
    "max_pool2d: kernel 2.5": (
        lambda: F.max_pool2d(f32(*IMAGE), 2.5),
        "max_pool2d",
        ["kernel_size=2.5"],
        "kernel_size=2",
    ),
    "max_pool2d: pixels": (
        lambda: F.max_pool2d(np.zeros(IMAGE, np.uint8), 2),
        "max_pool2d",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "avg_pool2d: window larger than the image": (
        lambda: F.avg_pool2d(f32(2, 4, 7, 6), 7),
        "avg_pool2d",
        ["width 6 + padding 0 = 6", "= 7"],
        "larger input",
    ),
    "avg_pool2d: stride 0": (
        lambda: F.avg_pool2d(f32(*IMAGE), 2, stride=0),
        "avg_pool2d",
        ["stride=0"],
        "stride=2",
    ),
    "avg_pool2d: flattened before": (
        lambda: F.avg_pool2d(f32(2, 42), 2),
        "avg_pool2d",
        ["(2, 42)"],
        "four axes",
    ),
    "avg_pool2d: much padding": (
        lambda: F.avg_pool2d(f32(*IMAGE), (2, 4), padding=(2, 2)),
        "avg_pool2d",
        ["(2, 2)", "(2, 4)"],
        "less padding",
    ),
    "avg_pool2d: kernel of three": (
        lambda: F.avg_pool2d(f32(*IMAGE), (2, 2, 2)),
        "avg_pool2d",
        ["kernel_size=(2, 2, 2)"],
        "kernel_size=2",
    ),
    "adaptive_avg_pool2d: size 0": (
        lambda: F.adaptive_avg_pool2d(f32(*IMAGE), 0),
        "adaptive_avg_pool2d",
        ["output_size=0", "at least 1"],
        "output_size=2",
    ),
    "adaptive_avg_pool2d: None": (
        lambda: F.adaptive_avg_pool2d(f32(*IMAGE), (None, 1)),
        "adaptive_avg_pool2d",
        ["output_size=(None, 1)"],
        "output_size=2",
    ),
    "adaptive_avg_pool2d: one image": (
        lambda: F.adaptive_avg_pool2d(f32(4, 6, 7), 1),
        "adaptive_avg_pool2d",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "adaptive_avg_pool2d: pixels": (
        lambda: F.adaptive_avg_pool2d(np.zeros(IMAGE, np.uint8), 1),
        "adaptive_avg_pool2d",
        ["uint8"],
        "float32",
    ),
    "adaptive_avg_pool2d: no pixels": (
        lambda: F.adaptive_avg_pool2d(f32(2, 4, 0, 7), 1),
        "adaptive_avg_pool2d",
        ["(2, 4, 0, 7)", "no pixels"],
        "layers before",
    ),
    "adaptive_max_pool2d: size 0": (
        lambda: F.adaptive_max_pool2d(f32(*IMAGE), (3, 0)),
        "adaptive_max_pool2d",
        ["output_size=(3, 0)", "at least 1"],
        "output_size=2",
    ),
    "adaptive_max_pool2d: half a window": (
        lambda: F.adaptive_max_pool2d(f32(*IMAGE), 6 / 2),
        "adaptive_max_pool2d",
        ["output_size=3.0", "integer"],
        "output_size=2",
    ),
    "adaptive_max_pool2d: flattened before": (
        lambda: F.adaptive_max_pool2d(f32(2, 168), 1),
        "adaptive_max_pool2d",
        ["(2, 168)"],
        "four axes",
    ),
    "adaptive_max_pool2d: pixels": (
        lambda: F.adaptive_max_pool2d(np.zeros(IMAGE, np.uint8), 1),
        "adaptive_max_pool2d",
        ["uint8"],
        "float32",
    ),
    "adaptive_max_pool2d: no pixels": (
        lambda: F.adaptive_max_pool2d(f32(2, 4, 6, 0), 1),
        "adaptive_max_pool2d",
        ["(2, 4, 6, 0)", "no pixels"],
        "layers before",
    ),
}
