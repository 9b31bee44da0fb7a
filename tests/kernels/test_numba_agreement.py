"""The compiled kernels compute the textbook's sums: compared with `naive` on awkward shapes."""

import itertools

import numpy as np
import pytest

pytest.importorskip("numba")

from minidl_kernels import threads
from minidl_kernels.geometry import output_size
from minidl_kernels.naive import conv as naive_conv
from minidl_kernels.naive import depthwise as naive_depthwise
from minidl_kernels.naive import norm as naive_norm
from minidl_kernels.naive import pool as naive_pool
from minidl_kernels.numba import conv, depthwise, norm, pool, team

CLOSE = {"float64": {"rtol": 1e-10, "atol": 1e-10}, "float32": {"rtol": 1e-4, "atol": 2e-5}}


def same(got, expected):
    """Equal dtype, shape and, within rounding, values; also inside tuples of arrays."""
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            same(one, other)
    else:
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, **CLOSE.get(expected.dtype.name, {}))


def normal(rng, *shape, dtype="float64"):
    return rng.standard_normal(shape).astype(dtype)


# (N, C, H, W), (O, KH, KW), stride, padding, dilation, groups: all sizes of a case differ
CONVOLUTIONS = [
    ((2, 3, 7, 6), (5, 3, 2), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((2, 3, 7, 6), (5, 3, 2), (2, 1), (0, 2, 1, 3), (1, 2), 1),
    ((3, 4, 9, 8), (6, 2, 3), (2, 3), (3, 0, 0, 2), (2, 1), 2),
    ((2, 6, 8, 9), (9, 2, 4), (1, 2), (2, 1, 3, 0), (3, 2), 3),
    ((1, 5, 7, 8), (10, 3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 5),  # depthwise, two filters each
    ((2, 4, 6, 7), (4, 3, 5), (1, 1), (1, 1, 2, 2), (1, 1), 4),  # depthwise, one filter each
    ((3, 2, 5, 4), (3, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ((3, 2, 9, 7), (3, 1, 1), (2, 3), (0, 0, 0, 0), (1, 1), 1),
    ((2, 2, 9, 11), (3, 2, 1), (4, 5), (0, 0, 0, 0), (1, 1), 1),  # stride larger than the kernel
    ((2, 2, 9, 11), (3, 2, 2), (4, 3), (5, 1, 4, 2), (1, 2), 1),  # padding larger than the kernel
    ((4, 3, 1, 1), (2, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),  # 1×1 map
    ((4, 3, 1, 1), (2, 3, 5), (1, 1), (1, 1, 2, 2), (1, 1), 1),  # a kernel of mostly padding
    ((2, 3, 5, 6), (4, 5, 6), (1, 1), (0, 0, 0, 0), (1, 1), 1),  # the kernel is the whole input
    ((0, 3, 5, 6), (4, 3, 3), (1, 2), (1, 1, 1, 1), (1, 1), 1),  # no images
    ((1, 1, 3, 1100), (2, 2, 3), (1, 1), (1, 0, 1, 1), (1, 1), 1),  # rows longer than a strip
    ((40, 2, 6, 5), (7, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),  # images cut by strips
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution(case, dtype):
    x_shape, (O, KH, KW), stride, padding, dilation, groups = case
    rng = np.random.default_rng(0)
    x, b = normal(rng, *x_shape, dtype=dtype), normal(rng, O, dtype=dtype)
    w = normal(rng, O, x_shape[1] // groups, KH, KW, dtype=dtype)
    options = stride, padding, dilation, groups
    y = naive_conv.conv2d_forward(x, w, b, *options)
    grad = normal(rng, *y.shape, dtype=dtype)
    same(conv.conv2d_forward(x, w, b, *options), y)
    same(
        conv.conv2d_forward(x, w, None, *options),
        naive_conv.conv2d_forward(x, w, None, *options),
    )
    same(
        conv.conv2d_input_gradient(grad, w, x.shape, *options),
        naive_conv.conv2d_input_gradient(grad, w, x.shape, *options),
    )
    same(
        conv.conv2d_weight_gradient(grad, x, w.shape, *options),
        naive_conv.conv2d_weight_gradient(grad, x, w.shape, *options),
    )


@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3), (2, 2)], ids=str)
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 1)], ids=str)
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 2), (4, 6)], ids=str)
@pytest.mark.parametrize("kernel", [(3, 2), (1, 3)], ids=str)
def test_convolution_gradients_on_a_grid_of_options(kernel, stride, padding, dilation):
    rng = np.random.default_rng(1)
    x, w = normal(rng, 2, 2, 8, 9), normal(rng, 4, 1, *kernel)
    size = output_size((8, 9), kernel, stride, padding, dilation)
    grad = normal(rng, 2, 4, *size)
    options = stride, padding, dilation, 2
    same(conv.conv2d_forward(x, w, None, *options), naive_conv.conv2d_forward(x, w, None, *options))
    same(
        conv.conv2d_input_gradient(grad, w, x.shape, *options),
        naive_conv.conv2d_input_gradient(grad, w, x.shape, *options),
    )
    same(
        conv.conv2d_weight_gradient(grad, x, w.shape, *options),
        naive_conv.conv2d_weight_gradient(grad, x, w.shape, *options),
    )


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
        ((3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
        ((2, 4), (1, 3), (0, 1, 2, 1), (2, 1)),
        ((5, 3), (1, 1), (4, 4, 2, 2), (2, 2)),
        ((6, 7), (1, 1), (0, 0, 0, 0), (1, 1)),
    ],
    ids=str,
)
def test_depthwise(kernel, stride, padding, dilation, multiplier):
    rng = np.random.default_rng(2)
    x, w = normal(rng, 3, 5, 6, 7), normal(rng, 5 * multiplier, 1, *kernel)
    b = normal(rng, 5 * multiplier)
    options = stride, padding, dilation
    y = naive_depthwise.depthwise_forward(x, w, b, *options)
    grad = normal(rng, *y.shape)
    same(depthwise.depthwise_forward(x, w, b, *options), y)
    same(
        depthwise.depthwise_input_gradient(grad, w, x.shape, *options),
        naive_depthwise.depthwise_input_gradient(grad, w, x.shape, *options),
    )
    same(
        depthwise.depthwise_weight_gradient(grad, x, w.shape, *options),
        naive_depthwise.depthwise_weight_gradient(grad, x, w.shape, *options),
    )


