"""Depthwise convolution: every input channel is filtered alone, by M filters of its own.

    y[n, o, i, j] = b[o] + Σ_{u,v}  w[o, 0, u, v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]
    with o = c·M + m, m < M

There is no sum over channels, so a number that was loaded is used for nine products and not for
hundreds: the time goes into fetching numbers, not into multiplying them. What counts is to touch
memory once, to copy nothing into padded buffers, and to keep all 16 lanes of a vector busy on maps
that may be no larger than 4×4:

    for 4 images n and a channel o                                         `_correlate_part`
        for 16 windows, neighbours in memory                               a block, see windows.py
            4 vectors of sums = b[o]
            for each tap k
                4 times: load 16 numbers, shifted by the tap, 0 for padding; multiply-add w[o,k]
            store 4 vectors

The tables of windows.py say where a block and a tap read, so one loop serves every kernel size,
padding and dilation, strides 1 and 2, and the gradient of x, which is the same sum with other
tables. Four images share the tables: what one image would spend on looking up is paid once. The
gradient of w uses the tables of the forward sum, and keeps the 16 lanes apart to the end:

    for 4 images n and a channel o                                         `_weight_part`
        for each block:  load grad
            for 9 taps k:  sums[o, k] += grad · the numbers that tap k reads         16 lanes
    dw[o, k] = the sum of the 16 lanes of sums[o, k]

Maps of 8 pixels or fewer would leave lanes idle, so there a vector holds several channels.

Where there are no such vectors (other processors, float64, strides above 2) the textbook's loops
run: depthwise_plain.py.

Shapes: x (N, C, H, W) · w (C·M, 1, KH, KW) · b (C·M,) · y (N, C·M, OH, OW).
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from minidl_kernels.geometry import Padding, Pair, output_size
from minidl_kernels.numba import depthwise_plain, vector
from minidl_kernels.numba.jit import inlined, jit, plain
from minidl_kernels.numba.masked import load_where, store_where
from minidl_kernels.numba.team import run
from minidl_kernels.numba.vector import (
    evens,
    load,
    load_row,
    multiply_add,
    splat,
    store_row,
    zip_first,
    zip_last,
)
from minidl_kernels.numba.windows import LANES, TAPS, Windows, forward_windows, gradient_windows

Array = np.ndarray

_IMAGES = 4  # computed side by side
_CHANNELS = 64  # in a piece of work: the more, the longer are the runs of memory it reads


def depthwise_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The depthwise convolution y of x (N, C, H, W) with w (C·M, 1, KH, KW) and bias b (C·M,)."""
    O = len(w)
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.empty((len(x), O, *size), x.dtype)
    bias = np.zeros(O, x.dtype) if b is None else plain(b)
    before = padding[0], padding[2]
    if _in_vectors(x, stride):
        planes = _planes(x, y, stride)
        windows = forward_windows(x.shape[2:], size, w.shape[2:], stride, before, dilation, planes)
        _correlate(plain(x), w.reshape(O, -1), bias, windows, planes, y)
    else:
        arguments = plain(x), plain(w), bias, y, stride, before, dilation
        run(depthwise_plain.forward, y.size * w[0].size, len(x) * O, *arguments)
    return y


