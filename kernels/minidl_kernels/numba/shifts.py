"""The compiled half of convolution: sums of shifted rows, and dot products of shifted rows.

A strip of the batch is packed into a scratch buffer by `_pack` (see strips.py for its layout). Then

    `accumulate`  sums[o][l] = bias[o] + Σ_k w[o,k] · scratch[offsets[k] + l]
    `dots`        sums[o,k] += Σ_l grad[o][l] · scratch[offsets[k] + l]

Nearly all the time is spent in these two. Both work on blocks, 4 output channels by 6 or 5 taps, so
that every number loaded is used several times, and both are one long loop without branches over
neighbouring numbers, which the compiler turns into vector instructions. For float32 on processors
with wide registers `_tile` takes the place of the plain loops.

`conv.py` says what k, o and l stand for, prepares the arguments and pads o and k to whole blocks.
"""

import numpy as np
from numba import types
from numba.extending import overload

from minidl_kernels.numba import vector
from minidl_kernels.numba.jit import inlined, jit
from minidl_kernels.numba.vector import (
    add_row,
    evens,
    fence,
    load_first,
    load_row,
    splat,
    store_first,
    store_row,
)


@jit
def correlate_part(t, threads, x, weights, biases, strips, y, start, step):
    """The share of thread t: some neighbouring (strip, group), from x to y.

    weights: (groups, outputs, taps) · biases: (groups, outputs), both padded to whole blocks.
    """
    groups, rows, _ = weights.shape
    CG, OG = x.shape[1] // groups, y.shape[1] // groups
    scratch = aligned_zeros((_planes(CG, strips) + 1) * strips.plane, x.dtype)
    sums = aligned_zeros(4 * strips.spacing, x.dtype)
    items = strips.strips * groups
    for item in range(t * items // threads, (t + 1) * items // threads):
        strip, g = item // groups, item % groups
        _pack(x, g * CG, CG, strip, strips, scratch)
        for o in range(0, rows, 4):
            w, b = weights[g, o : o + 4], biases[g, o : o + 4]
            accumulate(sums, strips.spacing, strips.lanes, scratch, strips.offsets, w, b)
            for a in range(min(4, OG - o)):
                _unpack(sums[a * strips.spacing :], strip, strips, y, g * OG + o + a, start, step)


def accumulate(sums, spacing, L, x, offsets, w, bias):
    """sums[o·spacing + l] = bias[o] + Σ_k w[o,k] · x[offsets[k] + l] for 4 outputs o.

    Compiled for float32 where the processor has wide registers, this is `_tile`, else `_loops`.
    """
    _loops(sums, spacing, L, x, offsets, w, bias)


@overload(accumulate)
def _accumulate_for(sums, spacing, L, x, offsets, w, bias):
    return _tile_call if _is_wide(x) else _loops_call


def _is_wide(array_type):
    """Whether compiled code for arrays of this type should use vectors."""
    return vector.WIDE and array_type.dtype == types.float32


def _tile_call(sums, spacing, L, x, offsets, w, bias):
    _tile(sums, spacing, L, x, offsets, w, bias)


def _loops_call(sums, spacing, L, x, offsets, w, bias):
    _loops(sums, spacing, L, x, offsets, w, bias)


@inlined
def _tile(sums, spacing, L, x, offsets, w, bias):
    """`accumulate` for 96 numbers l at a time: 4 · 6 vectors of sums stay in registers.

        for 96 numbers l
            24 vectors of sums = bias
            for all taps k
                load 6 vectors of x, shifted by offsets[k];  24 multiply-adds with 4 weights
            store 24 vectors of sums

    `_loops` loads and stores its sums once for every 6 taps; here that is done once for all. L is a
    multiple of 96.
    """
    for l in range(0, L, 96):
        b0, b1, b2, b3 = splat(bias[0]), splat(bias[1]), splat(bias[2]), splat(bias[3])
        y0, y1 = (b0, b0, b0, b0, b0, b0), (b1, b1, b1, b1, b1, b1)
        y2, y3 = (b2, b2, b2, b2, b2, b2), (b3, b3, b3, b3, b3, b3)
        for k in range(len(offsets)):
            v = load_row(x, offsets[k] + l, y0)
            y0 = add_row(y0, splat(w[0, k]), v)
            y1 = add_row(y1, splat(w[1, k]), v)
            y2 = add_row(y2, splat(w[2, k]), v)
            y3 = add_row(y3, splat(w[3, k]), v)
            fence()
        store_row(sums, l, y0)
        store_row(sums, l + spacing, y1)
        store_row(sums, l + 2 * spacing, y2)
        store_row(sums, l + 3 * spacing, y3)


@inlined
def _loops(sums, spacing, L, x, offsets, w, bias):
    """`accumulate` in plain loops: 6 taps at a time, over all numbers l."""
    y0 = sums[:L]
    y1 = sums[spacing : spacing + L]
    y2 = sums[2 * spacing : 2 * spacing + L]
    y3 = sums[3 * spacing : 3 * spacing + L]
    y0[:], y1[:], y2[:], y3[:] = bias[0], bias[1], bias[2], bias[3]
    for k in range(0, len(offsets), 6):
        x0, x1, x2, x3, x4 = _shifted(x, offsets, k, L)
        x5 = x[offsets[k + 5] :][:L]
        w0, w1, w2, w3 = _six(w[0], k), _six(w[1], k), _six(w[2], k), _six(w[3], k)
        for l in range(L):
            v = (x0[l], x1[l], x2[l], x3[l], x4[l], x5[l])
            y0[l] = _add6(y0[l], w0, v)
            y1[l] = _add6(y1[l], w1, v)
            y2[l] = _add6(y2[l], w2, v)
            y3[l] = _add6(y3[l], w3, v)


@inlined
def _shifted(x, offsets, k, L):
    """The rows that 5 taps see. Slices made before a loop leave nothing but loads inside it."""
    return (
        x[offsets[k] :][:L],
        x[offsets[k + 1] :][:L],
        x[offsets[k + 2] :][:L],
        x[offsets[k + 3] :][:L],
        x[offsets[k + 4] :][:L],
    )


@inlined
def _six(w, k):
    return w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4], w[k + 5]


