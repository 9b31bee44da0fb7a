"""Shapes and options nobody thought of: Hypothesis draws them, and all kernel sets must agree."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from minidl_kernels import KernelSet, available
from minidl_kernels.geometry import output_size

NAIVE = KernelSet("naive")
OTHERS = [KernelSet(name) for name in available() if name != "naive"]

small = st.integers(1, 3)
pairs = st.tuples(small, small)
paddings = st.tuples(*[st.integers(0, 3)] * 4)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))

pytestmark = pytest.mark.parametrize("kernels", OTHERS, ids=lambda k: k.name)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype


@settings(max_examples=60)
@given(
    N=st.integers(0, 3),
    groups=small,
    CG=small,
    OG=st.integers(1, 5),
    size=sizes,
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=pairs,
    padding=paddings,
    dilation=pairs,
    bias=st.booleans(),
)
@example(2, 1, 1, 5, (1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), True)
@example(1, 3, 2, 4, (9, 7), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False)
def test_convolution(kernels, N, groups, CG, OG, size, kernel, stride, padding, dilation, bias):
    out = output_size(size, kernel, stride, padding, dilation)
    assume(min(out) >= 1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, groups * CG, *size))
    w = rng.standard_normal((groups * OG, CG, *kernel))
    b = rng.standard_normal(groups * OG) if bias else None
    grad = rng.standard_normal((N, groups * OG, *out))
    window = (stride, padding, dilation, groups)
    ours, definition = kernels.conv, NAIVE.conv
    close(ours.conv2d_forward(x, w, b, *window), definition.conv2d_forward(x, w, b, *window))
    close(
        ours.conv2d_input_gradient(grad, w, x.shape, *window),
        definition.conv2d_input_gradient(grad, w, x.shape, *window),
    )
    close(
        ours.conv2d_weight_gradient(grad, x, w.shape, *window),
        definition.conv2d_weight_gradient(grad, x, w.shape, *window),
    )


@settings(max_examples=60)
@given(
    N=st.integers(0, 3),
    C=small,
    M=small,
    size=sizes,
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=pairs,
    padding=paddings,
    dilation=pairs,
)
def test_depthwise_convolution(kernels, N, C, M, size, kernel, stride, padding, dilation):
    out = output_size(size, kernel, stride, padding, dilation)
    assume(min(out) >= 1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, *size))
    w = rng.standard_normal((C * M, 1, *kernel))
    b = rng.standard_normal(C * M)
    grad = rng.standard_normal((N, C * M, *out))
    window = (stride, padding, dilation)
    ours, definition = kernels.depthwise, NAIVE.depthwise
    close(ours.depthwise_forward(x, w, b, *window), definition.depthwise_forward(x, w, b, *window))
    close(
        ours.depthwise_input_gradient(grad, w, x.shape, *window),
        definition.depthwise_input_gradient(grad, w, x.shape, *window),
    )
    close(
        ours.depthwise_weight_gradient(grad, x, w.shape, *window),
        definition.depthwise_weight_gradient(grad, x, w.shape, *window),
    )
    # Depthwise is the convolution with groups = C.
    close(
        definition.depthwise_forward(x, w, b, *window),
        NAIVE.conv.conv2d_forward(x, w, b, *window, C),
    )


@settings(max_examples=60)
@given(
    N=st.integers(0, 3),
    C=small,
    size=sizes,
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=pairs,
    dilation=pairs,
    ceil=st.booleans(),
    include=st.booleans(),
    data=st.data(),
)
def test_pooling(kernels, N, C, size, kernel, stride, dilation, ceil, include, data):
    vertical = data.draw(st.integers(0, kernel[0] // 2))
    horizontal = data.draw(st.integers(0, kernel[1] // 2))
    padding = (vertical, vertical, horizontal, horizontal)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (N, C, *size)).astype(float)  # few values: many ties
    x[rng.random(x.shape) < 0.05] = np.nan
    ours, definition = kernels.pool, NAIVE.pool

    out = output_size(size, kernel, stride, padding, dilation)
    assume(min(out) >= 1)
    window = (kernel, stride, padding, dilation, (out[0] + ceil, out[1]))
    found, wanted = (k.max_pool2d_forward(x, *window) for k in (ours, definition))
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert found[1].dtype == np.int32
    grad = rng.standard_normal(wanted[0].shape)
    close(
        ours.max_pool2d_backward(grad, wanted[1], x.shape),
        definition.max_pool2d_backward(grad, wanted[1], x.shape),
    )

    out = output_size(size, kernel, stride, padding)
    x = np.nan_to_num(x)
    out = (out[0] + ceil, out[1])
    window = (kernel, stride, padding, include)
    close(ours.avg_pool2d_forward(x, *window, out), definition.avg_pool2d_forward(x, *window, out))
    grad = rng.standard_normal((N, C, *out))
    close(
        ours.avg_pool2d_backward(grad, x.shape, *window),
        definition.avg_pool2d_backward(grad, x.shape, *window),
    )


@settings(max_examples=40)
@given(
    N=st.integers(1, 5),
    C=st.integers(1, 5),
    L=st.integers(1, 40),
    shift=st.sampled_from([0.0, 100.0]),
)
def test_batch_norm(kernels, N, C, L, shift):
    rng = np.random.default_rng(0)
    x, grad = rng.standard_normal((2, N, C, L))
    x += shift  # a mean far from zero must not spoil the variance
    gamma, beta = rng.standard_normal((2, C))
    ours, definition = kernels.norm, NAIVE.norm

    def agree(found, wanted):
        for left, right in zip(found, wanted, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8)

    y, mean, var = definition.batch_norm_forward(x, gamma, beta, 1e-5)
    agree(ours.batch_norm_forward(x, gamma, beta, 1e-5), (y, mean, var))
    assert (ours.batch_norm_forward(x, gamma, beta, 1e-5)[2] >= 0).all()
    agree(
        ours.batch_norm_backward(grad, x, gamma, mean, var, 1e-5),
        definition.batch_norm_backward(grad, x, gamma, mean, var, 1e-5),
    )
    agree(
        [ours.batch_norm_inference(x, gamma, beta, mean, var + 0.5, 1e-5)],
        [definition.batch_norm_inference(x, gamma, beta, mean, var + 0.5, 1e-5)],
    )
    agree(
        ours.batch_norm_inference_backward(grad, x, gamma, mean, var + 0.5, 1e-5),
        definition.batch_norm_inference_backward(grad, x, gamma, mean, var + 0.5, 1e-5),
    )
