"""Mistakes with: activation functions."""

import numpy as np

import minidl.functional as F
from minidl import Tensor
from tests.mistakes.inputs import Mistake, f32, f64, ints

MISTAKES: dict[str, Mistake] = {
    "softmax: axis": (
        lambda: F.softmax(f32(2, 3), axis=2),
        "softmax",
        ["axis 2", "2 axes", "(2, 3)"],
        "0 to 1",
    ),
    "softmax: axis None": (
        lambda: F.softmax(f32(2, 3), axis=None),
        "softmax",
        ["axis None", "(2, 3)"],
        "0 to 1",
    ),
    "softmax: integers": (
        lambda: F.softmax(ints(2, 3)),
        "softmax",
        ["int64"],
        "x.astype('float32')",
    ),
    "softmax: a number": (
        lambda: F.softmax(1.5),
        "softmax",
        ["axis -1", "shape ()"],
        "reshape(1)",
    ),
    "log_softmax: axis": (
        lambda: F.log_softmax(f32(2, 3), axis=-3),
        "log_softmax",
        ["axis -3", "2 axes", "(2, 3)"],
        "-1 (the last) to -2",
    ),
    "log_softmax: integers": (
        lambda: F.log_softmax(ints(2, 3)),
        "log_softmax",
        ["int64"],
        "x.astype('float32')",
    ),
    "leaky_relu: integers": (
        lambda: F.leaky_relu(ints(2, 3)),
        "leaky_relu",
        ["int64"],
        "x.astype('float32')",
    ),
    "elu: integers": (
        lambda: F.elu(ints(2, 3)),
        "elu",
        ["int64"],
        "x.astype('float32')",
    ),
    "gelu: integers": (
        lambda: F.gelu(ints(2, 3)),
        "gelu",
        ["int64"],
        "x.astype('float32')",
    ),
    "silu: integers": (
        lambda: F.silu(ints(2, 3)),
        "silu",
        ["int64"],
        "x.astype('float32')",
    ),
    "hardswish: integers": (
        lambda: F.hardswish(ints(2, 3)),
        "hardswish",
        ["int64"],
        "x.astype('float32')",
    ),
    "hardsigmoid: integers": (
        lambda: F.hardsigmoid(ints(2, 3)),
        "hardsigmoid",
        ["int64"],
        "x.astype('float32')",
    ),
    "softplus: integers": (
        lambda: F.softplus(ints(2, 3)),
        "softplus",
        ["int64"],
        "x.astype('float32')",
    ),
    "maxout: integers": (
        lambda: F.maxout(ints(2, 3), 3),
        "maxout",
        ["int64"],
        "x.astype('float32')",
    ),
    "squash: integers": (
        lambda: F.squash(ints(2, 3)),
        "squash",
        ["int64"],
        "x.astype('float32')",
    ),
    "leaky_relu: a learnt slope": (
        lambda: F.leaky_relu(f32(2, 3), Tensor([0.25])),
        "leaky_relu",
        ["negative_slope", "number, not Tensor"],
        "negative_slope=1.0",
    ),
    "leaky_relu: slope as text": (
        lambda: F.leaky_relu(f32(2, 3), "0.2"),
        "leaky_relu",
        ["negative_slope", "number, not str"],
        "negative_slope=1.0",
    ),
    "prelu: another number of channels": (
        lambda: F.prelu(f32(2, 4, 6, 7), f32(3)),
        "prelu",
        ["(3,)", "(2, 4, 6, 7)", "4 channels"],
        "num_parameters=4",
    ),
    "prelu: a slope a feature, channels last": (
        lambda: F.prelu(f32(2, 6, 7, 4), f32(4)),
        "prelu",
        ["(4,)", "(2, 6, 7, 4)", "6 channels"],
        "num_parameters=6",
    ),
    "prelu: a slope a pixel": (
        lambda: F.prelu(f32(2, 4, 6, 7), f32(4, 6, 7)),
        "prelu",
        ["(4, 6, 7)", "4 channels"],
        "num_parameters=4",
    ),
    "prelu: a number": (
        lambda: F.prelu(f32(2, 4), 0.25),
        "prelu",
        ["weight has shape ()", "4 channels"],
        "1 for one slope everywhere",
    ),
    "prelu: dtypes": (
        lambda: F.prelu(f64(2, 4), f32(4)),
        "prelu",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "prelu: integers": (
        lambda: F.prelu(ints(2, 4), f32(4)),
        "prelu",
        ["int64"],
        "x.astype('float32')",
    ),
    "elu: alpha for each channel": (
        lambda: F.elu(f32(2, 3), np.ones(3)),
        "elu",
        ["alpha", "number, not ndarray"],
        "alpha=1.0",
    ),
    "gelu: Keras's argument": (
        lambda: F.gelu(f32(2, 3), approximate=True),
        "gelu",
        ["approximation True"],
        "'none' or 'tanh'",
    ),
    "gelu: the other approximation": (
        lambda: F.gelu(f32(2, 3), "sigmoid"),
        "gelu",
        ["approximation 'sigmoid'"],
        "'none' or 'tanh'",
    ),
    "softplus: beta 0": (
        lambda: F.softplus(f32(2, 3), beta=0),
        "softplus",
        ["beta=0", "greater than 0"],
        "larger",
    ),
    "softplus: negative beta": (
        lambda: F.softplus(f32(2, 3), beta=-1.5),
        "softplus",
        ["beta=-1.5", "greater than 0"],
        "larger",
    ),
    "softplus: threshold None": (
        lambda: F.softplus(f32(2, 3), threshold=None),
        "softplus",
        ["threshold", "number, not NoneType"],
        "threshold=1.0",
    ),
    "maxout: channels do not divide": (
        lambda: F.maxout(f32(2, 7), 3),
        "maxout",
        ["7 channels", "(2, 7)", "pool_size 3"],
        "pool_size times as many",
    ),
    "maxout: pool_size 0": (
        lambda: F.maxout(f32(2, 6), 0),
        "maxout",
        ["pool_size=0", "from 1 on"],
        "pool_size=2",
    ),
    "maxout: half a channel": (
        lambda: F.maxout(f32(2, 6), 1.5),
        "maxout",
        ["pool_size=1.5", "whole number"],
        "pool_size=2",
    ),
    "maxout: no such axis": (
        lambda: F.maxout(f32(6), 2),
        "maxout",
        ["axis 1", "1 axes", "(6,)"],
        "from 0 to 0",
    ),
    "squash: no such axis": (
        lambda: F.squash(f32(2, 3), axis=2),
        "squash",
        ["axis 2", "(2, 3)"],
        "0 to 1",
    ),
    "squash: all axes": (
        lambda: F.squash(f32(2, 3), axis=None),
        "squash",
        ["axis None", "(2, 3)"],
        "0 to 1",
    ),
    "squash: eps 0": (
        lambda: F.squash(f32(2, 3), eps=0),
        "squash",
        ["eps=0", "greater than 0"],
        "larger",
    ),
}
