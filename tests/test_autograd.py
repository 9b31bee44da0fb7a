"""The engine: order, accumulation, freeing, modes, hooks, and what it refuses."""

import gc
import weakref

import numpy as np
import pytest

import minidl
from minidl import AnomalyError, GraphError, Tensor, nn
from minidl import functional as F
from minidl.autograd import Op
from minidl.tensor import apply


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


# ------------------------------------------------------------------------- sums over paths


def test_gradients_of_all_paths_add_up():
    """y = x·x + 3x at x = 5: dy/dx = 2x + 3 = 13."""
    x = leaf(5.0)
    y = x * x + 3 * x
    y.backward()
    assert x.grad.tolist() == [13.0]


def test_an_op_waits_for_all_its_users():
    """d = b·c with b = 2a, c = b + 1 at a = 3: d = 4a² + 2a, dd/da = 8a + 2 = 26.

    A walk that went to b as soon as it is reached would use c's part of its gradient only.
    """
    a = leaf(3.0)
    b = a * 2
    c = b + 1
    (b * c).backward()
    assert a.grad.tolist() == [26.0]


def test_a_ladder_of_diamonds_is_walked_once():
    """x doubled 40 times by x + x has 2⁴⁰ paths; the walk must take each op once."""
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad.tolist() == [2.0**40]


def test_a_chain_of_ten_thousand_ops():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 0.5
    y.backward()
    assert y.item() == 5001.0
    assert x.grad.tolist() == [1.0]
    del y
    gc.collect()  # dropping the chain must not recurse either


def test_a_long_chain_never_walked_can_be_dropped():
    y = leaf(1.0)
    for _ in range(100_000):
        y = -y
    del y
    gc.collect()


def test_a_random_graph_agrees_with_differences():
    rng = np.random.default_rng(3)

    def f(*leaves: Tensor) -> Tensor:
        nodes = list(leaves)
        choose = np.random.default_rng(7)
        for _ in range(30):
            i, j = choose.integers(len(nodes), size=2)
            a, b = nodes[i], nodes[j]
            nodes.append([a + b, a * b * 0.5, a - b, (a * a + 1).sqrt()][choose.integers(4)])
        return nodes[-1] + nodes[-2] * nodes[-3]

    minidl.gradcheck(f, [rng.standard_normal((2, 3)) for _ in range(3)])


# --------------------------------------------------------------------------- accumulation


def test_leaf_gradients_accumulate_over_passes():
    x = leaf(2.0)
    (x * 3).backward()
    (x * 4).backward()
    assert x.grad.tolist() == [7.0]


def test_a_retained_graph_doubles_leaf_gradients_exactly():
    """Interior gradients of the first pass must not leak into the second."""
    x = leaf(1.5, -2.0)
    loss = ((x * x).exp() * x).sum()
    loss.backward(retain_graph=True)
    once = x.grad.copy()
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)


def test_a_freed_graph_says_so():
    x = leaf(1.0)
    y = x * x
    y.backward()
    with pytest.raises(GraphError, match=r"Multiply.*freed.*retain_graph=True"):
        y.backward()
    assert x.grad.tolist() == [2.0]


def test_a_graph_partly_freed_says_so_and_leaves_gradients_alone():
    x = leaf(1.0)
    shared = x * x
    (shared * 2).backward()
    before = x.grad.copy()
    with pytest.raises(GraphError, match="freed"):
        (shared * 3).backward()
    np.testing.assert_array_equal(x.grad, before)


def test_backward_frees_saved_arrays():
    x = leaf(1.0, 2.0)
    y = x.exp()
    saved = weakref.ref(y.op.saved[0])
    loss = y.sum()
    del y
    loss.backward()
    assert saved() is None


def test_the_graph_keeps_only_what_was_saved():
    """A value no backward needs is gone as soon as the forward is done with it."""
    x = leaf(1.0, 2.0)
    middle = x + 1
    data = weakref.ref(middle.data)
    y = (middle + 2).sum()
    del middle
    assert data() is None
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b,
        lambda a, b: a.reshape(4) + b.reshape(4),
        lambda a, b: F.concatenate([a, b]),
        lambda a, b: (a.T + b)[0],
        lambda a, b: (a - b).sum(axis=0),
        lambda a, b: F.dropout(a + b, 0.0),
    ],
)
def test_no_gradient_shares_memory_with_another_array(f):
    a = Tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    b = Tensor(np.arange(4.0, 8.0).reshape(2, 2), requires_grad=True)
    y = f(a, b)
    seed = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(seed)
    arrays = [a.grad, b.grad, seed, a.data, b.data, y.data]
    for i, left in enumerate(arrays[:3]):
        for right in arrays[i + 1 :]:
            assert not np.shares_memory(left, right)
    assert a.grad.flags.writeable and b.grad.flags.writeable


# ------------------------------------------------------------------------------ contracts


def test_only_wanted_gradients_are_computed():
    asked = []

    class Spy(Op):
        def forward(self, a, b):
            return a * b

        def backward(self, grad):
            asked.append(self.needs)
            return (grad if self.needs[0] else None), (grad if self.needs[1] else None)

    x, constant = leaf(1.0), Tensor(np.array([2.0]))
    apply(Spy, x, constant).backward()
    apply(Spy, constant, x).backward()
    assert asked == [(True, False), (False, True)]
    assert constant.grad is None


