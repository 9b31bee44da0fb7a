"""Mistakes in normalisation."""

_OP = "minidl.ops.batch_norm"
_TRAINING = "minidl_kernels.numpy.norm:batch_norm_backward"
_INFERENCE = "minidl_kernels.numpy.norm:batch_norm_inference_backward"
_ROWS = "minidl.ops.norm:_RowNorm"
_RESPONSE = "minidl.ops.response_norm:LocalResponseNorm"

BUGS = [
    ("BatchNorm", "term through the mean lost", _TRAINING, "dx -= (dbeta / m)[:, None]", "pass"),
    ("BatchNorm", "term through the variance lost", _TRAINING, "dx *= (-dgamma / m)[:, None]",
     "dx *= 0"),
    ("BatchNorm", "missing 1/m", _TRAINING, "(-dgamma / m)", "(-dgamma)"),
    ("BatchNorm", "m without the pixels", _TRAINING, "m = x.shape[0] * x.shape[2]",
     "m = x.shape[0]"),
    ("BatchNorm", "lost γ", _TRAINING, "dx *= (gamma * scale)", "dx *= scale"),
    ("BatchNorm", "lost 1/√(σ² + ε)", _TRAINING, "dx *= (gamma * scale)", "dx *= gamma"),
    ("BatchNorm", "dγ without x̂", _TRAINING, "(grad * x_hat).sum", "(grad * x).sum"),
    ("BatchNorm", "gradients of γ and β swapped", _TRAINING, "return dx, dgamma, dbeta",
     "return dx, dbeta, dgamma"),
    ("BatchNorm", "unbiased variance in backward", f"{_OP}:BatchNorm",
     "self.save(flat, gamma, mean, var)", "self.save(flat, gamma, mean, var * m / (m - 1))"),
    ("BatchNormInference", "training's formula", _INFERENCE,
     "return grad * (gamma * scale)[:, None]",
     "return (grad - grad.mean(axis=(0, 2))[:, None]) * (gamma * scale)[:, None]"),
    ("BatchNormInference", "lost γ", _INFERENCE, "grad * (gamma * scale)", "grad * scale"),
    ("BatchNormInference", "dγ not scaled", _INFERENCE, ".sum(axis=(0, 2)) * scale",
     ".sum(axis=(0, 2))"),
    ("BatchNormInference", "mean forgotten in dγ", _INFERENCE, "(x - mean[:, None])", "x"),
    ("BatchNormInference", "ε outside the root", _INFERENCE, "np.sqrt(var + eps)",
     "(np.sqrt(var) + 0.01)"),
]  # fmt: skip
BUGS += [
    (op, mistake, where, right, wrong)
    for op in ("LayerNorm", "GroupNorm", "InstanceNorm")
    for mistake, where, right, wrong in [
        ("lost γ", _ROWS, "(grad * gamma.reshape(self.over))", "grad"),
        ("γ after the norm's backward", _ROWS, "rows[0].reshape(grad.shape)",
         "rows[0].reshape(grad.shape) * gamma.reshape(self.over)"),
        ("dγ without x̂", _ROWS, "grad * x_hat.reshape(grad.shape)", "grad"),
        ("dγ of x, not x̂", _ROWS, "grad * x_hat.reshape(grad.shape)",
         "grad * x.reshape(grad.shape)"),
        ("lost un-broadcast", _ROWS, "dbeta = sum_to_shape(grad, self.over)",
         "dbeta = grad[:1]"),
        ("dβ averaged", _ROWS, "dbeta = sum_to_shape(grad, self.over)",
         "dbeta = sum_to_shape(grad / len(grad), self.over)"),
        ("statistics taken for constants", _ROWS, "active().norm.batch_norm_backward(",
         "active().norm.batch_norm_inference_backward("),
        ("standard deviation saved for variance", _ROWS, "self.save(flat, gamma, mean, var)",
         "self.save(flat, gamma, mean, np.sqrt(var))"),
        ("ε forgotten", _ROWS, "dx_hat, x, one, mean, var, self.eps",
         "dx_hat, x, one, mean, var, 0.0"),
    ]
    if (op, mistake) != ("InstanceNorm", "ε forgotten")  # its ε is small beside σ²
]  # fmt: skip
BUGS += [
    ("LocalResponseNorm", "way through s lost", _RESPONSE,
     " - (2 * self.rate * self.beta) * x * through_s", ""),
    ("LocalResponseNorm", "lost factor 2", _RESPONSE, "(2 * self.rate", "(self.rate"),
    ("LocalResponseNorm", "window not turned around", _RESPONSE,
     "self.after, self.before)\n", "self.before, self.after)\n"),
    ("LocalResponseNorm", "α not divided by the size in backward", _RESPONSE,
     "(2 * self.rate * self.beta)",
     "(2 * self.rate * (self.before + self.after + 1) * self.beta)"),
    ("LocalResponseNorm", "power of s one too high", _RESPONSE, "s ** (-self.beta - 1)",
     "s ** (-self.beta - 2)"),
    ("LocalResponseNorm", "x of the other channel lost", _RESPONSE, "_window_sum(grad * x * s",
     "_window_sum(grad * s"),
    ("LocalResponseNorm", "own channel only", _RESPONSE,
     "_window_sum(grad * x * s ** (-self.beta - 1), self.after, self.before)",
     "grad * x * s ** (-self.beta - 1)"),
    ("LocalResponseNorm", "k forgotten in what is saved", _RESPONSE, "self.save(x, s)",
     "self.save(x, s - k + 1)"),
]  # fmt: skip
