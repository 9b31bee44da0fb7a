"""The profiler: what it counts, what it leaves alone, and the table it prints."""

import inspect
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import minidl
from minidl import Tensor, autograd, nn
from minidl import functional as F
from minidl.autograd import Op
from minidl.profile import Report, Row
from minidl.tensor import apply


class Block(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)

    def forward(self, x):
        return F.relu(self.conv1(x))


class Net(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(Block())
        self.linear = nn.Linear(4, 10)

    def forward(self, x):
        x = self.layer1(self.conv1(x))  # (N, 4, H, W)
        return self.linear(x.mean(axis=(2, 3)))  # (N, 10)


IMAGES = np.ones((2, 3, 5, 6), np.float32)
LABELS = np.array([3, 7])

# Output pixels · products in each: (2·4·5·6) · (3·3·3), (2·4·5·6) · (2·3·3) and (2·10) · 4.
CONV1, CONV2, LINEAR = 6480, 4320, 80


def ones(*shape, wanted=True):
    return Tensor(np.ones(shape, np.float32), requires_grad=wanted)


def numbers(report):
    """{"Conv2d forward": (calls, multiply-adds)}, in the table without the rest."""
    return {row.name: (row.calls, row.multiply_adds) for row in report.rows if row.direction}


# ------------------------------------------------------------------------------- counting


def test_calls_and_multiply_adds():
    net = Net()
    with minidl.profile() as report:
        F.cross_entropy(net(IMAGES), LABELS).backward()
    assert numbers(report) == {
        "Conv2d forward": (2, CONV1 + CONV2),
        "Conv2d backward": (2, CONV1 + 2 * CONV2),  # nobody wants the gradient of the images
        "ReLU forward": (1, None),
        "ReLU backward": (1, None),
        "Mean forward": (1, None),
        "Mean backward": (1, None),
        "Linear forward": (1, LINEAR),
        "Linear backward": (1, 2 * LINEAR),
        "CrossEntropy forward": (1, None),
        "CrossEntropy backward": (1, None),
    }
    assert (report.total.calls, report.total.multiply_adds) == (12, 2 * CONV1 + 3 * CONV2 + 240)
    assert report.by_layer == {}


@pytest.mark.parametrize(
    ("run", "forward", "backward"),
    [
        (lambda: F.conv2d(ones(1, 2, 5, 5), ones(3, 2, 3, 2), ones(3), stride=2), 144, 288),
        (lambda: F.conv2d(ones(1, 2, 5, 5), ones(3, 2, 3, 2, wanted=False), stride=2), 144, 144),
        (lambda: F.conv2d(ones(2, 3, 4, 4), ones(6, 1, 3, 3), groups=3), 432, 864),  # depthwise
        (lambda: F.conv2d(ones(0, 2, 5, 5), ones(3, 2, 3, 3)), 0, 0),
        (lambda: F.conv_transpose2d(ones(1, 2, 3, 3), ones(2, 5, 2, 2), stride=2), 360, 720),
        (lambda: F.linear(ones(7, 2, 3), ones(5, 3), ones(5)), 210, 420),
        (lambda: ones(2, 3) @ ones(3, 4), 24, 48),
        (lambda: ones(7, 2, 3) @ ones(3, 4, wanted=False), 168, 168),
        (lambda: ones(3) @ ones(3), 3, 6),
    ],
)
def test_multiply_adds_of_products(run, forward, backward):
    with minidl.profile() as report:
        run().sum().backward()
    found = {
        row.direction: row.multiply_adds for row in report.rows if row.multiply_adds is not None
    }
    assert found == {"forward": forward, "backward": backward}


@pytest.mark.parametrize(
    ("wanted", "backward"),
    [
        ("qkv", 2 * 120 + 2 * 80),  # dq, dk · dP, dv
        ("q", 120 + 80),  # dq · dP
        ("k", 120 + 80),  # dk · dP
        ("v", 80),  # dv
        ("qv", 120 + 2 * 80),
    ],
)
def test_multiply_adds_of_attention(wanted, backward):
    # Scores (2, 4, 5) of 3 products each, mixtures (2, 4, 2) of 5 products each.
    q, k, v = (
        ones(2, 4, 3, wanted="q" in wanted),
        ones(2, 5, 3, wanted="k" in wanted),
        ones(2, 5, 2),
    )
    v.requires_grad = "v" in wanted
    with minidl.profile() as report:
        F.scaled_dot_product_attention(q, k, v).sum().backward()
    counted = numbers(report)
    assert counted["ScaledDotProductAttention forward"] == (1, 120 + 80)
    assert counted["ScaledDotProductAttention backward"] == (1, backward)


def test_multiply_adds_of_attention_weights():
    attention = nn.MultiheadAttention(6, 2, batch_first=True)
    x = ones(1, 4, 6)
    with minidl.profile() as report:
        attention(x, x, x)[0].sum().backward()
    # Two heads of 4 · 4 scores, each a sum of 3 products.
    assert numbers(report)["AttentionWeights forward"] == (1, 96)
    assert numbers(report)["AttentionWeights backward"] == (1, 192)


def test_multiply_adds_without_gradients():
    with minidl.no_grad(), minidl.profile() as report:
        Net()(IMAGES)
    assert numbers(report)["Conv2d forward"] == (2, CONV1 + CONV2)
    assert report.total.multiply_adds == CONV1 + CONV2 + LINEAR


# ----------------------------------------------------------------------------------- time


class Slow(Op):
    def forward(self, x):
        time.sleep(0.02)
        return x.copy()

    def backward(self, grad):
        time.sleep(0.04)
        return grad


def test_time_of_ops_and_of_what_is_outside():
    x = ones(1)
    start = time.perf_counter()
    with minidl.profile() as report:
        apply(Slow, x).backward()
        time.sleep(0.06)
    wall = time.perf_counter() - start
    seconds = {row.name: row.seconds for row in report.rows}
    assert seconds["Slow forward"] >= 0.02
    assert seconds["Slow backward"] >= 0.04
    assert seconds["outside ops"] >= 0.06
    assert report.seconds <= wall
    assert report.total.seconds == report.seconds


def test_shares_add_up_and_the_slowest_comes_first():
    with minidl.profile(Net()) as report:
        Net()(IMAGES).sum().backward()
    assert sum(report.share(row) for row in report.rows) == pytest.approx(1)
    assert sum(row.seconds for row in report.measured) <= report.seconds
    seconds = [row.seconds for row in report.rows]
    assert seconds == sorted(seconds, reverse=True)
    layers = [sum(row.seconds for row in rows) for rows in report.by_layer.values()]
    assert layers == sorted(layers, reverse=True)


def test_gflops_count_two_for_each_multiply_add():
    assert Row("Conv2d", "forward", calls=1, seconds=0.5, multiply_adds=10**9).gflops == 4
    assert Row("ReLU", "forward", calls=1, seconds=0.5).gflops is None
    assert Row("Linear", "forward", multiply_adds=0).gflops is None  # no time, no rate


# ------------------------------------------------------------------------- whose ops count


def test_nothing_is_recorded_outside_the_block():
    net = Net()
    net(IMAGES)
    with minidl.profile(net) as report:
        ones(1) + 1.0
    net(IMAGES).sum().backward()
    assert numbers(report) == {"Add forward": (1, None)}


def test_inside_the_block_the_report_is_empty():
    with minidl.profile() as report:
        ones(1) + 1.0
        assert report.measured == []
        assert "total" in repr(report)


def test_an_inner_profile_does_not_hide_ops_from_the_outer():
    with minidl.profile() as outer:
        ones(1) + 1.0
        with minidl.profile() as inner:
            ones(1) * 2.0
        ones(1) + 1.0
    assert numbers(inner) == {"Multiply forward": (1, None)}
    assert numbers(outer) == {"Add forward": (2, None), "Multiply forward": (1, None)}
    timed = [row.seconds for row in (*inner.rows, *outer.rows) if row.op == "Multiply"]
    assert timed[0] == timed[1]


def test_an_exception_passes_and_ends_the_profile():
    net = Net()
    with pytest.raises(minidl.InputError, match="matmul"), minidl.profile(net, 2) as report:
        net(IMAGES)
        ones(2, 3) @ ones(2, 3)
    assert report.seconds > 0
    assert "MatMul forward" not in numbers(report)  # it did not run to its end
    assert numbers(report)["Linear forward"] == (1, LINEAR)
    before = repr(report)
    net(IMAGES)
    assert repr(report) == before


def test_after_an_error_inside_an_inner_profile_the_outer_goes_on():
    with minidl.profile() as outer:
        with suppress(ZeroDivisionError), minidl.profile():
            raise ZeroDivisionError
        ones(1) + 1.0
    assert numbers(outer) == {"Add forward": (1, None)}


def test_other_threads_are_not_measured():
    net = Net()
    with minidl.profile(net, 2) as report:
        other = threading.Thread(target=lambda: net(IMAGES))
        other.start()
        other.join()
        net(IMAGES)
    assert numbers(report)["Linear forward"] == (1, LINEAR)
    assert report.images == 2


def test_nothing_is_left_on_ops_or_model():
    def attributes(op):
        return {name: type(value) for name, value in vars(op).items()}

    net = Net()
    plain = net(IMAGES).op
    with minidl.profile(net, 2):
        profiled = net(IMAGES).op
    assert attributes(profiled) == attributes(plain)
    assert all(not module._forward_hooks for module in net.modules())


def test_without_a_profile_an_op_is_not_timed():
    assert autograd.observed(Op(), "forward") is autograd.observed(Op(), "backward")
    with minidl.profile():
        assert autograd.observed(Op(), "forward") is not autograd.observed(Op(), "backward")


# --------------------------------------------------------------------------------- layers


def test_layers_are_named_in_both_directions():
    net = Net()
    with minidl.profile(net) as report:
        F.cross_entropy(net(IMAGES), LABELS).backward()
    found = {
        layer: {row.name: row.multiply_adds for row in rows}
        for layer, rows in report.by_layer.items()
    }
    assert found == {
        "conv1": {"Conv2d forward": CONV1, "Conv2d backward": CONV1},
        "layer1.0.conv1": {"Conv2d forward": CONV2, "Conv2d backward": 2 * CONV2},
        "layer1.0": {"ReLU forward": None, "ReLU backward": None},
        "linear": {"Linear forward": LINEAR, "Linear backward": 2 * LINEAR},
        "Net": {"Mean forward": None, "Mean backward": None},
        "": {"CrossEntropy forward": None, "CrossEntropy backward": None},
    }
    assert numbers(report)["Conv2d forward"] == (2, CONV1 + CONV2)


def test_names_are_those_in_the_model_profiled():
    net = Net()
    with minidl.profile(net) as report:
        nn.Sequential(nn.Identity(), net, nn.ReLU())(IMAGES)
    assert set(report.by_layer) == {"conv1", "layer1.0.conv1", "layer1.0", "linear", "Net", "2"}


def test_a_backward_whose_forward_ran_before_the_block():
    net = Net()
    loss = net(IMAGES).sum()
    with minidl.profile(net) as report:
        loss.backward()
    assert set(report.by_layer) == {""}
    assert numbers(report)["Linear backward"] == (1, 2 * LINEAR)


# ----------------------------------------------------------------------------- images / s


@pytest.mark.parametrize(
    "batch", [2, np.int64(2), IMAGES, Tensor(IMAGES), (IMAGES, LABELS), [IMAGES, LABELS]]
)
def test_images_a_second(batch):
    net = Net()
    with minidl.profile(net, batch) as report:
        for _ in range(3):
            net(IMAGES)
    assert report.images == 6
    assert report.images_per_second == 6 / report.seconds


def test_images_without_a_call_of_the_model():
    with minidl.profile(batch=32) as report:
        ones(1) + 1.0
    assert report.images == 32
    with minidl.profile() as report:
        ones(1) + 1.0
    assert report.images is None
    assert report.images_per_second is None


@pytest.mark.parametrize("batch", ["32", True, 1.5, (), [[1, 2]], np.float32(3)])
def test_a_batch_that_is_none(batch):
    message = rf"batch must be a number.*\(images, labels\), not {type(batch).__name__}"
    with pytest.raises(TypeError, match=message), minidl.profile(batch=batch):
        pass


def test_a_batch_in_place_of_the_model():
    with pytest.raises(TypeError, match=r"nn.Module, not int.*profile\(batch=32\)"):
        minidl.profile(32).__enter__()


# ------------------------------------------------------------------------------ the table


def by_hand():
    return [
        Row("Conv2d", "forward", "conv1", calls=2, seconds=0.25, multiply_adds=10**9),
        Row("Conv2d", "forward", "layer1.0.conv1", calls=2, seconds=0.125, multiply_adds=10**9),
        Row("Conv2d", "backward", "conv1", calls=2, seconds=1.25, multiply_adds=5 * 10**9),
        Row("ReLU", "forward", "", calls=1000, seconds=0.03125),
    ]


def test_table():
    rows = [Row(row.op, row.direction, None, row.calls, row.seconds, row.multiply_adds)
            for row in by_hand()]  # fmt: skip
    assert repr(Report(rows, seconds=2.0)) == inspect.cleandoc(
        """
        op               calls       ms   share  ms/call  GFLOP/s
        Conv2d backward      2  1,250.0   62.5%  625.000      8.0
        Conv2d forward       4    375.0   18.8%   93.750     10.7
        outside ops               343.8   17.2%
        ReLU forward     1,000     31.2    1.6%    0.031
        ---------------------------------------------------------
        total            1,006  2,000.0  100.0%               7.0

        GFLOP/s: 1 multiply-add = 2 FLOPs; only sums of products are counted.
        """
    )


def test_table_with_layers_and_images():
    report = Report(by_hand(), seconds=2.0, images=64)
    assert str(report).split("\n\n", 1)[1] == inspect.cleandoc(
        """
        layer                    forward ms  backward ms  share  GFLOP/s
        conv1                         250.0      1,250.0  75.0%      8.0
        layer1.0.conv1                125.0          0.0   6.2%     16.0
        (outside of all layers)        31.2          0.0   1.6%
        ----------------------------------------------------------------
        all ops                       406.2      1,250.0  82.8%      8.5

        GFLOP/s: 1 multiply-add = 2 FLOPs; only sums of products are counted.
        64 images in 2.000 s: 32.0 images/s
        """
    )


def test_table_of_an_empty_block():
    assert repr(Report()).splitlines()[1].split() == ["outside", "ops", "0.0", "0.0%"]


def test_the_tables_of_a_real_network_fit_on_80_columns():
    model = minidl.models.create("densenet40", num_classes=10)
    with minidl.no_grad(), minidl.profile(model, 1) as report:
        model(np.ones((1, 3, 32, 32), np.float32))
    text = repr(report)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
