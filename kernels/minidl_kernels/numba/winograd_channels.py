"""The compiled half of Winograd's weight gradient: 16 neighbouring channels in a vector.

    for each strip of about 64 tiles t
        for 16 input channels c
            `_pack`           copy and transpose the pixels that the tiles see, with zero padding
            `_transform`      V[ξ,t,c] = (Bᵀ d B)[ξ]
        for 16 output channels o
            `_pack`           the same for grad
            `_transform_grad` Q[ξ,t,o] = (A g Aᵀ)[ξ]
        for 16 places ξ
            for 4 output channels o
                for 32 input channels c
                    `_product2`   dU[ξ,o,c] += Σ_t Q[ξ,t,o] · V[ξ,t,c]      nearly all the time

The sum over the tiles needs the numbers of one tile side by side, channel by channel: 8 vectors of
sums stay in registers while t runs, and each tile brings two vectors of V and four numbers of Q.
"""

from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Pair
from minidl_kernels.numba.jit import jit
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.vector import (
    fence,
    load,
    load_first,
    multiply_add,
    splat,
    store,
    zip_first,
    zip_last,
)


class Bands(NamedTuple):
    """The tile rows of all images, dealt into bands, and bands into strips."""

    rows: int  # tile rows of an image
    columns: int
    height: int  # tile rows in a band; the last band of an image may have fewer
    per_image: int  # bands of an image
    per_strip: int
    strips: int
    bands: int
    top: int  # padding above and to the left
    left: int


