"""Module: what it finds inside itself, what it saves and loads, its modes and its hooks."""

import copy
from typing import Any

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn

pytestmark = pytest.mark.usefixtures("numpy_kernels")


class Net(nn.Module):
    """Parameters and a buffer of its own, layers inside, attributes that are neither."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(np.array([2.0, 3.0], np.float32))
        self.conv = nn.Conv2d(1, 2, 3, bias=False)
        self.body = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5))
        self.register_buffer("seen", np.zeros(2, np.int64))
        self.constant = Tensor([1.0])
        self.note = "no layer"

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.conv(x)).mean(axis=(2, 3)) * self.scale


NAMES = ["scale", "conv.weight", "body.0.weight", "body.0.bias"]
KEYS = [
    "scale",
    "seen",
    "conv.weight",
    "body.0.weight",
    "body.0.bias",
    "body.0.running_mean",
    "body.0.running_var",
    "body.0.num_batches_tracked",
]


def images(n: int = 3) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, 1, 5, 6)).astype(np.float32)


def bits(state: dict[str, np.ndarray]) -> dict[str, tuple[Any, ...]]:
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in state.items()}


# ------------------------------------------------------------------------------- what is inside


def test_parameters_and_buffers_have_dotted_names() -> None:
    net = Net()
    named = dict(net.named_parameters())
    assert list(named) == NAMES
    assert named["conv.weight"] is net.conv.weight
    assert [id(p) for p in net.parameters()] == [id(p) for p in named.values()]
    buffers = dict(net.named_buffers())
    assert list(buffers) == ["seen", *KEYS[5:]]
    assert buffers["seen"] is net.seen
    assert [id(b) for b in net.buffers()] == [id(b) for b in buffers.values()]


def test_modules_and_children() -> None:
    net = Net()
    assert [name for name, _ in net.named_children()] == ["conv", "body"]
    assert list(net.children()) == [net.conv, net.body]
    names = ["", "conv", "body", "body.0", "body.1", "body.2"]
    assert [name for name, _ in net.named_modules()] == names
    assert next(net.modules()) is net
    assert len(list(net.modules())) == 6


def test_a_shared_parameter_is_listed_once_but_saved_under_both_names() -> None:
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 3, bias=False))
    net[2].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight"]
    assert list(net.state_dict()) == ["0.weight", "2.weight"]
    x = np.array([[1.0, -2.0, 3.0]], np.float32)
    net(x).sum().backward()
    w = net[0].weight.data
    hidden = np.maximum(x @ w.T, 0)
    # through the second use: 1·hidden; through the first: (Wᵀ1 · [hidden > 0]) xᵀ
    expected = np.ones((3, 1)) @ hidden + ((w.sum(axis=0) * (hidden > 0)).T @ x)
    np.testing.assert_allclose(net[0].weight.grad, expected, rtol=1e-5)


def test_a_shared_layer_runs_twice_and_is_one() -> None:
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, layer)
    assert len(list(net.parameters())) == 2
    assert len(net) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_buffer_registered_again_is_replaced() -> None:
    net = Net()
    net.register_buffer("seen", np.ones(3))
    assert [name for name, _ in net.named_buffers()].count("seen") == 1
    assert net.state_dict()["seen"].tolist() == [1, 1, 1]


def test_an_attribute_assigned_anew_is_found_anew() -> None:
    net = Net()
    net.conv = nn.Conv2d(1, 2, 1)
    assert net.state_dict()["conv.weight"].shape == (2, 1, 1, 1)
    assert "conv.bias" in net.state_dict()
    del net.body
    assert list(dict(net.named_parameters())) == ["scale", "conv.weight", "conv.bias"]


@pytest.mark.parametrize("name", ["con", "weigth", "training_", "hooks"])
def test_a_misspelt_attribute_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(Net(), name)


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty does not define forward\(\)"):
        Empty()(1)


# ------------------------------------------------------------------------------ saving, loading


def test_state_dict_holds_copies_in_order() -> None:
    net = Net()
    state = net.state_dict()
    assert list(state) == KEYS
    assert all(type(array) is np.ndarray for array in state.values())
    before = bits(state)
    for array in state.values():
        array[...] = 7
    assert bits(net.state_dict()) == before


def test_state_dict_round_trip_is_exact() -> None:
    source, target = Net(), Net()
    source(images())  # moves the running statistics
    source.seen[:] = [4, 5]
    assert bits(source.state_dict()) != bits(target.state_dict())
    target.load_state_dict(source.state_dict())
    assert bits(target.state_dict()) == bits(source.state_dict())
    x = images()
    assert source.eval()(x).data.tobytes() == target.eval()(x).data.tobytes()


def test_loading_copies_into_the_arrays_that_are_there() -> None:
    """An optimiser and a buffer's user hold on to arrays; loading must not replace them."""
    source, target = Net(), Net()
    arrays = [parameter.data for parameter in target.parameters()]
    seen = target.seen
    state = source.state_dict()
    state["seen"] = np.array([8, 9])
    target.load_state_dict(state)
    assert all(p.data is a for p, a in zip(target.parameters(), arrays, strict=True))
    assert target.seen is seen
    assert seen.tolist() == [8, 9]
    state["scale"][:] = 0
    assert target.scale.data.tolist() == [2.0, 3.0]


