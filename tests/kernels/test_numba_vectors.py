"""The wide float32 path of convolution: the same sums as the plain loops, on every odd shape."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

import numba
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from minidl_kernels.geometry import output_size
from minidl_kernels.naive import conv as naive
from minidl_kernels.numba import channels, conv, vector
from minidl_kernels.numpy import conv as whole_arrays

small = st.integers(1, 3)
pairs = st.tuples(small, small)


@settings(max_examples=60)
@given(
    N=st.integers(1, 3),
    C=st.integers(1, 4),
    O=st.integers(1, 6),
    size=st.tuples(st.integers(1, 19), st.integers(1, 35)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 5)),
    stride=pairs,
    padding=st.tuples(*[st.integers(0, 3)] * 4),
    dilation=pairs,
)
@example(1, 1, 2, (1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))  # fewer numbers than a vector
@example(1, 3, 4, (3, 33), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1))  # a vector and one number
def test_float32_agrees_with_the_definition(N, C, O, size, kernel, stride, padding, dilation):
    assume(min(output_size(size, kernel, stride, padding, dilation)) >= 1)
    compare_with(naive, N, C, O, size, kernel, stride, padding, dilation)


# Larger ones against the NumPy kernels: the definition would take minutes.
LARGER = {
    "far more padding than filter": (2, 3, 5, (7, 40), (3, 3), (1, 1), (0, 21, 40, 3), (1, 1)),
    "four images in a vector": (9, 9, 5, (5, 7), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    "two images in a vector": (5, 17, 6, (9, 16), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    "two chunks of channels": (1, 70, 67, (33, 70), (3, 3), (1, 1), (2, 0, 1, 1), (1, 1)),
    "five pictures in a vector": (40, 9, 5, (1, 3), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "several panels": (3, 130, 7, (9, 23), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "a pixel more than two strips": (3, 48, 9, (1, 257), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "eight images in a strip": (11, 17, 21, (2, 8), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "two images in a strip": (5, 33, 6, (7, 9), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "two chunks of a 1 × 1": (2, 150, 140, (5, 9), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "channels in the lanes": (3, 33, 18, (9, 11), (3, 2), (2, 1), (1, 0, 2, 1), (1, 2)),
    "a handful of pixels": (1, 50, 12, (2, 2), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "five pixels": (5, 7, 4, (1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "a handful and no whole block": (2, 50, 13, (1, 2), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    "padding of a 1 × 1": (2, 9, 5, (4, 5), (1, 1), (1, 1), (1, 0, 2, 0), (1, 1)),
}


@pytest.mark.parametrize("shapes", LARGER.values(), ids=LARGER)
def test_float32_agrees_on_larger_shapes(shapes):
    compare_with(whole_arrays, *shapes)


def compare_with(reference, N, C, O, size, kernel, stride, padding, dilation):
    """Forward and both gradients in float32 beside those of other kernels in float64."""
    out = output_size(size, kernel, stride, padding, dilation)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, *size))
    w = rng.standard_normal((O, C, *kernel))
    b = rng.standard_normal(O)
    grad = rng.standard_normal((N, O, *out))
    x4, w4, b4, grad4 = (a.astype(np.float32) for a in (x, w, b, grad))
    window = (stride, padding, dilation, 1)

    def close(found, wanted):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)

    close(conv.conv2d_forward(x4, w4, b4, *window), reference.conv2d_forward(x, w, b, *window))
    close(
        conv.conv2d_input_gradient(grad4, w4, x.shape, *window),
        reference.conv2d_input_gradient(grad, w, x.shape, *window),
    )
    close(
        conv.conv2d_weight_gradient(grad4, x4, w.shape, *window),
        reference.conv2d_weight_gradient(grad, x, w.shape, *window),
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_float32_carries_nan_and_infinity_to_the_windows_that_see_them(bad):
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 40), np.float32)
    w = np.random.default_rng(1).standard_normal((5, 3, 3, 3), np.float32)
    x[1, 2, 4, 17] = bad
    y = conv.conv2d_forward(x, w, None, (1, 1), (1, 1, 1, 1), (1, 1), 1)
    seen = np.zeros(y.shape, bool)
    seen[1, :, 3:6, 16:19] = True
    np.testing.assert_array_equal(~np.isfinite(y), seen)


PROGRAM = """
import json, numpy as np
from minidl_kernels.numba import conv, vector
x = np.random.default_rng(0).standard_normal((2, 5, 11, 37), np.float32)
w = np.random.default_rng(1).standard_normal((6, 5, 3, 3), np.float32)
y = conv.conv2d_forward(x, w, None, (1, 1), (1, 1, 1, 1), (1, 1), 1)
print(json.dumps([vector.WIDE, y[:, :, ::3, ::5].ravel().tolist()]))
"""


def test_plain_loops_serve_where_there_are_no_wide_registers(tmp_path):
    """MINIDL_VECTORS=0 stands in for such a processor; both ways differ by rounding only."""
    results = []
    for choice in ("0", "1"):
        environment = {
            **os.environ,
            "MINIDL_VECTORS": choice,
            "NUMBA_CACHE_DIR": str(tmp_path / choice),
        }
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        results.append(json.loads(run.stdout))
    assert results[0][0] is False
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-4)


GUARDED = """
import ctypes, mmap
import numpy as np
from minidl_kernels.numba import channels, conv, vector

