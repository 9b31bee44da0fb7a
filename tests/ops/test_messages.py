"""The mistakes students make, and what the error says.

Every message names the operation (and, inside a model, the layer), then the problem with both of
its numbers, then one thing to try. The tables hold, for each op, the likely mistakes with the
words that must appear.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import InputError, Tensor, models, nn


@pytest.fixture(autouse=True)
def _numpy_kernels() -> Iterator[None]:
    with minidl.kernels("numpy"):
        yield


def f32(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def f64(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape))


def ints(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int64)


IMAGE, FILTERS = (2, 4, 6, 7), (8, 4, 3, 3)

# name: (call, operation, words of the problem, words of the fix)
MISTAKES: dict[str, tuple[Callable[[], Any], str, list[str], str]] = {
    # ---- linear
    "linear: not flattened": (
        lambda: F.linear(f32(2, 4, 5, 5), f32(3, 100)),
        "linear",
        ["(3, 100)", "100 features", "(2, 4, 5, 5)", "5 on its last axis"],
        "nn.Flatten",
    ),
    "linear: another image size": (
        lambda: F.linear(f32(2, 256), f32(3, 400)),
        "linear",
        ["400 features", "(2, 256)"],
        "in_features=256",
    ),
    "linear: a number": (
        lambda: F.linear(1.5, f32(3, 4)),
        "linear",
        ["shape ()", "(3, 4)"],
        "Reshape",
    ),
    "linear: weight of one axis": (
        lambda: F.linear(f32(2, 4), f32(4)),
        "linear",
        ["(2, 4)", "(4,)"],
        "Reshape",
    ),
    "linear: bias": (
        lambda: F.linear(f32(2, 4), f32(3, 4), f32(4)),
        "linear",
        ["bias", "(4,)", "3 outputs"],
        "(3,)",
    ),
    "linear: NumPy's float64": (
        lambda: F.linear(f64(2, 4), f32(3, 4), f32(3)),
        "linear",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "linear: pixels": (
        lambda: F.linear(np.zeros((2, 4), np.uint8), f32(3, 4)),
        "linear",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "linear: bias of another dtype": (
        lambda: F.linear(f32(2, 4), f32(3, 4), f64(3)),
        "linear",
        ["input is float32", "bias is float64"],
        "bias.astype('float32')",
    ),
    # ---- convolution
    "conv2d: one image": (
        lambda: F.conv2d(f32(4, 6, 7), f32(*FILTERS)),
        "conv2d",
        ["(4, 6, 7)", "(N, C, H, W)"],
        "x[None]",
    ),
    "conv2d: vectors": (
        lambda: F.conv2d(f32(4, 6), f32(*FILTERS)),
        "conv2d",
        ["(4, 6)"],
        "Reshape it to four axes",
    ),
    "conv2d: channels": (
        lambda: F.conv2d(f32(2, 3, 6, 7), f32(*FILTERS)),
        "conv2d",
        ["(8, 4, 3, 3)", "groups 1 · 4 = 4", "(2, 3, 6, 7)", "C = 3"],
        "in_channels=3",
    ),
    "conv2d: channels last": (
        lambda: F.conv2d(f32(2, 32, 30, 3), f32(8, 3, 3, 3)),
        "conv2d",
        ["= 3 input channels", "C = 32"],
        "order of the input's axes",
    ),
    "conv2d: kernel larger than the image": (
        lambda: F.conv2d(f32(2, 4, 6, 2), f32(*FILTERS), dilation=(1, 2), padding=(0, 1)),
        "conv2d",
        ["width 2 + padding 2 = 4", "dilation 2 · (kernel 3 − 1) + 1 = 5"],
        "smaller kernel",
    ),
    "conv2d: groups": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), groups=3),
        "conv2d",
        ["groups=3", "4 input", "8 output"],
        "groups that divides both",
    ),
    "conv2d: groups and the weight's channels": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), groups=2),
        "conv2d",
        ["groups 2 · 4 = 8", "C = 4"],
        "in_channels=4",
    ),
    "conv2d: weight of three axes": (
        lambda: F.conv2d(f32(*IMAGE), f32(8, 4, 3)),
        "conv2d",
        ["(8, 4, 3)", "(out, in / groups, height, width)"],
        "four axes",
    ),
    "conv2d: bias": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), f32(4)),
        "conv2d",
        ["(4,)", "8 channels"],
        "(8,)",
    ),
    "conv2d: pixels": (
        lambda: F.conv2d(np.zeros(IMAGE, np.uint8), f32(*FILTERS)),
        "conv2d",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "conv2d: NumPy's float64": (
        lambda: F.conv2d(f64(*IMAGE), f32(*FILTERS)),
        "conv2d",
        ["input is float64", "weight is float32"],
        "x.astype('float32')",
    ),
    "conv2d: bias of another dtype": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), f64(8)),
        "conv2d",
        ["bias is float64"],
        "bias.astype('float32')",
    ),
    "depthwise: bias of another dtype": (
        lambda: F.conv2d(f32(*IMAGE), f32(4, 1, 3, 3), f64(4), groups=4),
        "conv2d",
        ["bias is float64"],
        "bias.astype('float32')",
    ),
    "depthwise: kernel larger than the image": (
        lambda: F.conv2d(f32(2, 4, 2, 7), f32(4, 1, 3, 3), groups=4),
        "conv2d",
        ["height 2 + padding 0 = 2", "= 3"],
        "more padding",
    ),
    "conv2d: negative padding": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding=-1),
        "conv2d",
        ["padding=-1", "at least 0"],
        "cannot be negative",
    ),
    "conv2d: half a row of padding": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding=1.5),
        "conv2d",
        ["padding=1.5", "integer"],
        "rows and columns",
    ),
    "conv2d: a word it does not know": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding="full"),
        "conv2d",
        ["padding='full'", "'same', 'valid'"],
        "Padding counts",
    ),
    "conv2d: same with stride": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), padding="same", stride=2),
        "conv2d",
        ["padding='same'", "(2, 2)"],
        "stride 1",
    ),
    "conv2d: stride 0": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), stride=0),
        "conv2d",
        ["stride=0", "at least 1"],
        "stride=2",
    ),
    "conv2d: stride 1.5": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), stride=1.5),
        "conv2d",
        ["stride=1.5", "integer"],
        "stride=2",
    ),
    "conv2d: dilation of three": (
        lambda: F.conv2d(f32(*IMAGE), f32(*FILTERS), dilation=(1, 2, 3)),
        "conv2d",
        ["dilation=(1, 2, 3)", "two integers"],
        "dilation=2",
    ),
    "Conv2d: groups": (
        lambda: nn.Conv2d(3, 8, 3, groups=2),
        "Conv2d",
        ["groups=2", "in_channels=3", "out_channels=8"],
        "divides both",
    ),
    "Conv2d: kernel 0": (
        lambda: nn.Conv2d(3, 8, 0),
        "Conv2d",
        ["kernel_size=0", "at least 1"],
        "kernel_size=2",
    ),
    # ---- pooling
    "max_pool2d: one image": (
        lambda: F.max_pool2d(f32(4, 6, 7), 2),
        "max_pool2d",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "max_pool2d: window larger than the image": (
        lambda: F.max_pool2d(f32(*IMAGE), 8),
        "max_pool2d",
        ["height 6 + padding 0 = 6", "= 8"],
        "fewer downsampling layers",
    ),
    "max_pool2d: much padding": (
        lambda: F.max_pool2d(f32(*IMAGE), 3, padding=2),
        "max_pool2d",
        ["padding (2, 2)", "half the kernel (3, 3)"],
        "less padding",
    ),
    "max_pool2d: negative padding": (
        lambda: F.max_pool2d(f32(*IMAGE), 3, padding=-1),
        "max_pool2d",
        ["padding=-1", "at least 0"],
        "padding=1",
    ),
    "max_pool2d: kernel 2.5": (
        lambda: F.max_pool2d(f32(*IMAGE), 2.5),
        "max_pool2d",
        ["kernel_size=2.5"],
        "kernel_size=2",
    ),
    "max_pool2d: pixels": (
        lambda: F.max_pool2d(np.zeros(IMAGE, np.uint8), 2),
        "max_pool2d",
        ["uint8"],
        "x.astype('float32') / 255",
    ),
    "avg_pool2d: window larger than the image": (
        lambda: F.avg_pool2d(f32(2, 4, 7, 6), 7),
        "avg_pool2d",
        ["width 6 + padding 0 = 6", "= 7"],
        "larger input",
    ),
    "avg_pool2d: stride 0": (
        lambda: F.avg_pool2d(f32(*IMAGE), 2, stride=0),
        "avg_pool2d",
        ["stride=0"],
        "stride=2",
    ),
    "avg_pool2d: flattened before": (
        lambda: F.avg_pool2d(f32(2, 42), 2),
        "avg_pool2d",
        ["(2, 42)"],
        "four axes",
    ),
    "avg_pool2d: much padding": (
        lambda: F.avg_pool2d(f32(*IMAGE), (2, 4), padding=(2, 2)),
        "avg_pool2d",
        ["(2, 2)", "(2, 4)"],
        "less padding",
    ),
    "avg_pool2d: kernel of three": (
        lambda: F.avg_pool2d(f32(*IMAGE), (2, 2, 2)),
        "avg_pool2d",
        ["kernel_size=(2, 2, 2)"],
        "kernel_size=2",
    ),
    "adaptive_avg_pool2d: size 0": (
        lambda: F.adaptive_avg_pool2d(f32(*IMAGE), 0),
        "adaptive_avg_pool2d",
        ["output_size=0", "at least 1"],
        "output_size=2",
    ),
    "adaptive_avg_pool2d: None": (
        lambda: F.adaptive_avg_pool2d(f32(*IMAGE), (None, 1)),
        "adaptive_avg_pool2d",
        ["output_size=(None, 1)"],
        "output_size=2",
    ),
    "adaptive_avg_pool2d: one image": (
        lambda: F.adaptive_avg_pool2d(f32(4, 6, 7), 1),
        "adaptive_avg_pool2d",
        ["(4, 6, 7)"],
        "x[None]",
    ),
    "adaptive_avg_pool2d: pixels": (
        lambda: F.adaptive_avg_pool2d(np.zeros(IMAGE, np.uint8), 1),
        "adaptive_avg_pool2d",
        ["uint8"],
        "float32",
    ),
    "adaptive_avg_pool2d: no pixels": (
        lambda: F.adaptive_avg_pool2d(f32(2, 4, 0, 7), 1),
        "adaptive_avg_pool2d",
        ["(2, 4, 0, 7)", "no pixels"],
        "layers before",
    ),
    # ---- batch norm
    "batch_norm: one axis": (
        lambda: F.batch_norm(f32(3), None, None, training=True),
        "batch_norm",
        ["(3,)", "axis 1"],
        "(N, C)",
    ),
    "batch_norm: a batch of one": (
        lambda: F.batch_norm(f32(1, 3), None, None, training=True),
        "batch_norm",
        ["(1, 3)", "1 value"],
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
    # ---- dropout
    "dropout: percent": (
        lambda: F.dropout(f32(3), 50),
        "dropout",
        ["p=50", "between 0 and 1"],
        "p=0.5",
    ),
    "dropout: negative": (
        lambda: F.dropout(f32(3), -0.1),
        "dropout",
        ["p=-0.1"],
        "p=0.5",
    ),
    "dropout: not a number": (
        lambda: F.dropout(f32(3), float("nan")),
        "dropout",
        ["p=nan"],
        "p=0.5",
    ),
    "dropout: percent in evaluation": (
        lambda: F.dropout(f32(3), 50, training=False),
        "dropout",
        ["p=50"],
        "p=0.5",
    ),
    "dropout: integers": (
        lambda: F.dropout(ints(3), 0.5),
        "dropout",
        ["int64"],
        "x.astype('float32')",
    ),
    # ---- softmax
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
    # ---- concatenate
    "concatenate: nothing": (
        lambda: F.concatenate([]),
        "concatenate",
        ["nothing to join"],
        "at least one",
    ),
    "concatenate: no brackets": (
        lambda: F.concatenate(f32(2, 3), f32(2, 3)),
        "concatenate",
        ["a list of tensors", "Tensor"],
        "concatenate([a, b], axis=1)",
    ),
    "concatenate: shapes": (
        lambda: F.concatenate([f32(2, 3, 4), f32(2, 3, 4), f32(2, 5, 6)], axis=1),
        "concatenate",
        ["array 0", "(2, 3, 4)", "array 2", "(2, 5, 6)"],
        "but axis 1",
    ),
    "concatenate: axes": (
        lambda: F.concatenate([f32(2, 3), f32(2)], axis=1),
        "concatenate",
        ["(2, 3)", "(2,)"],
        "equal lengths",
    ),
    "concatenate: axis": (
        lambda: F.concatenate([f32(2, 3), f32(2, 3)], axis=2),
        "concatenate",
        ["axis 2", "2 axes", "(2, 3)"],
        "0 to 1",
    ),
    "concatenate: numbers": (
        lambda: F.concatenate([Tensor(1.0), Tensor(2.0)]),
        "concatenate",
        ["axis 0", "shape ()"],
        "reshape(1)",
    ),
    "concatenate: dtypes": (
        lambda: F.concatenate([f32(2, 3), f64(2, 3)]),
        "concatenate",
        ["array 0 holds float32", "array 1 holds float64"],
        ".astype('float32')",
    ),
    # ---- pad
    "pad: one number": (
        lambda: F.pad(f32(2, 3), 1),
        "pad",
        ["pad=1", "pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: odd": (
        lambda: F.pad(f32(2, 3), (1, 1, 1)),
        "pad",
        ["pad=(1, 1, 1)", "pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: more than the axes": (
        lambda: F.pad(f32(2, 3), (1, 1, 1, 1, 1, 1)),
        "pad",
        ["at most the 2 axes", "(2, 3)"],
        "(left, right, top, bottom)",
    ),
    "pad: NumPy's nested pairs": (
        lambda: F.pad(f32(2, 3), ((1, 1), (2, 2))),
        "pad",
        ["((1, 1), (2, 2))", "integers in pairs"],
        "(left, right, top, bottom)",
    ),
    "pad: half a column": (
        lambda: F.pad(f32(2, 3), (0.5, 0.5)),
        "pad",
        ["(0.5, 0.5)", "integers"],
        "(left, right, top, bottom)",
    ),
    "pad: cutting off more than there is": (
        lambda: F.pad(f32(2, 3), (-2, -2)),
        "pad",
        ["cuts 4", "axis 1", "length 3"],
        "less",
    ),
    # ---- losses
    "cross_entropy: one-hot": (
        lambda: F.cross_entropy(f32(4, 3), np.eye(4, 3)),
        "cross_entropy",
        ["(4, 3)", "shape (4,)"],
        "labels.argmax(axis=1)",
    ),
    "cross_entropy: a column of labels": (
        lambda: F.cross_entropy(f32(4, 3), ints(4, 1)),
        "cross_entropy",
        ["shape (4,)", "(4, 1)"],
        "labels.reshape((4,))",
    ),
    "cross_entropy: another batch": (
        lambda: F.cross_entropy(f32(4, 3), ints(5)),
        "cross_entropy",
        ["(4, 3)", "(4,)", "(5,)"],
        "one for each row",
    ),
    "cross_entropy: float labels": (
        lambda: F.cross_entropy(f32(4, 3), np.zeros(4)),
        "cross_entropy",
        ["integers", "float64"],
        "labels.astype('int64')",
    ),
    "cross_entropy: label too large": (
        lambda: F.cross_entropy(f32(4, 3), np.array([0, 1, 2, 3])),
        "cross_entropy",
        ["label 3", "3 classes", "0 … 2"],
        "count classes from 0",
    ),
    "cross_entropy: label negative": (
        lambda: F.cross_entropy(f32(4, 3), np.array([0, 1, -1, 2])),
        "cross_entropy",
        ["label -1", "3 classes"],
        "count classes from 0",
    ),
    "cross_entropy: swapped": (
        lambda: F.cross_entropy(ints(4), f32(4, 3)),
        "cross_entropy",
        ["(4,)", "(N, K, …)"],
        "Scores come first",
    ),
    "cross_entropy: one row without a batch": (
        lambda: F.cross_entropy(f32(3), np.array(1)),
        "cross_entropy",
        ["(3,)"],
        "x[None]",
    ),
    "cross_entropy: integer scores": (
        lambda: F.cross_entropy(ints(4, 3), ints(4)),
        "cross_entropy",
        ["int64"],
        "x.astype('float32')",
    ),
    "cross_entropy: reduction": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), reduction="average"),
        "cross_entropy",
        ["'average'"],
        "'mean', 'sum' or 'none'",
    ),
    "cross_entropy: class weights": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), weight=np.ones(4)),
        "cross_entropy",
        ["(4,)", "3 classes"],
        "3 weights",
    ),
    "cross_entropy: smoothing in percent": (
        lambda: F.cross_entropy(f32(4, 3), ints(4), label_smoothing=10),
        "cross_entropy",
        ["label_smoothing=10", "between 0 and 1"],
        "label_smoothing=0.1",
    ),
    "cross_entropy: nothing counts": (
        lambda: F.cross_entropy(f32(4, 3), np.full(4, -100)),
        "cross_entropy",
        ["4 labels", "0"],
        "reduction='sum'",
    ),
    "nll_loss: one-hot": (
        lambda: F.nll_loss(f32(4, 3), np.eye(4, 3)),
        "nll_loss",
        ["(4, 3)", "(4,)"],
        "labels.argmax(axis=1)",
    ),
    "nll_loss: label too large": (
        lambda: F.nll_loss(f32(4, 3), np.full(4, 7)),
        "nll_loss",
        ["label 7", "3 classes"],
        "num_classes",
    ),
    "nll_loss: float labels": (
        lambda: F.nll_loss(f32(4, 3), np.zeros(4)),
        "nll_loss",
        ["float64"],
        "labels.astype('int64')",
    ),
    "nll_loss: reduction": (
        lambda: F.nll_loss(f32(4, 3), ints(4), reduction="batchmean"),
        "nll_loss",
        ["'batchmean'"],
        "'mean', 'sum' or 'none'",
    ),
    "nll_loss: class weights": (
        lambda: F.nll_loss(f32(4, 3), ints(4), weight=np.ones(5)),
        "nll_loss",
        ["(5,)", "3 classes"],
        "3 weights",
    ),
    "nll_loss: nothing counts": (
        lambda: F.nll_loss(f32(4, 3), np.full(4, -100)),
        "nll_loss",
        ["4 labels"],
        "reduction='sum'",
    ),
    # ---- arithmetic, products, shapes
    "add": (lambda: f32(2, 3) + f32(4), "add", ["(2, 3)", "(4,)", "length 3", "and 4"], "Reshape"),
    "subtract": (
        lambda: f32(2, 3) - f32(2),
        "subtract",
        ["(2, 3)", "(2,)", "axis -1"],
        "from the last axis on",
    ),
    "multiply": (
        lambda: f32(5, 2, 3) * f32(4, 1),
        "multiply",
        ["axis -2", "length 2", "and 4"],
        "Reshape",
    ),
    "divide": (lambda: f32(2, 3) / [1.0, 2.0], "divide", ["(2, 3)", "(2,)"], "Reshape"),
    "matmul: not transposed": (
        lambda: f32(2, 3) @ f32(2, 3),
        "matmul",
        ["(2, 3) and (2, 3)"],
        "Transpose",
    ),
    "matmul: a number": (lambda: f32(2, 3) @ 2.0, "matmul", ["(2, 3) and ()"], "use *"),
    "matmul: stacks": (
        lambda: f32(5, 2, 3) @ f32(4, 3, 2),
        "matmul",
        ["(5,) and (4,)"],
        "Reshape",
    ),
    "reshape": (
        lambda: f32(2, 3).reshape(4, -1),
        "reshape",
        ["6 values", "(2, 3)", "(4, -1)"],
        "must stay the same",
    ),
    "reshape: two unknowns": (
        lambda: f32(2, 3).reshape(-1, -1),
        "reshape",
        ["(-1, -1)"],
        "one of them may be -1",
    ),
    "transpose: axes missing": (
        lambda: f32(2, 3, 4).transpose(1, 0),
        "transpose",
        ["(1, 0)", "3 axes", "(2, 3, 4)"],
        "every axis once",
    ),
    "transpose: axis twice": (
        lambda: f32(2, 3).transpose(0, 0),
        "transpose",
        ["(0, 0)", "2 axes"],
        "every axis once",
    ),
    "broadcast_to": (
        lambda: f32(2, 3).broadcast_to(4, 3, 2),
        "broadcast_to",
        ["(2, 3)", "(4, 3, 2)"],
        "length 1",
    ),
    "broadcast_to: fewer axes": (
        lambda: f32(1, 3).broadcast_to(3),
        "broadcast_to",
        ["(1, 3)", "(3,)"],
        "length 1",
    ),
    # ---- reductions
    "sum: axis": (lambda: f32(2, 3).sum(axis=2), "sum", ["axis 2", "(2, 3)"], "0 to 1"),
    "mean: axis": (lambda: f32(2, 3).mean(axis=(0, -3)), "mean", ["axis -3"], "0 to 1"),
    "var: axis": (lambda: f32(2, 3).var(axis=1.5), "var", ["axis 1.5"], "0 to 1"),
    "max: axis": (lambda: f32(2, 3).max(axis=2), "max", ["axis 2", "2 axes"], "0 to 1"),
    "sum: axis twice": (
        lambda: f32(2, 3).sum(axis=(1, -1)),
        "sum",
        ["(1, -1)", "twice"],
        "once",
    ),
    "mean: of nothing": (
        lambda: f32(0, 3).mean(),
        "mean",
        ["(0, 3)", "0 number(s)", "least 1"],
        "empty batches",
    ),
    "max: of nothing": (
        lambda: f32(2, 0).max(axis=1),
        "max",
        ["(2, 0)", "0 number(s)"],
        "empty batches",
    ),
    "var: of one number": (
        lambda: f32(1).var(correction=1),
        "var",
        ["1 number(s)", "least 2"],
        "correction=0",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name: str) -> None:
    call, operation, problem, fix = MISTAKES[name]
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    place, _, rest = message.partition(": ")
    assert place == operation
    for words in problem:
        assert words in rest
    what_is_wrong = rest.rindex(problem[-1])
    assert fix in rest[what_is_wrong:], "the fix comes after the problem"


def test_every_function_has_its_mistakes() -> None:
    """A function added to `minidl.functional` must come with the mistakes made with it."""
    public = {
        name for name, value in vars(F).items() if inspect.isfunction(value) and name[0] != "_"
    }
    covered = {operation for _, operation, _, _ in MISTAKES.values()}
    takes_any_numbers = {"relu", "sigmoid", "tanh"}
    assert public - covered == takes_any_numbers


# ------------------------------------------------------------------- errors that are not values


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.relu("cat.png"), TypeError, "a tensor holds real numbers"),
        (lambda: Tensor([[1, 2], [3]]), (TypeError, ValueError), "inhomogeneous"),
        (lambda: f32(2) ** f32(2), TypeError, "exponent must be a number, not Tensor"),
        (lambda: f32(2, 3)[5], IndexError, "index 5 is out of bounds for axis 0 with size 2"),
        (lambda: f32(2, 3).mean(dim=1), TypeError, "unexpected keyword argument 'dim'"),
        (lambda: nn.Sequential(F.relu), TypeError, r"not function.*nn\.ReLU\(\) for F\.relu"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, "a layer is expected, not list"),
        (lambda: nn.ModuleList([nn.ReLU()])(f32(2)), NotImplementedError, "ModuleList.*forward"),
    ],
)
def test_other_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------- where it happened


class Nested(nn.Module):
    """A network whose layers are three names deep."""

    def __init__(self, **layers: nn.Module) -> None:
        self.stem = nn.Identity()
        self.layer2 = nn.Sequential(nn.Identity(), nn.Sequential(layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer2(self.stem(x))


INSIDE: dict[str, tuple[nn.Module, Any, str]] = {
    "channels": (nn.Conv2d(3, 8, 3), (2, 4, 6, 7), "conv2d"),
    "kernel": (nn.Conv2d(4, 8, 9), (2, 4, 6, 7), "conv2d"),
    "features": (nn.Linear(5, 3), (2, 6), "linear"),
    "pool": (nn.MaxPool2d(8), (2, 4, 6, 7), "max_pool2d"),
    "average": (nn.AvgPool2d(8), (2, 4, 6, 7), "avg_pool2d"),
    "global": (nn.AdaptiveAvgPool2d(1), (4, 6, 7), "adaptive_avg_pool2d"),
    "norm": (nn.BatchNorm2d(3), (2, 4, 6, 7), "BatchNorm2d"),
    "norm of vectors": (nn.BatchNorm1d(3), (2, 4), "BatchNorm1d"),
    "one value": (nn.BatchNorm1d(3), (1, 3), "batch_norm"),
    "softmax": (nn.Softmax(axis=2), (2, 4), "softmax"),
    "log softmax": (nn.LogSoftmax(axis=2), (2, 4), "log_softmax"),
    "dropout": (nn.Dropout(50), (2, 4), "dropout"),
}


@pytest.mark.parametrize("name", INSIDE)
def test_message_names_the_layer(name: str) -> None:
    layer, shape, operation = INSIDE[name]
    with pytest.raises(InputError) as caught:
        Nested(guilty=layer)(f32(*shape))
    assert str(caught.value).startswith(f"{operation} in layer layer2.1.guilty: ")


def test_message_names_a_layer_of_a_real_network() -> None:
    model = models.create("resnet20")
    model.layer2[0].conv1 = nn.Conv2d(17, 32, 3, padding=1)
    with pytest.raises(InputError, match=r"^conv2d in layer layer2\.0\.conv1: .* = 17 .*C = 16"):
        model(f32(1, 3, 8, 8))


def test_message_of_an_op_in_the_models_own_forward() -> None:
    """A function called by the model itself, not by a layer inside, is in the model."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.max_pool2d(x, 99)

    with pytest.raises(InputError, match=r"^max_pool2d in layer Net: "):
        Net()(f32(2, 4, 6, 7))
    with pytest.raises(InputError, match=r"^max_pool2d in layer 1: "):
        nn.Sequential(nn.Identity(), Net())(f32(2, 4, 6, 7))


