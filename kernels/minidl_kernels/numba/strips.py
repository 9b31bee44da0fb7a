"""How images are laid out so that a convolution becomes a few long straight loops.

All images of a batch are stacked into one tall picture and the picture is cut into strips, each a
piece of work for one thread. Rows lie one after the other in memory, with their zero padding, and
neighbours share it: the zero to the right of a row is the zero to the left of the next one.

    0 0 0 0 0
    0 a b c d        W = 4, padding 1: `pitch` = 5 positions a row
    0 e f g h        position of a pixel = row · pitch + column
    0 0 0 0 0
    0 A B C D        the next image
    ...

Then the input that tap (u, v) needs is, for all windows at once, the same row of numbers shifted
by u·pitch + v. Where a row has fewer windows than positions, windows that do not exist are computed
with the others and thrown away: a straight loop is worth more than the few lanes saved.

With stride S the picture is dealt out to S·S planes, like cards, by row mod S and column mod S.
Tap u looks only at plane (u·D) mod S, and inside that plane the windows are neighbours again.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Pair

_LANES = 1056  # length of the inner loops: many for one start, few enough for the L1 cache
_SCRATCH = 2**16  # numbers in a packed strip that leave room for others in the second cache
_BLOCK = 96  # what the wide loop computes at once


class Strips(NamedTuple):
    """The cut of the tall picture into strips, and where each tap finds its numbers."""

    strips: int
    height: int  # rows in a strip
    row_count: int  # windows one below the other
    row_pitch: int  # rows from one image to the next
    row_stride: int
    row_phases: np.ndarray  # (planes, 3): pixels in first ≤ q < stop, pixel = q·stride + origin
    column_count: int  # the same along a row
    column_pitch: int
    column_stride: int
    column_phases: np.ndarray
    filled: int  # numbers packed in each plane: the strip and the rows its last windows reach
    lanes: int  # length of the inner loops: all positions of a strip, rounded up
    spacing: int  # distance from one row of results to the next
    plane: int  # distance from one plane of the packed strip to the next
    offsets: np.ndarray  # (channels · KH · KW,): where tap (c, u, v) starts in the packed strip


@lru_cache(maxsize=1024)
def cut(
    images: int,
    channels: int,
    size: Pair,
    count: Pair,
    kernel: Pair,
    stride: Pair,
    before: Pair,
    dilation: Pair,
) -> Strips:
    """Cut a batch into strips of up to `_LANES` positions. Depends on shapes only, not on threads.

    `before` is the padding above and to the left; a negative one skips pixels.
    """
    (row_pitch, row_phases, row_plane, row_shift), (pitch, phases, plane, shift) = (
        _axis(*numbers)
        for numbers in zip(size, count, kernel, stride, before, dilation, strict=True)
    )
    row_reach, reach = int(row_shift[-1]), int(shift[-1])
    total = max(images * row_pitch - (row_pitch - count[0]), 0)  # nothing below the last image
    height = _height(total, pitch, row_reach, channels * len(row_phases) * len(phases))
    lanes = -(-height * pitch // _BLOCK) * _BLOCK
    size_of_plane = _spaced(lanes + row_reach * pitch + reach)
    channel = np.arange(channels)[:, None, None] * len(row_phases) * len(phases)
    planes = channel + row_plane[:, None] * len(phases) + plane  # (channels, KH, KW)
    offsets = planes * size_of_plane + row_shift[:, None] * pitch + shift
    return Strips(
        -(-total // height),
        height,
        count[0],
        row_pitch,
        stride[0],
        row_phases,
        count[1],
        pitch,
        stride[1],
        phases,
        (height + row_reach) * pitch,
        lanes,
        _spaced(lanes),
        size_of_plane,
        offsets.reshape(-1),
    )


def _height(total: int, pitch: int, reach: int, planes: int) -> int:
    """How many of `total` rows to put in a strip: the number that takes the least work in all.

    Work is whole blocks of the inner loops, and copying, which also copies the rows that the last
    windows reach. At least four strips, unless they are short: threads share them.
    """
    most = min(_LANES, _SCRATCH // planes) // pitch
    heights = np.arange(1, max(1, min(most, max(total // 4, 4 * _BLOCK // pitch), total)) + 1)
    strips = -(-total // heights)
    blocks = -(-heights * pitch // _BLOCK) * _BLOCK
    return int(heights[np.argmin(strips * (blocks + 0.2 * (heights + reach) * pitch))])


def _spaced(n: int) -> int:
    """Round n up to a good distance between rows that one loop reads and writes side by side.

    A multiple of 16 keeps them aligned to vectors. Addresses a multiple of 4096 bytes apart look
    alike when the processor checks a load against pending stores; it then waits for nothing, which
    can cost half the speed.
    """
    n = -(-n // 16) * 16
    while not all(64 <= k * n % 512 <= 448 for k in (1, 2, 3)):
        n += 16
    return n


def _axis(
    size: int, count: int, kernel: int, stride: int, before: int, dilation: int
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Lay out `size` pixels for `count` windows: pitch, phases, and each tap's plane and shift."""
    taps = np.arange(kernel) * dilation
    used, plane = np.unique(taps % stride, return_inverse=True)
    shift = taps // stride
    positions = count + int(shift[-1])
    origin = used - before
    first = np.clip(-(origin // stride), 0, positions)  # the first q with q·stride + origin ≥ 0
    stop = np.clip(-((origin - size) // stride), first, positions)  # the first q beyond the image
    # Shared padding: whatever a window reads beyond the pitch is zero here and in the next row.
    pitch = max(count, int(stop.max()), positions - int(first.min()))
    return pitch, np.stack([first, stop, origin], axis=1), plane, shift
