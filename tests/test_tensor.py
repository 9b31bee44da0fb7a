"""Tensor behaves like NumPy's array, and says so where it does not."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minidl.functional as F
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
    results = [x + 1, 2.5 * x, x / 3, 1 - x, x**2, -x, x.mean(), x.var(), x + Tensor([1, 2])]
    results += [x ** np.float64(2), x ** np.int64(2), x.clip(np.float64(-1), 5), x.std(), x.roll(1)]
    for y in results:
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
    for dtype in (np.int64, np.uint8):
        x = Tensor(np.array([1, 2, 40], dtype))
        for y in (x.exp(), x.log(), x.mean(), x.sqrt(), x / 2, F.tanh(x), F.sigmoid(x)):
            assert y.dtype == np.float32
        assert x.exp().data[2] == np.exp(np.float32(40))  # beyond the range of 16 bits


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
    for name in ("sum", "mean", "max", "min", "var", "std"):
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


@given(data=st.data(), array=array)
def test_moves_equal_numpy(data, array):
    x = Tensor(array)
    axes = st.integers(-array.ndim, array.ndim - 1)
    axis = data.draw(st.none() | axes)
    shift = data.draw(st.integers(-5, 5))
    np.testing.assert_array_equal(x.flip(axis).data, np.flip(array, axis))
    np.testing.assert_array_equal(x.roll(shift, axis).data, np.roll(array, shift, axis))
    at = data.draw(st.integers(-array.ndim - 1, array.ndim))
    wide = np.expand_dims(array, at)
    np.testing.assert_array_equal(x.expand_dims(at).data, wide)
    np.testing.assert_array_equal(x.expand_dims(at).squeeze(at).data, array)
    np.testing.assert_array_equal(Tensor(wide).squeeze().data, array.squeeze())
    np.testing.assert_array_equal(F.stack([x, x], at).data, np.stack([array, array], at))
    order = data.draw(st.permutations(range(array.ndim)))
    np.testing.assert_array_equal(x.permute(order).data, array.transpose(order))
    np.testing.assert_array_equal(x.permute(*order).data, array.transpose(order))
    low, high = sorted(data.draw(st.tuples(st.floats(-9, 9), st.floats(-9, 9))))
    np.testing.assert_array_equal(x.clip(low, high).data, np.clip(array, low, high))
    np.testing.assert_array_equal(x.argmax(axis), array.argmax(axis))
    np.testing.assert_array_equal(x.argmin(axis), array.argmin(axis))


@given(data=st.data(), array=array)
def test_take_along_axis_equals_numpy(data, array):
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    shape = list(array.shape)
    shape[axis] = data.draw(st.integers(1, 5))
    places = st.integers(-array.shape[axis], array.shape[axis] - 1)
    indices = data.draw(hnp.arrays(np.int64, tuple(shape), elements=places))
    x = Tensor(array, requires_grad=True)
    y = F.take_along_axis(x, indices, axis)
    np.testing.assert_array_equal(y.data, np.take_along_axis(array, indices, axis))
    v = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(v)
    # No gradient is lost where an element is taken twice.
    np.testing.assert_allclose(x.grad.sum(), v.sum(), rtol=1e-9, atol=1e-9)


@given(data=st.data(), array=array)
def test_parts_put_together_again(data, array):
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    size = data.draw(st.integers(1, 5))
    for parts in (F.split(array, size, axis), F.chunk(array, size, axis)):
        np.testing.assert_array_equal(F.concatenate(parts, axis).data, array)


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant"}


@given(data=st.data(), array=array)
def test_padding_equals_numpy(data, array):
    mode = data.draw(st.sampled_from(sorted(MODES)))
    most = [size - 1 if mode == "reflect" else size for size in array.shape]
    widths = [data.draw(st.tuples(st.integers(0, n), st.integers(0, n))) for n in most]
    pad = [width for pair in reversed(widths) for width in pair]
    expected = np.pad(array, widths, mode=MODES[mode])
    np.testing.assert_array_equal(F.pad(array, pad, mode).data, expected)


@pytest.mark.parametrize("left", [(3,), (2, 3), (5, 2, 3), (1, 2, 3), (4, 1, 2, 3), (0, 3)])
@pytest.mark.parametrize("right", [(3,), (3, 6), (5, 3, 6), (1, 3, 6), (4, 5, 3, 6), (3, 0)])
def test_matmul_of_all_ranks_equals_numpy(left, right):
    """And gradients are the same sums written as arithmetic: Σ_j a[…,i,j,·] · b[…,·,j,k]."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    product = a @ b
    v = rng.standard_normal(product.shape)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    (x @ y).backward(v)
    p, q = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    rows = p.expand_dims(0) if p.ndim == 1 else p
    columns = q.expand_dims(1) if q.ndim == 1 else q
    summed = (rows.expand_dims(-1) * columns.expand_dims(-3)).sum(axis=-2)
    assert (x @ y).shape == product.shape
    np.testing.assert_allclose((x @ y).data, product, rtol=1e-12, atol=1e-13)
    summed.reshape(product.shape).backward(v)
    np.testing.assert_allclose(x.grad, p.grad, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y.grad, q.grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "shapes",
    [
        ((3,), (4,)),
        ((3,), (4, 3)),
        ((2, 3), (2,)),
        ((2, 3), (2, 3)),
        ((5, 2, 3), (4, 3, 6)),
        ((2, 1, 2, 3), (3, 4, 2, 6)),
        ((), (3,)),
        ((2, 3), ()),
    ],
)
def test_what_matmul_refuses_numpy_refuses_too(shapes):
    a, b = (np.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError):
        a @ b
    with pytest.raises(ValueError, match="matmul: shapes"):
        Tensor(a) @ Tensor(b)


