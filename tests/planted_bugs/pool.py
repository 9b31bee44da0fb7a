"""Mistakes in pooling."""

_OP = "minidl.ops.pool"
_KERNEL = "minidl_kernels.numpy.pool"

BUGS = [
    ("MaxPool2d", "overlapping windows do not add up", f"{_KERNEL}:max_pool2d_backward",
     "np.bincount(bins, weights, N * C * H * W)",
     "np.array([dict(zip(bins, weights)).get(k, 0) for k in range(N * C * H * W)])"),
    ("MaxPool2d", "channels share their bins", f"{_KERNEL}:max_pool2d_backward",
     "np.arange(N * C) * (H * W)", "np.arange(N * C) * 0"),
    ("MaxPool2d", "width for height", f"{_KERNEL}:max_pool2d_forward",
     "np.arange(H)[h, None] * W", "np.arange(H)[h, None] * H"),
    ("MaxPool2d", "position inside the window saved", f"{_KERNEL}:max_pool2d_forward",
     "np.copyto(at, here, where=wins)", "np.copyto(at, u * kernel[1] + v, where=wins)"),
    ("MaxPool2d", "last position saved", f"{_KERNEL}:max_pool2d_forward",
     "np.copyto(at, here, where=wins)", "at[...] = here"),
    ("AvgPool2d", "missing division", f"{_KERNEL}:avg_pool2d_backward",
     "dx[:, :, h, k] += share[", "dx[:, :, h, k] += grad["),
    ("AvgPool2d", "= for +=", f"{_KERNEL}:avg_pool2d_backward",
     "dx[:, :, h, k] += share", "dx[:, :, h, k] = share"),
    ("AvgPool2d", "count_include_pad forgotten", f"{_KERNEL}:avg_pool2d_backward",
     "count_include_pad, out_size", "True, out_size"),
    ("AvgPool2d", "padding of the wrong side", f"{_KERNEL}:avg_pool2d_backward",
     "_inside(u - padding[0]", "_inside(u - padding[2]"),
    ("AvgPool2d", "stride of the wrong axis", f"{_KERNEL}:avg_pool2d_backward",
     "W, stride[1]", "W, stride[0]"),
    ("AdaptiveAvgPool2d", "missing division", f"{_OP}:AdaptiveAvgPool2d",
     "(grad[:, :, i, j] / size)", "grad[:, :, i, j]"),
    ("AdaptiveAvgPool2d", "= for += where windows overlap", f"{_OP}:AdaptiveAvgPool2d",
     "dx[:, :, rows, columns] +=", "dx[:, :, rows, columns] ="),
    ("AdaptiveAvgPool2d", "rows counted twice", f"{_OP}:AdaptiveAvgPool2d",
     "(columns.stop - columns.start)", "(rows.stop - rows.start)"),
    ("AdaptiveAvgPool2d", "i and j swapped", f"{_OP}:AdaptiveAvgPool2d",
     "(grad[:, :, i, j] / size)",
     "(grad[:, :, j % grad.shape[2], i % grad.shape[3]] / size)"),
]  # fmt: skip
