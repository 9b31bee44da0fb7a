"""Mistakes in losses."""

_HERE = "minidl.ops.loss"

_KERNEL = "minidl_kernels.numpy.loss:cross_entropy"

BUGS = [
    ("CrossEntropy", "labels not subtracted", _KERNEL, "keepdims=True) - a", "keepdims=True)"),
    ("CrossEntropy", "class weight only on the label's term", _KERNEL,
     "np.exp(log_p) * a.sum(axis=1, keepdims=True)", "np.exp(log_p)"),
    ("CrossEntropy", "logits for probabilities", _KERNEL, "np.exp(log_p) *", "log_p *"),
    ("CrossEntropy", "ignored rows not ignored", _KERNEL,
     "np.where((labels >= 0)[:, None], dz, 0)", "np.exp(log_p) - a"),
] + [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("CrossEntropy", "missing 1/N", "grad / self.divisor", "grad"),
        ("CrossEntropy", "sign", "return dz * scale", "return -dz * scale"),
        ("CrossEntropy", "N counts ignored rows", "grad / self.divisor", "grad / len(dz)"),
        ("CrossEntropy", "reduction 'none' not broadcast by class", "np.expand_dims(grad, 1)",
         "np.expand_dims(grad, 1).mean()"),
        ("NLLLoss", "sign", "-row_weight * scale", "row_weight * scale"),
        ("NLLLoss", "missing 1/N", "grad / self.divisor", "grad"),
        ("NLLLoss", "class weight lost", "-row_weight * scale", "-1.0 * scale + 0 * row_weight"),
        ("NLLLoss", "next class", "np.expand_dims(class_of, 1), hit",
         "np.expand_dims((class_of + 1) % self.log_p_shape[1], 1), hit"),
        ("NLLLoss", "ones elsewhere", "np.zeros(", "np.ones("),
        ("BCEWithLogits", "P forgotten", "- P * t * sigmoid(-x)", "- t * sigmoid(-x)"),
        ("BCEWithLogits", "weight forgotten", "each * w * (", "each * ("),
        ("BCEWithLogits", "missing 1/N", "shared_out(grad, self.reduction, x.shape)",
         "np.broadcast_to(grad, x.shape)"),
        ("BCEWithLogits", "sign of x in the yes term", "sigmoid(-x)", "sigmoid(x)"),
        ("BCEWithLogits", "answers swapped", "(1 - t) * sigmoid(x) - P * t",
         "t * sigmoid(x) - P * (1 - t)"),
        ("BCEWithLogits", "sign of dt", "each * dt", "-each * dt"),
        ("BCEWithLogits", "P forgotten in dt", "w * (P * minus_ln_yes - minus_ln_no) if",
         "w * (minus_ln_yes - minus_ln_no) if"),
    ]
]  # fmt: skip
