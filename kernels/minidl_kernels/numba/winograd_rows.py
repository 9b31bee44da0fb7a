"""The compiled half of Winograd's convolution: y from x, 16 neighbouring tiles in a vector.

    for each strip of 6 vectors of tiles
        for up to 64 input channels c
            `_across`     d B for the rows of pixels that the tiles see, with 0 for the padding
            `_down`       V[ξ,c,t] = (Bᵀ d B)[ξ]
        for 4 output channels o
            for 16 places ξ
                `product`   M[ξ,o,t] += Σ_c U[ξ,o,c] · V[ξ,c,t]            most of the time
            `_finish`     y = Aᵀ M A + bias

The tiles of one vector stand side by side in the picture, so that their pixels come in by a few
vector loads: 16 tiles are 32 pixels of four rows. A narrower image fills a slot of 8 or 4 tiles,
and 2 or 4 images share the vector.
"""

from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Pair
from minidl_kernels.numba.jit import inlined, jit
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.tile import product
from minidl_kernels.numba.vector import (
    evens,
    last_half,
    load,
    load_some,
    odds,
    splat,
    store,
    store_first,
    zip_first,
    zip_last,
)


class Tiles(NamedTuple):
    """Which tiles stand in vector v: those of tile row v mod rows, and so on upwards."""

    slot: int  # tiles of one image in a vector: 4, 8 or 16
    images: int  # images in a vector: 4, 2 or 1
    rows: int  # tile rows of an image
    segments: int  # vectors side by side, for images wider than 32 pixels
    vectors: int
    top: int  # padding above and to the left; negative to skip pixels
    left: int