def test_loading_keeps_the_models_dtype() -> None:
    net = Net()
    state = {name: array.astype(np.float64) for name, array in net.state_dict().items()}
    net.load_state_dict(state)
    assert net.conv.weight.dtype == np.float32
    assert net.seen.dtype == np.int64


def test_strict_loading_lists_every_difference_and_changes_nothing() -> None:
    net = Net()
    before = bits(net.state_dict())
    state = {name: array + 1 for name, array in net.state_dict().items()}
    state["stranger"] = np.zeros(1)
    state["module.scale"] = state.pop("scale")
    del state["body.0.running_var"]
    state["conv.weight"] = np.zeros((2, 3, 3, 3))
    state["body.0.bias"] = np.zeros(5)
    with pytest.raises(ValueError, match="Net; nothing was loaded") as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "missing (2): scale, body.0.running_var" in message
    assert "unexpected (2): stranger, module.scale" in message
    assert "misshapen (2): conv.weight (the model has (2, 1, 3, 3), the state (2, 3, 3, 3))" in (
        message
    )
    assert "body.0.bias (the model has (2,), the state (5,))" in message
    assert "strict=False loads what fits" in message
    assert bits(net.state_dict()) == before


def test_strict_error_offers_what_helps() -> None:
    net = Net()
    with pytest.raises(ValueError, match=r"unexpected \(1\): extra(?s:.*)strict=False"):
        net.load_state_dict({**net.state_dict(), "extra": np.zeros(1)})


def test_loading_without_strict_loads_what_fits_and_prints_what_does_not(capsys) -> None:
    net = Net()
    conv = net.conv.weight.data.copy()
    state = {"scale": np.array([5.0, 6.0]), "extra": np.zeros(1), "conv.weight": np.zeros((5, 1))}
    report = net.load_state_dict(state, strict=False)
    assert net.scale.data.tolist() == [5.0, 6.0]
    assert np.array_equal(net.conv.weight.data, conv)
    assert report.fitting == ("scale",)
    assert report.unexpected == ("extra",)
    assert report.misshapen == {"conv.weight": ((2, 1, 3, 3), (5, 1))}
    assert set(report.missing) == {
        name for name in net.state_dict() if name not in state and "num_batches" not in name
    }
    printed = capsys.readouterr().out
    assert printed == f"{report}\n"
    kept = len(report.missing) + 1
    assert f"Net: arrays loaded by name: 1; kept from the model: {kept}\n" in printed
    assert "misshapen (1): conv.weight (the model has (2, 1, 3, 3), the state (5, 1))" in printed
    assert "unexpected (1): extra" in printed


