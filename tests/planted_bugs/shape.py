"""Mistakes in moving numbers about."""

_HERE = "minidl.ops.shape"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("Reshape", "column-major", "grad.reshape(self.before)",
         'grad.reshape(self.before, order="F")'),
        ("Reshape", "shape not restored", "return grad.reshape(self.before)", "return grad"),
        ("Reshape", "reversed", "grad.reshape(self.before)",
         "grad.ravel()[::-1].reshape(self.before)"),
        ("Reshape", "averaged", "grad.reshape(self.before)", "np.full(self.before, grad.mean())"),
        ("Transpose", "not inverted", "np.argsort(self.axes)", "self.axes"),
        ("Transpose", "not transposed", "grad.transpose(np.argsort(self.axes))", "grad"),
        ("Transpose", "always reversed", "grad.transpose(np.argsort(self.axes))", "grad.T"),
        ("Transpose", "reshaped", "grad.transpose(np.argsort(self.axes))",
         "grad.reshape([grad.shape[k] for k in np.argsort(self.axes)])"),
        ("BroadcastTo", "lost un-broadcast", "sum_to_shape(grad, self.before)", "grad"),
        ("BroadcastTo", "mean instead of sum", "sum_to_shape(grad, self.before)",
         "sum_to_shape(grad, self.before) / (grad.size / np.prod(self.before))"),
        ("BroadcastTo", "first copy only", "sum_to_shape(grad, self.before)",
         "grad[0].reshape(-1)[: int(np.prod(self.before))].reshape(self.before)"),
        ("BroadcastTo", "doubled", "sum_to_shape(grad", "2 * sum_to_shape(grad"),
        ("Index", "= for +=", "np.add.at(dx, self.index, grad)", "dx[self.index] = grad"),
        ("Index", "+= counts a repeat once", "np.add.at(dx, self.index, grad)",
         "dx[self.index] += grad"),
        ("Index", "ones elsewhere", "np.zeros(", "np.ones("),
        ("Index", "scattered from the front", "dx[self.index] = grad",
         "dx.ravel()[: grad.size] = grad.ravel()"),
        ("Concatenate", "cut one element late", "self.ends[:-1]", "self.ends[:-1] + 1"),
        ("Concatenate", "wrong axis", "axis=self.axis)", "axis=self.axis - 1)"),
        ("Concatenate", "parts in reverse", "zip(parts, self.needs", "zip(parts[::-1], self.needs"),
        ("Concatenate", "first part for all", "tuple(part if need", "tuple(parts[0] if need"),
        ("Pad", "off by one", "slice(a, size - b)", "slice(a + 1, size - b + 1)"),
        ("Pad", "sides swapped", "slice(a, size - b)", "slice(b, size - a)"),
        ("Pad", "cut part forgotten", "dx[self.cut] = grad[inside]",
         "dx.ravel()[: grad[inside].size] = grad[inside].ravel()"),
        ("Pad", "cut part not zero", "np.zeros(", "np.ones("),
    ]
]  # fmt: skip
