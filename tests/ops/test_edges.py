"""The edges: no images at all, NaN and infinity on their way through, numbers near overflow."""

import numpy as np
import pytest
from minidl_kernels import available

import minidl
from minidl import Tensor
from minidl import functional as F

C = 3
RNG = np.random.default_rng(0)
W = RNG.standard_normal((5, C, 3, 2))
DEPTHWISE = RNG.standard_normal((2 * C, 1, 3, 3))
MEAN, VAR = RNG.standard_normal(C), RNG.uniform(0.5, 2, C)

IMAGE_OPS = {
    "conv2d": lambda x: F.conv2d(x, W.astype(x.dtype), stride=2, padding=1),
    "depthwise": lambda x: F.conv2d(x, DEPTHWISE.astype(x.dtype), padding=1, groups=C),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "batch_norm inference": lambda x: F.batch_norm(x, MEAN, VAR),
    "relu": F.relu,
    "softmax": lambda x: F.softmax(x, axis=1),
    "log_softmax": lambda x: F.log_softmax(x, axis=1),
    "dropout": lambda x: F.dropout(x, 0.5),
    "pad": lambda x: F.pad(x, (1, 2)),
    "concatenate": lambda x: F.concatenate([x, x], axis=1),
    "flatten": lambda x: x.flatten(1),
    "sum": lambda x: x.sum(axis=(2, 3)),
}

every_set = pytest.mark.parametrize("kernels", available())


@every_set
@pytest.mark.parametrize("name", IMAGE_OPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_empty_batch_goes_through(name, kernels, dtype):
    """And gives the shape that a batch of one gives, with 0 for 1."""
    f = IMAGE_OPS[name]
    with minidl.kernels(kernels):
        one = f(Tensor(np.zeros((1, C, 7, 6), dtype)))
        x = Tensor(np.zeros((0, C, 7, 6), dtype), requires_grad=True)
        y = f(x)
        assert y.shape == (0, *one.shape[1:]) and y.dtype == dtype
        y.backward(np.zeros(y.shape, dtype))
    assert x.grad.shape == x.shape


@every_set
def test_an_empty_batch_gives_zero_weight_gradients(kernels):
    with minidl.kernels(kernels):
        for weight, groups in ((W, 1), (DEPTHWISE, C)):
            w = Tensor(weight, requires_grad=True)
            y = F.conv2d(np.zeros((0, C, 7, 6)), w, groups=groups)
            y.backward(np.zeros(y.shape))
            np.testing.assert_array_equal(w.grad, 0)


def test_an_empty_batch_cannot_be_normalised_or_averaged():
    with pytest.raises(minidl.InputError, match=r"0 value\(s\) per channel"):
        F.batch_norm(np.zeros((0, C, 7, 6)), None, None, training=True)
    with pytest.raises(minidl.InputError, match="an empty batch"):
        F.cross_entropy(np.zeros((0, 4)), np.zeros(0, np.int64))


@every_set
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", IMAGE_OPS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_infinity_are_not_swallowed(name, bad, kernels):
    """A bad pixel must show in the output of its own image, and of no other."""
    if name == "max_pool2d" and bad == -np.inf:
        return  # rightly loses against every other pixel
    if name == "relu" and bad == -np.inf:
        return  # rightly becomes 0
    if name == "softmax" and bad == -np.inf:
        return  # rightly becomes probability 0
    x = RNG.standard_normal((3, C, 7, 6))
    x[1, 1, 3, 2] = bad
    minidl.manual_seed(4)  # a seed whose dropout mask keeps the bad pixel
    with minidl.kernels(kernels):
        y = IMAGE_OPS[name](Tensor(x)).data
    assert not np.isfinite(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(dtype):
    z = np.array([[1000.0, -1000.0, 999.0]], dtype)
    logits = Tensor(z, requires_grad=True)
    loss = F.cross_entropy(logits, np.array([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2000.31326, rel=1e-6)
    np.testing.assert_allclose(logits.grad, [[0.7310586, -1.0, 0.2689414]], rtol=1e-6)
    np.testing.assert_allclose(F.softmax(z).data.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(F.sigmoid(z).data, [[1, 0, 1]])
