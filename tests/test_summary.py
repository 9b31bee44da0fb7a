"""Summaries and shapes without numbers: counted by hand, and equal to what really runs."""

import math
import tracemalloc

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.errors import InputError
from minidl.summary.receptive_field import EVERYTHING, Field

pytestmark = pytest.mark.usefixtures("numpy_kernels")


def row(summary, path: str):
    (found,) = [row for row in summary.rows if row.path == path]
    return found


class Branches(nn.Module):
    """Two convolutions of one image, added; then a linear layer."""

    def __init__(self) -> None:
        self.narrow = nn.Conv2d(2, 4, 1)
        self.wide = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.head = nn.Linear(4 * 6 * 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((F.relu(self.narrow(x)) + self.wide(x)).flatten(1))


# ------------------------------------------------------------------------------------- counts


def test_a_network_counted_by_hand():
    s = minidl.summary(Branches(), (2, 6, 5))
    assert [r.path for r in s.rows] == ["", "narrow", "wide", "wide.0", "wide.1", "head"]
    narrow, wide, norm, head = (row(s, path) for path in ("narrow", "wide.0", "wide.1", "head"))
    assert narrow.output_shapes == ((4, 6, 5),) and narrow.kind == "Conv2d"
    assert (narrow.parameters, narrow.macs) == (2 * 4 + 4, 30 * 2 * 4)
    assert (wide.parameters, wide.macs) == (2 * 4 * 9, 30 * 2 * 4 * 9)  # with the padding's
    assert (norm.parameters, norm.statistics, norm.macs) == (8, 8, 0)
    assert (head.parameters, head.macs) == (120 * 3 + 3, 120 * 3)
    assert s.total_params == s.trainable_params == 12 + 72 + 8 + 363
    assert s.total_macs == 240 + 2160 + 360
    assert s.total_statistics == 8
    assert s.total_products == 0
    # ReLU and the sum are the model's own; flatten is a view
    activations = {r.path: r.activations for r in s.rows}
    assert activations == {
        "": 240,
        "narrow": 120,
        "wide": 0,
        "wide.0": 120,
        "wide.1": 120,
        "head": 3,
    }
    assert s.total.activations == 603


def test_rows_fold_and_always_add_up():
    model = models.create("resnet8")
    whole = minidl.summary(model, (1, 8, 8), depth=None)
    for depth in (0, 1, 2, 3, None):
        s = minidl.summary(model, (1, 8, 8), depth)
        assert max(r.depth for r in s.rows) == (3 if depth is None else depth)
        for name in ("parameters", "statistics", "macs", "activations"):
            assert sum(getattr(r, name) for r in s.rows) == getattr(whole.total, name)
    (total,) = minidl.summary(model, (1, 8, 8), depth=0).rows
    assert (total.parameters, total.macs, total.output_shapes) == (75_002, 747_136, ((10,),))


def test_frozen_and_shared_parameters():
    model = Branches()
    model.wide.freeze()
    s = minidl.summary(model, (2, 6, 5))
    assert s.total_params - s.trainable_params == 72 + 8
    assert "80 of them are frozen" in str(s)
    layer = nn.Linear(4, 4)
    twice = minidl.summary(nn.Sequential(layer, nn.ReLU(), layer), (4,))
    assert (twice.total_params, twice.total_macs) == (20, 32)


def test_a_transposed_convolution():
    """Each of 3 · 4 · 5 input numbers is multiplied by 2 · 9 weights."""
    s = minidl.summary(nn.Sequential(nn.ConvTranspose2d(3, 2, 3, stride=2)), (3, 4, 5))
    assert s.total_macs == 60 * 18
    assert row(s, "0").output_shapes == ((2, 9, 11),)


def test_products_of_attention_are_listed_apart():
    """5 tokens of 8 features: q, k, v and out take 4 · 5 · 64, scores and mixing 2 · 5 · 5 · 8."""

    class Look(nn.Module):
        def __init__(self) -> None:
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    s = minidl.summary(Look(), (5, 8))
    assert (s.total_macs, s.total_products) == (4 * 5 * 64, 2 * 5 * 5 * 8)
    assert "products" in str(s) and "1,680 with these" in str(s)


def test_the_vision_transformer_has_the_products_of_its_attention():
    """Counted by timm's and torchvision's tools: 17,563,828,224 with the products."""
    with minidl.shapes_only():
        s = minidl.summary(models.create("vit_base"), (3, 224, 224))
    assert s.total_macs + s.total_products == 17_563_828_224


def test_several_inputs_and_outputs():
    class Both(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(3, 2)

        def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
            return self.linear(a), self.linear(b)

    for shape in ((3,), [(3,), (3,)]):
        s = minidl.summary(Both(), shape)
        assert s.rows[0].output_shapes == ((2,), (2,))
        assert s.total_macs == 2 * 6 and s.total_params == 8
    assert minidl.summary(Both(), [(4, 3), (3,)]).total_macs == 5 * 6


# ----------------------------------------------------------------------------- receptive fields


def field(*layers: nn.Module, shape: tuple[int, int, int] = (2, 40, 40)) -> Field | None:
    return minidl.summary(nn.Sequential(*layers), shape).rows[-1].field


def conv(kernel, stride=1, dilation=1, padding=0):
    return nn.Conv2d(2, 2, kernel, stride, padding, dilation)


@pytest.mark.parametrize(
    ("layers", "size", "step"),
    [
        ([conv(3)], 3, 1),
        ([conv(3), conv(3)], 5, 1),
        ([conv(3), conv(3), conv(3)], 7, 1),  # as one of 7 × 7
        ([conv(3, stride=2), conv(3)], 3 + 2 * 2, 2),
        ([conv(3, dilation=4)], 9, 1),
        ([conv((1, 7))], (1, 7), 1),
        ([nn.MaxPool2d(3, 2), nn.AvgPool2d(2)], 3 + 2, 4),
        ([nn.MaxPool2d(3, 2, dilation=2)], 5, 2),
        ([nn.BatchNorm2d(2), nn.ReLU(), conv(3)], 3, 1),
        ([nn.AvgPool2d(4), nn.ConvTranspose2d(2, 2, 2, stride=2)], 4, 2),
        ([nn.AvgPool2d(4), nn.ConvTranspose2d(2, 2, 4, stride=2)], 4 + 4, 2),
        ([nn.AvgPool2d(4), nn.Upsample(scale_factor=2)], 4, 2),
        ([nn.AvgPool2d(4), nn.Upsample(scale_factor=2, mode="bilinear")], 8, 2),
        ([nn.AdaptiveAvgPool2d(10)], 4, 4),
    ],
)
def test_fields_by_hand(layers, size, step):
    sizes = size if isinstance(size, tuple) else (size, size)
    assert field(*layers) == Field(sizes, (step, step))


@pytest.mark.parametrize(
    "layers",
    [
        [nn.AdaptiveAvgPool2d(1)],
        [nn.AdaptiveAvgPool2d(1), conv(1)],
        [nn.Flatten(), nn.Linear(3200, 3)],
        [nn.GroupNorm(1, 2)],
    ],
)
def test_what_sees_everything(layers):
    assert field(*layers) == EVERYTHING


@pytest.mark.parametrize(
    ("layers", "side"), [([conv(3, 2), conv(3), nn.MaxPool2d(2), conv(3, dilation=2)], 41)]
)
def test_the_field_is_where_the_gradient_reaches(layers, side):
    """Of one pixel in the middle, measured on the network itself."""
    model = nn.Sequential(*layers)
    for parameter in model.parameters():
        parameter.data[...] = 1  # no term cancels another
    x = Tensor(np.random.default_rng(0).random((1, 2, side, side), np.float32), requires_grad=True)
    y = model(x)
    grad = np.zeros_like(y.data)
    grad[:, :, y.shape[2] // 2, y.shape[3] // 2] = 1
    model(x).backward(grad)
    rows = np.flatnonzero(np.abs(x.grad).sum(axis=(0, 1, 3)))
    reach = rows[-1] - rows[0] + 1
    size = field(*layers, shape=(2, side, side)).size[0]
    assert size - 2 * 2 < reach <= size  # max pooling takes one of two pixels, 2 apart


def test_branches_join_at_the_largest_field():
    s = minidl.summary(Branches(), (2, 6, 5))
    assert row(s, "narrow").field == Field((1, 1))
    assert row(s, "wide").field == Field((3, 3))
    assert row(s, "head").field == s.rows[0].field == EVERYTHING


# ------------------------------------------------------------------------------------ printing


def test_the_table_says_it_all():
    text = str(minidl.summary(Branches(), (2, 6, 5)))
    (line,) = [line for line in text.splitlines() if "narrow" in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["narrow Conv2d", "4 × 6 × 5", "12", "240", "480 B", "1"]
    (total,) = [line for line in text.splitlines() if "total" in line]
    assert "455" in total and "2,760" in total
    for words in ("Branches for 2 × 6 × 5", "455 parameters, 1.78 KiB", "8 statistics"):
        assert words in text
    assert "2,760 MACs = 5.52e-06 GFLOPs" in text and "1 MAC = 2 FLOPs" in text


def test_what_did_not_run_has_no_output():
    s = minidl.summary(models.create_small("googlenet_bn"), (3, 32, 32), depth=1)
    head = row(s, "aux1")
    assert head.output_shapes == () and head.parameters > 0 and head.macs == 0


# ------------------------------------------------------------------------ the model stays as it is


def test_a_summary_changes_nothing():
    model = Branches().train()
    model.wide.eval()
    before = model.state_dict()
    minidl.manual_seed(3)
    drawn = minidl.random.generator().random(4)
    minidl.manual_seed(3)
    minidl.summary(model, (8, 2, 6, 5))
    assert np.array_equal(minidl.random.generator().random(4), drawn)
    assert model.training and not model.wide.training and not model.wide[0].training
    assert all(np.array_equal(before[key], value) for key, value in model.state_dict().items())
    assert all(not vars(layer).get("_forward_hooks") for layer in model.modules())
    x = np.ones((2, 2, 6, 5), np.float32)
    assert np.abs(model.eval()(x).data).max() > 0  # numbers are computed again


def test_a_wrong_shape_is_refused_in_the_usual_words():
    with pytest.raises(InputError, match=r"conv2d in layer narrow: .*takes .* 2 input channels"):
        minidl.summary(Branches(), (3, 6, 5))
    with pytest.raises(InputError, match=r"linear in layer head: .*takes 120 features.*168"):
        minidl.summary(Branches(), (2, 6, 7))
    assert not minidl.shapes.is_shapes_only()


def test_the_largest_network_takes_no_memory():
    """198 million parameters and 0.7 GB of activations; one copy of either would show."""
    tracemalloc.start()
    with minidl.shapes_only():
        s = minidl.summary(models.create("convnext_large"), (3, 224, 224))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert s.total_params == 197_767_336
    assert peak < 50e6


# ----------------------------------------------------------------------- shapes without numbers


def test_shapes_of_what_numpy_does_are_right():
    """Element by element, reductions and products, beside NumPy's own."""
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 1, 4), np.float32), rng.random((5, 4), np.float32)
    cases = [
        lambda a, b: a + b,
        lambda a, b: np.maximum(a, 0),
        lambda a, b: a > 0.5,
        lambda a, b: 2 * a**2,
        lambda a, b: a.sum(axis=(0, 2)),
        lambda a, b: a.mean(axis=-1, keepdims=True),
        lambda a, b: b.max(),
        lambda a, b: (b > 0).all(axis=0),
        lambda a, b: a @ b.T,
        lambda a, b: b[0] @ b.T,
        lambda a, b: b @ b[0],
        lambda a, b: np.divmod(b, 2)[1],
        lambda a, b: np.concatenate([b, b], axis=1),
        lambda a, b: np.where(a > 0, a, b),
        lambda a, b: np.zeros_like(a),
        lambda a, b: np.clip(a, 0, 1).reshape(12).astype(np.float64),
        lambda a, b: a.transpose(2, 0, 1)[1:, ::2],
        lambda a, b: np.pad(b, 1),
        lambda a, b: b[np.array([0, 0, 1])],
        lambda a, b: np.sqrt(b, out=np.empty((5, 4), np.float32)),
    ]
    blanks = [minidl.shapes.blank_like(x) for x in (a, b)]
    for k, case in enumerate(cases):
        expected, found = case(a, b), case(*blanks)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), k


def test_a_blank_keeps_nothing_and_takes_no_memory():
    blank = minidl.shapes.blank_like(np.ones((2, 3), np.float32))
    blank[0] = 7
    blank += 5
    assert not np.asarray(blank).any()
    assert blank.strides == (0, 0)
    with pytest.raises(ValueError, match="do not chain"):
        blank @ blank


def test_gradients_are_not_computed_but_the_graph_is_there():
    with minidl.shapes_only():
        x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
        assert F.relu(x * 2).requires_grad


def test_the_block_ends_where_an_error_leaves_it():
    with pytest.raises(ZeroDivisionError), minidl.shapes_only():
        _ = 1 / 0
    assert (Tensor([1.0]) + 1).item() == 2
    assert math.isclose(minidl.nn.Linear(3, 3).weight.data.std(), 1 / 3, rel_tol=0.5)


def test_its_text_is_the_same_in_a_notebook(monkeypatch):
    """There rich would show a table itself, instead of writing it where it was told to."""
    text = str(minidl.summary(nn.Linear(3, 2), (3,)))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(minidl.summary(nn.Linear(3, 2), (3,))) == text
