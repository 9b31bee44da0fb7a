"""Mistakes in losses with a margin."""

_HERE = "minidl.ops.margin_loss"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("MultiMarginLoss", "label's own gradient forgotten",
         "dz[rows, labels] = -dz.sum(axis=1)", "pass"),
        ("MultiMarginLoss", "label counted once, not for each violation",
         "-dz.sum(axis=1)", "-dz.max(axis=1)"),
        ("MultiMarginLoss", "sign of the label", "= -dz.sum(", "= dz.sum("),
        ("MultiMarginLoss", "lost 2 of the square", "2 * violation", "violation"),
        ("MultiMarginLoss", "p forgotten", "violation > 0 if self.p == 1 else 2 * violation",
         "violation > 0"),
        ("MultiMarginLoss", "missing 1/N", "shared_out(grad, self.reduction, factor.shape)",
         "np.broadcast_to(grad, factor.shape)"),
        ("MultiMarginLoss", "missing 1/K and class weight", "factor.shape) * factor",
         "factor.shape)"),
        ("MultiMarginLoss", "every class violates", "violation > 0", "violation >= 0"),
        ("CapsuleMarginLoss", "lost 2", "each[:, None] * 2 *", "each[:, None] *"),
        ("CapsuleMarginLoss", "lost λ", "self.lambda_ * too_long", "too_long"),
        ("CapsuleMarginLoss", "sign of the label", "too_long - too_short", "too_long + too_short"),
        ("CapsuleMarginLoss", "λ on both", "(self.lambda_ * too_long - too_short)",
         "self.lambda_ * (too_long - too_short)"),
        ("CapsuleMarginLoss", "missing 1/N",
         "shared_out(grad, self.reduction, too_short.shape[:1])",
         "np.broadcast_to(grad, too_short.shape[:1])"),
        ("CapsuleMarginLoss", "divided by N·K", "too_short.shape[:1])",
         "too_short.shape)[:, 0]"),
    ]
]  # fmt: skip
