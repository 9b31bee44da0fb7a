"""The compiled half of convolution: sums of shifted rows, and dot products of shifted rows.

A strip of the batch is packed into a scratch buffer by `_pack` (see strips.py for its layout). Then

    `_accumulate`  sums[o][l] = bias[o] + Σ_k w[o,k] · scratch[offsets[k] + l]
    `_dots`        sums[o,k] += Σ_l grad[o][l] · scratch[offsets[k] + l]

Nearly all the time is spent in these two. Both work on blocks, 4 output channels by 6 or 5 taps, so
that every number loaded is used several times, and both are one long loop without branches over
neighbouring numbers, which the compiler turns into vector instructions. A faster way to do the
same two sums can take their place without touching the rest.

`conv.py` says what k, o and l stand for, prepares the arguments and pads o and k to whole blocks.
Where a group has one output channel only (depthwise convolution), the blocks are one row high.
"""

import numpy as np

from minidl_kernels.numba.jit import jit


@jit
def correlate_part(t, threads, x, weights, biases, strips, y, start, step):
    """The share of thread t: every `threads`-th (strip, group), from x to y.

    weights: (groups, outputs, taps) · biases: (groups, outputs), both padded to whole blocks.
    """
    groups, rows, _ = weights.shape
    CG, OG = x.shape[1] // groups, y.shape[1] // groups
    scratch = _aligned_zeros((_planes(CG, strips) + 1) * strips.plane, x.dtype)
    sums = _aligned_zeros(4 * strips.spacing, x.dtype)
    for item in range(t, strips.strips * groups, threads):
        strip, g = item // groups, item % groups
        _pack(x, g * CG, CG, strip, strips, scratch)
        for o in range(0, rows, 4):
            w, b = weights[g, o : o + 4], biases[g, o : o + 4]
            if rows == 1:
                _accumulate_one(sums, strips.lanes, scratch, strips.offsets, w, b)
            else:
                _accumulate(sums, strips.spacing, strips.lanes, scratch, strips.offsets, w, b)
            for a in range(min(4, OG - o)):
                _unpack(sums[a * strips.spacing :], strip, strips, y, g * OG + o + a, start, step)


@jit
def _accumulate(sums, spacing, L, x, offsets, w, bias):
    """sums[o·spacing + l] = bias[o] + Σ_k w[o,k] · x[offsets[k] + l] for 4 outputs o."""
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


@jit
def _accumulate_one(sums, L, x, offsets, w, bias):
    """`_accumulate` for a single output."""
    y = sums[:L]
    y[:] = bias[0]
    for k in range(0, len(offsets), 6):
        x0, x1, x2, x3, x4 = _shifted(x, offsets, k, L)
        x5 = x[offsets[k + 5] :][:L]
        w0 = _six(w[0], k)
        for l in range(L):
            y[l] = _add6(y[l], w0, (x0[l], x1[l], x2[l], x3[l], x4[l], x5[l]))


@jit
def _shifted(x, offsets, k, L):
    """The rows that 5 taps see. Slices made before a loop leave nothing but loads inside it."""
    return (
        x[offsets[k] :][:L],
        x[offsets[k + 1] :][:L],
        x[offsets[k + 2] :][:L],
        x[offsets[k + 3] :][:L],
        x[offsets[k + 4] :][:L],
    )


@jit
def _six(w, k):
    return w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4], w[k + 5]


@jit
def _add6(y, w, v):
    """y + Σ w·v."""
    y += w[0] * v[0] + w[1] * v[1] + w[2] * v[2]
    y += w[3] * v[3] + w[4] * v[4] + w[5] * v[5]
    return y