def test_a_replaced_head_keeps_its_first_weights_and_is_reported(capsys) -> None:
    old = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 10))
    new = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    head = new[1].weight.data.copy()
    report = new.load_state_dict(old.state_dict(), strict=False)
    assert np.array_equal(new[0].weight.data, old[0].weight.data)
    assert np.array_equal(new[1].weight.data, head)
    assert list(report.misshapen) == ["1.weight", "1.bias"]
    assert not report.complete
    assert "misshapen (2): 1.weight (the model has (5, 4), the state (10, 4))" in (
        capsys.readouterr().out
    )


def test_a_complete_load_prints_nothing(capsys) -> None:
    net = Net()
    report = net.load_state_dict(net.state_dict(), strict=False)
    assert report.complete
    assert str(report) == f"Net: arrays loaded by name: {len(net.state_dict())}; everything fits"
    assert capsys.readouterr().out == ""


def test_a_state_of_which_nothing_fits_is_refused_even_without_strict() -> None:
    """Names with another prefix would otherwise leave a model of chance weights, unnoticed."""
    net = Net()
    state = {f"net.{name}": array for name, array in net.state_dict().items()}
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        net.load_state_dict(state, strict=False)
    assert "strict=False" not in str(caught.value), "it would not help"
    assert "unexpected" in str(caught.value)


def test_files_older_than_the_batch_counter_load() -> None:
    net = Net()
    state = net.state_dict()
    del state["body.0.num_batches_tracked"]
    net.body[0].num_batches_tracked[...] = 3
    net.load_state_dict(state)
    assert net.body[0].num_batches_tracked == 3


# --------------------------------------------------------------------------------------- modes


def test_train_and_eval_reach_every_layer() -> None:
    net = Net()
    assert all(module.training for module in net.modules())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.body.train()
    assert [module.training for module in net.modules()] == [False, False, True, True, True, True]
    assert net.train() is net
    assert all(module.training for module in net.modules())
    assert nn.Module.training, "the class itself must not change"


def test_freeze_and_unfreeze() -> None:
    net = Net()
    net.conv.freeze()
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {"conv.weight"}
    net(images()).sum().backward()
    assert net.conv.weight.grad is None
    assert net.scale.grad is not None
    assert net.freeze() is net
    assert not net(images()).requires_grad
    assert net.unfreeze() is net
    net(images()).sum().backward()
    assert net.conv.weight.grad is not None