POOLS = list(
    itertools.product(
        [(2, 2), (3, 2), (1, 4), (7, 6)],
        [(1, 1), (2, 2), (3, 1), (2, 5)],
        [(0, 0, 0, 0), (1, 0, 1, 2)],
        [0, 1],
    )
)


@pytest.mark.parametrize(("kernel", "stride", "padding", "extra"), POOLS, ids=str)
def test_pooling(kernel, stride, padding, extra):
    """`extra` windows over the edge, as with sizes rounded up; many equal values, NaN and −inf."""
    rng = np.random.default_rng(3)
    x = np.round(normal(rng, 2, 3, 7, 6) * 2)
    size = output_size((7, 6), kernel, stride, padding)
    size = (size[0] + extra, size[1] + extra)
    grad = normal(rng, 2, 3, *size)
    for pad in (False, True):
        same(
            pool.avg_pool2d_forward(x, kernel, stride, padding, pad, size),
            naive_pool.avg_pool2d_forward(x, kernel, stride, padding, pad, size),
        )
        same(
            pool.avg_pool2d_backward(grad, x.shape, kernel, stride, padding, pad),
            naive_pool.avg_pool2d_backward(grad, x.shape, kernel, stride, padding, pad),
        )
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    y, position = naive_pool.max_pool2d_forward(x, kernel, stride, padding, (1, 1), size)
    same(pool.max_pool2d_forward(x, kernel, stride, padding, (1, 1), size), (y, position))
    same(
        pool.max_pool2d_backward(grad, position, x.shape),
        naive_pool.max_pool2d_backward(grad, position, x.shape),
    )


@pytest.mark.parametrize("dilation", [(2, 1), (1, 3), (3, 2)], ids=str)
def test_dilated_max_pooling(dilation):
    x = normal(np.random.default_rng(4), 2, 3, 9, 8)
    size = output_size((9, 8), (3, 2), (1, 2), (1, 2, 0, 1), dilation)
    arguments = x, (3, 2), (1, 2), (1, 2, 0, 1), dilation, size
    same(pool.max_pool2d_forward(*arguments), naive_pool.max_pool2d_forward(*arguments))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(3, 5, 7), (6, 3, 1), (1, 2, 1500), (4, 300, 9), (2, 1, 2100)])
def test_batch_norm(shape, dtype):
    rng = np.random.default_rng(5)
    C = shape[1]
    x = normal(rng, *shape, dtype=dtype) * 3 + 2
    x, grad = x.astype(dtype), normal(rng, *shape, dtype=dtype)
    gamma, beta = normal(rng, C, dtype=dtype), normal(rng, C, dtype=dtype)
    y, mean, var = naive_norm.batch_norm_forward(x, gamma, beta, 1e-5)
    same(norm.batch_norm_forward(x, gamma, beta, 1e-5), (y, mean, var))
    fixed = x, gamma, beta, mean, var + 1, 1e-5
    same(norm.batch_norm_inference(*fixed), naive_norm.batch_norm_inference(*fixed))
    batch = grad, x, gamma, mean, var, 1e-3
    same(norm.batch_norm_backward(*batch), naive_norm.batch_norm_backward(*batch))
    same(
        norm.batch_norm_inference_backward(*batch),
        naive_norm.batch_norm_inference_backward(*batch),
    )


