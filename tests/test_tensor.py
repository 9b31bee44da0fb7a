"""Tensor behaves like NumPy's array, and says so where it does not."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl import GraphError, Tensor

# --------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1, 2]], np.int64),
        (True, np.bool_),
        (np.float64(1.5), np.float64),
        (np.ones(2), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float32),
        (np.ones(2, np.uint8), np.uint8),
    ],
)
def test_dtype_of_data(data, dtype):
    assert Tensor(data).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_take_the_tensors_dtype(dtype):
    x = Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    for y in (x + 1, 2.5 * x, x / 3, 1 - x, x**2, -x, x.mean(), x.var(), x + Tensor([1, 2])):
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_float32_meets_float64_in_float64_and_each_gets_its_own_gradient():
    a = Tensor(np.array([1.5], np.float32), requires_grad=True)
    b = Tensor(np.array([2.0]), requires_grad=True)
    y = a * b
    assert y.dtype == np.float64
    y.backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    assert (a.grad.item(), b.grad.item()) == (2.0, 1.5)


def test_whole_numbers_become_float32_where_a_function_needs_floats():
    x = Tensor([1, 2, 4])
    for y in (x.exp(), x.mean(), x.sqrt(), x / 2):
        assert y.dtype == np.float32


@pytest.mark.parametrize("data", ["text", [1j], [[1.0], [1.0, 2.0]], [None]])
def test_non_numbers_are_refused(data):
    with pytest.raises((TypeError, ValueError)):
        Tensor(data)


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match=r"only floating-point.*int64.*astype"):
        Tensor([1, 2], requires_grad=True)


# ----------------------------------------------------------------------------- like NumPy

shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)


@given(shapes=shapes, seed=st.integers(0, 100), data=st.data())
def test_arithmetic_equals_numpy_and_gradients_have_the_inputs_shapes(shapes, seed, data):
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    operation = data.draw(st.sampled_from(["+", "-", "*", "/"]))
    functions = {
        "+": lambda p, q: p + q,
        "-": lambda p, q: p - q,
        "*": lambda p, q: p * q,
        "/": lambda p, q: p / q,
    }
    z = functions[operation](x, y)
    np.testing.assert_array_equal(z.data, functions[operation](a, b))
    v = rng.standard_normal(z.shape)
    z.backward(v)
    # ⟨v, dz⟩ for a change of the whole of a by a factor: Σ v·∂z/∂a·a is known in closed form.
    expected = {"+": v * a, "-": v * a, "*": v * a * b, "/": v * a / b}[operation].sum()
    assert x.grad.shape == a.shape and y.grad.shape == b.shape
    np.testing.assert_allclose((x.grad * a).sum(), expected, rtol=1e-9, atol=1e-9)


array = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-9, 9))


@given(data=st.data(), array=array)
def test_indexing_equals_numpy(data, array):
    index = data.draw(hnp.basic_indices(array.shape, allow_newaxis=True))
    x = Tensor(array, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, array[index])
    v = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(v)
    expected = np.zeros_like(array)
    expected[index] += v
    np.testing.assert_array_equal(x.grad, expected)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_equal_numpy(axis, keepdims):
    a = np.random.default_rng(0).standard_normal((2, 3, 4))
    x = Tensor(a)
    for name in ("sum", "mean", "max", "min", "var"):
        np.testing.assert_allclose(
            getattr(x, name)(axis=axis, keepdims=keepdims).data,
            getattr(a, name)(axis=axis, keepdims=keepdims),
            rtol=1e-14,
        )


def test_shapes_like_numpy():
    a = np.arange(24.0).reshape(2, 3, 4)
    x = Tensor(a)
    np.testing.assert_array_equal(x.reshape(4, -1).data, a.reshape(4, -1))
    np.testing.assert_array_equal(x.reshape((6, 4)).data, a.reshape(6, 4))
    np.testing.assert_array_equal(x.transpose(2, 0, 1).data, a.transpose(2, 0, 1))
    np.testing.assert_array_equal(x.transpose(-1, 0, 1).data, a.transpose(-1, 0, 1))
    np.testing.assert_array_equal(x.T.data, a.T)
    assert x.flatten(1).shape == (2, 12) and x.flatten().shape == (24,)
    assert Tensor(np.zeros((0, 3, 2))).flatten(1).shape == (0, 6)
    assert x.broadcast_to(5, 2, 3, 4).shape == (5, 2, 3, 4)
    assert [row.shape for row in x] == [(3, 4), (3, 4)] and len(x) == 2


def test_ndarray_on_the_left():
    a = np.array([1.0, 2.0])
    x = Tensor(np.array([3.0, 4.0]), requires_grad=True)
    for y in (a * x, a + x, a - x, a / x, np.float64(2) * x, a @ x):
        assert isinstance(y, Tensor) and y.requires_grad


def test_comparisons_are_numbers_without_gradient():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert (x > 1.5).data.tolist() == [False, True]
    assert (x == 1).data.tolist() == [True, False]
    assert not (x <= Tensor([1.0, 1.0])).requires_grad
    assert len({x, x}) == 1  # hashed by identity all the same


def test_scalars_become_python_numbers():
    assert float(Tensor(2.5)) == 2.5 and isinstance(Tensor(3).item(), int)
    assert bool(Tensor([0.0])) is False
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([1.0, 2.0]))


def test_numpy_functions_do_not_lose_the_graph_silently():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    with pytest.raises(TypeError, match=r"gradient would be lost.*\.numpy\(\)"):
        np.asarray(x)
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]
    assert x.numpy() is x.data


def test_reading_facts():
    x = Tensor(np.zeros((2, 3)))
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float64)
    assert Tensor([1.0, 3.0, 2.0]).argmax() == 1


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (Tensor([1.0], requires_grad=True), "Tensor([1.], requires_grad=True)"),
        (Tensor(np.array([1.0])), "Tensor([1.], dtype=float64)"),
        (Tensor([1.0], requires_grad=True) * 2, "Tensor([2.], op=Multiply)"),
    ],
)
def test_repr(tensor, text):
    assert repr(tensor) == text


def test_data_is_shared_and_a_deep_copy_is_not():
    a = np.zeros(2)
    x = Tensor(a, requires_grad=True)
    a[0] = 7
    assert x.data[0] == 7
    y = copy.deepcopy(x)
    y.data[1] = 1
    assert x.data[1] == 0 and y.requires_grad


# --------------------------------------------------------------------------------- errors


def test_requires_grad_of_a_result_cannot_be_set():
    y = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(GraphError, match=r"made by Multiply.*detach"):
        y.requires_grad = False


def test_a_tensor_as_exponent():
    with pytest.raises(TypeError, match="exponent must be a number"):
        Tensor([1.0]) ** Tensor([2.0])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: Tensor(np.ones((2, 3))).transpose(0, 2),
            r"transpose: axis 2 is none of the 2 axes",
        ),
        (lambda: Tensor(np.ones((2, 3))).flatten(3), r"flatten: axis 3 is none of the 2 axes"),
        (lambda: Tensor(np.ones((0, 3))).min(axis=0), r"min: axes \(0,\) of shape \(0, 3\) hold 0"),
        (lambda: Tensor(np.ones((2, 3))).reshape(4, 2), r"6 values of shape \(2, 3\).*\(4, 2\)"),
        (lambda: Tensor(np.ones((2, 3))).reshape(-1, 4), "do not fill"),
        (lambda: Tensor(np.ones((2, 3))) @ Tensor(np.ones((2, 3))), r"\(2, 3\) and \(2, 3\)"),
    ],
)
def test_shape_errors_spell_the_arithmetic(act, message):
    with pytest.raises(ValueError, match=message):
        act()
