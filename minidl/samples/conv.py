"""Convolutions: each option alone, and all at once. They have no kinks."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import minidl.functional as F
from minidl.ops.conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    # (x, w, options); w is (O, C/groups, KH, KW)
    cases: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
        "plain": ((2, 3, 5, 6), (4, 3, 3, 2), {}),
        "padding": ((2, 3, 5, 6), (4, 3, 3, 3), {"padding": 1}),
        "stride": ((2, 3, 7, 6), (4, 3, 3, 2), {"stride": 2}),
        "dilation": ((2, 3, 7, 6), (4, 3, 3, 2), {"dilation": 2}),
        "groups": ((2, 4, 5, 4), (6, 2, 3, 2), {"groups": 2}),
        "1 × 1": ((2, 3, 4, 5), (4, 3, 1, 1), {}),
        "1 × 1, stride 2": ((2, 3, 4, 5), (4, 3, 1, 1), {"stride": 2}),
        "kernel = input": ((2, 3, 4, 5), (4, 3, 4, 5), {}),
        "one pixel": ((1, 3, 1, 1), (4, 3, 1, 1), {}),
        "1 × 1 map, padded": ((2, 3, 1, 1), (4, 3, 3, 3), {"padding": 1}),
        "1 × 7": ((2, 2, 3, 8), (3, 2, 1, 7), {"padding": (0, 3)}),
        "7 × 1": ((2, 2, 8, 3), (3, 2, 7, 1), {"padding": (3, 0)}),
        "stride > kernel": ((2, 3, 7, 8), (4, 3, 2, 2), {"stride": 3}),
        "remainder columns": ((2, 3, 6, 8), (4, 3, 3, 3), {"stride": (2, 3)}),
        "four paddings": ((2, 3, 4, 5), (4, 3, 3, 2), {"padding": (1, 2, 0, 3)}),
        "same": ((2, 3, 4, 5), (4, 3, 2, 4), {"padding": "same"}),
        "same, dilation": ((1, 2, 5, 6), (3, 2, 2, 3), {"padding": "same", "dilation": (3, 2)}),
        "same, groups": ((1, 4, 3, 5), (6, 2, 4, 1), {"padding": "same", "groups": 2}),
        "all at once": (
            (2, 4, 7, 9),
            (6, 2, 3, 2),
            {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2), "groups": 2},
        ),
        "asymmetric dilation, stride": (
            (1, 2, 9, 8),
            (3, 2, 2, 3),
            {"stride": (3, 2), "dilation": (3, 2), "padding": (1, 2)},
        ),
    }
    for label, (x, w, options) in cases.items():
        draws = (normal(*x), normal(*w), normal(w[0]))
        yield Sample(Conv2d, label, partial(F.conv2d, **options), draws)
    yield Sample(Conv2d, "no bias", F.conv2d, (normal(2, 3, 4, 5), normal(4, 3, 2, 3)))

    cases = {
        "plain": ((2, 3, 5, 6), (3, 1, 3, 2), {}),
        "padding": ((2, 3, 5, 6), (3, 1, 3, 3), {"padding": 1}),
        "multiplier": ((2, 3, 5, 6), (6, 1, 3, 2), {"padding": 1}),
        "stride": ((2, 3, 7, 6), (3, 1, 3, 3), {"stride": 2, "padding": 1}),
        "dilation": ((2, 2, 7, 6), (2, 1, 3, 2), {"dilation": (2, 3)}),
        "same": ((1, 2, 5, 6), (6, 1, 2, 4), {"padding": "same", "dilation": (1, 2)}),
        "1 × 7": ((2, 2, 3, 8), (2, 1, 1, 7), {"padding": (0, 3)}),
        "1 × 1": ((2, 3, 4, 5), (3, 1, 1, 1), {}),
        "kernel = input": ((2, 3, 4, 5), (3, 1, 4, 5), {}),
        "all at once": (
            (2, 3, 7, 9),
            (6, 1, 3, 2),
            {"stride": (2, 3), "padding": (1, 0, 2, 1), "dilation": (2, 1)},
        ),
    }
    for label, (x, w, options) in cases.items():
        draws = (normal(*x), normal(*w), normal(w[0]))
        function = partial(F.conv2d, groups=x[1], **options)
        yield Sample(DepthwiseConv2d, label, function, draws)

    # w is (C, O/groups, KH, KW)
    cases = {
        "plain": ((2, 3, 4, 5), (3, 4, 3, 2), {}),
        "padding": ((2, 3, 4, 5), (3, 4, 3, 4), {"padding": (1, 2)}),
        "stride": ((2, 3, 3, 4), (3, 4, 3, 2), {"stride": 2}),
        "stride > kernel": ((1, 2, 3, 4), (2, 3, 2, 1), {"stride": (3, 2)}),
        "output padding": (
            (2, 3, 4, 3),
            (3, 2, 3, 4),
            {"stride": (3, 2), "padding": (2, 1), "output_padding": (2, 1)},
        ),
        "output padding beyond all windows": (
            (2, 2, 3, 4),
            (2, 3, 2, 1),
            {"stride": (3, 2), "output_padding": (2, 1)},
        ),
        "output padding, dilation > stride": (
            (1, 2, 4, 3),
            (2, 3, 2, 3),
            {"stride": (1, 2), "padding": (1, 0), "output_padding": (2, 3), "dilation": (3, 4)},
        ),
        "dilation": ((2, 3, 4, 5), (3, 2, 3, 2), {"dilation": (2, 3)}),
        "groups": ((2, 4, 3, 5), (4, 3, 3, 2), {"groups": 2}),
        "one filter a channel": ((2, 3, 4, 5), (3, 1, 3, 2), {"groups": 3, "stride": 2}),
        "1 × 1": ((2, 3, 4, 5), (3, 4, 1, 1), {}),
        "one pixel": ((1, 3, 1, 1), (3, 4, 3, 2), {}),
        "doubled": ((1, 2, 3, 4), (2, 3, 4, 4), {"stride": 2, "padding": 1}),
        "much padding": ((1, 2, 6, 5), (2, 3, 2, 3), {"padding": (2, 3)}),
        "all at once": (
            (2, 4, 4, 5),
            (4, 3, 3, 2),
            {
                "stride": (2, 3),
                "padding": (2, 1),
                "output_padding": (1, 2),
                "groups": 2,
                "dilation": (1, 2),
            },
        ),
    }
    for label, (x, w, options) in cases.items():
        draws = (normal(*x), normal(*w), normal(w[1] * options.get("groups", 1)))
        yield Sample(ConvTranspose2d, label, partial(F.conv_transpose2d, **options), draws)
    no_bias = (normal(2, 3, 4, 5), normal(3, 4, 2, 3))
    yield Sample(ConvTranspose2d, "no bias", F.conv_transpose2d, no_bias)
