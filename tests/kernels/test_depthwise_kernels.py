"""Depthwise convolution in vectors and in plain loops: the textbook's sums, on every odd shape."""

import numpy as np
import pytest

pytest.importorskip("numba")

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from minidl_kernels import threads
from minidl_kernels.geometry import output_size
from minidl_kernels.naive import depthwise as naive
from minidl_kernels.numba import depthwise, team, vector
from minidl_kernels.numba.jit import jit
from minidl_kernels.numba.masked import load_where, store_where
from minidl_kernels.numba.vector import splat

FINE = (1, 1), (1, 1, 1, 1), (1, 1)
HALF = (2, 2), (1, 1, 1, 1), (1, 1)

wide = pytest.mark.skipif(not vector.WIDE, reason="this processor has no vectors of 16 numbers")


@pytest.fixture(
    params=[pytest.param(True, id="vectors", marks=wide), pytest.param(False, id="plain")]
)
def path(request, monkeypatch):
    """Both ways to compute, whatever the processor would choose."""
    monkeypatch.setattr(vector, "WIDE", request.param)


def compare(x_shape, M, kernel, window, dtype=np.float32):
    """All three kernels against the definition in float64."""
    rng = np.random.default_rng(0)
    N, C, H, W = x_shape
    size = output_size((H, W), kernel, *window)
    x, grad = rng.standard_normal(x_shape), rng.standard_normal((N, C * M, *size))
    w, b = rng.standard_normal((C * M, 1, *kernel)), rng.standard_normal(C * M)
    x4, grad4, w4, b4 = (a.astype(dtype) for a in (x, grad, w, b))

    def close(found, wanted):
        assert found.dtype == dtype
        tolerance = 1e-4 if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)

    y = naive.depthwise_forward(x, w, b, *window)
    close(depthwise.depthwise_forward(x4, w4, b4, *window), y)
    close(
        depthwise.depthwise_input_gradient(grad4, w4, x_shape, *window),
        naive.depthwise_input_gradient(grad, w, x_shape, *window),
    )
    close(
        depthwise.depthwise_weight_gradient(grad4, x4, w.shape, *window),
        naive.depthwise_weight_gradient(grad, x, w.shape, *window),
    )