def lay_out(images: int, size: Pair, before: Pair) -> Tiles:
    """Lay the tiles of some images with `size` outputs into vectors."""
    rows, columns = -(-size[0] // 2), -(-size[1] // 2)
    slot = 4 if columns <= 4 else 8 if columns <= 8 else 16
    segments = -(-columns // 16)
    together = 16 // slot
    vectors = -(-images // together) * segments * rows
    return Tiles(slot, together, rows, segments, vectors, before[0], before[1])


@jit
def correlate_part(t, threads, x, U, bias, tiles, y):
    """The share of thread t: some neighbouring strips, from x to y.

    U: (chunks, blocks of 4 outputs, 16 places, channels of a chunk, 4 outputs).
    """
    chunks, blocks, _, K, _ = U.shape
    pixels, outputs, weights = x.reshape(-1), y.reshape(-1), U.reshape(-1)
    (_, C, H, W), O = x.shape, y.shape[1]
    spacing = K * 96 + 16  # a little apart, or the 16 planes would compete for the same cache lines
    V = aligned_zeros(16 * spacing, x.dtype)
    M = aligned_zeros((blocks if chunks > 1 else 1) * 16 * 4 * 96, x.dtype)
    corner, first_row = np.empty((6, 3), np.int64), np.empty(6, np.int64)
    source = np.empty(24, np.int64)
    bits, rows = np.empty(24 * 2 * 4, np.int64), aligned_zeros(24 * 64, x.dtype)
    strips = -(-tiles.vectors // 6)
    for strip in range(t * strips // threads, (t + 1) * strips // threads):
        _locate(6 * strip, x.shape, tiles, corner, first_row, source, bits)
        for chunk in range(chunks):
            channels = min(K, C - chunk * K)
            for c in range(channels):
                plane, count = (chunk * K + c) * H * W, first_row[5] + 4
                _across(pixels, plane, C * H * W, source, bits, tiles.slot, count, rows)
                _down(rows, first_row, V, c * 96, spacing)
            for block in range(blocks):
                m = block * 16 * 4 * 96 if chunks > 1 else 0
                for place in range(16):
                    u = ((chunk * blocks + block) * 16 + place) * K * 4
                    at = m + place * 4 * 96
                    product(M, at, chunk > 0, weights, u, V, place * spacing, channels)
                if chunk == chunks - 1:
                    for o in range(4 * block, min(4 * block + 4, O)):
                        at = m + o % 4 * 96
                        _finish(M, at, bias[o], corner, tiles.slot, outputs, y.shape, o)


@jit
def filters_part(t, threads, w, U):
    """The share of thread t: U = G g Gᵀ for every `threads`-th output channel of w (O, C, 3, 3)."""
    O, C = w.shape[:2]
    K = U.shape[3]
    half = np.float32(0.5)
    for o in range(t, O, threads):
        for c in range(C):
            g = w[o, c]
            for u in range(4):
                if u == 0 or u == 3:
                    a, b, d = g[u - u // 3, 0], g[u - u // 3, 1], g[u - u // 3, 2]
                else:
                    sign = np.float32(3 - 2 * u)
                    a = half * (g[0, 0] + sign * g[1, 0] + g[2, 0])
                    b = half * (g[0, 1] + sign * g[1, 1] + g[2, 1])
                    d = half * (g[0, 2] + sign * g[1, 2] + g[2, 2])
                four = U[c // K, o // 4, 4 * u : 4 * u + 4, c % K, o % 4]
                four[0], four[1] = a, half * (a + b + d)
                four[2], four[3] = half * (a - b + d), d


@inlined
def _locate(first, shape, tiles, corner, first_row, source, bits):
    """Which rows of pixels the 6 vectors from `first` on see, in channel 0: where, and how much.

    corner: image, row and column of the first output of each vector. Vector q sees 4 rows, from
    first_row[q] on; the vector below shares two with it. Row r begins at source[r], with the
    padding on its left. It is read in two views, from there and from two pixels further on, by two
    loads each, or four where images share the vector: load k of a view takes the numbers whose bits
    are set in bits[8 r + 4 view + k], which are in the picture.
    """
    (N, C, H, W), slot = shape, tiles.slot
    used = 0
    for q in range(6):
        v = min(first + q, tiles.vectors - 1)  # the last strip may do a vector several times
        column, i = v // tiles.rows, v % tiles.rows
        n, left = column // tiles.segments * tiles.images, column % tiles.segments * 32
        corner[q, 0], corner[q, 1], corner[q, 2] = n, 2 * i, left
        left -= tiles.left
        below = q > 0 and i > 0 and v > first + q - 1
        first_row[q] = used - 2 if below else used
        for u in range(2 if below else 0, 4):
            h = 2 * i + u - tiles.top
            there = 0 <= h < H
            source[used] = (n * C * H + h) * W + left if there else 0
            for view in range(2):
                start = left + 2 * view
                inside = _bits(-start, min(2 * slot, W - start)) if there else 0
                for k in range(max(2, tiles.images)):
                    image = n if slot == 16 else n + k
                    seen = inside >> 16 * k if slot == 16 else inside << 2 * slot * k % 16
                    bits[8 * used + 4 * view + k] = seen if image < N else 0
            used += 1


@inlined
def _bits(first, end):
    """An integer whose bits first, … end − 1 are set; of those, the ones that are 0 … 31."""
    first, end = max(first, 0), min(end, 32)
    return (1 << end) - (1 << first) if first < end else 0


@inlined
def _across(x, plane, image, source, bits, slot, count, rows):
    """d B for `count` rows of pixels, four vectors each.

    Tile j sees the pixels 2j, 2j + 1, 2j + 2, 2j + 3 of the padded row. The first two are a pair in
    the row as it stands, the last two in the row two pixels further on.
    """
    zeros = splat(np.float32(0))
    step = 16 if slot == 16 else image
    for r in range(count):
        i, k = source[r] + plane, 8 * r
        if slot == 4:
            a = _two_of_8(x, i, image, bits, k)
            b = _two_of_8(x, i + 2 * image, image, bits, k + 2)
            c = _two_of_8(x, i + 2, image, bits, k + 4)
            d = _two_of_8(x, i + 2 * image + 2, image, bits, k + 6)
        else:
            a, b = load_some(x, i, bits[k], zeros), load_some(x, i + step, bits[k + 1], zeros)
            i += 2
            c, d = load_some(x, i, bits[k + 4], zeros), load_some(x, i + step, bits[k + 5], zeros)
        d0, d1, d2, d3 = evens(a, b), odds(a, b), evens(c, d), odds(c, d)
        _store4(rows, 64 * r, 16, (d0 - d2, d1 + d2, d2 - d1, d1 - d3))


@inlined
def _two_of_8(x, i, image, bits, k):
    """8 pixels of an image and 8 of the next."""
    first = load_some(x, i, bits[k], splat(np.float32(0)))
    return load_some(x, i + image - 8, bits[k + 1], first)


@inlined
def _down(rows, first_row, V, i, spacing):
    """V[ξ] = (Bᵀ d B)[ξ] for 6 vectors of tiles, places `spacing` apart."""
    for q in range(6):
        r = 64 * first_row[q]
        row0, row1 = _load4(rows, r, 16), _load4(rows, r + 64, 16)
        row2, row3 = _load4(rows, r + 128, 16), _load4(rows, r + 192, 16)
        _store4(V, i, spacing, _subtract4(row0, row2))
        _store4(V, i + 4 * spacing, spacing, _add4(row1, row2))
        _store4(V, i + 8 * spacing, spacing, _subtract4(row2, row1))
        _store4(V, i + 12 * spacing, spacing, _subtract4(row1, row3))
        i += 16


@inlined
def _finish(M, i, bias, corner, slot, y, shape, o):
    """y = Aᵀ M A + bias for 6 vectors of tiles of output channel o."""
    H = shape[2]
    b = splat(bias)
    for q in range(6):
        n, row, left = corner[q, 0], corner[q, 1], corner[q, 2]
        m0, m1, m2, m3 = (
            _load4(M, i, 384),
            _load4(M, i + 1536, 384),
            _load4(M, i + 3072, 384),
            _load4(M, i + 4608, 384),
        )
        upper, lower = _add4(_add4(m0, m1), m2), _subtract4(_subtract4(m1, m2), m3)
        _put_row(y, shape, n, o, row, left, slot, upper, b)
        if row + 1 < H:
            _put_row(y, shape, n, o, row + 1, left, slot, lower, b)
        i += 16


@inlined
def _put_row(y, shape, n, o, row, left, slot, m, b):
    """Write a row of outputs, (m A + b), for one, two or four images."""
    N, O, H, W = shape
    even, odd = m[0] + m[1] + m[2] + b, m[1] - m[2] - m[3] + b
    low, high = zip_first(even, odd), zip_last(even, odd)
    image = O * H * W
    to, width = ((n * O + o) * H + row) * W + left, W - left
    if slot == 16:
        store_first(y, to, low, width)
        store_first(y, to + 16, high, width - 16)
    elif slot == 8:
        store_first(y, to, low, width)
        store_first(y, to + image, high, width if n + 1 < N else 0)
    else:
        store_first(y, to, low, min(width, 8))
        store_first(y, to + image, last_half(low, low), min(width, 8) if n + 1 < N else 0)
        store_first(y, to + 2 * image, high, min(width, 8) if n + 2 < N else 0)
        store_first(y, to + 3 * image, last_half(high, high), min(width, 8) if n + 3 < N else 0)


@inlined
def _load4(M, i, spacing):
    return load(M, i), load(M, i + spacing), load(M, i + 2 * spacing), load(M, i + 3 * spacing)


@inlined
def _store4(V, i, spacing, v):
    store(V, i, v[0])
    store(V, i + spacing, v[1])
    store(V, i + 2 * spacing, v[2])
    store(V, i + 3 * spacing, v[3])


@inlined
def _add4(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@inlined
def _subtract4(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]
