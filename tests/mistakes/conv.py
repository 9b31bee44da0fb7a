"""Mistakes with: convolution."""

import numpy as np

import minidl.functional as F
from minidl import nn
from tests.mistakes.inputs import FILTERS, IMAGE, Mistake, f32, f64

MISTAKES: dict[str, Mistake] = {
    "conv2d: one image": (
        lambda: F.conv2d(f32(4, 6, 7), f32(*FILTERS)),
        "conv2d",
        ["(4, 6, 7)", "(N, C, H, W)"],
        "x[None]",
    ),
    "conv2d: vectors": (
        lambda: F.conv2d(f32(4, 6), f32(*FILTERS)),
        "conv2d",
        ["(4, 6)"],
        "Reshape it to four axes",
    ),
    "conv2d: channels": (
        lambda: F.conv2d(f32(2, 3, 6, 7), f32(*FILTERS)),
        "conv2d",
        ["(8, 4, 3, 3)", "groups 1 · 4 = 4", "(2, 3, 6, 7)", "C = 3"],
        "in_channels=3",
    ),
    "conv2d: channels last": (
        lambda: F.conv2d(f32(2, 32, 30, 3), f32(8, 3, 3, 3)),
        "conv2d",
        ["= 3 input channels", "C = 32"],
        "order of the input's axes",
    ),
    "conv2d: kernel larger than the image": (
        lambda: F.conv2d(f32(2, 4, 6, 2), f32(*FILTERS), dilation=(1, 2), padding=(0, 1)),
        "conv2d",
        ["width 2 + padding 2 = 4", "dilation 2 · (kernel 3 − 1) + 1 = 5"],
        "smaller kernel",
    ),
    "conv2d: groups": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), groups=3),
        "conv2d",
        ["groups=3", "4 input", "8 output"],
        "groups that divides both",
    ),
    "conv2d: groups and the weight's channels": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), groups=2),
        "conv2d",
        ["groups 2 · 4 = 8", "C = 4"],
        "in_channels=4",
    ),
    "conv2d: weight of three axes": (
        lambda: F.conv2d(f32(*IMAGE), f32(8, 4, 3)),
        "conv2d",
        ["(8, 4, 3)", "(out, in / groups, height, width)"],
        "four axes",
    ),
    "conv2d: bias": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), f32(4)),
        "conv2d",
        ["(4,)", "8 channels"],
        "(8,)",
    ),
    "conv2d: pixels": (
        lambda: F.conv2d(np.zeros(IMAGE, np.uint8), f32(*FILTERS)),
        "conv2d",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "conv2d: NumPy's float64": (
        lambda: F.conv2d(f64(*IMAGE), f32(*FILTERS)),
        "conv2d",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "conv2d: bias of another dtype": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), f64(8)),
        "conv2d",
        ["bias is float64"],
        "bias.astype('float32')",
    ),
    "depthwise: bias of another dtype": (
        lambda: F.conv2d(f32(*IMAGE), f32(4, 1, 3, 3), f64(4), groups=4),
        "conv2d",
        ["bias is float64"],
        "bias.astype('float32')",
    ),
    "depthwise: kernel larger than the image": (
        lambda: F.conv2d(f32(2, 4, 2, 7), f32(4, 1, 3, 3), groups=4),
        "conv2d",
        ["height 2 + padding 0 = 2", "= 3"],
        "more padding",
    ),
    "conv2d: negative padding": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding=-1),
        "conv2d",
        ["padding=-1", "at least 0"],
        "cannot be negative",
    ),
    "conv2d: half a row of padding": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding=1.5),
        "conv2d",
        ["padding=1.5", "integer"],
        "rows and columns",
    ),
    "conv2d: a word it does not know": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding="full"),
        "conv2d",
        ["padding='full'", "'same', 'valid'"],
        "Padding counts",
    ),
    "conv2d: same with stride": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding="same", stride=2),
        "conv2d",
        ["padding='same'", "(2, 2)"],
        "stride 1",
    ),
    "conv2d: stride 0": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), stride=0),
        "conv2d",
        ["stride=0", "at least 1"],
        "stride=2",
    ),
    "conv2d: stride 1.5": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), stride=1.5),
        "conv2d",
        ["stride=1.5", "integer"],
        "stride=2",
    ),
    "conv2d: dilation of three": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), dilation=(1, 2, 3)),
        "conv2d",
        ["dilation=(1, 2, 3)", "two integers"],
        "dilation=2",
    ),
    "Conv2d: groups": (
        lambda: nn.Conv2d(3, 8, 3, groups=2),
        "Conv2d",
        ["groups=2", "in_channels=3", "out_channels=8"],
        "divides both",
    ),
    "Conv2d: kernel 0": (
        lambda: nn.Conv2d(3, 8, 0),
        "Conv2d",
        ["kernel_size=0", "at least 1"],
        "kernel_size=2",
    ),
}
