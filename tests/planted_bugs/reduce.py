"""Mistakes in sums, means and extremes."""

_HERE = "minidl.ops.reduce"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("Sum", "axes not put back", "self.spread(grad)", "grad"),
        ("Sum", "divided as a mean", "self.spread(grad)", "self.spread(grad / self.count)"),
        ("Sum", "wrong shape", "self.x_shape", "self.x_shape[::-1]"),
        ("Sum", "gradient averaged", "self.spread(grad)", "grad.mean()"),
        ("Mean", "missing 1/m", "grad / self.count", "grad"),
        ("Mean", "1/m of the whole array", "grad / self.count", "grad / np.prod(self.x_shape)"),
        ("Mean", "1/m of the result", "grad / self.count", "grad / max(grad.size, 1)"),
        ("Mean", "axes not put back", "self.spread(grad / self.count)", "grad / self.count"),
        ("Var", "lost factor 2", "(2 / self.divisor)", "(1 / self.divisor)"),
        ("Var", "missing 1/m", "(2 / self.divisor)", "2"),
        ("Var", "biased count in backward", "(2 / self.divisor)", "(2 / self.count)"),
        ("Var", "saved x, not x − μ", "self.save(deviation)", "self.save(x)"),
        ("Var", "axes not put back", "self.spread(grad)", "grad"),
    ]
] + [
    (op, mistake, f"{_HERE}:_Extreme", right, wrong)
    for op in ("Max", "Min")
    for mistake, right, wrong in [
        ("gradient to all", "np.zeros(", "np.ones("),
        ("first of the row saved", "self.save(winner)", "self.save(winner * 0)"),
        ("axes not moved back", "moved.transpose(np.argsort(order))", "moved"),
        ("order applied twice", "np.argsort(order)", "order"),
        ("kept axes first", "(*self.kept, *self.axes)", "(*self.axes, *self.kept)"),
    ]
]
