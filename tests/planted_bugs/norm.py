"""Mistakes in batch normalisation."""

_OP = "minidl.ops.norm"
_TRAINING = "minidl_kernels.numpy.norm:batch_norm_backward"
_INFERENCE = "minidl_kernels.numpy.norm:batch_norm_inference_backward"

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
