"""Shapes and options that nobody chose: Hypothesis draws them, gradcheck judges the gradients."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from minidl_kernels.geometry import output_size

import minidl
from minidl import functional as F

small = st.integers(1, 3)
pairs = st.tuples(small, small)


def draw(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


@settings(max_examples=40)
@given(
    N=st.integers(1, 2),
    groups=small,
    CG=st.integers(1, 2),
    OG=st.integers(1, 2),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(*[st.integers(0, 2)] * 4),
    dilation=pairs,
)
def test_conv2d(N, groups, CG, OG, size, kernel, stride, padding, dilation):
    assume(min(output_size(size, kernel, stride, padding, dilation)) >= 1)
    inputs = draw((N, groups * CG, *size), (groups * OG, CG, *kernel), (groups * OG,))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    minidl.gradcheck(lambda x, w, b: F.conv2d(x, w, b, **options), inputs)


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=pairs,
    stride=pairs,
    ceil_mode=st.booleans(),
    include=st.booleans(),
    data=st.data(),
)
def test_pooling(size, kernel, stride, ceil_mode, include, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    assume(all(n + 2 * p >= k for n, p, k in zip(size, padding, kernel, strict=True)))
    shape = (2, 2, *size)
    distinct = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) * 0.1
    minidl.gradcheck(
        lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode), distinct
    )
    minidl.gradcheck(
        lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode, include), distinct
    )


@settings(max_examples=40)
@given(hnp.mutually_broadcastable_shapes(signature="(m,n),(n,p)->(m,p)", max_dims=2, max_side=3))
def test_matmul(shapes):
    minidl.gradcheck(lambda a, b: a @ b, draw(*shapes.input_shapes))


@settings(max_examples=40)
@given(shape=hnp.array_shapes(max_dims=4, max_side=3), keepdims=st.booleans(), data=st.data())
def test_reductions(shape, keepdims, data):
    axis = data.draw(st.none() | hnp.valid_tuple_axes(len(shape)))
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) * 0.1
    for name in ("sum", "mean", "var", "max", "min"):
        minidl.gradcheck(lambda x, name=name: getattr(x, name)(axis, keepdims), x)


@settings(max_examples=30)
@given(N=st.integers(2, 5), C=small, size=st.tuples(small, small))
def test_batch_norm(N, C, size):
    x, weight, bias = draw((N, C, *size), (C,), (C,))
    # Few values near each other make a variance so small that differences lose their digits.
    x += np.linspace(-2, 2, N)[:, None, None, None]
    minidl.gradcheck(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), [x, weight, bias]
    )