@pytest.mark.parametrize(
    ("x_shape", "M", "kernel", "window"),
    [
        ((5, 3, 4, 4), 1, (3, 3), FINE),  # a plane is a vector; four images and one
        ((1, 2, 1, 1), 1, (3, 3), FINE),  # 1×1 maps, one image
        ((3, 32, 1, 1), 1, (3, 3), FINE),  # 16 channels share a vector
        ((6, 8, 2, 2), 1, (3, 3), FINE),  # 4 channels
        ((2, 6, 2, 4), 1, (3, 3), FINE),  # 2 channels
        ((2, 7, 2, 2), 1, (3, 3), FINE),  # 4 channels would share, but 7 are not a multiple
        ((2, 4, 2, 2), 2, (3, 3), FINE),  # and two filters each
        ((2, 9, 8, 8), 1, (3, 3), FINE),  # more channels than a piece of work has
        ((2, 2, 5, 19), 1, (3, 3), FINE),  # vectors that cross rows, and a tail
        ((2, 2, 3, 33), 1, (3, 3), HALF),  # a vector of windows and one more
        ((3, 2, 8, 8), 1, (3, 3), HALF),  # two rows of windows share a vector
        ((3, 2, 7, 6), 1, (3, 3), HALF),
        ((2, 2, 5, 4), 3, (3, 3), HALF),
        ((1, 2, 3, 2), 1, (7, 6), ((1, 1), (3, 3, 3, 2), (1, 1))),  # larger than the map
        ((2, 2, 9, 11), 1, (1, 1), ((2, 2), (0, 0, 0, 0), (1, 1))),  # stride larger than the kernel
        ((2, 2, 9, 11), 2, (2, 1), ((5, 2), (0, 1, 2, 0), (1, 1))),
        ((2, 2, 9, 11), 1, (2, 2), ((4, 3), (1, 1, 1, 1), (1, 1))),  # no tables for a stride of 3
        ((2, 3, 10, 9), 1, (3, 3), ((1, 2), (2, 2, 4, 1), (2, 3))),
        ((2, 3, 10, 9), 2, (5, 3), ((2, 1), (0, 3, 2, 1), (1, 2))),
        ((2, 1, 40, 3), 1, (5, 5), ((1, 1), (2, 2, 2, 2), (1, 1))),
        ((0, 3, 4, 4), 1, (3, 3), FINE),  # no images
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_definition(x_shape, M, kernel, window, dtype, path):
    compare(x_shape, M, kernel, window, dtype)


@settings(max_examples=80)
@given(
    N=st.integers(1, 6),
    C=st.sampled_from([1, 3, 8, 16]),
    M=st.integers(1, 3),
    size=st.tuples(st.integers(1, 12), st.integers(1, 35)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(*[st.integers(0, 3)] * 4),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
@example(4, 16, 1, (1, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
def test_any_shape_agrees_with_the_definition(N, C, M, size, kernel, stride, padding, dilation):
    assume(min(output_size(size, kernel, stride, padding, dilation)) >= 1)
    assume(
        N * C * M * size[0] * size[1] * kernel[0] * kernel[1] < 100_000
    )  # the definition is slow
    compare((N, C, *size), M, kernel, (stride, padding, dilation))


@pytest.mark.parametrize("shape", [(37, 9, 15, 14), (6, 16, 2, 2), (5, 70, 4, 4)], ids=str)
@pytest.mark.parametrize("window", [FINE, HALF], ids=str)
def test_the_number_of_threads_changes_no_bit(shape, window, path, monkeypatch):
    rng = np.random.default_rng(1)
    x, w = (
        rng.standard_normal(shape, np.float32),
        rng.standard_normal((shape[1], 1, 3, 3), np.float32),
    )
    grad = rng.standard_normal(depthwise.depthwise_forward(x, w, None, *window).shape, np.float32)

    def results(count):
        monkeypatch.setattr(threads, "_chosen", count)
        return (
            depthwise.depthwise_forward(x, w, None, *window),
            depthwise.depthwise_input_gradient(grad, w, x.shape, *window),
            depthwise.depthwise_weight_gradient(grad, x, w.shape, *window),
        )

    monkeypatch.setattr(team, "_SMALL", 0)  # call the team whatever the size
    alone = results(1)
    for count in (2, 3, 4):
        for one, other in zip(results(count), alone, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("size", [(2, 2), (4, 4), (9, 40)], ids=str)
@pytest.mark.parametrize("window", [FINE, HALF], ids=str)
def test_a_bad_number_reaches_what_it_meets_and_nothing_else(window, size, bad, path):
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((5, 4, *size)), rng.standard_normal((4, 1, 3, 3))
    grad = rng.standard_normal(naive.depthwise_forward(x, w, None, *window).shape)
    x[4, 2, 1, size[1] // 2] = grad[3, 1, 0, 0] = bad
    x4, w4, grad4 = (a.astype(np.float32) for a in (x, w, grad))

    def same_places(found, wanted):
        assert not np.isfinite(wanted).all()
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))

    same_places(
        depthwise.depthwise_forward(x4, w4, None, *window),
        naive.depthwise_forward(x, w, None, *window),
    )
    same_places(
        depthwise.depthwise_input_gradient(grad4, w4, x.shape, *window),
        naive.depthwise_input_gradient(grad, w, x.shape, *window),
    )
    # Padding counts as 0, and 0·NaN is NaN: a filter may show more than the definition, which
    # leaves padding out, but not less, and the other filters nothing.
    dw = depthwise.depthwise_weight_gradient(grad4, x4, w.shape, *window)
    wanted = naive.depthwise_weight_gradient(grad, x, w.shape, *window)
    assert not np.isfinite(dw[~np.isfinite(wanted)]).any()
    assert np.isfinite(dw[[0, 3]]).all()


@pytest.mark.parametrize("window", [FINE, HALF], ids=str)
@pytest.mark.parametrize("size", [(2, 2), (4, 4), (7, 6)], ids=str)
def test_numbers_around_the_array_are_not_read(window, size, path):
    """The same call on an array alone and on one with NaN before and after it in memory."""
    rng = np.random.default_rng(3)
    x, w = (
        rng.standard_normal((2, 4, *size), np.float32),
        rng.standard_normal((4, 1, 3, 3), np.float32),
    )
    y = depthwise.depthwise_forward(x, w, None, *window)
    grad = rng.standard_normal(y.shape, np.float32)

    def among_nans(array):
        memory = np.full(array.size + 400, np.nan, np.float32)
        memory[200:-200] = array.reshape(-1)
        return memory[200:-200].reshape(array.shape)

    x_within, grad_within = among_nans(x), among_nans(grad)
    np.testing.assert_array_equal(depthwise.depthwise_forward(x_within, w, None, *window), y)
    np.testing.assert_array_equal(
        depthwise.depthwise_input_gradient(grad_within, w, x.shape, *window),
        depthwise.depthwise_input_gradient(grad, w, x.shape, *window),
    )
    np.testing.assert_array_equal(
        depthwise.depthwise_weight_gradient(grad_within, x_within, w.shape, *window),
        depthwise.depthwise_weight_gradient(grad, x, w.shape, *window),
    )


@jit
def _copy_where(mask, x, i, y, j):
    store_where(mask, y, j, load_where(mask >> 1, x, i, splat(x.dtype.type(7))))


@wide
def test_masked_loads_and_stores():
    """Loaded where the mask, shifted by one, has a bit, else 7; stored where the mask has one."""
    x, y = np.arange(30, dtype=np.float32), np.full(20, -1, np.float32)
    mask = 0b1000_0000_0001_1011
    _copy_where(mask, x, 10, y, 2)
    expected = np.full(20, -1, np.float32)
    expected[[2, 3, 5, 6, 17]] = [10, 7, 13, 7, 7]  # bits 0 and 3 of mask >> 1; 1, 4 and 15 not
    np.testing.assert_array_equal(y, expected)
