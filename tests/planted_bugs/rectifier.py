"""Mistakes in activation functions with kinks."""

_HERE = "minidl.ops.rectifier"

_KERNEL = "minidl_kernels.numpy.relu:relu_backward"

BUGS = [
    ("ReLU", "mask forgotten", _KERNEL, "np.where(y > 0, grad, 0)", "grad"),
    ("ReLU", "y as the mask", _KERNEL, "np.where(y > 0, grad, 0)", "grad * y"),
    ("ReLU", "≥ for >", _KERNEL, "where(y > 0", "where(y >= 0"),
    ("ReLU", "mask of the gradient", _KERNEL, "where(y > 0", "where(grad > 0"),
    ("ReLU", "sides swapped", _KERNEL, "grad, 0)", "0, grad)"),
] + [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("ReLU6", "upper end forgotten", "((y > 0) & (y < 6))", "(y > 0)"),
        ("ReLU6", "lower end forgotten", "((y > 0) & (y < 6))", "(y < 6)"),
        ("ReLU6", "≤ for <", "y < 6", "y <= 6"),
        ("ReLU6", "or for and", "(y > 0) & (y < 6)", "(y > 0) | (y < 6)"),
        ("LeakyReLU", "slope forgotten", "grad, self.slope * grad", "grad, grad"),
        ("LeakyReLU", "ReLU's", "grad, self.slope * grad", "grad, 0"),
        ("LeakyReLU", "sides swapped", "grad, self.slope * grad", "self.slope * grad, grad"),
        ("LeakyReLU", "sign of the slope", "grad, self.slope", "grad, -self.slope"),
        ("LeakyReLU", "sign of the gradient for that of x", "(is_positive,) = self.saved",
         "is_positive = grad > 0"),
        ("PReLU", "slope forgotten in dx", "grad, w * grad", "grad, grad"),
        ("PReLU", "ReLU's dx", "grad, w * grad", "grad, 0"),
        ("PReLU", "all of x in dw", "grad * np.minimum(x, 0)", "grad * x"),
        ("PReLU", "the other side in dw", "grad * np.minimum(x, 0)", "grad * np.maximum(x, 0)"),
        ("PReLU", "dw averaged", "each.sum(axis=others)", "each.mean(axis=others)"),
        ("PReLU", "slopes along the last axis", "axis == 1 else 1",
         "axis == x.ndim - 1 else 1"),
        ("PReLU", "dw summed over the channels", "if axis != 1", "if axis != x.ndim - 1"),
        ("ELU", "lost α", "self.alpha * np.exp", "np.exp"),
        ("ELU", "the function itself", "np.exp(np", "np.expm1(np"),
        ("ELU", "ReLU's", "self.alpha * np.exp(np.minimum(x, 0))", "0"),
        ("ELU", "exponential everywhere", "np.where(x > 0, 1, self", "np.where(x > 99, 1, self"),
        ("ELU", "sign of x", "np.exp(np", "np.exp(-np"),
        ("Hardsigmoid", "missing 1/6", "grad * rises / 6", "grad * rises"),
        ("Hardsigmoid", "upper end forgotten", "(x > -3) & (x < 3)", "(x > -3)"),
        ("Hardsigmoid", "lower end forgotten", "(x > -3) & (x < 3)", "(x < 3)"),
        ("Hardsigmoid", "ends of ReLU6", "(x > -3) & (x < 3)", "(x > 0) & (x < 6)"),
        ("Hardswish", "product rule forgotten", "(2 * np.clip(x, -3, 3) + 3)",
         "(np.clip(x, -3, 3) + 3)"),
        ("Hardswish", "missing 1/6", "(2 * np.clip(x, -3, 3) + 3) / 6",
         "(2 * np.clip(x, -3, 3) + 3)"),
        ("Hardswish", "upper end forgotten", "np.where(x >= 3, 1, np.where(x <= -3, 0, between))",
         "np.where(x <= -3, 0, between)"),
        ("Hardswish", "lower end forgotten", "np.where(x <= -3, 0, between)", "between"),
        ("Hardswish", "lost 3", "(2 * np.clip(x, -3, 3) + 3)", "(2 * np.clip(x, -3, 3))"),
        ("Maxout", "all of a piece receive", "np.put_along_axis(dx, winner, np.expand_dims(grad,"
         " self.axis), self.axis)", "dx += np.expand_dims(grad, self.axis)"),
        ("Maxout", "shared among the piece", "return dx.reshape(self.x_shape)",
         "return (dx / dx.shape[self.axis]).reshape(self.x_shape)"),
        ("Maxout", "the first wins", "dx, winner,", "dx, 0 * winner,"),
        ("Maxout", "the smallest wins backward", "self.save(winner)",
         "self.save(np.expand_dims(pieces.argmin(axis=axis + 1), axis + 1))"),
        ("Maxout", "pieces interleaved in backward", "return dx.reshape(self.x_shape)",
         "return np.moveaxis(dx, self.axis, self.axis - 1).reshape(self.x_shape)"),
    ]
]  # fmt: skip
