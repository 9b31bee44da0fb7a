"""Mistakes with: fused operations."""

import numpy as np

import minidl.functional as F
from minidl import Tensor
from tests.mistakes.inputs import IMAGE, Mistake, f32, f64, ints

MISTAKES: dict[str, Mistake] = {
    "batch_norm_relu: shortcut of other channels": (
        lambda: F.batch_norm_relu(f32(*IMAGE), None, None, training=True, residual=f32(2, 2, 6, 7)),
        "batch_norm_relu",
        ["(2, 4, 6, 7)", "residual", "(2, 2, 6, 7)"],
        "1 × 1 convolution",
    ),
    "batch_norm_relu: shortcut of other dtype": (
        lambda: F.batch_norm_relu(f32(*IMAGE), None, None, training=True, residual=f64(*IMAGE)),
        "batch_norm_relu",
        ["float32", "residual", "float64"],
        "x.astype('float32')",
    ),
    "batch_norm_relu: a batch of one": (
        lambda: F.batch_norm_relu(f32(1, 3), None, None, training=True),
        "batch_norm_relu",
        ["(1, 3)", "1 value"],
        "model.eval()",
    ),
    "batch_norm_relu: scale": (
        lambda: F.batch_norm_relu(f32(5, 3), None, None, f32(2), training=True),
        "batch_norm_relu",
        ["weight", "(2,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm_relu: running variance": (
        lambda: F.batch_norm_relu(f32(5, 3), np.zeros(3), np.ones(4)),
        "batch_norm_relu",
        ["running variance", "(4,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm_relu: pixels": (
        lambda: F.batch_norm_relu(np.zeros(IMAGE, np.uint8), None, None, f32(4), f32(4)),
        "batch_norm_relu",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "batch_norm_relu: parts of other sizes": (
        lambda: F.batch_norm_relu([Tensor(f32(2, 4, 6, 7)), Tensor(f32(2, 3, 3, 7))], None, None),
        "batch_norm_relu",
        ["part 0", "(2, 4, 6, 7)", "part 1", "(2, 3, 3, 7)"],
        "channels, axis 1",
    ),
    "batch_norm_relu: parts of other dtypes": (
        lambda: F.batch_norm_relu([Tensor(f32(*IMAGE)), Tensor(f64(*IMAGE))], None, None),
        "batch_norm_relu",
        ["part 0", "float32", "part 1", "float64"],
        "x.astype('float32')",
    ),
    "batch_norm_relu: scale of one part": (
        lambda: F.batch_norm_relu([Tensor(f32(2, 3)), Tensor(f32(2, 2))], None, None, f32(3)),
        "batch_norm_relu",
        ["weight", "(3,)", "5 channels"],
        "num_features=5",
    ),
    "add_relu: shortcut of other channels": (
        lambda: F.add_relu(f32(*IMAGE), f32(2, 2, 6, 7)),
        "add_relu",
        ["(2, 4, 6, 7)", "(2, 2, 6, 7)"],
        "1 × 1 convolution",
    ),
    "add_relu: broadcasting": (
        lambda: F.add_relu(f32(*IMAGE), f32(4, 1, 1)),
        "add_relu",
        ["(2, 4, 6, 7)", "(4, 1, 1)"],
        "+ and relu, which broadcast",
    ),
    "add_relu: a number": (
        lambda: F.add_relu(f32(3), 1.0),
        "add_relu",
        ["(3,)", "()"],
        "+ and relu, which broadcast",
    ),
    "add_relu: other dtypes": (
        lambda: F.add_relu(f32(3), f64(3)),
        "add_relu",
        ["float32", "float64"],
        "x.astype('float32')",
    ),
    "add_relu: integers": (
        lambda: F.add_relu(ints(3), ints(3)),
        "add_relu",
        ["int64"],
        "x.astype('float32')",
    ),
}