@jit
def weight_part(t, threads, grad, x, strips, partial, splits):
    """The share of thread t: every `threads`-th (part, group, split).

    partial: (parts, groups, outputs, taps), zeros. Part p sums the strips p, p + parts, …; a split
    is a range of output channels. Each cell of `partial` is written by one thread only.
    """
    parts, groups, rows, _ = partial.shape
    CG, OG = x.shape[1] // groups, grad.shape[1] // groups
    height = -(-rows // (4 * splits)) * 4  # output channels in a split: whole blocks
    scratch = _aligned_zeros(_planes(CG, strips) * strips.plane, x.dtype)
    grads = _aligned_zeros(height * strips.spacing, x.dtype)
    for item in range(t, parts * groups * splits, threads):
        part, g, first = item // (groups * splits), item // splits % groups, item % splits * height
        last = min(first + height, rows)
        for strip in range(part, strips.strips, parts):
            _pack(x, g * CG, CG, strip, strips, scratch)
            for a in range(min(last, OG) - first):
                _pack_gradient(grad, g * OG + first + a, strip, strips, grads[a * strips.spacing :])
            for o in range(first, last, 4):
                sums, row = partial[part, g, o : o + 4], grads[(o - first) * strips.spacing :]
                if rows == 1:
                    _dots_one(sums, row, strips.lanes, scratch, strips.offsets)
                else:
                    _dots(sums, row, strips.spacing, strips.lanes, scratch, strips.offsets)


@jit
def _dots(sums, grads, spacing, L, x, offsets):
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


@jit
def _dots_one(sums, grads, L, x, offsets):
    """`_dots` for a single output."""
    g = grads[:L]
    zero = x.dtype.type(0)
    for k in range(0, len(offsets), 5):
        x0, x1, x2, x3, x4 = _shifted(x, offsets, k, L)
        s = (zero, zero, zero, zero, zero)
        for l in range(L):
            s = _add5(s, g[l], (x0[l], x1[l], x2[l], x3[l], x4[l]))
        for a in range(5):
            sums[0, k + a] += s[a]


@jit
def _add5(s, g, v):
    """s + g · v, five sums side by side."""
    return (
        s[0] + g * v[0],
        s[1] + g * v[1],
        s[2] + g * v[2],
        s[3] + g * v[3],
        s[4] + g * v[4],
    )


@jit
def _planes(channels, strips):
    """How many planes the scratch needs for some channels."""
    return channels * len(strips.row_phases) * len(strips.column_phases)


@jit
def _aligned_zeros(size, dtype):
    """Zeros that begin at a multiple of 64 bytes: a vector then never straddles two cache lines."""
    buffer = np.zeros(size + 16, dtype)
    skip = -(buffer.ctypes.data // buffer.itemsize) % 16
    return buffer[skip : skip + size]


@jit
def _pack(x, first_channel, channels, strip, s, scratch):
    """Copy a strip of some channels of x into the scratch, plane by plane, with zero padding."""
    plane = 0
    for c in range(first_channel, first_channel + channels):
        for row_first, row_stop, row_origin in s.row_phases:
            for first, stop, origin in s.column_phases:
                n, q = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
                for at in range(plane, plane + s.filled, s.column_pitch):
                    row = scratch[at : at + s.column_pitch]
                    if n < len(x) and row_first <= q < row_stop:
                        pixels = x[n, c, q * s.row_stride + row_origin]
                        _fill(row[:first], 0)
                        _gather(
                            row[first:stop],
                            pixels[first * s.column_stride + origin :],
                            s.column_stride,
                        )
                        _fill(row[stop:], 0)
                    else:
                        _fill(row, 0)
                    q += 1
                    if q == s.row_pitch:
                        n, q = n + 1, 0
                plane += s.plane


@jit
def _fill(row, value):
    for q in range(len(row)):
        row[q] = value


@jit
def _gather(to, source, stride):
    """to[q] = source[q·stride]: with a constant stride the loop becomes vector instructions."""
    if stride == 1:
        for q in range(len(to)):
            to[q] = source[q]
    elif stride == 2:
        for q in range(len(to)):
            to[q] = source[2 * q]
    else:
        for q in range(len(to)):
            to[q] = source[q * stride]


@jit
def _pack_gradient(grad, o, strip, s, lanes):
    """Lay out a channel of grad like the windows of a strip, with 0 where there is no window."""
    n, i = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
    for at in range(0, s.height * s.column_pitch, s.column_pitch):
        row = lanes[at : at + s.column_pitch]
        if n < len(grad) and i < s.row_count:
            _gather(row[: s.column_count], grad[n, o, i], 1)
            _fill(row[s.column_count :], 0)
        else:
            _fill(row, 0)
        i += 1
        if i == s.row_pitch:
            n, i = n + 1, 0


@jit
def _unpack(lanes, strip, s, y, o, start, step):
    """Copy the results of a strip to y[:, o, start::step, start::step]."""
    n, i = strip * s.height // s.row_pitch, strip * s.height % s.row_pitch
    for at in range(0, s.height * s.column_pitch, s.column_pitch):
        if n < len(y) and i < s.row_count:
            row = y[n, o, start[0] + i * step[0]][start[1] :]
            _scatter(lanes[at : at + s.column_count], row, step[1])
        i += 1
        if i == s.row_pitch:
            n, i = n + 1, 0


@jit
def _scatter(source, to, stride):
    """to[q·stride] = source[q]."""
    if stride == 1:
        for q in range(len(source)):
            to[q] = source[q]
    else:
        for q in range(len(source)):
            to[q * stride] = source[q]
