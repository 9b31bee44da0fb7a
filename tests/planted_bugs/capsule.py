"""Mistakes in capsules."""

_HERE = "minidl.ops.capsule:Squash"

BUGS = [
    ("Squash", "length taken as constant", _HERE, "f * grad + 2 * df * along * s", "f * grad"),
    ("Squash", "lost 2 of |s|²", _HERE, "+ 2 * df", "+ df"),
    ("Squash", "eps forgotten", _HERE, "2 * (q + self.eps)", "2 * (q + 1e-9)"),
    ("Squash", "root not derived", _HERE, " - q / (2 * (q + self.eps))", ""),
    ("Squash", "product not along the axis", _HERE, "(grad * s).sum(axis=self.axis",
     "(grad * s).sum(axis=-1"),
    ("Squash", "elementwise for the sum", _HERE,
     "(grad * s).sum(axis=self.axis, keepdims=True)", "grad * s"),
    ("Squash", "1 / |s| at s = 0", _HERE, "root = np.sqrt(q + self.eps)",
     "root = np.sqrt(q); df = q / q"),
]  # fmt: skip
