"""Mistakes in losses for numbers."""

_HERE = "minidl.ops.regression_loss"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("MSELoss", "lost 2", "* 2 * difference", "* difference"),
        ("MSELoss", "missing 1/N", "shared_out(grad, self.reduction, difference.shape)", "grad"),
        ("MSELoss", "divided by the rows only",
         "shared_out(grad, self.reduction, difference.shape)",
         "(grad / len(difference) if self.reduction == 'mean' else grad)"),
        ("MSELoss", "sign of dt", "-dx if self.needs[1]", "dx if self.needs[1]"),
        ("MSELoss", "absolute difference", "self.save(difference)",
         "self.save(np.abs(difference))"),
        ("MSELoss", "target's gradient dropped", "-dx if self.needs[1]", "0 * dx if self.needs[1]"),
        ("L1Loss", "difference for its sign", "np.sign(difference)", "difference"),
        ("L1Loss", "missing 1/N", "shared_out(grad, self.reduction, sign.shape)",
         "np.broadcast_to(grad, sign.shape)"),
        ("L1Loss", "sign of dt", "-dx if self.needs[1]", "dx if self.needs[1]"),
        ("L1Loss", "sign of dx", "return dx if self.needs[0]", "return -dx if self.needs[0]"),
        ("L1Loss", "mean always", "self.reduction, sign.shape", "'mean', sign.shape"),
        ("SmoothL1Loss", "lost 1/β", "self.beta) / self.beta", "self.beta)"),
        ("SmoothL1Loss", "parabola everywhere",
         "np.clip(difference, -self.beta, self.beta) / self.beta", "difference / self.beta"),
        ("SmoothL1Loss", "straight everywhere",
         "np.clip(difference, -self.beta, self.beta) / self.beta", "np.sign(difference)"),
        ("SmoothL1Loss", "missing 1/N", "shared_out(grad, self.reduction, slope.shape)",
         "np.broadcast_to(grad, slope.shape)"),
        ("SmoothL1Loss", "sign of dt", "-dx if self.needs[1]", "dx if self.needs[1]"),
        ("SmoothL1Loss", "lower side not clipped", "np.clip(difference, -self.beta, self.beta)",
         "np.minimum(difference, self.beta)"),
    ]
]  # fmt: skip
