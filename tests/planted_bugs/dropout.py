"""Mistakes in dropout and in the join of a fractal network."""

_DROPOUT = "minidl.ops.dropout:Dropout"
_JOIN = "minidl.ops.dropout:JoinMean"

BUGS = [
    ("Dropout", "not scaled", _DROPOUT, "return grad * kept * self.scale", "return grad * kept"),
    ("Dropout", "mask forgotten", _DROPOUT, "return grad * kept * self.scale",
     "return grad * self.scale"),
    ("Dropout", "mask inverted", _DROPOUT, "return grad * kept", "return grad * ~kept"),
    ("Dropout", "new mask in backward", _DROPOUT, "(kept,) = self.saved",
     "kept = random.generator().random(grad.shape) >= 0.5"),
    ("Dropout", "multiplied by 1 − p for divided", _DROPOUT, "grad * kept * self.scale",
     "grad * kept / self.scale"),
    ("JoinMean", "missing 1/K", _JOIN, "share = grad / self.count", "share = grad"),
    ("JoinMean", "1/K twice", _JOIN, "share = grad / self.count", "share = grad / self.count**2"),
    ("JoinMean", "summed in forward", _JOIN, "y += array / self.count", "y += array"),
    ("JoinMean", "the first array changed in place", _JOIN, "y = first / self.count",
     "y = np.divide(first, self.count, out=first)"),
    ("JoinMean", "all to the first", _JOIN, "share if need else None for need in self.needs",
     "grad * (k == 0) for k in range(self.count)"),
    ("JoinMean", "last column forgotten", _JOIN, "in arrays[1:]", "in arrays[1:-1]"),
]  # fmt: skip
