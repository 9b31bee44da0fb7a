"""Depthwise convolution by the textbook's loops, for any dtype, stride and processor.

The formulas are in depthwise.py. For each tap the windows that would read padding are left out
beforehand, so that the innermost loop has no `if` and becomes vector instructions.

Shapes: x, dx (N, C, H, W) · w, dw (C·M, 1, KH, KW) · bias (C·M,) · y, grad (N, C·M, OH, OW).
"""

from minidl_kernels.numba.jit import inlined, jit


@jit
def forward(t, threads, x, w, bias, y, stride, before, dilation):
    """The share of thread t: some neighbouring planes (n, o) of y."""
    N, O, OH, OW = y.shape
    _, C, H, W = x.shape
    for plane in range(t * N * O // threads, (t + 1) * N * O // threads):
        n, o = plane // O, plane % O
        y[n, o] = bias[o]
        for u in range(w.shape[2]):
            above, top, bottom = _real(u, OH, H, stride[0], before[0], dilation[0])
            for v in range(w.shape[3]):
                left, first, stop = _real(v, OW, W, stride[1], before[1], dilation[1])
                a = w[o, 0, u, v]
                for i in range(top, bottom):
                    row = y[n, o, i, first:stop]
                    source = x[n, o // (O // C), i * stride[0] + above, first * stride[1] + left :]
                    if stride[1] == 1:  # a constant stride makes vector instructions possible
                        for j in range(len(row)):
                            row[j] += a * source[j]
                    else:
                        for j in range(len(row)):
                            row[j] += a * source[j * stride[1]]


@jit
def input_gradient(t, threads, grad, w, dx, stride, before, dilation):
    """The share of thread t: some neighbouring planes (n, c) of dx."""
    N, C, H, W = dx.shape
    _, O, OH, OW = grad.shape
    for plane in range(t * N * C // threads, (t + 1) * N * C // threads):
        n, c = plane // C, plane % C
        dx[n, c] = 0
        for o in range(c * (O // C), (c + 1) * (O // C)):
            for u in range(w.shape[2]):
                above, top, bottom = _real(u, OH, H, stride[0], before[0], dilation[0])
                for v in range(w.shape[3]):
                    left, first, stop = _real(v, OW, W, stride[1], before[1], dilation[1])
                    a = w[o, 0, u, v]
                    for i in range(top, bottom):
                        row = dx[n, c, i * stride[0] + above, first * stride[1] + left :]
                        source = grad[n, o, i, first:stop]
                        if stride[1] == 1:
                            for j in range(len(source)):
                                row[j] += a * source[j]
                        else:
                            for j in range(len(source)):
                                row[j * stride[1]] += a * source[j]


@jit
def weight_gradient(t, threads, grad, x, dw, stride, before, dilation):
    """The share of thread t: some neighbouring filters o."""
    N, C, H, W = x.shape
    _, O, OH, OW = grad.shape
    for o in range(t * O // threads, (t + 1) * O // threads):
        dw[o] = 0
        for n in range(N):
            for u in range(dw.shape[2]):
                above, top, bottom = _real(u, OH, H, stride[0], before[0], dilation[0])
                for v in range(dw.shape[3]):
                    left, first, stop = _real(v, OW, W, stride[1], before[1], dilation[1])
                    total = x.dtype.type(0)
                    for i in range(top, bottom):
                        row = grad[n, o, i, first:stop]
                        h, k = i * stride[0] + above, first * stride[1] + left
                        source = x[n, o // (O // C), h, k:]
                        if stride[1] == 1:
                            for j in range(len(row)):
                                total += row[j] * source[j]
                        else:
                            for j in range(len(row)):
                                total += row[j] * source[j * stride[1]]
                    dw[o, 0, u, v] += total


@inlined
def _real(tap, count, size, stride, before, dilation):
    """Window i reads pixel i·stride + shift with this tap; the pixel exists for first ≤ i < stop.

    Returns (shift, first, stop).
    """
    shift = tap * dilation - before
    first = max(0, -(shift // stride))
    return shift, first, max(first, min(count, (size - 1 - shift) // stride + 1))