def test_variance_of_large_nearly_equal_numbers_is_exact_and_not_negative():
    ones = np.ones(3, np.float32)
    x = np.full((8, 3, 50), 1e4, np.float32)
    _, mean, var = norm.batch_norm_forward(x, ones, ones, 1e-5)
    np.testing.assert_array_equal(mean, np.float32(1e4))
    np.testing.assert_array_equal(var, 0)
    x[:, :, ::2] += np.float32(0.5)  # variance 1/16
    np.testing.assert_allclose(norm.batch_norm_forward(x, ones, ones, 1e-5)[2], 1 / 16, rtol=1e-5)


def large(dtype="float32"):
    """Calls large enough for several threads, each with its name."""
    rng = np.random.default_rng(6)
    x, w = normal(rng, 37, 9, 15, 14, dtype=dtype), normal(rng, 10, 9, 3, 3, dtype=dtype)
    grad, fine = normal(rng, 37, 10, 15, 14, dtype=dtype), ((1, 1), (1, 1, 1, 1), (1, 1))
    single, mix = normal(rng, 9, 1, 3, 3, dtype=dtype), normal(rng, 10, 9, 1, 1, dtype=dtype)
    every = ((1, 1), (0, 0, 0, 0), (1, 1))  # 1 × 1 filters, on every pixel
    gamma, flat = normal(rng, 9, dtype=dtype), x.reshape(37, 9, -1)
    pooled, window = (7, 7), ((2, 2), (2, 2), (0, 0, 0, 0))
    position = pool.max_pool2d_forward(x, *window, (1, 1), pooled)[1]
    small = np.ascontiguousarray(x[:, :, :7, :7])
    positive = gamma**2
    return {
        "forward": lambda: conv.conv2d_forward(x, w, None, *fine, 1),
        "input gradient": lambda: conv.conv2d_input_gradient(grad, w, x.shape, *fine, 1),
        "weight gradient": lambda: conv.conv2d_weight_gradient(grad, x, w.shape, *fine, 1),
        "1 × 1": lambda: conv.conv2d_forward(x, mix, None, *every, 1),
        "1 × 1 input": lambda: conv.conv2d_input_gradient(grad, mix, x.shape, *every, 1),
        "1 × 1 weight": lambda: conv.conv2d_weight_gradient(grad, x, mix.shape, *every, 1),
        "depthwise": lambda: depthwise.depthwise_forward(x, single, gamma, *fine),
        "depthwise input": lambda: depthwise.depthwise_input_gradient(x, single, x.shape, *fine),
        "depthwise weight": lambda: depthwise.depthwise_weight_gradient(x, x, single.shape, *fine),
        "batch norm": lambda: norm.batch_norm_forward(flat, gamma, gamma, 1e-5),
        "inference": lambda: norm.batch_norm_inference(flat, gamma, gamma, gamma, positive, 1e-5),
        "backward": lambda: norm.batch_norm_backward(flat, flat, gamma, gamma, positive, 1e-5),
        "max": lambda: pool.max_pool2d_forward(x, *window, (1, 1), pooled),
        "max backward": lambda: pool.max_pool2d_backward(small, position, x.shape),
        "average": lambda: pool.avg_pool2d_forward(x, *window, True, pooled),
        "average backward": lambda: pool.avg_pool2d_backward(small, x.shape, *window, True),
    }


@pytest.fixture
def four_threads(monkeypatch):
    """Call the threaded kernels whatever the machine and the size of the arrays."""
    monkeypatch.setattr(team, "_SMALL", 0)
    monkeypatch.setattr(threads, "_chosen", 4)


@pytest.mark.parametrize("name", large())
def test_the_number_of_threads_changes_no_bit(name, four_threads, monkeypatch):
    call = large()[name]
    several = [call() for _ in range(5)]
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = call()
    for result in several:
        for one, other in zip(result, alone, strict=True):
            np.testing.assert_array_equal(one, other)


TEXTBOOK = ["forward", "input gradient", "weight gradient", "1 × 1", "1 × 1 weight", "backward"]


@pytest.mark.parametrize("name", TEXTBOOK)
def test_several_threads_compute_the_textbook_sum(name, four_threads):
    """`large` in float64 against float32: a race would be far outside the rounding."""
    for one, other in zip(large()[name](), large("float64")[name](), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