def test_zero_grad_forgets_all() -> None:
    net = Net()
    net(images()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_astype_converts_floats_only_and_forgets_gradients() -> None:
    net = Net()
    net(images()).sum().backward()
    assert net.astype("float64") is net
    assert all(p.dtype == np.float64 and p.grad is None for p in net.parameters())
    assert net.body[0].running_mean.dtype == np.float64
    assert net.seen.dtype == np.int64
    assert net.body[0].num_batches_tracked.dtype == np.int64
    output = net(images().astype(np.float64))
    assert output.dtype == np.float64
    output.sum().backward()
    assert all(p.grad.dtype == np.float64 for p in net.parameters())
    assert dict(net.named_buffers())["body.0.running_mean"] is net.body[0].running_mean


def test_astype_keeps_shared_parameters_shared() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    net.astype("float64")
    assert net[1].weight is net[0].weight
    assert net[0].weight.dtype == np.float64


def test_deepcopy_shares_nothing_but_what_was_shared_inside() -> None:
    net = Net().eval()
    net.twin = nn.Conv2d(1, 2, 3, bias=False)
    net.twin.weight = net.conv.weight
    net(images()).sum().backward()
    other = copy.deepcopy(net)
    assert bits(other.state_dict()) == bits(net.state_dict())
    assert other.twin.weight is other.conv.weight
    assert other.conv.weight is not net.conv.weight
    assert not other.training
    assert np.array_equal(other.scale.grad, net.scale.grad)
    x = images()
    assert other(x).data.tobytes() == net(x).data.tobytes()
    ours, theirs = list(net._named_arrays()), list(other._named_arrays())
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        assert not np.shares_memory(a, b), name
    other.scale.data[:] = 0
    other.body[0].running_mean[:] = 9
    assert net.scale.data.tolist() == [2.0, 3.0]
    assert net.body[0].running_mean.tolist() == [0, 0]


# --------------------------------------------------------------------------------------- hooks


def test_a_forward_hook_sees_module_inputs_and_output() -> None:
    net, calls = Net(), []
    x = images()
    net.conv.register_forward_hook(lambda *call: calls.append(call))
    output = net.conv(x)
    ((module, inputs, seen),) = calls
    assert module is net.conv
    assert inputs[0] is x
    assert seen is output


def test_a_forward_hook_may_replace_the_output() -> None:
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    layer.register_forward_hook(lambda module, inputs, output: output + 1)
    assert layer(Tensor([-1.0, 3.0])).data.tolist() == [1.0, 7.0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_every_handle_removes_its_own_hook(order: tuple[int, ...]) -> None:
    layer, called = nn.ReLU(), []
    handles = []
    for k in range(3):

        def hook(module: nn.Module, inputs: Any, output: Any, k: int = k) -> None:
            called.append(k)

        handles.append(layer.register_forward_hook(hook))
    left = [0, 1, 2]
    for k in order:
        layer(Tensor([1.0]))
        assert called == left
        called.clear()
        handles[k].remove()
        left.remove(k)
    handles[0].remove()  # twice does no harm
    layer(Tensor([1.0]))
    assert called == []


def test_a_hook_may_remove_itself() -> None:
    layer, called = nn.ReLU(), []

    def once(module: nn.Module, inputs: Any, output: Any) -> None:
        called.append("once")
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda *call: called.append("always"))
    layer(Tensor([1.0]))
    layer(Tensor([1.0]))
    assert called == ["once", "always", "always"]


def test_hooks_belong_to_one_layer() -> None:
    first, second, calls = nn.ReLU(), nn.ReLU(), []
    first.register_forward_hook(lambda *call: calls.append(call))
    second(Tensor([1.0]))
    assert calls == []


# ------------------------------------------------------------------------------------ printing


def test_repr_is_a_tree() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (conv): Conv2d(1, 2, kernel_size=(3, 3), bias=False)\n"
        "  (body): Sequential(\n"
        "    (0): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
        "    (1): ReLU()\n"
        "    (2): Dropout(p=0.5)\n"
        "  )\n"
        ")"
    )


# ---------------------------------------------------------------------------------- containers


def test_sequential_runs_in_order_and_is_a_sequence() -> None:
    a, b = nn.Linear(2, 3), nn.ReLU()
    net = nn.Sequential(a, b)
    x = Tensor([[1.0, -2.0]])
    assert net(x).data.tobytes() == F.relu(a(x)).data.tobytes()
    assert len(net) == 2
    assert list(net) == [a, b]
    assert (net[0], net[-1]) == (a, b)
    with pytest.raises(IndexError):
        net[2]
    assert nn.Sequential()(x) is x


def test_sequential_keeps_the_names_of_a_mapping() -> None:
    net = nn.Sequential({"conv0": nn.Conv2d(1, 2, 3), "relu0": nn.ReLU()})
    assert list(net.state_dict()) == ["conv0.weight", "conv0.bias"]
    assert net.conv0 is net[0]


def test_module_list_grows() -> None:
    layers = nn.ModuleList([nn.Linear(2, 3)])
    layers.append(nn.Linear(3, 4))
    assert [tuple(layer.weight.shape) for layer in layers] == [(3, 2), (4, 3)]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert layers[1].out_features == 4
    with pytest.raises(TypeError, match="a layer is expected, not int"):
        layers.append(3)


def test_a_parameter_requires_grad_and_may_not() -> None:
    assert nn.Parameter([1.0]).requires_grad
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="only floating-point"):
        nn.Parameter([1, 2])


def test_forward_may_take_options() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor, factor: float = 1.0) -> Tensor:
            return x * factor

    assert Scaled()(Tensor([2.0]), factor=3.0).item() == 6.0


@pytest.mark.parametrize("container", [list, tuple, lambda layers: dict(enumerate(layers))])
def test_layers_in_a_plain_container_are_refused(container: Any) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.sizes = [1, 2]
            self.blocks = container([nn.Linear(2, 2)])

    with pytest.raises(TypeError, match=r"Net\.blocks is a plain .* Use nn\.ModuleList"):
        list(Net().parameters())