def broken(result):
    class Broken(Op):
        def forward(self, x):
            return x * 2

        def backward(self, grad):
            return result(grad)

    return Broken


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: g[:1], r"Broken.backward returned a gradient of shape \(1,\).*shape \(2,\)"),
        (lambda g: g.astype(np.float32), "dtype float32 for input 0.*dtype float64"),
        (lambda g: None, "Broken.backward returned None for input 0"),
        (lambda g: (g, g), "returned 2 gradients for 1 inputs"),
    ],
)
def test_every_edge_is_asserted(result, message):
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=message):
        apply(broken(result), x).sum().backward()
    assert x.grad is None


def test_second_derivatives_are_refused_with_the_reason():
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        leaf(1.0).sum().backward(create_graph=True)


def test_backward_without_a_graph():
    with pytest.raises(GraphError, match="without a graph"):
        Tensor(np.ones(1)).backward()


def test_backward_of_a_vector_needs_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"needs a scalar, but this tensor has shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(GraphError, match=r"shape \(3,\), but this tensor has shape \(2,\)"):
        (x * 2).backward(np.ones(3))


def test_backward_on_a_leaf():
    x = leaf(3.0)
    x.backward()
    assert x.grad.tolist() == [1.0]


# ---------------------------------------------------------------------------------- modes


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with minidl.no_grad():
        y = x * 2
    assert y.op is None and not y.requires_grad
    assert (x * 2).requires_grad


def test_no_grad_as_decorator_and_after_an_error():
    @minidl.no_grad()
    def f(x):
        if x is None:
            raise KeyError
        return x * 2

    assert not f(leaf(1.0)).requires_grad
    with pytest.raises(KeyError):
        f(None)
    assert (leaf(1.0) * 2).requires_grad


def test_detach_cuts_the_graph():
    """y = x · detach(x) counts one of the two factors as a constant."""
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad.tolist() == [3.0]


# ---------------------------------------------------------------------------------- hooks


def test_a_hook_sees_the_whole_gradient_once_and_can_be_removed():
    x = leaf(2.0)
    y = x * 3
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.copy()))
    (y * y + y).backward(retain_graph=True)  # d/dy = 2y + 1 = 13
    assert [g.tolist() for g in seen] == [[13.0]]
    handle.remove()
    (y * 1).backward()
    assert len(seen) == 1


def test_one_function_registered_twice_is_removed_once():
    x = leaf(2.0)
    seen = []
    first = x.register_hook(lambda g: seen.append("a"))
    hook = lambda g: seen.append("b")  # noqa: E731
    x.register_hook(hook)
    second = x.register_hook(hook)
    first.remove()
    second.remove()
    second.remove()
    (x * 3).backward()
    assert seen == ["b"]


def test_a_hook_can_replace_a_gradient():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.backward()
    assert x.grad.tolist() == [30.0]


def test_a_hook_on_a_leaf():
    x = leaf(2.0)
    x.register_hook(lambda g: g * 0.5)
    (x * 3 + x).backward()
    assert x.grad.tolist() == [2.0]


def test_a_hook_may_not_change_the_shape():
    x = leaf(2.0)
    x.register_hook(lambda g: g[None])
    with pytest.raises(GraphError, match="a hook replaced"):
        (x * 3).backward()


def test_a_hook_on_a_constant_is_refused():
    with pytest.raises(GraphError, match="requires no gradient"):
        Tensor(np.ones(2)).register_hook(print)


# -------------------------------------------------------------------------------- anomaly


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_anomaly_names_the_first_op_and_its_layer():
    class Root(nn.Module):
        def forward(self, x):
            return (x - 2).sqrt()

    class Net(nn.Module):
        def __init__(self):
            self.root = Root()

        def forward(self, x):
            return self.root(x) * 2

    net = Net()
    net(leaf(1.0))  # silent without the mode
    with (
        minidl.detect_anomaly(),
        pytest.raises(AnomalyError, match=r"forward of Sqrt in layer root.*1 NaN.*finite inputs"),
    ):
        net(leaf(1.0))


def test_anomaly_tells_an_innocent_op():
    with (
        minidl.detect_anomaly(),
        pytest.raises(AnomalyError, match="an input already held NaN or inf"),
    ):
        leaf(np.nan) + 1


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_anomaly_in_backward_names_op_and_layer():
    class Net(nn.Module):
        def forward(self, x):
            return x.sqrt()  # fine at 0, but its derivative there is 1/0

    with (
        minidl.detect_anomaly(),
        pytest.raises(AnomalyError, match=r"backward of Sqrt in layer Net.*1 inf.*input 0"),
    ):
        Net()(leaf(0.0)).backward()


# ------------------------------------------------------------------------------ tie rules


def test_ties_go_to_the_first():
    x = leaf(2.0, 5.0, 5.0)
    x.max().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]

    image = Tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)
    F.max_pool2d(image, 2).backward(np.array([[[[7.0]]]]))
    assert image.grad.ravel().tolist() == [7.0, 0.0, 0.0, 0.0]


def test_relu_at_zero():
    x = leaf(-1.0, 0.0, 2.0)
    F.relu(x).backward(np.array([3.0, 4.0, 5.0]))
    assert x.grad.tolist() == [0.0, 0.0, 5.0]