def guarded(shape):
    # Random numbers that fill some pages of memory, between two pages that nobody may touch.
    page, size = mmap.PAGESIZE, 4 * int(np.prod(shape))
    assert size % page == 0
    memory = mmap.mmap(-1, size + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (start, start + page + size):
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) == 0
    array = np.frombuffer(memory, np.float32, size // 4, page).reshape(shape)
    array[:] = np.random.default_rng(0).standard_normal(shape, np.float32)
    return array

for shape, kernel, stride, groups in [
    ((4, 16, 32, 32), 3, 1, 1), ((4, 16, 16, 16), 3, 1, 1), ((16, 16, 8, 8), 3, 1, 1),  # Winograd
    ((4, 16, 32, 32), 3, 2, 1), ((4, 16, 32, 32), 5, 1, 1), ((16, 16, 16, 16), 1, 1, 1),
    ((4, 16, 32, 32), 3, 1, 16), ((4, 16, 16, 16), 3, 2, 16), ((4, 16, 8, 8), 5, 1, 16),
    ((16, 16, 4, 4), 3, 1, 16), ((64, 16, 2, 2), 3, 1, 16),  # several channels in a vector
]:
    x = guarded(shape)
    w = np.random.default_rng(1).standard_normal((16, 16 // groups, kernel, kernel), np.float32)
    window = (stride, stride), (kernel // 2,) * 4, (1, 1), groups
    y = conv.conv2d_forward(x, w, None, *window)
    grad = guarded(y.shape)
    conv.conv2d_input_gradient(grad, w, x.shape, *window)
    conv.conv2d_weight_gradient(grad, x, w.shape, *window)
print("nothing was touched")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mprotect")
def test_nothing_outside_the_arrays_is_touched():
    """Rows are read with their padding; what is masked out of a vector must not be read at all."""
    run = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True)
    assert run.stdout == "nothing was touched\n", f"exit code {run.returncode}: {run.stderr}"


@pytest.mark.skipif(not vector.WIDE, reason="needs wide registers")
def test_a_row_that_is_all_padding_is_no_longer_than_itself():
    """A window far to the left of the picture, as padding 8 with stride 20 makes."""

    @numba.njit
    def packed(x, left, columns):
        out = np.full(64 * 16, np.float32(7))
        channels.pack(x.reshape(-1), x.shape, 0, 0, 0, left, (1, columns), out, 0, 16)
        return out

    x = np.ones((1, 16, 1, 3), np.float32)
    out = packed(x, -8, 2).reshape(64, 16)
    assert (out[:2] == 0).all() and (out[2:] == 7).all()