def test_message_after_a_failed_forward_names_no_layer() -> None:
    with pytest.raises(InputError):
        Nested(guilty=nn.Conv2d(3, 8, 3))(f32(2, 4, 6, 7))
    with pytest.raises(InputError, match=r"^max_pool2d: "):
        F.max_pool2d(f32(2, 4, 6, 7), 99)


# ---------------------------------------------------- what looks like a mistake but is none


def test_integers_of_numpy_are_integers() -> None:
    one, two = np.int64(1), np.int32(2)
    y = F.conv2d(f32(2, 4, 6, 7), f32(8, 4, 3, 3), stride=two, padding=one, dilation=(one, two))
    assert y.shape == (2, 8, 3, 3)
    assert F.max_pool2d(f32(2, 4, 6, 7), two).shape == (2, 4, 3, 3)
    assert F.pad(f32(2, 3), (one, two)).shape == (2, 6)
    assert F.softmax(f32(2, 3), axis=one).shape == (2, 3)


def test_lists_do_for_tuples() -> None:
    x, w = f32(2, 4, 6, 7), f32(8, 4, 3, 3)
    padded = F.conv2d(x, w, padding=[1, 0, 2, 1], stride=[1, 2])
    np.testing.assert_array_equal(
        padded.data, F.conv2d(x, w, padding=(1, 0, 2, 1), stride=(1, 2)).data
    )
    assert f32(2, 3).sum(axis=[0, 1]).shape == ()


def test_running_statistics_may_be_tensors() -> None:
    mean, var = Tensor(np.zeros(3, np.float32)), Tensor(np.ones(3, np.float32))
    x = f32(50, 3)
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.data, x.data.mean(axis=0), rtol=1e-5)
    assert np.abs(F.batch_norm(x, mean, var).data.mean(axis=0)).max() < 1e-5


def test_float64_running_statistics_do_not_widen_a_float32_batch() -> None:
    x = Tensor(f32(5, 3).data, requires_grad=True)
    y = F.batch_norm(x, np.zeros(3), np.ones(3))
    assert y.dtype == np.float32
    y.backward(f32(5, 3).data)
    assert x.grad is not None
    assert x.grad.dtype == np.float32
