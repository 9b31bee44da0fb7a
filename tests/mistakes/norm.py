"""Mistakes with: batch, layer, group, instance and local response norm."""

import numpy as np

import minidl.functional as F
from minidl import nn
from tests.mistakes.inputs import IMAGE, Mistake, f32, f64, ints

MISTAKES: dict[str, Mistake] = {
    "batch_norm: one axis": (
        lambda: F.batch_norm(f32(3), None, None, training=True),
        "batch_norm",
        ["(3,)", "axis 1"],
        "(N, C)",
    ),
    "batch_norm: a batch of one": (
        lambda: F.batch_norm(f32(1, 3), None, None, training=True),
        "batch_norm",
        ["(1, 3)", "1 value", "drop_last=True"],
        "model.eval()",
    ),
    "batch_norm: scale": (
        lambda: F.batch_norm(f32(5, 3), None, None, f32(2), training=True),
        "batch_norm",
        ["weight", "(2,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: running mean, training": (
        lambda: F.batch_norm(f32(5, 3), np.zeros(2), np.ones(2), training=True),
        "batch_norm",
        ["running mean", "(2,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: running variance, evaluation": (
        lambda: F.batch_norm(f32(5, 3), np.zeros(3), np.ones(4)),
        "batch_norm",
        ["running variance", "(4,)", "3 channels"],
        "num_features=3",
    ),
    "batch_norm: NumPy's float64": (
        lambda: F.batch_norm(f64(5, 3), None, None, f32(3), f32(3), training=True),
        "batch_norm",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "batch_norm: pixels": (
        lambda: F.batch_norm(np.zeros(IMAGE, np.uint8), None, None, f32(4), f32(4)),
        "batch_norm",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "layer_norm: channels of an image": (
        lambda: F.layer_norm(f32(*IMAGE), 4),
        "layer_norm",
        ["(2, 4, 6, 7)", "normalized_shape=(4,)"],
        "(4, 6, 7)",
    ),
    "layer_norm: with the batch": (
        lambda: F.layer_norm(f32(5, 3), (4, 5, 3)),
        "layer_norm",
        ["(5, 3)", "normalized_shape=(4, 5, 3)"],
        "(3,)",
    ),
    "layer_norm: scale of the channels": (
        lambda: F.layer_norm(f32(*IMAGE), IMAGE[1:], f32(4)),
        "layer_norm",
        ["weight", "(4,)", "normalized_shape is"],
        "give (4, 6, 7)",
    ),
    "layer_norm: one number": (
        lambda: F.layer_norm(f32(5, 1), 1),
        "layer_norm",
        ["(5, 1)", "1 value"],
        "more axes",
    ),
    "layer_norm: NumPy's float64": (
        lambda: F.layer_norm(f64(5, 3), 3, f32(3), f32(3)),
        "layer_norm",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "layer_norm: integers": (
        lambda: F.layer_norm(ints(5, 3), 3),
        "layer_norm",
        ["int64"],
        "x.astype('float32')",
    ),
    "group_norm: no divisor": (
        lambda: F.group_norm(f32(*IMAGE), 3),
        "group_norm",
        ["4 channels", "num_groups=3"],
        "divisor of 4",
    ),
    "group_norm: no groups": (
        lambda: F.group_norm(f32(*IMAGE), 0),
        "group_norm",
        ["4 channels", "num_groups=0"],
        "divisor of 4",
    ),
    "group_norm: scale": (
        lambda: F.group_norm(f32(*IMAGE), 2, f32(2)),
        "group_norm",
        ["weight", "(2,)", "4 channels"],
        "num_channels=4",
    ),
    "group_norm: one number": (
        lambda: F.group_norm(f32(2, 4, 1, 1), 4),
        "group_norm",
        ["(2, 4, 1, 1)", "1 value"],
        "larger maps",
    ),
    "group_norm: one axis": (
        lambda: F.group_norm(f32(4), 2),
        "group_norm",
        ["(4,)", "axis 1"],
        "(N, C)",
    ),
    "group_norm: pixels": (
        lambda: F.group_norm(np.zeros(IMAGE, np.uint8), 2),
        "group_norm",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "GroupNorm: no divisor": (
        lambda: nn.GroupNorm(32, 48),
        "GroupNorm",
        ["48 channels", "num_groups=32"],
        "divisor of 48",
    ),
    "GroupNorm: other channels": (
        lambda: nn.GroupNorm(2, 6).forward(f32(*IMAGE)),
        "GroupNorm",
        ["C = 6", "(2, 4, 6, 7)"],
        "num_channels=4",
    ),
    "instance_norm: vectors": (
        lambda: F.instance_norm(f32(5, 3)),
        "instance_norm",
        ["(5, 3)", "1 value"],
        "larger maps",
    ),
    "instance_norm: no statistics": (
        lambda: F.instance_norm(f32(*IMAGE), use_input_stats=False),
        "instance_norm",
        ["use_input_stats=False", "none"],
        "running_mean",
    ),
    "instance_norm: scale": (
        lambda: F.instance_norm(f32(*IMAGE), weight=f32(7)),
        "instance_norm",
        ["weight", "(7,)", "4 channels"],
        "num_features=4",
    ),
    "instance_norm: running mean": (
        lambda: F.instance_norm(f32(*IMAGE), np.zeros(2), np.ones(2)),
        "instance_norm",
        ["running mean", "(2,)", "4 channels"],
        "num_features=4",
    ),
    "instance_norm: running variance, evaluation": (
        lambda: F.instance_norm(f32(*IMAGE), np.zeros(4), np.ones(2), use_input_stats=False),
        "instance_norm",
        ["running variance", "(2,)", "4 channels"],
        "num_features=4",
    ),
    "instance_norm: pixels": (
        lambda: F.instance_norm(np.zeros(IMAGE, np.uint8)),
        "instance_norm",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "local_response_norm: vectors": (
        lambda: F.local_response_norm(f32(5, 3), 3),
        "local_response_norm",
        ["(5, 3)", "axis 1"],
        "(N, C, H, W)",
    ),
    "local_response_norm: no neighbours": (
        lambda: F.local_response_norm(f32(*IMAGE), 0),
        "local_response_norm",
        ["size=0"],
        "size=5",
    ),
    "local_response_norm: half a channel": (
        lambda: F.local_response_norm(f32(*IMAGE), 2.5),
        "local_response_norm",
        ["size=2.5"],
        "size=5",
    ),
    "local_response_norm: nothing to divide by": (
        lambda: F.local_response_norm(f32(*IMAGE), 5, k=0),
        "local_response_norm",
        ["k=0", "zero"],
        "k=1",
    ),
    "local_response_norm: pixels": (
        lambda: F.local_response_norm(np.zeros(IMAGE, np.uint8), 5),
        "local_response_norm",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
}
