"""The windows of an image plane, 16 at a time: which numbers each tap of a filter meets.

A plane of H·W pixels lies in memory row after row. If the windows of a filter are as many as the
pixels (stride 1, "same" padding), window p = i·W + j finds the pixel of tap (u, v) at

    p + shift,      shift = (u·DH − top)·W + v·DW − left

so 16 neighbouring windows, whatever rows they are in, need 16 neighbouring numbers for a tap. Some
of these are the wrong ones: the row ended, and the pixel is padding. A mask of 16 bits, one for
each lane, tells which to keep; the others count as 0.

    W = 4, tap one to the left of its window, shift = −1:

    window     0 1 2 3 | 4 5 6 7 | 8 9 …        here a vector of 16 holds the whole 4×4 plane
    reads      · 0 1 2   3 4 5 6   7 8 …
    kept       0 1 1 1   0 1 1 1   0 1 …        the first of each row would read the row before

Shifts and masks depend on the shapes alone. They are made once and serve every plane of a batch.

With stride 2, 16 windows of a row need every second of 32 numbers: two vectors, dealt out. If rows
are short, the lanes are shared by two of them, 8 windows each. The gradient of the input runs the
same way backwards: 16 numbers are written to every second of 32 places, and the pixels of dx are
sorted into phases by row and column modulo the stride, because each phase needs other taps.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Pair

Array = np.ndarray

LANES = 16
TAPS = 9  # taps come in multiples of this number
_LANE = np.arange(LANES)


class Windows(NamedTuple):
    """For each phase f, block b of 16 windows and tap k: where to read, and where to write.

    A number is read at sources[f, b, ·] + shifts[f, k] where seen[f, b, k] has a bit, and written
    at targets[f, b, q] where kept[f, b, q] has a bit, in one store for each q.
    """

    sources: Array  # (phases, blocks, 2): of lane 0 and of lane 8
    shifts: Array  # (phases, taps)
    seen: Array  # (phases, blocks, taps): 16 bits, or with stride 2 two times 16
    taps: Array  # (phases, taps): which weight it is
    counts: Array  # (phases,): how many of the taps the phase has; the others are never seen
    targets: Array  # (phases, blocks, stores); to every second place: (phases, blocks, 2, stores)
    kept: Array  # the same shape: 16 bits each; 0 after the last store


class _Phase(NamedTuple):
    """Along one axis: targets start, start + step, … that read the same taps.

    Target q of them reads source q·step + shift for each tap.
    """

    start: int
    targets: int
    taps: Array
    shifts: Array


@lru_cache(maxsize=1024)
def forward_windows(
    size: Pair, count: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair, planes: int
) -> Windows:
    """From pixels (H, W) to windows (OH, OW): all taps are one phase."""
    taps = [np.arange(k) for k in kernel]
    rows, columns = (
        [_Phase(0, count[a], taps[a], taps[a] * dilation[a] - before[a])] for a in (0, 1)
    )
    return _windows(size, count, rows, columns, kernel, stride, (1, 1), planes, 1)


@lru_cache(maxsize=1024)
def gradient_windows(
    size: Pair,
    count: Pair,
    kernel: Pair,
    stride: Pair,
    before: Pair,
    dilation: Pair,
    planes: int,
    filters: int,
) -> Windows:
    """From windows (OH, OW) back to pixels (H, W), summed over `filters` neighbouring planes.

    i·S + u·D = h + before: pixel h meets tap u in window i = (h + before − u·D) / S if that is a
    whole number, so the pixels h = r, r + S, r + 2·S, … have the same taps.
    """
    rows, columns = (
        [_phase_of(r, size[a], kernel[a], stride[a], before[a], dilation[a]) for r in range(step)]
        for a, step in enumerate(stride)
    )
    return _windows(count, size, rows, columns, kernel, (1, 1), stride, planes, filters)


def _phase_of(
    remainder: int, size: int, kernel: int, stride: int, before: int, dilation: int
) -> _Phase:
    taps = np.arange(kernel)
    shifts, left_over = np.divmod(remainder + before - taps * dilation, stride)
    mine = left_over == 0
    return _Phase(remainder, len(range(remainder, size, stride)), taps[mine], shifts[mine])


def _windows(
    source: Pair,
    target: Pair,
    rows: list[_Phase],
    columns: list[_Phase],
    kernel: Pair,
    source_step: Pair,
    target_step: Pair,
    planes: int,
    filters: int,
) -> Windows:
    """The tables of all phases, as arrays; what a phase lacks is filled up with empty masks."""
    parts = []
    for row in rows:
        for column in columns:
            i, j, real = _blocks(row, column, source, source_step, planes)
            h = i[:, None] * source_step[0] + np.repeat(row.shifts, len(column.taps))[:, None]
            w = j[:, None] * source_step[1] + np.tile(column.shifts, len(row.taps))[:, None]
            inside = real[:, None] & (h >= 0) & (h < source[0]) & (w >= 0) & (w < source[1])
            seen = inside @ (1 << _LANE * source_step[1])
            shifts = (row.shifts[:, None] * source[1] + column.shifts).reshape(-1)
            taps = (row.taps[:, None] * kernel[1] + column.taps).reshape(-1)
            filter_ = np.arange(filters)[:, None]
            at = (i * source_step[0]) * source[1] + j * source_step[1]
            to = (row.start + i * target_step[0]) * target[1] + column.start + j * target_step[1]
            if planes > 1:
                at = to = np.arange(LANES)[None]
            parts.append(
                (
                    at[:, :: LANES // 2],
                    (filter_ * (source[0] * source[1]) + shifts).reshape(-1),
                    np.tile(seen, (1, filters)),
                    (filter_ * (kernel[0] * kernel[1]) + taps).reshape(-1),
                    *_stores(to, real, target_step[1]),
                )
            )
    counts = np.array([len(part[1]) for part in parts])
    sources, shifts, seen, taps, targets, kept = map(_stacked, zip(*parts, strict=True))
    spare = ((0, 0), (0, -shifts.shape[1] % TAPS))  # the weight gradient takes a few at a time
    shifts, taps = np.pad(shifts, spare), np.pad(taps, spare)
    seen = np.pad(seen, ((0, 0), *spare)).astype(np.uint16 if source_step[1] == 1 else np.uint32)
    return Windows(sources, shifts, seen, taps, counts, targets, kept.astype(np.uint16))


def _blocks(
    row: _Phase, column: _Phase, source: Pair, step: Pair, planes: int
) -> tuple[Array, Array, Array]:
    """Row and column of each lane of each block, (blocks, 16), and whether it is a real window."""
    if step == (1, 1) and column.targets == source[1]:  # rows follow each other without a gap
        p = np.arange(-(-row.targets * column.targets * planes // LANES) * LANES)
        i, j = np.divmod(p, column.targets)
        real = i < row.targets * planes
        if planes > 1:
            i %= row.targets
    else:
        run = LANES // step[1]  # windows that one vector of numbers serves
        width = -(-column.targets // run) * run
        i, j = np.divmod(np.arange(-(-row.targets * width // LANES) * LANES), width)
        real = (i < row.targets) & (j < column.targets)
    return i.reshape(-1, LANES), j.reshape(-1, LANES), real.reshape(-1, LANES)


def _stores(to: Array, real: Array, step: int) -> tuple[Array, Array]:
    """Where the vectors of results begin in the target, and which of their numbers are written.

    Lanes whose place is equally far from the lane's number are written by one store.
    """
    if step == 2:  # lanes 0–7 become the numbers 0, 2, … 14 of one vector, 8–15 of another
        halves = [_stores_of(to[:, s], real[:, s], 2) for s in (slice(0, 8), slice(8, 16))]
        targets, kept = map(_stacked, zip(*halves, strict=True))
        return targets.swapaxes(0, 1), kept.swapaxes(0, 1)
    return _stores_of(to, real, 1)


def _stores_of(to: Array, real: Array, step: int) -> tuple[Array, Array]:
    position = np.arange(to.shape[1]) * step
    start = to - position
    store = np.cumsum(np.diff(start, axis=1, prepend=start[:, :1]) != 0, axis=1)
    each = store[:, None] == np.arange(store.max(initial=0) + 1)[:, None]  # (blocks, stores, lanes)
    first = np.take_along_axis(start, each.argmax(axis=2), axis=1)
    kept = (each & real[:, None]) @ (1 << position)
    return first, np.pad(kept, ((0, 0), (0, 1)))


def _stacked(arrays: tuple[Array, ...]) -> Array:
    """One array of arrays that may differ in size, filled up with zeros."""
    shape = np.max([array.shape for array in arrays], axis=0)
    stack = np.zeros((len(arrays), *shape.astype(int)), np.int64)
    for array, place in zip(arrays, stack, strict=True):
        place[tuple(map(slice, array.shape))] = array
    return stack
