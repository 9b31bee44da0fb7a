"""The compiled weight gradient for wide registers: 16 neighbouring channels in a vector.

    dw[o,c,u,v] = Σ_t grad[t,o] · x[t shifted by (u,v), c]      t: image and position of a window

    for each strip of about 128 positions t
        `pack` x and grad with the channels innermost: the numbers of one position side by side
        for all taps (u, v)
            for 4 output channels o and 64 input channels c, or 8 and 32, or 16 and 16
                `_tile`   sums[o,c] += Σ_t grad[t,o] · x[t shifted, c]      nearly all the time

16 vectors of sums stay in registers while t runs; each position brings four vectors of x and four
numbers of grad for 16 products. In shifts.py, where the positions lie in the lanes, every sum ends
in an addition across a vector, and a strip has to be long for that not to matter.
"""

from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Pair
from minidl_kernels.numba.jit import inlined, jit
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.vector import (
    add_products,
    add_rows,
    fence,
    load_first,
    load_row,
    splat,
    store,
    zip_first,
    zip_last,
)


class Bands(NamedTuple):
    """The rows of windows of all images, dealt into bands, and bands into strips."""

    rows: int  # rows of windows of an image
    columns: int
    height: int  # rows in a band; the last band of an image may have fewer
    per_image: int  # bands of an image
    per_strip: int
    strips: int
    bands: int
    stride: Pair  # from window to window
    seen: Pair  # pixels that a window spans
    top: int  # padding above and to the left
    left: int


