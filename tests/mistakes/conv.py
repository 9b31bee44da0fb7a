"""Mistakes with: convolution."""

import numpy as np

import minidl.functional as F
from minidl import nn
from tests.mistakes.inputs import FILTERS, IMAGE, Mistake, f32, f64

SPREAD = (4, 8, 3, 3)
"""Filters of a transposed convolution over IMAGE: its channels come first."""

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
    "conv2d: the quotient of two integers": (
        lambda: F.conv2d(f32(*IMAGE), f32(8, 2, 3, 3), groups=4 / 2),
        "conv2d",
        ["groups=2.0", "no integer"],
        "// instead of /",
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
    "conv_transpose2d: one image": (
        lambda: F.conv_transpose2d(f32(4, 6, 7), f32(*SPREAD)),
        "conv_transpose2d",
        ["(4, 6, 7)", "(N, C, H, W)"],
        "x[None]",
    ),
    "conv_transpose2d: conv2d's order of channels": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*FILTERS)),
        "conv_transpose2d",
        ["(8, 4, 3, 3) takes 8", "(2, 4, 6, 7) has C = 4"],
        "input channels first",
    ),
    "conv_transpose2d: weight of two axes": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(4, 8)),
        "conv_transpose2d",
        ["(4, 8)", "(in, out / groups, height, width)"],
        "four axes",
    ),
    "conv_transpose2d: groups": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*SPREAD), groups=3),
        "conv_transpose2d",
        ["groups=3", "4 input"],
        "groups that divides",
    ),
    "conv_transpose2d: bias": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*SPREAD), f32(8), groups=2),
        "conv_transpose2d",
        ["(8,)", "groups 2 · 8 = 16 channels"],
        "(16,)",
    ),
    "conv_transpose2d: output padding without stride": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*SPREAD), stride=(2, 1), output_padding=1),
        "conv_transpose2d",
        ["output_padding 1 (width)", "stride 1 or dilation 1"],
        "with stride 1",
    ),
    "conv_transpose2d: all cut off": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*SPREAD), padding=4),
        "conv_transpose2d",
        ["(height 6 − 1) · stride 1 − 2 · padding 4", "(kernel 3 − 1)", "= 0"],
        "less padding",
    ),
    "conv_transpose2d: no pixels": (
        lambda: F.conv_transpose2d(f32(2, 4, 6, 0), f32(*SPREAD)),
        "conv_transpose2d",
        ["(width 0 − 1)"],
        "larger input",
    ),
    "conv_transpose2d: padding in words": (
        lambda: F.conv_transpose2d(f32(*IMAGE), f32(*SPREAD), padding="same"),
        "conv_transpose2d",
        ["padding='same'", "one integer nor two"],
        "padding=1",
    ),
    "conv_transpose2d: NumPy's float64": (
        lambda: F.conv_transpose2d(f64(*IMAGE), f32(*SPREAD)),
        "conv_transpose2d",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "channel_shuffle: groups": (
        lambda: F.channel_shuffle(f32(*IMAGE), 3),
        "channel_shuffle",
        ["groups=3", "4 channels", "(2, 4, 6, 7)"],
        "divisor",
    ),
    "channel_shuffle: no groups": (
        lambda: F.channel_shuffle(f32(*IMAGE), 0),
        "channel_shuffle",
        ["groups=0"],
        "divisor",
    ),
    "channel_shuffle: the quotient of two integers": (
        lambda: F.channel_shuffle(f32(*IMAGE), 4 / 2),
        "channel_shuffle",
        ["groups=2.0", "no integer"],
        "// instead of /",
    ),
    "channel_shuffle: channels last": (
        lambda: F.channel_shuffle(f32(2, 7, 6, 4), 2),
        "channel_shuffle",
        ["7 channels", "(2, 7, 6, 4)"],
        "number of channels",
    ),
    "channel_shuffle: one image": (
        lambda: F.channel_shuffle(f32(4, 6, 7), 2),
        "channel_shuffle",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "ConvTranspose2d: groups": (
        lambda: nn.ConvTranspose2d(4, 9, 3, groups=2),
        "ConvTranspose2d",
        ["groups=2", "in_channels=4", "out_channels=9"],
        "divides both",
    ),
    "ConvTranspose2d: kernel 0": (
        lambda: nn.ConvTranspose2d(4, 8, (2, 0)),
        "ConvTranspose2d",
        ["kernel_size=(2, 0)", "at least 1"],
        "kernel_size=2",
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
