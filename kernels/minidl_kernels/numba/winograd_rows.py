"""The compiled half of Winograd's convolution: y from x, 16 neighbouring tiles in a vector.

    for each strip of 6 vectors of tiles
        for up to 64 input channels c
            `_pack`       copy the rows of pixels that the tiles see, with their zero padding
            `_transform`  V[ξ,c,t] = (Bᵀ d B)[ξ]
        for 4 output channels o
            for 16 places ξ
                `product`   M[ξ,o,t] += Σ_c U[ξ,o,c] · V[ξ,c,t]            nearly all the time
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
    load_first,
    odds,
    splat,
    store,
    store_first,
    zip_first,
    zip_last,
)

_ROW = 64  # numbers in a packed row: 32 pixels from the first tap's view, 32 from the third's


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
    C, O = x.shape[1], y.shape[1]
    spacing = K * 96 + 16  # a little apart, or the 16 planes would compete for the same cache lines
    V = aligned_zeros(16 * spacing, x.dtype)
    M = aligned_zeros((blocks if chunks > 1 else 1) * 16 * 4 * 96, x.dtype)
    packed = aligned_zeros(25 * _ROW, x.dtype)
    rows, first_row = np.empty((24, 3), np.int64), np.empty(6, np.int64)
    strips = -(-tiles.vectors // 6)
    for strip in range(t * strips // threads, (t + 1) * strips // threads):
        _locate(6 * strip, x.shape[2], tiles, rows, first_row)
        for chunk in range(chunks):
            channels = min(K, C - chunk * K)
            for c in range(channels):
                _pack(pixels, x.shape, chunk * K + c, tiles, rows, first_row[5] + 4, packed)
                _transform(packed, first_row, V, c * 96, spacing)
            for block in range(blocks):
                m = block * 16 * 4 * 96 if chunks > 1 else 0
                for place in range(16):
                    u = ((chunk * blocks + block) * 16 + place) * K * 4
                    at = m + place * 4 * 96
                    product(M, at, chunk > 0, weights, u, V, place * spacing, channels)
                if chunk == chunks - 1:
                    for o in range(4 * block, min(4 * block + 4, O)):
                        at = m + o % 4 * 96
                        _finish(M, at, bias[o], 6 * strip, tiles, outputs, y.shape, o)


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
def _locate(first, height, tiles, rows, first_row):
    """Which rows of pixels the 6 vectors from `first` on see: (image, row or −1, column) each.

    Vector q sees 4 rows, from first_row[q] on. The vector below shares two with it.
    """
    used = 0
    for q in range(6):
        v = min(first + q, tiles.vectors - 1)  # the last strip may do a vector several times
        column, i = v // tiles.rows, v % tiles.rows
        below = q > 0 and i > 0 and v > first + q - 1
        first_row[q] = used - 2 if below else used
        for u in range(2 if below else 0, 4):
            h = 2 * i + u - tiles.top
            rows[used, 0] = column // tiles.segments * tiles.images
            rows[used, 1] = h if h < height else -1
            rows[used, 2] = column % tiles.segments * 32
            used += 1


@inlined
def _pack(x, shape, c, tiles, rows, count, packed):
    """Copy rows of channel c: pixels from the first tap's view, then from the third's.

    Tile j sees the pixels 2j, 2j + 1, 2j + 2, 2j + 3 of the padded row. The first two are a pair in
    the row as it stands, the last two in the row shifted by two.
    """
    N, C, H, W = shape
    zeros = splat(np.float32(0))
    width = 2 * tiles.slot
    for r in range(count):
        image, h, column = rows[r, 0], rows[r, 1], rows[r, 2]
        for view in range(2):
            for n in range(image, image + tiles.images):
                to = r * _ROW + view * 32 + (n - image) * width
                store(packed, to, zeros)
                if width == 32:
                    store(packed, to + 16, zeros)
                start = column + 2 * view - tiles.left  # where in the row of x, maybe before it
                begin = max(start, 0)
                there = min(start + width, W) - begin
                if there > 0 and h >= 0 and n < N:
                    source = ((n * C + c) * H + h) * W + begin
                    to += begin - start
                    store(packed, to, load_first(x, source, there))
                    if width == 32:
                        store(packed, to + 16, load_first(x, source + 16, there - 16))


@inlined
def _transform(packed, first_row, V, i, spacing):
    """V[ξ] = (Bᵀ d B)[ξ] for 6 vectors of tiles, places `spacing` apart."""
    row2 = row3 = _across(packed, 0)
    for q in range(6):
        r = first_row[q]
        if q > 0 and r == first_row[q - 1] + 2:
            row0, row1 = row2, row3
        else:
            row0, row1 = _across(packed, r), _across(packed, r + 1)
        row2, row3 = _across(packed, r + 2), _across(packed, r + 3)
        _store4(V, i, spacing, _subtract4(row0, row2))
        _store4(V, i + 4 * spacing, spacing, _add4(row1, row2))
        _store4(V, i + 8 * spacing, spacing, _subtract4(row2, row1))
        _store4(V, i + 12 * spacing, spacing, _subtract4(row1, row3))
        i += 16


@inlined
def _across(packed, r):
    """d B for one row of pixels: four vectors."""
    a, b = load(packed, r * _ROW), load(packed, r * _ROW + 16)
    d0, d1 = evens(a, b), odds(a, b)
    a, b = load(packed, r * _ROW + 32), load(packed, r * _ROW + 48)
    d2, d3 = evens(a, b), odds(a, b)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
def _finish(M, i, bias, first, tiles, y, shape, o):
    """y = Aᵀ M A + bias for 6 vectors of tiles of output channel o."""
    H = shape[2]
    b = splat(bias)
    for q in range(6):
        v = min(first + q, tiles.vectors - 1)
        column, row = v // tiles.rows, v % tiles.rows * 2
        n, left = column // tiles.segments * tiles.images, column % tiles.segments * 32
        m0, m1, m2, m3 = _load4(M, i), _load4(M, i + 1536), _load4(M, i + 3072), _load4(M, i + 4608)
        upper, lower = _add4(_add4(m0, m1), m2), _subtract4(_subtract4(m1, m2), m3)
        _put_row(y, shape, n, o, row, left, tiles.slot, upper, b)
        if row + 1 < H:
            _put_row(y, shape, n, o, row + 1, left, tiles.slot, lower, b)
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
def _load4(M, i):
    return load(M, i), load(M, i + 384), load(M, i + 768), load(M, i + 1152)


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