def lay_out(images: int, count: Pair, stride: Pair, seen: Pair, before: Pair, most: int) -> Bands:
    """Deal the `count` windows of each of some images into strips of about `most` windows."""
    rows, columns = count
    height = max(1, min(rows, most // columns))
    per_image = -(-rows // height)
    per_strip = max(1, most // (height * columns))
    bands = images * per_image
    strips = -(-bands // per_strip)
    return Bands(rows, columns, height, per_image, per_strip, strips, bands, stride, seen, *before)


def shares(channels: int, most: int) -> Pair:
    """Into how many chunks of how many channels to cut: at most `most`, whole vectors."""
    chunks = -(-channels // most)
    return chunks, -(-channels // (chunks * 16)) * 16


@jit
def weight_part(t, threads, grad, x, s, taps, partial):
    """The share of thread t: some neighbouring (part, chunk of outputs, chunk of inputs).

    taps: (KH·KW, 2), the shift of each · partial: (parts, chunks of outputs, chunks of inputs,
    taps, outputs, inputs), zeros. Each part sums some neighbouring strips.
    """
    parts, outer, inner, _, OK, CK = partial.shape
    C, O = x.shape[1], grad.shape[1]
    pixels, grads, sums = x.reshape(-1), grad.reshape(-1), partial.reshape(-1)
    width = (s.columns - 1) * s.stride[1] + s.seen[1]
    size = ((s.height - 1) * s.stride[0] + s.seen[0]) * width * CK  # a band of x
    packed = aligned_zeros(s.per_strip * size + 16, x.dtype)
    packed_grad = aligned_zeros(s.per_strip * s.height * s.columns * OK + 16, x.dtype)
    items = parts * outer * inner
    for item in range(t * items // threads, (t + 1) * items // threads):
        part, o, c = item // (outer * inner), item // inner % outer * OK, item % inner * CK
        for strip in range(part * s.strips // parts, (part + 1) * s.strips // parts):
            first, last = strip * s.per_strip, min((strip + 1) * s.per_strip, s.bands)
            windows = 0
            for band in range(first, last):
                n, i = band // s.per_image, band % s.per_image * s.height
                rows = min(s.height, s.rows - i)
                shape = (rows - 1) * s.stride[0] + s.seen[0], width
                top = i * s.stride[0] - s.top
                for k in range(0, min(CK, C - c), 16):
                    at = (band - first) * size + k
                    pack(pixels, x.shape, n, c + k, top, -s.left, shape, packed, at, CK)
                shape = rows, s.columns
                for k in range(0, min(OK, O - o), 16):
                    at = windows * OK + k
                    pack(grads, grad.shape, n, o + k, i, 0, shape, packed_grad, at, OK)
                windows += rows * s.columns
            walk = (last - first, size, rows, s.stride[0] * width * CK, s.columns, s.stride[1] * CK)
            for tap in range(len(taps)):
                shift = (taps[tap, 0] * width + taps[tap, 1]) * CK
                to = (item * len(taps) + tap) * OK * CK
                products(sums, to, CK, packed_grad, 0, OK, packed, shift, walk, min(OK, O - o))


@inlined
def products(sums, to, CK, q, k, OK, v, l, walk, outputs):
    """sums[o, c] += Σ_t q[t, o] · v[t, c] for some outputs o and CK inputs c."""
    zeros = splat(np.float32(0))
    one, two, four = (zeros,), (zeros, zeros), (zeros, zeros, zeros, zeros)
    c = 0
    while c < CK - 48:
        for o in range(0, outputs, 4):
            _tile(sums, to + o * CK + c, CK, q, k + o, OK, v, l + c, walk, four)
        c += 64
    if c < CK - 16:
        for o in range(0, outputs, 8):
            _tile(sums, to + o * CK + c, CK, q, k + o, OK, v, l + c, walk, two)
        c += 32
    if c < CK:
        for o in range(0, outputs, 16):
            _tile(sums, to + o * CK + c, CK, q, k + o, OK, v, l + c, walk, one)


@inlined
def _tile(sums, to, CK, q, k, OK, v, l, walk, nothing):
    """`products` for the 64, 32 or 16 inputs c that the vectors of zeros in `nothing` can hold.

    There are always 16 vectors of sums, of 4, 8 or 16 outputs: a sum waits for the one before, and
    with fewer of them the processor would wait too.

    walk: the windows t stand in bands, rows and columns: how many bands and how far apart in v,
    rows and how far apart, columns likewise. A strip is summed up from 0 and then added: many short
    sums round less than a long one.
    """
    bands, next_band, rows, next_row, columns, next_column = walk
    zero = nothing[0]
    eight = (zero, zero, zero, zero, zero, zero, zero, zero)
    s = eight + eight
    for band in range(bands):
        for row in range(rows):
            i = l + band * next_band + row * next_row
            for _ in range(columns):
                s = add_products(s, q, k, load_row(v, i, nothing))
                fence()
                k += OK
                i += next_column
    add_rows(sums, to, CK, s, nothing)


@inlined
def pack(x, x_shape, n, c, top, left, shape, packed, at, step):
    """packed[at + (row · columns + column) · step + k] = x[n, c + k, top + row, left + column].

    For 16 channels k, and with 0 outside the picture. 16 pixels of 16 channels come in as rows, are
    transposed, and go out as columns: straight to their place where there is no border.
    """
    _, C, H, W = x_shape
    rows, columns = shape
    source = (n * C + c) * H * W
    if left == 0 and columns == W and top >= 0 and top + rows <= H:
        for start in range(0, rows * W, 16):
            count = min(16, rows * W - start)
            to = at + start * step
            transpose(x, source + top * W + start, H * W, C - c, count, packed, to, step)
        return
    begin = min(max(left, 0), left + columns)  # there may be nothing but padding
    end = max(begin, min(left + columns, W))
    for row in range(rows):
        h, to = top + row, at + row * columns * step
        if 0 <= h < H:
            _zeros(packed, to, step, begin - left)
            for w in range(begin, end, 16):
                i, there = source + h * W + w, to + (w - left) * step
                transpose(x, i, H * W, C - c, min(16, end - w), packed, there, step)
            _zeros(packed, to + (end - left) * step, step, left + columns - end)
        else:
            _zeros(packed, to, step, columns)


@inlined
def _zeros(packed, at, step, count):
    """Nothing at `count` positions."""
    for i in range(at, at + count * step, step):
        store(packed, i, splat(np.float32(0)))


@inlined
def transpose(x, i, apart, rows, count, to, at, step):
    """to[at + k·step + r] = x[i + r·apart + k] for 16 rows r, some maybe missing, and k < count.

    Four times, deal the first half of the rows and the second half together like two halves of a
    pack of cards: after that, rows are columns.
    """
    v = (
        _row(x, i, apart, 0, rows, count),
        _row(x, i, apart, 1, rows, count),
        _row(x, i, apart, 2, rows, count),
        _row(x, i, apart, 3, rows, count),
        _row(x, i, apart, 4, rows, count),
        _row(x, i, apart, 5, rows, count),
        _row(x, i, apart, 6, rows, count),
        _row(x, i, apart, 7, rows, count),
        _row(x, i, apart, 8, rows, count),
        _row(x, i, apart, 9, rows, count),
        _row(x, i, apart, 10, rows, count),
        _row(x, i, apart, 11, rows, count),
        _row(x, i, apart, 12, rows, count),
        _row(x, i, apart, 13, rows, count),
        _row(x, i, apart, 14, rows, count),
        _row(x, i, apart, 15, rows, count),
    )
    v = _shuffled(_shuffled(_shuffled(_shuffled(v))))
    if count == 16:
        for column in v:
            store(to, at, column)
            at += step
    else:
        for column in v:
            if count > 0:
                store(to, at, column)
            at += step
            count -= 1


@inlined
def _row(x, i, apart, r, rows, count):
    """The beginning of row r; where there is none, of the last row, and nobody uses the result."""
    return load_first(x, i + min(r, rows - 1) * apart, count)


@inlined
def _shuffled(v):
    """Deal the rows 0 … 7 and 8 … 15 together, number by number."""
    return (
        zip_first(v[0], v[8]),
        zip_last(v[0], v[8]),
        zip_first(v[1], v[9]),
        zip_last(v[1], v[9]),
        zip_first(v[2], v[10]),
        zip_last(v[2], v[10]),
        zip_first(v[3], v[11]),
        zip_last(v[3], v[11]),
        zip_first(v[4], v[12]),
        zip_last(v[4], v[12]),
        zip_first(v[5], v[13]),
        zip_last(v[5], v[13]),
        zip_first(v[6], v[14]),
        zip_last(v[6], v[14]),
        zip_first(v[7], v[15]),
        zip_last(v[7], v[15]),
    )
