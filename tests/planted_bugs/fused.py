"""Mistakes in fused operations."""

_OP = "minidl.ops.fused"
_KERNEL = "minidl_kernels.numpy.fused"
_BACK = f"{_KERNEL}:batch_norm_relu_backward"

BUGS = [
    ("BatchNormReLU", "ReLU forgotten in backward", _BACK, "passed = add_relu_backward(grad, y)",
     "passed = grad"),
    ("BatchNormReLU", "sign of x for that of y", _BACK, "add_relu_backward(grad, y)",
     "add_relu_backward(grad, x)"),
    ("BatchNormReLU", "ReLU after batch norm's backward", _BACK,
     "dx, dgamma, dbeta = back(passed, x, gamma, mean, var, eps)",
     "dx, dgamma, dbeta = back(grad, x, gamma, mean, var, eps); dx = dx * (y > 0)"),
    ("BatchNormReLU", "training's formula in evaluation", _BACK,
     "batch_norm_backward if measured else batch_norm_inference_backward", "batch_norm_backward"),
    ("BatchNormReLU", "evaluation's formula in training", _BACK,
     "batch_norm_backward if measured else batch_norm_inference_backward",
     "batch_norm_inference_backward"),
    ("BatchNormReLU", "residual not through ReLU", _BACK, "passed if has_residual",
     "grad if has_residual"),
    ("BatchNormReLU", "residual through batch norm", _BACK, "passed if has_residual",
     "dx if has_residual"),
    ("BatchNormReLU", "residual lost in forward", f"{_KERNEL}:batch_norm_relu_forward",
     "y += residual", "pass"),
    ("BatchNormReLU", "residual lost in evaluation", f"{_KERNEL}:batch_norm_relu_inference",
     "y += residual", "pass"),
    ("BatchNormReLU", "y saved for x", f"{_OP}:BatchNormReLU",
     "self.save(flat if self.measured or self.needs[1] else None, y", "self.save(y, y"),
    ("AddReLU", "ReLU forgotten", f"{_KERNEL}:add_relu_backward", "np.where(y > 0, grad, 0)",
     "grad"),
    ("AddReLU", "mask inverted", f"{_KERNEL}:add_relu_backward", "np.where(y > 0",
     "np.where(y <= 0"),
    ("AddReLU", "gradient of one input lost", f"{_OP}:AddReLU", "wanted(self, passed, passed)",
     "wanted(self, passed, 0 * passed)"),
    ("AddReLU", "a's sign for y's", f"{_OP}:AddReLU", "self.save(y)", "self.save(a)"),
    ("AddReLU", "shared between a and b", f"{_OP}:AddReLU", "wanted(self, passed, passed)",
     "wanted(self, passed / 2, passed / 2)"),
]  # fmt: skip