def depthwise_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, C·M, OH, OW): each number goes back where it was.

    dx[n,c,h,k] = Σ_{m,u,v}  w[c·M + m, 0, u, v] · grad[n, c·M + m, i, j]
                  for the windows with  i·SH + u·DH = h + top  and  j·SW + v·DW = k + left
    """
    N, C, H, W = x_shape
    dx = np.empty(x_shape, grad.dtype)
    before = padding[0], padding[2]
    if _in_vectors(grad, stride):
        planes = _planes(grad, dx, stride)
        sizes = (H, W), grad.shape[2:], w.shape[2:]
        filters = len(w) // C
        windows = gradient_windows(*sizes, stride, before, dilation, planes, filters)
        zero = np.zeros(C, grad.dtype)
        _correlate(plain(grad), w.reshape(C, -1), zero, windows, planes, dx)
    else:
        arguments = plain(grad), plain(w), dx, stride, before, dilation
        run(depthwise_plain.input_gradient, grad.size * w[0].size, N * C, *arguments)
    return dx


def depthwise_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """∂L/∂w (C·M, 1, KH, KW) from grad = ∂L/∂y (N, C·M, OH, OW): each weight is one dot product.

    dw[o,0,u,v] = Σ_{n,i,j}  grad[n,o,i,j] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]
    """
    O, _, KH, KW = w_shape
    dw = np.empty(w_shape, x.dtype)
    before = padding[0], padding[2]
    operations = grad.size * KH * KW
    if _in_vectors(x, stride):
        planes = _planes(x, grad, stride)
        sizes = x.shape[2:], grad.shape[2:], (KH, KW)
        windows = forward_windows(*sizes, stride, before, dilation, planes)
        arrays = _grouped(plain(grad), planes), _grouped(plain(x), planes)
        filters = O // planes
        together = max(8, min(32, filters // 8))  # 18 KB of sums for 3 × 3, pieces for 8 threads
        pieces = -(-filters // together)
        run(_weight_part, operations, pieces, *arrays, windows, planes, together, dw)
    else:
        arguments = plain(grad), plain(x), dw, stride, before, dilation
        run(depthwise_plain.weight_gradient, operations, O, *arguments)
    return dw


def _in_vectors(array: Array, stride: Pair) -> bool:
    """Whether there are vectors for these numbers, and tables for this stride."""
    return vector.WIDE and array.dtype == np.float32 and stride[1] <= 2


def _planes(source: Array, target: Array, stride: Pair) -> int:
    """How many channels share a vector: more than one where small maps then fill it exactly."""
    pixels = source.shape[2] * source.shape[3]
    fit = stride == (1, 1) and source.shape == target.shape and pixels and LANES % pixels == 0
    return LANES // pixels if fit and source.shape[1] % (LANES // pixels) == 0 else 1


def _grouped(array: Array, planes: int) -> Array:
    """(N, C, H, W) → (N, C/planes, planes·H·W)."""
    N, C, H, W = array.shape
    return array.reshape(N, C // planes, planes * H * W)


def _correlate(
    source: Array, w: Array, bias: Array, windows: Windows, planes: int, target: Array
) -> None:
    """target[n,c,p] = bias[c] + Σ_k w[c,k] · source[n, ·, where tap k of window p reads]."""
    C = target.shape[1]
    phases = windows.taps.shape[0]
    biases = np.broadcast_to(bias[:, None, None], (C, phases, 1))
    weights = np.concatenate([biases, w[:, windows.taps]], axis=2)  # (C, phases, 1 + taps)
    if planes > 1:  # a weight for each lane
        lanes = weights.reshape(C // planes, planes, phases, -1).transpose(0, 2, 3, 1)
        weights = np.repeat(lanes, LANES // planes, axis=3)
    x, y = _grouped(source, planes), _grouped(target, planes)
    channels = min(x.shape[1], y.shape[1])
    pieces = -(-len(x) // _IMAGES) * -(-channels // _CHANNELS)
    run(_correlate_part, target.size * w.shape[1], pieces, x, weights, windows, y)


@jit
def _correlate_part(t, threads, x, weights, windows, y):
    """The share of thread t: a run of pieces, each 4 images by 64 channels. x, y: (N, C, pixels).

    weights: (C, phases, 1 + taps), the bias first; or 16 numbers for each, one a lane.
    If the last images are fewer than 4, the last one is computed several times: with equal results.
    """
    N, CX, LX = x.shape
    CY, LY = y.shape[1:]
    C = min(CX, CY)  # one of the two may have M planes for each of the other's
    sources, shifts, seen = windows.sources, windows.shifts, windows.seen
    counts, targets, kept = windows.counts, windows.targets, windows.kept
    blocks = -(-C // _CHANNELS)
    pieces = -(-N // _IMAGES) * blocks
    for piece in range(t * pieces // threads, (t + 1) * pieces // threads):
        n0, first = piece // blocks * _IMAGES, piece % blocks * _CHANNELS
        n1, n2, n3 = min(n0 + 1, N - 1), min(n0 + 2, N - 1), min(n0 + 3, N - 1)
        for c in range(first, min(first + _CHANNELS, C)):
            from_c = c * (CX // C)
            x0, x1 = (n0 * CX + from_c) * LX, (n1 * CX + from_c) * LX
            x2, x3 = (n2 * CX + from_c) * LX, (n3 * CX + from_c) * LX
            for o in range(c * (CY // C), (c + 1) * (CY // C)):
                y0, y1 = (n0 * CY + o) * LY, (n1 * CY + o) * LY
                y2, y3 = (n2 * CY + o) * LY, (n3 * CY + o) * LY
                for f in range(len(counts)):
                    taps = counts[f]
                    for b in range(sources.shape[1]):
                        i, j = sources[f, b, 0], sources[f, b, 1]
                        s0 = s1 = s2 = s3 = _weight(weights, o, f, 0)
                        for k in range(taps):
                            a, m, d = _weight(weights, o, f, k + 1), seen[f, b, k], shifts[f, k]
                            s0 = multiply_add(a, _read(x, x0 + d, i, j, m), s0)
                            s1 = multiply_add(a, _read(x, x1 + d, i, j, m), s1)
                            s2 = multiply_add(a, _read(x, x2 + d, i, j, m), s2)
                            s3 = multiply_add(a, _read(x, x3 + d, i, j, m), s3)
                        _write(y, (y0, y1, y2, y3), (s0, s1, s2, s3), targets, kept, f, b)


@jit
def _weight_part(t, threads, grad, x, windows, planes, together, dw):
    """The share of thread t: some neighbouring blocks of filters, so many `together` in a block.

    grad, x: (N, C, pixels).
    If the last images are fewer than 4, the last one stands in with a gradient of 0.
    """
    N, O, LG = grad.shape
    C, LX = x.shape[1:]
    sources, shifts, seen = windows.sources[0], windows.shifts[0], windows.seen[0]
    targets, kept = windows.targets[0], windows.kept[0]
    weights, taps = dw.reshape(O * planes, -1), len(shifts)
    sums = np.empty((together, taps, LANES), x.dtype)
    zero = splat(x.dtype.type(0))
    nothing = (zero, zero, zero, zero, zero, zero, zero, zero, zero)
    blocks = -(-O // together)
    for block in range(t * blocks // threads, (t + 1) * blocks // threads):
        first = block * together
        sums[:] = 0
        for n0 in range(0, N, _IMAGES):
            n1, n2, n3 = min(n0 + 1, N - 1), min(n0 + 2, N - 1), min(n0 + 3, N - 1)
            r1, r2, r3 = -(n1 > n0), -(n2 > n1), -(n3 > n2)  # all bits set where the image is real
            for o in range(first, min(first + together, O)):
                a0, a1 = (n0 * O + o) * LG, (n1 * O + o) * LG
                a2, a3 = (n2 * O + o) * LG, (n3 * O + o) * LG
                c = o // (O // C)
                starts = (
                    (n0 * C + c) * LX,
                    (n1 * C + c) * LX,
                    (n2 * C + c) * LX,
                    (n3 * C + c) * LX,
                )
                for k in range(0, taps, TAPS):
                    place = ((o - first) * taps + k) * LANES
                    s = load_row(sums, place, nothing)
                    for b in range(len(sources)):
                        g = (
                            _gather(grad, a0, targets, kept, b, -1),
                            _gather(grad, a1, targets, kept, b, r1),
                            _gather(grad, a2, targets, kept, b, r2),
                            _gather(grad, a3, targets, kept, b, r3),
                        )
                        i, j = sources[b, 0], sources[b, 1]
                        s = (
                            _add_tap(s[0], g, x, starts, i, j, shifts[k], seen[b, k]),
                            _add_tap(s[1], g, x, starts, i, j, shifts[k + 1], seen[b, k + 1]),
                            _add_tap(s[2], g, x, starts, i, j, shifts[k + 2], seen[b, k + 2]),
                            _add_tap(s[3], g, x, starts, i, j, shifts[k + 3], seen[b, k + 3]),
                            _add_tap(s[4], g, x, starts, i, j, shifts[k + 4], seen[b, k + 4]),
                            _add_tap(s[5], g, x, starts, i, j, shifts[k + 5], seen[b, k + 5]),
                            _add_tap(s[6], g, x, starts, i, j, shifts[k + 6], seen[b, k + 6]),
                            _add_tap(s[7], g, x, starts, i, j, shifts[k + 7], seen[b, k + 7]),
                            _add_tap(s[8], g, x, starts, i, j, shifts[k + 8], seen[b, k + 8]),
                        )
                    store_row(sums, place, s)
        lanes = LANES // planes
        for o in range(first, min(first + together, O)):
            for q in range(planes):
                for k in range(weights.shape[1]):
                    total = x.dtype.type(0)
                    for lane in range(q * lanes, (q + 1) * lanes):
                        total += sums[o - first, k, lane]
                    weights[o * planes + q, k] = total


@inlined
def _add_tap(s, g, x, starts, i, j, shift, mask):
    """s + g · the numbers that a tap reads, in 4 images."""
    s = multiply_add(g[0], _read(x, starts[0] + shift, i, j, mask), s)
    s = multiply_add(g[1], _read(x, starts[1] + shift, i, j, mask), s)
    s = multiply_add(g[2], _read(x, starts[2] + shift, i, j, mask), s)
    return multiply_add(g[3], _read(x, starts[3] + shift, i, j, mask), s)


@inlined
def _gather(grad, at, targets, kept, b, real):
    """The numbers of grad that belong to block b; 0 in lanes without a window."""
    g = splat(grad.dtype.type(0))
    q = 0
    while kept[b, q]:
        g = load_where(kept[b, q] & real, grad, at + targets[b, q], g)
        q += 1
    return g


def _weight(weights: Array, c: int, f: int, k: int) -> Any:
    """weights[c, f, k] for all lanes: one number 16 times, or 16 numbers."""


@overload(_weight)
def _weight_for(weights, c, f, k):
    return _one_for_all if weights.ndim == 3 else _one_each


def _one_for_all(weights, c, f, k):
    return splat(weights[c, f, k])


def _one_each(weights, c, f, k):
    return load(weights, ((c * weights.shape[1] + f) * weights.shape[2] + k) * LANES)


def _read(x: Array, at: int, i: int, j: int, mask: int) -> Any:
    """16 numbers of x where the mask is 1, else 0: neighbours, or every second from two places."""


@overload(_read)
def _read_for(x, at, i, j, mask):
    return _read_neighbours if mask == types.uint16 else _read_every_second


def _read_neighbours(x, at, i, j, mask):
    return load_where(mask, x, at + i, splat(x.dtype.type(0)))


def _read_every_second(x, at, i, j, mask):
    zero = splat(x.dtype.type(0))
    return evens(load_where(mask, x, at + i, zero), load_where(mask >> 16, x, at + j, zero))


def _write(y: Array, at: Any, v: Any, targets: Array, kept: Array, f: int, b: int) -> None:
    """Write the results of block b of 4 images: as neighbours, or to every second place."""


@overload(_write)
def _write_for(y, at, v, targets, kept, f, b):
    return _write_neighbours if targets.ndim == 3 else _write_every_second


def _write_neighbours(y, at, v, targets, kept, f, b):
    q = 0
    while kept[f, b, q]:
        _store4(kept[f, b, q], y, at, targets[f, b, q], v)
        q += 1


def _write_every_second(y, at, v, targets, kept, f, b):
    first = (
        zip_first(v[0], v[0]),
        zip_first(v[1], v[1]),
        zip_first(v[2], v[2]),
        zip_first(v[3], v[3]),
    )
    last = zip_last(v[0], v[0]), zip_last(v[1], v[1]), zip_last(v[2], v[2]), zip_last(v[3], v[3])
    q = 0
    while kept[f, b, 0, q]:
        _store4(kept[f, b, 0, q], y, at, targets[f, b, 0, q], first)
        q += 1
    q = 0
    while kept[f, b, 1, q]:
        _store4(kept[f, b, 1, q], y, at, targets[f, b, 1, q], last)
        q += 1


@inlined
def _store4(mask, y, at, to, v):
    store_where(mask, y, at[0] + to, v[0])
    store_where(mask, y, at[1] + to, v[1])
    store_where(mask, y, at[2] + to, v[2])
    store_where(mask, y, at[3] + to, v[3])