EMPTY = {
    "roll": lambda x: x.roll(1, 0),
    "flip": lambda x: x.flip(0),
    "clip": lambda x: x.clip(0, 1),
    "maximum": lambda x: F.maximum(x, 0),
    "where": lambda x: F.where(x > 0, x, 0.0),
    "stack": lambda x: F.stack([x, x], axis=1),
    "split": lambda x: F.split(x, [1, 2], axis=1)[1],
    "chunk": lambda x: F.chunk(x, 2)[0],
    "take_along_axis": lambda x: F.take_along_axis(x, np.ones((len(x), 5), np.int64), 1),
    "reflect": lambda x: F.pad(x, (1, 2), "reflect"),
    "replicate": lambda x: F.pad(x, (1, 2), "replicate"),
    "circular": lambda x: F.pad(x, (1, 2), "circular"),
    "attention": lambda x: F.scaled_dot_product_attention(x, np.ones((5, 3)), np.ones((5, 2))),
    "attention to nobody": lambda x: F.scaled_dot_product_attention(np.ones((5, 3)), x, x),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_batch_goes_through(name):
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = EMPTY[name](x)
    y.backward(np.zeros(y.shape))
    assert x.grad.shape == (0, 3)


def test_standard_deviation_of_equal_numbers_has_no_gradient():
    x = Tensor(np.full(3, 2.0), requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        x.std().backward()
    assert np.isnan(x.grad).all()
    x.grad = None
    (x.var() + 1e-5).sqrt().backward()
    assert (x.grad == 0).all()


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


@pytest.mark.parametrize("exponent", [Tensor([2.0]), np.array([2.0]), [2.0], "2", None])
def test_an_exponent_that_is_no_number(exponent):
    with pytest.raises(TypeError, match=rf"must be a number, not {type(exponent).__name__}.*log"):
        Tensor([1.0]) ** exponent


def test_bounds_that_are_no_numbers():
    with pytest.raises(TypeError, match=r"low must be a number or None, not Tensor.*F\.maximum"):
        Tensor([1.0]).clip(Tensor([2.0]))


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


def test_a_bare_number_next_to_float64_is_not_rounded() -> None:
    x = Tensor(np.ones(3))
    assert (x * 0.17).data[0] == 0.17
    assert (0.1 + x).data[0] == 1.1
    assert (x / 3.0).data[0] == 1 / 3
    assert (Tensor([1.0, 2.0]) * 0.17).dtype == np.float32
