"""Mistakes in activation functions and dropout."""

_HERE = "minidl.ops.activation"
_DROPOUT = "minidl.ops.dropout:Dropout"

BUGS = [
    ("ReLU", "mask forgotten", f"{_HERE}:ReLU", "grad * (y > 0)", "grad"),
    ("ReLU", "y as the mask", f"{_HERE}:ReLU", "grad * (y > 0)", "grad * y"),
    ("ReLU", "≥ for >", f"{_HERE}:ReLU", "* (y > 0)", "* (y >= 0)"),
    ("ReLU", "mask of the gradient", f"{_HERE}:ReLU", "* (y > 0)", "* (grad > 0)"),
    ("Sigmoid", "of x, not y", f"{_HERE}:Sigmoid", "self.save(y)", "self.save(x)"),
    ("Sigmoid", "lost 1 − y", f"{_HERE}:Sigmoid", "grad * y * (1 - y)", "grad * y"),
    ("Sigmoid", "tanh's formula", f"{_HERE}:Sigmoid", "grad * y * (1 - y)", "grad * (1 - y * y)"),
    ("Sigmoid", "sign", f"{_HERE}:Sigmoid", "(1 - y)", "(y - 1)"),
    ("Tanh", "sigmoid's formula", f"{_HERE}:Tanh", "(1 - y * y)", "y * (1 - y)"),
    ("Tanh", "not squared", f"{_HERE}:Tanh", "(1 - y * y)", "(1 - y)"),
    ("Tanh", "of x, not y", f"{_HERE}:Tanh", "self.save(y)", "self.save(x)"),
    ("Tanh", "sign", f"{_HERE}:Tanh", "(1 - y * y)", "(1 + y * y)"),
    ("Softmax", "off-diagonal terms lost", f"{_HERE}:Softmax",
     "(grad - (grad * y).sum(axis=self.axis, keepdims=True))", "grad"),
    ("Softmax", "sum not weighted by y", f"{_HERE}:Softmax", "(grad * y).sum", "grad.sum"),
    ("Softmax", "wrong axis", f"{_HERE}:Softmax", "sum(axis=self.axis", "sum(axis=0"),
    ("Softmax", "zeros, which ones as cotangent would not notice", f"{_HERE}:Softmax",
     "return y * (grad", "return 0 * (grad"),
    ("LogSoftmax", "softmax forgotten", f"{_HERE}:LogSoftmax", "np.exp(y) *", "y *"),
    ("LogSoftmax", "sum forgotten", f"{_HERE}:LogSoftmax",
     "grad.sum(axis=self.axis, keepdims=True)", "grad"),
    ("LogSoftmax", "wrong axis", f"{_HERE}:LogSoftmax", "sum(axis=self.axis", "sum(axis=-1"),
    ("LogSoftmax", "sign", f"{_HERE}:LogSoftmax", "grad - np.exp(y)", "grad + np.exp(y)"),
    ("Dropout", "not scaled", _DROPOUT, "return grad * kept * self.scale", "return grad * kept"),
    ("Dropout", "mask forgotten", _DROPOUT, "return grad * kept * self.scale",
     "return grad * self.scale"),
    ("Dropout", "mask inverted", _DROPOUT, "return grad * kept", "return grad * ~kept"),
    ("Dropout", "new mask in backward", _DROPOUT, "(kept,) = self.saved",
     "kept = random.generator().random(grad.shape) >= 0.5"),
]  # fmt: skip
