"""What goes in and out of the compiled kernels: layouts, inputs left alone, NaN and inf."""

import numpy as np
import pytest

pytest.importorskip("numba")

from minidl_kernels.numba import conv, depthwise, norm, pool

rng = np.random.default_rng(0)
FINE = (1, 1), (1, 1, 1, 1), (1, 1)
CALLS = {
    "conv2d_forward": (
        lambda x, w, b: conv.conv2d_forward(x, w, b, *FINE, 1),
        [(2, 3, 5, 4), (6, 3, 3, 3), (6,)],
    ),
    "conv2d_input_gradient": (
        lambda grad, w: conv.conv2d_input_gradient(grad, w, (2, 3, 5, 4), *FINE, 1),
        [(2, 6, 5, 4), (6, 3, 3, 3)],
    ),
    "conv2d_weight_gradient": (
        lambda grad, x: conv.conv2d_weight_gradient(grad, x, (6, 3, 3, 3), *FINE, 1),
        [(2, 6, 5, 4), (2, 3, 5, 4)],
    ),
    "depthwise_forward": (
        lambda x, w, b: depthwise.depthwise_forward(x, w, b, *FINE),
        [(2, 3, 5, 4), (3, 1, 3, 3), (3,)],
    ),
    "depthwise_input_gradient": (
        lambda grad, w: depthwise.depthwise_input_gradient(grad, w, (2, 3, 5, 4), *FINE),
        [(2, 3, 5, 4), (3, 1, 3, 3)],
    ),
    "depthwise_weight_gradient": (
        lambda grad, x: depthwise.depthwise_weight_gradient(grad, x, (3, 1, 3, 3), *FINE),
        [(2, 3, 5, 4), (2, 3, 5, 4)],
    ),
    "max_pool2d_forward": (
        lambda x: pool.max_pool2d_forward(x, (2, 2), (2, 1), (0, 1, 0, 1), (1, 1), (3, 4)),
        [(2, 3, 5, 4)],
    ),
    "avg_pool2d_forward": (
        lambda x: pool.avg_pool2d_forward(x, (2, 2), (2, 1), (0, 1, 0, 1), True, (3, 4)),
        [(2, 3, 5, 4)],
    ),
    "avg_pool2d_backward": (
        lambda grad: pool.avg_pool2d_backward(
            grad, (2, 3, 5, 4), (2, 2), (2, 1), (0, 1, 0, 1), True
        ),
        [(2, 3, 3, 4)],
    ),
    "batch_norm_forward": (
        lambda x, gamma, beta: norm.batch_norm_forward(x, gamma, beta, 1e-5),
        [(2, 3, 20), (3,), (3,)],
    ),
    "batch_norm_inference": (
        lambda x, gamma, beta, mean, var: norm.batch_norm_inference(
            x, gamma, beta, mean, var, 1e-5
        ),
        [(2, 3, 20), (3,), (3,), (3,), (3,)],
    ),
    "batch_norm_backward": (
        lambda grad, x, gamma, mean, var: norm.batch_norm_backward(grad, x, gamma, mean, var, 1e-5),
        [(2, 3, 20), (2, 3, 20), (3,), (3,), (3,)],
    ),
    "batch_norm_inference_backward": (
        lambda grad, x, gamma, mean, var: norm.batch_norm_inference_backward(
            grad, x, gamma, mean, var, 1e-5
        ),
        [(2, 3, 20), (2, 3, 20), (3,), (3,), (3,)],
    ),
}


def arrays(shapes, dtype="float64"):
    return [np.abs(rng.standard_normal(shape)).astype(dtype) + 0.1 for shape in shapes]


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def reversed_memory(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def transposed_memory(array):
    return np.asfortranarray(array)


@pytest.mark.parametrize("layout", [read_only, reversed_memory, transposed_memory])
@pytest.mark.parametrize("name", CALLS)
def test_layout_of_the_inputs_does_not_matter(name, layout):
    call, shapes = CALLS[name]
    inputs = arrays(shapes)
    for one, other in zip(
        as_tuple(call(*map(layout, inputs))), as_tuple(call(*inputs)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CALLS)
def test_inputs_stay_and_outputs_are_new(name, dtype):
    call, shapes = CALLS[name]
    inputs = arrays(shapes, dtype)
    before = [array.copy() for array in inputs]
    for output in as_tuple(call(*inputs)):
        assert output.dtype == (np.int32 if output.dtype.kind == "i" else dtype)
        assert output.flags.c_contiguous
        for array in inputs:
            assert not np.shares_memory(output, array)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", CALLS)
def test_nan_and_infinity_are_not_swallowed(name, value):
    """One bad number in the first input: the output shows it (a maximum need not show −inf)."""
    call, shapes = CALLS[name]
    inputs = arrays(shapes)
    inputs[0][(0,) * inputs[0].ndim] = value
    outputs = as_tuple(call(*inputs))
    if name == "max_pool2d_forward" and value == -np.inf:
        assert np.isfinite(outputs[0]).all()
    else:
        assert not np.isfinite(outputs[0]).all()


def test_a_bad_pixel_reaches_only_the_windows_that_see_it():
    x, w = arrays([(2, 3, 6, 5), (4, 3, 3, 3)])
    x[1, 2, 3, 4] = np.nan
    y = conv.conv2d_forward(x, w, None, *FINE, 1)
    seen = np.zeros((2, 6, 5), bool)
    seen[1, 2:5, 3:5] = True
    np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(seen[:, None], y.shape))
    dx = conv.conv2d_input_gradient(np.where(np.isnan(y), y, 1), w, x.shape, *FINE, 1)
    seen[1, 1:6, 2:5] = True
    np.testing.assert_array_equal(np.isnan(dx), np.broadcast_to(seen[:, None], dx.shape))


def test_no_images():
    none, weight, five = np.zeros((0, 4, 5, 6)), np.ones((4, 4, 3, 3)), np.ones(4)
    single, flat = np.ones((4, 1, 3, 3)), none.reshape(0, 4, 30)
    window = (2, 2), (2, 2), (0, 0, 0, 0)
    y, position = pool.max_pool2d_forward(none, *window, (1, 1), (2, 3))
    assert y.shape == position.shape == (0, 4, 2, 3)
    assert pool.max_pool2d_backward(y, position, none.shape).shape == none.shape
    assert pool.avg_pool2d_forward(none, *window, True, (2, 3)).shape == y.shape
    assert pool.avg_pool2d_backward(y, none.shape, *window, True).shape == none.shape
    assert conv.conv2d_forward(none, weight, five, *FINE, 1).shape == none.shape
    assert conv.conv2d_input_gradient(none, weight, none.shape, *FINE, 1).shape == none.shape
    assert not conv.conv2d_weight_gradient(none, none, weight.shape, *FINE, 1).any()
    assert depthwise.depthwise_forward(none, single, five, *FINE).shape == none.shape
    assert not depthwise.depthwise_weight_gradient(none, none, single.shape, *FINE).any()
    assert norm.batch_norm_inference(flat, five, five, five, five, 1e-5).shape == flat.shape
    assert norm.batch_norm_inference_backward(flat, flat, five, five, five, 1e-5)[0].size == 0
