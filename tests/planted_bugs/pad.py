"""Mistakes in padding."""

_HERE = "minidl.ops.pad"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("Pad", "off by one", "grad[self._inside(grad)]",
         "np.roll(grad, 1, -1)[self._inside(grad)]"),
        ("Pad", "sides swapped", "grad[self._inside(grad)]",
         "grad[tuple(slice(b, n - a) for (a, b), n in zip(self.grown, grad.shape))]"),
        ("Pad", "cut part forgotten", "dx[self.cut] = grad[self._inside(grad)]",
         "inside = grad[self._inside(grad)]; dx.ravel()[: inside.size] = inside.ravel()"),
        ("Pad", "cut part not zero", "np.zeros(", "np.ones("),
        ("PadByCopy", "= for +=", "into[j] += outof[i]", "into[j] = outof[i]"),
        ("PadByCopy", "copied the wrong way", "into[j] += outof[i]", "into[j] += outof[j]"),
        ("PadByCopy", "copies receive nothing", "into[j] += outof[i]",
         "into[j] += outof[i] * (source[i - 1] < j)"),
        ("PadByCopy", "averaged over the copies", "into[j] += outof[i]",
         "into[j] += outof[i] / (source == j).sum()"),
        ("PadByCopy", "wrong axis", "np.moveaxis(grad, axis, 0)", "np.moveaxis(grad, axis - 1, 0)"),
        ("PadByCopy", "last axis only", "grad = dx\n        return grad",
         "pass\n        return dx"),
        ("PadByCopy", "widths of the next axis in forward", "widths[axis], mode",
         "widths[axis - 1], mode"),
    ]
]  # fmt: skip