def lay_out(images: int, size: Pair, before: Pair) -> Bands:
    """Deal the tiles of some images with `size` outputs into strips of about 64 tiles."""
    rows, columns = -(-size[0] // 2), -(-size[1] // 2)
    height = max(1, min(rows, 64 // columns))
    per_image = -(-rows // height)
    per_strip = max(1, 64 // (height * columns))
    bands = images * per_image
    strips = -(-bands // per_strip)
    return Bands(rows, columns, height, per_image, per_strip, strips, bands, *before)


@jit
def weight_part(t, threads, grad, x, s, partial):
    """The share of thread t: every `threads`-th (part, chunk of outputs, chunk of inputs).

    partial: (parts, chunks of outputs, chunks of inputs, 16 places, outputs, inputs), zeros. Part p
    sums the strips p, p + parts, …
    """
    parts, outer, inner, _, OK, CK = partial.shape
    C, O = x.shape[1], grad.shape[1]
    pixels, grads, sums = x.reshape(-1), grad.reshape(-1), partial.reshape(-1)
    most = s.per_strip * s.height * s.columns  # tiles in a strip
    V, v_spacing = aligned_zeros(16 * (most * CK + 16), x.dtype), most * CK + 16
    Q, q_spacing = aligned_zeros(16 * (most * OK + 16), x.dtype), most * OK + 16
    packed = aligned_zeros((2 * s.height + 2) * (2 * s.columns + 2) * 16, x.dtype)
    corner = aligned_zeros(256, x.dtype)
    for item in range(t, parts * outer * inner, threads):
        part, o, c = item // (outer * inner), item // inner % outer * OK, item % inner * CK
        for strip in range(part, s.strips, parts):
            tiles = 0
            for band in range(strip * s.per_strip, min((strip + 1) * s.per_strip, s.bands)):
                n, i = band // s.per_image, band % s.per_image * s.height
                rows = min(s.height, s.rows - i)
                shape = 2 * rows + 2, 2 * s.columns + 2
                for k in range(0, min(CK, C - c), 16):
                    _pack(pixels, x.shape, n, c + k, 2 * i - s.top, -s.left, shape, packed, corner)
                    _transform(packed, rows, s.columns, V, tiles * CK + k, CK, v_spacing)
                shape = 2 * rows, 2 * s.columns
                for k in range(0, min(OK, O - o), 16):
                    _pack(grads, grad.shape, n, o + k, 2 * i, 0, shape, packed, corner)
                    _transform_grad(packed, rows, s.columns, Q, tiles * OK + k, OK, q_spacing)
                tiles += rows * s.columns
            for place in range(16):
                v, q = V[place * v_spacing :], Q[place * q_spacing :]
                for k in range(0, min(OK, O - o), 4):
                    to = ((item * 16 + place) * OK + k) * CK
                    for l in range(0, CK - 16, 32):
                        _product2(sums, to + l, CK, q, k, OK, v, l, tiles)
                    if CK % 32:
                        _product1(sums, to + CK - 16, CK, q, k, OK, v, CK - 16, tiles)


@jit
def _pack(x, x_shape, n, c, top, left, shape, packed, corner):
    """packed[row, column, k] = x[n, c + k, top + row, left + column] for 16 channels, else 0.

    16 pixels of 16 channels come in as rows, are transposed, and go out as columns.
    """
    _, C, H, W = x_shape
    rows, columns = shape
    zeros = splat(np.float32(0))
    for i in range(0, rows * columns * 16, 16):
        store(packed, i, zeros)
    first, last = max(top, 0) * W, min(top + rows, H) * W
    row, column = first // W - top, -left
    for start in range(first, last, 16):
        count = min(16, last - start)
        _transpose(x, (n * C + c) * H * W + start, H * W, C - c, count, corner)
        for k in range(count):
            if 0 <= column < columns:
                store(packed, (row * columns + column) * 16, load(corner, 16 * k))
            column += 1
            if column == W - left:
                row, column = row + 1, -left


@jit
def _transpose(x, i, step, rows, count, to):
    """to[k, r] = x[i + r·step + k] for 16 rows r, of which some may be missing, and k < count.

    Four times, deal the first half of the rows and the second half together like two halves of a
    pack of cards: after that, rows are columns.
    """
    v = (
        load_first(x, i, count),
        load_first(x, i + step, count if rows > 1 else 0),
        load_first(x, i + 2 * step, count if rows > 2 else 0),
        load_first(x, i + 3 * step, count if rows > 3 else 0),
        load_first(x, i + 4 * step, count if rows > 4 else 0),
        load_first(x, i + 5 * step, count if rows > 5 else 0),
        load_first(x, i + 6 * step, count if rows > 6 else 0),
        load_first(x, i + 7 * step, count if rows > 7 else 0),
        load_first(x, i + 8 * step, count if rows > 8 else 0),
        load_first(x, i + 9 * step, count if rows > 9 else 0),
        load_first(x, i + 10 * step, count if rows > 10 else 0),
        load_first(x, i + 11 * step, count if rows > 11 else 0),
        load_first(x, i + 12 * step, count if rows > 12 else 0),
        load_first(x, i + 13 * step, count if rows > 13 else 0),
        load_first(x, i + 14 * step, count if rows > 14 else 0),
        load_first(x, i + 15 * step, count if rows > 15 else 0),
    )
    _store16(to, _shuffled(_shuffled(_shuffled(_shuffled(v)))))


@jit
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


@jit
def _store16(to, v):
    store(to, 0, v[0])
    store(to, 16, v[1])
    store(to, 32, v[2])
    store(to, 48, v[3])
    store(to, 64, v[4])
    store(to, 80, v[5])
    store(to, 96, v[6])
    store(to, 112, v[7])
    store(to, 128, v[8])
    store(to, 144, v[9])
    store(to, 160, v[10])
    store(to, 176, v[11])
    store(to, 192, v[12])
    store(to, 208, v[13])
    store(to, 224, v[14])
    store(to, 240, v[15])


@jit
def _transform(packed, rows, columns, V, i, step, spacing):
    """V[ξ] = (Bᵀ d B)[ξ], tile after tile; neighbours share two columns of pixels."""
    pitch = (2 * columns + 2) * 16
    for row in range(rows):
        at = 2 * row * pitch
        column2, column3 = _down(packed, at, pitch), _down(packed, at + 16, pitch)
        for _ in range(columns):
            at += 32
            column0, column1 = column2, column3
            column2, column3 = _down(packed, at, pitch), _down(packed, at + 16, pitch)
            _store4(V, i, spacing, _subtract4(column0, column2))
            _store4(V, i + spacing, spacing, _add4(column1, column2))
            _store4(V, i + 2 * spacing, spacing, _subtract4(column2, column1))
            _store4(V, i + 3 * spacing, spacing, _subtract4(column1, column3))
            i += step


@jit
def _down(packed, i, pitch):
    """Bᵀ d for one column of pixels: four vectors."""
    d0, d1 = load(packed, i), load(packed, i + pitch)
    d2, d3 = load(packed, i + 2 * pitch), load(packed, i + 3 * pitch)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@jit
def _transform_grad(packed, rows, columns, Q, i, step, spacing):
    """Q[ξ] = (A g Aᵀ)[ξ], tile after tile."""
    pitch = 2 * columns * 16
    zeros = splat(np.float32(0))
    nothing = (zeros, zeros, zeros, zeros)
    for row in range(rows):
        at = 2 * row * pitch
        for _ in range(columns):
            column0, column1 = _down_grad(packed, at, pitch), _down_grad(packed, at + 16, pitch)
            _store4(Q, i, spacing, column0)
            _store4(Q, i + spacing, spacing, _add4(column0, column1))
            _store4(Q, i + 2 * spacing, spacing, _subtract4(column0, column1))
            _store4(Q, i + 3 * spacing, spacing, _subtract4(nothing, column1))
            at += 32
            i += step


@jit
def _down_grad(packed, i, pitch):
    """A g for one column of grad: four vectors."""
    g0, g1 = load(packed, i), load(packed, i + pitch)
    return g0, g0 + g1, g0 - g1, splat(np.float32(0)) - g1


@jit
def _store4(V, i, spacing, v):
    """Four places one below the other: ξ, ξ + 4, ξ + 8, ξ + 12."""
    store(V, i, v[0])
    store(V, i + 4 * spacing, v[1])
    store(V, i + 8 * spacing, v[2])
    store(V, i + 12 * spacing, v[3])


@jit
def _add4(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@jit
def _subtract4(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]


@jit
def _product2(sums, to, pitch, q, k, OK, v, l, tiles):
    """sums[o, c] += Σ_t q[t, o] · v[t, c] for 4 o and 32 c. A strip is summed from 0: more exact."""
    zeros = splat(np.float32(0))
    s0 = s1 = s2 = s3 = (zeros, zeros)
    CK = pitch
    for _ in range(tiles):
        a, b = load(v, l), load(v, l + 16)
        s0 = _add2(s0, splat(q[k]), a, b)
        s1 = _add2(s1, splat(q[k + 1]), a, b)
        s2 = _add2(s2, splat(q[k + 2]), a, b)
        s3 = _add2(s3, splat(q[k + 3]), a, b)
        fence()
        k += OK
        l += CK
    for s in (s0, s1, s2, s3):
        store(sums, to, load(sums, to) + s[0])
        store(sums, to + 16, load(sums, to + 16) + s[1])
        to += pitch


@jit
def _add2(s, q, a, b):
    return multiply_add(q, a, s[0]), multiply_add(q, b, s[1])


@jit
def _product1(sums, to, pitch, q, k, OK, v, l, tiles):
    """`_product2` for 16 c."""
    s0 = s1 = s2 = s3 = splat(np.float32(0))
    CK = pitch
    for _ in range(tiles):
        a = load(v, l)
        s0 = multiply_add(splat(q[k]), a, s0)
        s1 = multiply_add(splat(q[k + 1]), a, s1)
        s2 = multiply_add(splat(q[k + 2]), a, s2)
        s3 = multiply_add(splat(q[k + 3]), a, s3)
        fence()
        k += OK
        l += CK
    for s in (s0, s1, s2, s3):
        store(sums, to, load(sums, to) + s)
        to += pitch