@inlined
def _add6(y, w, v):
    """y + Σ w·v."""
    y += w[0] * v[0] + w[1] * v[1] + w[2] * v[2]
    y += w[3] * v[3] + w[4] * v[4] + w[5] * v[5]
    return y


@jit
def weight_part(t, threads, grad, x, strips, partial, splits):
    """The share of thread t: some neighbouring (part, group, split).

    partial: (parts, groups, outputs, taps), zeros. A part sums some neighbouring strips; a split
    is a range of output channels. Each cell of `partial` is written by one thread only.
    """
    parts, groups, rows, _ = partial.shape
    CG, OG = x.shape[1] // groups, grad.shape[1] // groups
    height = -(-rows // (4 * splits)) * 4  # output channels in a split: whole blocks
    scratch = aligned_zeros(_planes(CG, strips) * strips.plane, x.dtype)
    grads = aligned_zeros(height * strips.spacing, x.dtype)
    items = parts * groups * splits
    for item in range(t * items // threads, (t + 1) * items // threads):
        part, g, first = item // (groups * splits), item // splits % groups, item % splits * height
        last = min(first + height, rows)
        first_strip, last_strip = part * strips.strips // parts, (part + 1) * strips.strips // parts
        for strip in range(first_strip, last_strip):
            _pack(x, g * CG, CG, strip, strips, scratch)
            for a in range(min(last, OG) - first):
                _pack_gradient(grad, g * OG + first + a, strip, strips, grads[a * strips.spacing :])
            for o in range(first, last, 4):
                sums, row = partial[part, g, o : o + 4], grads[(o - first) * strips.spacing :]
                dots(sums, row, strips.spacing, strips.lanes, scratch, strips.offsets)


@inlined
def dots(sums, grads, spacing, L, x, offsets):
    """sums[o,k] += Σ_l grads[o·spacing + l] · x[offsets[k] + l] for 4 outputs o."""
    g0 = grads[:L]
    g1 = grads[spacing : spacing + L]
    g2 = grads[2 * spacing : 2 * spacing + L]
    g3 = grads[3 * spacing : 3 * spacing + L]
    zero = x.dtype.type(0)
    for k in range(0, len(offsets), 5):
        x0, x1, x2, x3, x4 = _shifted(x, offsets, k, L)
        s0 = s1 = s2 = s3 = (zero, zero, zero, zero, zero)
        for l in range(L):
            v = (x0[l], x1[l], x2[l], x3[l], x4[l])
            s0 = _add5(s0, g0[l], v)
            s1 = _add5(s1, g1[l], v)
            s2 = _add5(s2, g2[l], v)
            s3 = _add5(s3, g3[l], v)
        for a in range(5):
            sums[0, k + a] += s0[a]
            sums[1, k + a] += s1[a]
            sums[2, k + a] += s2[a]
            sums[3, k + a] += s3[a]


@inlined
def _add5(s, g, v):
    """s + g · v, five sums side by side."""
    return (
        s[0] + g * v[0],
        s[1] + g * v[1],
        s[2] + g * v[2],
        s[3] + g * v[3],
        s[4] + g * v[4],
    )


@inlined
def _planes(channels, strips):
    """How many planes the scratch needs for some channels."""
    return channels * len(strips.row_phases) * len(strips.column_phases)


@inlined
def aligned_zeros(size, dtype):
    """Zeros that begin at a multiple of 64 bytes: a vector then never straddles two cache lines."""
    buffer = np.zeros(size + 16, dtype)
    skip = -(buffer.ctypes.data // buffer.itemsize) % 16
    return buffer[skip : skip + size]


@inlined
def _pack(x, first_channel, channels, strip, s, scratch):
    """Copy a strip of some channels of x into the scratch, plane by plane, with zero padding.

    The padding within a row lies in the same columns for every strip and is never written to: it is
    zero because the scratch was.
    """
    pixels = x.reshape(-1)
    _, C, H, W = x.shape
    plane = 0
    for c in range(first_channel, first_channel + channels):
        for row_first, row_stop, row_origin in s.row_phases:
            for first, stop, origin in s.column_phases:
                n, q = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
                for at in range(plane + first, plane + first + s.filled, s.column_pitch):
                    if n < len(x) and row_first <= q < row_stop:
                        row = ((n * C + c) * H + q * s.row_stride + row_origin) * W
                        start = row + first * s.column_stride + origin
                        if s.column_stride == 1:
                            copy(scratch, at, pixels, start, stop - first)
                        else:
                            gather(scratch, at, pixels, start, stop - first, s.column_stride)
                    else:
                        fill(scratch, at, stop - first)
                    q += 1
                    if q == s.row_pitch:
                        n, q = n + 1, 0
                plane += s.plane


def fill(x, i, count):
    """x[i], … x[i + count − 1] = 0."""
    x[i : i + count] = 0


@overload(fill)
def _fill_for(x, i, count):
    return _fill_wide if _is_wide(x) else _fill_plain


def _fill_plain(x, i, count):
    for k in range(i, i + count):
        x[k] = 0


def _fill_wide(x, i, count):
    zeros = splat(x.dtype.type(0))
    for k in range(0, count, 16):
        store_first(x, i + k, zeros, count - k)


def copy(to, i, source, j, count):
    """to[i], … to[i + count − 1] = source[j], … source[j + count − 1]."""
    to[i : i + count] = source[j : j + count]


@overload(copy)
def _copy_for(to, i, source, j, count):
    return _copy_wide if _is_wide(to) else _copy_plain


def _copy_plain(to, i, source, j, count):
    into, outof = to[i : i + count], source[j : j + count]
    for k in range(count):
        into[k] = outof[k]


def _copy_wide(to, i, source, j, count):
    for k in range(0, count, 16):  # rows are short: a loop by the compiler takes longer to set up
        store_first(to, i + k, load_first(source, j + k, count - k), count - k)


def gather(to, i, source, j, count, stride):
    """to[i + k] = source[j + k·stride] for k = 0, … count − 1."""
    to[i : i + count] = source[j : j + count * stride : stride]


@overload(gather, inline="always")  # called, with its arrays, it takes four times as long
def _gather_for(to, i, source, j, count, stride):
    return _gather_wide if _is_wide(to) else _gather_plain


def _gather_plain(to, i, source, j, count, stride):
    into, outof = to[i : i + count], source[j:]
    if stride == 2:  # with a constant stride the loop becomes vector instructions
        for k in range(count):
            into[k] = outof[2 * k]
    else:
        for k in range(count):
            into[k] = outof[k * stride]


def _gather_wide(to, i, source, j, count, stride):
    if stride == 2:
        for k in range(0, count, 16):
            first, rest = j + 2 * k, 2 * (count - k) - 1
            low, high = load_first(source, first, rest), load_first(source, first + 16, rest - 16)
            store_first(to, i + k, evens(low, high), count - k)
    else:
        _gather_plain_call(to, i, source, j, count, stride)


@inlined
def _gather_plain_call(to, i, source, j, count, stride):
    for k in range(count):
        to[i + k] = source[j + k * stride]


@inlined
def _pack_gradient(grad, o, strip, s, lanes):
    """Lay out a channel of grad like the windows of a strip, with 0 where there is no window."""
    pixels = grad.reshape(-1)
    _, O, OH, OW = grad.shape
    n, i = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
    for at in range(0, s.height * s.column_pitch, s.column_pitch):
        if n < len(grad) and i < s.row_count:
            copy(lanes, at, pixels, ((n * O + o) * OH + i) * OW, s.column_count)
        else:
            fill(lanes, at, s.column_count)
        i += 1
        if i == s.row_pitch:
            n, i = n + 1, 0


@inlined
def _unpack(lanes, strip, s, y, o, start, step):
    """Copy the results of a strip to y[:, o, start::step, start::step]."""
    pixels = y.reshape(-1)
    _, O, H, W = y.shape
    n, i = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
    for at in range(0, s.height * s.column_pitch, s.column_pitch):
        if n < len(y) and i < s.row_count:
            to = ((n * O + o) * H + start[0] + i * step[0]) * W + start[1]
            if step[1] == 1:
                copy(pixels, to, lanes, at, s.column_count)
            else:
                for q in range(s.column_count):
                    pixels[to + q * step[1]] = lanes[at + q]
        i += 1
        if i == s.row_pitch:
            n, i = n + 1, 0
