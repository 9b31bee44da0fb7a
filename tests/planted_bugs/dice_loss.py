"""Mistakes in the Dice loss."""

_HERE = "minidl.ops.dice_loss:DiceLoss"

BUGS = [
    ("DiceLoss", "denominator taken as constant", _HERE, "(overlap / total - 2 * t)", "(-2 * t)"),
    ("DiceLoss", "numerator taken as constant", _HERE, "(overlap / total - 2 * t)",
     "(overlap / total)"),
    ("DiceLoss", "lost 2", _HERE, "- 2 * t", "- t"),
    ("DiceLoss", "sign", _HERE, "overlap / total - 2 * t", "2 * t - overlap / total"),
    ("DiceLoss", "ignored pixels receive", _HERE, "each * counted *", "each *"),
    ("DiceLoss", "missing 1/(N·K)", _HERE, "shared_out(grad, self.reduction, self.input_shape[:2])",
     "np.broadcast_to(grad, self.input_shape[:2])"),
    ("DiceLoss", "not squared", _HERE, "- 2 * t) / total", "- 2 * t)"),
]  # fmt: skip
