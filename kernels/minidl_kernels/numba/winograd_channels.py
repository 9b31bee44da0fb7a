"""The compiled half of Winograd's weight gradient: 16 neighbouring channels in a vector.

    for each strip of about 64 tiles t
        for 16 input channels c
            `pack`            copy and transpose the pixels that the tiles see, with zero padding
            `_transform`      V[ξ,t,c] = (Bᵀ d B)[ξ]
        for 16 output channels o
            `pack`            the same for grad
            `_transform_grad` Q[ξ,t,o] = (A g Aᵀ)[ξ]
        for 16 places ξ
            `products`        dU[ξ,o,c] += Σ_t Q[ξ,t,o] · V[ξ,t,c]          most of the time

The windows of the pictures are here tiles, 4 × 4 pixels moved by two; see channels.py for the rest.
"""

import numpy as np

from minidl_kernels.numba.channels import pack, products
from minidl_kernels.numba.jit import inlined, jit
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.vector import load, multiply_add, splat, store


@jit
def weight_part(t, threads, grad, x, s, partial):
    """The share of thread t: some neighbouring (part, chunk of outputs, chunk of inputs).

    partial: (parts, chunks of outputs, chunks of inputs, 16 places, outputs, inputs), zeros. Each
    part sums some neighbouring strips.
    """
    parts, outer, inner, _, OK, CK = partial.shape
    C, O = x.shape[1], grad.shape[1]
    pixels, grads, sums = x.reshape(-1), grad.reshape(-1), partial.reshape(-1)
    most = s.per_strip * s.height * s.columns  # tiles in a strip
    V, v_spacing = aligned_zeros(16 * (most * CK + 16), x.dtype), most * CK + 16
    Q, q_spacing = aligned_zeros(16 * (most * OK + 16), x.dtype), most * OK + 16
    packed = aligned_zeros((2 * s.height + 2) * (2 * s.columns + 2) * 16, x.dtype)
    items = parts * outer * inner
    for item in range(t * items // threads, (t + 1) * items // threads):
        part, o, c = item // (outer * inner), item // inner % outer * OK, item % inner * CK
        for strip in range(part * s.strips // parts, (part + 1) * s.strips // parts):
            tiles = 0
            for band in range(strip * s.per_strip, min((strip + 1) * s.per_strip, s.bands)):
                n, i = band // s.per_image, band % s.per_image * s.height
                rows = min(s.height, s.rows - i)
                shape = 2 * rows + 2, 2 * s.columns + 2
                for k in range(0, min(CK, C - c), 16):
                    top, left = 2 * i - s.top, -s.left
                    pack(pixels, x.shape, n, c + k, top, left, shape, packed, 0, 16)
                    _transform(packed, rows, s.columns, V, tiles * CK + k, CK, v_spacing)
                shape = 2 * rows, 2 * s.columns
                for k in range(0, min(OK, O - o), 16):
                    pack(grads, grad.shape, n, o + k, 2 * i, 0, shape, packed, 0, 16)
                    _transform_grad(packed, rows, s.columns, Q, tiles * OK + k, OK, q_spacing)
                tiles += rows * s.columns
            walk = (1, 0, 1, 0, tiles, CK)
            for place in range(16):
                to = (item * 16 + place) * OK * CK
                q, v = place * q_spacing, place * v_spacing
                products(sums, to, CK, Q, q, OK, V, v, walk, min(OK, O - o))


@jit
def filters_part(t, threads, partial, dw):
    """The share of thread t: dw = Gᵀ dU G for every `threads`-th output channel of dw (O, C, 3, 3).

    dU is the sum of all parts, always in the same order.
    """
    parts, outer, inner, _, OK, CK = partial.shape
    O, C = dw.shape[:2]
    sums, weights = partial.reshape(-1), dw.reshape(-1)
    dU = aligned_zeros(16 * 16, dw.dtype)
    for o in range(t, O, threads):
        for c in range(0, C, 16):
            chunk, lane = c // CK, c % CK
            for place in range(16):
                total = splat(np.float32(0))
                at = (((o // OK) * inner + chunk) * 16 + place) * OK * CK + o % OK * CK + lane
                for _ in range(parts):
                    total = total + load(sums, at)
                    at += outer * inner * 16 * OK * CK
                store(dU, place * 16, total)
            for v in range(4):
                _fold(dU, v * 16, 64)
            for u in range(3):
                _fold(dU, u * 64, 16)
            for k in range(min(16, C - c)):
                to = (o * C + c + k) * 9
                for u in range(3):
                    for v in range(3):
                        weights[to + 3 * u + v] = dU[u * 64 + v * 16 + k]


@inlined
def _fold(dU, i, step):
    """Gᵀ, in place: four vectors `step` apart become three."""
    zeros, half = splat(np.float32(0)), splat(np.float32(0.5))
    a, b = load(dU, i), load(dU, i + step)
    d, e = load(dU, i + 2 * step), load(dU, i + 3 * step)
    store(dU, i, multiply_add(half, b + d, a))
    store(dU, i + step, multiply_add(half, b - d, zeros))
    store(dU, i + 2 * step, multiply_add(half, b + d, e))


@inlined
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


@inlined
def _down(packed, i, pitch):
    """Bᵀ d for one column of pixels: four vectors."""
    d0, d1 = load(packed, i), load(packed, i + pitch)
    d2, d3 = load(packed, i + 2 * pitch), load(packed, i + 3 * pitch)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
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


@inlined
def _down_grad(packed, i, pitch):
    """A g for one column of grad: four vectors."""
    g0, g1 = load(packed, i), load(packed, i + pitch)
    return g0, g0 + g1, g0 - g1, splat(np.float32(0)) - g1


@inlined
def _store4(V, i, spacing, v):
    """Four places one below the other: ξ, ξ + 4, ξ + 8, ξ + 12."""
    store(V, i, v[0])
    store(V, i + 4 * spacing, v[1])
    store(V, i + 8 * spacing, v[2])
    store(V, i + 12 * spacing, v[3])


@inlined
def _add4(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@inlined
def _subtract4(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]
