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
        ("Concatenate", "cut one element late", "self.ends[:-1]", "self.ends[:-1] + 1"),
        ("Concatenate", "wrong axis", "axis=self.axis)", "axis=self.axis - 1)"),
        ("Concatenate", "parts in reverse", "zip(parts, self.needs", "zip(parts[::-1], self.needs"),
        ("Concatenate", "first part for all", "tuple(part if need", "tuple(parts[0] if need"),
        ("Stack", "wrong axis", "grad, self.axis, 0", "grad, self.axis - 1, 0"),
        ("Stack", "axis moved the wrong way", "grad, self.axis, 0", "grad, 0, self.axis"),
        ("Stack", "layers in reverse", "zip(layers, self.needs", "zip(layers[::-1], self.needs"),
        ("Stack", "first layer for all", "layer if need else None", "layers[0] if need else None"),
        ("Stack", "averaged", "layer if need", "layer / len(layers) if need"),
        ("Roll", "rolled on, not back", "-places for places", "places for places"),
        ("Roll", "not rolled", "np.roll(grad, [-places for places in self.shift], self.axes)",
         "grad"),
        ("Roll", "axes in reverse", "in self.shift], self.axes)",
         "in self.shift], self.axes[::-1])"),
        ("Roll", "one place short", "[-places for", "[1 - places for"),
        ("Roll", "what came round is lost", "return np.roll(grad, [-places",
         "return (np.arange(grad.shape[-1]) > 0) * np.roll(grad, [-places"),
    ]
]  # fmt: skip
