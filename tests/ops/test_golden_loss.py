"""Losses on examples small enough for paper: forward and backward, by hand.

The arithmetic is in the comment beside each row. (Cross-entropy, nll_loss and binary
cross-entropy are in test_golden_cross_entropy.py.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor, nn
from tests.ops.golden import check, close, ln2

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# Differences x − t = 1, 0, −2, 3.
X, TARGET = [[1, 2], [3, 4]], [[0, 2], [5, 1]]
REGRESSION = {
    # squares 1, 0, 4, 9, together 14; 2 (x − t) · 2/4
    "mse_loss": (F.mse_loss, 3.5, 2, [[1, 0], [-2, 3]]),
    "mse_loss, sum": (lambda x, t: F.mse_loss(x, t, "sum"), 14, 0.5, [[1, 0], [-2, 3]]),
    "mse_loss, none": (
        lambda x, t: F.mse_loss(x, t, "none"),
        [[1, 0], [4, 9]],
        [[1, 2], [3, 4]],
        [[2, 0], [-12, 24]],
    ),
    # 1 + 0 + 2 + 3; sign · 8/4, and 0 where they agree
    "l1_loss": (F.l1_loss, 1.5, 8, [[2, 0], [-2, 2]]),
    # 1/2, 0, 2 − 1/2, 3 − 1/2, together 4.5; sign · 8/4 from 1 on
    "smooth_l1_loss": (F.smooth_l1_loss, 1.125, 8, [[2, 0], [-2, 2]]),
    # 1/4, 0, 2 − 1, 3 − 1; (x − t)/2 up to 1, times 4
    "smooth_l1_loss, beta 2": (
        lambda x, t: F.smooth_l1_loss(x, t, "sum", 2),
        3.25,
        4,
        [[2, 0], [-4, 4]],
    ),
    "smooth_l1_loss, beta 0": (
        lambda x, t: F.smooth_l1_loss(x, t, beta=0),
        1.5,
        8,
        [[2, 0], [-2, 2]],
    ),
}


@pytest.mark.parametrize("name", REGRESSION)
def test_regression(name: str) -> None:
    """The target's gradient is the prediction's with the other sign."""
    f, expected, cotangent, dx = REGRESSION[name]
    check(f, (X, TARGET), expected, cotangent, (dx, -np.array(dx)))


SCORES, LABELS = [[1, 2, 0.5], [3, 0, 2.5]], np.array([0, 0])
CLASSES = {
    # row 0: 1 − 1 + 2 = 2 and 1 − 1 + ½ = ½; row 1: −2, so 0, and ½; 3/3 over 2 rows
    # each violation sends 6/2/3 = 1 to its class and takes it from the label
    "multi_margin_loss": (
        lambda z: F.multi_margin_loss(z, LABELS),
        SCORES,
        0.5,
        6,
        [[-2, 1, 1], [-1, 0, 1]],
    ),
    # weight 2 of class 0: 2/3 (4 + ¼) and 2/3 · ¼, together 3; 3 · 2/3 · 2 v = 4 v
    "multi_margin_loss, squared": (
        lambda z: F.multi_margin_loss(z, LABELS, p=2, weight=np.array([2, 9, 9]), reduction="sum"),
        SCORES,
        3,
        3,
        [[-10, 8, 2], [-2, 0, 2]],
    ),
    # margin 2: 3 and 1½; −1, so 0, and 1½: thirds of 4½ and 1½
    "multi_margin_loss, margin 2": (
        lambda z: F.multi_margin_loss(z, LABELS, margin=2, reduction="none"),
        SCORES,
        [1.5, 0.5],
        [3, 6],
        [[-2, 1, 1], [-2, 0, 2]],
    ),
    # CS231n, lecture 3: cat, car, frog; losses 2.9, 0 and 6.3 + 6.6 = 12.9
    "hinge_loss": (
        lambda z: F.hinge_loss(z, np.array([0, 1, 2])),
        [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]],
        15.8 / 3,
        3,
        [[-1, 1, 0], [0, 0, 0], [1, 1, -2]],
    ),
    # row 0: 0.4² + ½ 0.2² = 0.18; row 1: 0.85² + ½ 0.9² = 1.1275
    # −2·0.4 and ½·2·0.2; ½·2·0.9 and −2·0.85
    "margin_loss": (
        lambda v: F.margin_loss(v, np.array([0, 1])),
        [[0.5, 0.3], [1.0, 0.05]],
        1.3075 / 2,
        2,
        [[-0.8, 0.2], [0.9, -1.7]],
    ),
    # m⁺ = 0.8, m⁻ = 0.2, λ = 2: 0.3² + 2·0.1² = 0.11, 0.75² + 2·0.8² = 1.8425
    "margin_loss, other margins": (
        lambda v: F.margin_loss(v, np.array([0, 1]), 0.8, 0.2, 2, "none"),
        [[0.5, 0.3], [1.0, 0.05]],
        [0.11, 1.8425],
        [10, 1],
        [[-6, 4], [3.2, -1.5]],
    ),
    # p = (0.8, 0.4) and (0.2, 0.6), labels 0 and 1: 1 − 2.6/3.2 and 1 − 2.2/2.8
    # (2.6/3.2 − 2 t)/3.2 and (2.2/2.8 − 2 t)/2.8, times g
    "dice_loss": (
        lambda p: F.dice_loss(p, np.array([[0, 1]]), reduction="none"),
        [[[0.8, 0.4], [0.2, 0.6]]],
        [[0.1875, 3 / 14]],
        [[3.2, 2.8]],
        [[[-1.1875, 0.8125], [11 / 14, -17 / 14]]],
    ),
    # pixel 1 ignored, smooth 2: overlaps 2·0.8 + 2 and 0 + 2, totals 0.8 + 1 + 2 and 0.2 + 2
    # (3.6/3.8 − 2)/3.8 and (2/2.2)/2.2, times g
    "dice_loss, ignoring": (
        lambda p: F.dice_loss(p, np.array([[0, 9]]), 2, 9, "none"),
        [[[0.8, 0.4], [0.2, 0.6]]],
        [[0.2 / 3.8, 0.2 / 2.2]],
        [[3.8, 2.2]],
        [[[3.6 / 3.8 - 2, 0], [2 / 2.2, 0]]],
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_losses_of_classes(name: str) -> None:
    f, scores, expected, cotangent, gradient = CLASSES[name]
    check(f, (scores,), expected, cotangent, (gradient,))


def test_contrastive_loss() -> None:
    """A like pair at distance 5; an unlike one at 0.6 with margin 1; an unlike one at 5.

    ½ 25 = 12.5;   ½ 0.4² = 0.08;   0.   Mean of three, g = 3, so 1 each.
    dx1: (3, −4);   −0.4/0.6 · (0, 0.6);   0
    """
    d = np.array([[3, -4], [0, -0.4], [0, 0]])
    check(
        lambda a, b: F.contrastive_loss(a, b, np.array([True, False, False])),
        ([[3, 0], [0, 0.6], [0, 0]], [[0, 4], [0, 0], [3, 4]]),
        12.58 / 3,
        3,
        (d, -d),
    )


def test_contrastive_loss_of_unlike_pairs_in_one_place() -> None:
    """½ 2² with margin 2; there is no direction to part in, so no gradient, and no NaN."""
    check(
        lambda a, b: F.contrastive_loss(a, b, np.array([0]), margin=2),
        ([[1, 2]], [[1, 2]]),
        2,
        1,
        ([[0, 0]], [[0, 0]]),
    )


TRIPLETS: dict[str, tuple[dict[str, Any], list[Any], Any, Any, list[Any]]] = {
    # row 0: 5 − 2 + 1; row 1: 1 − 10 + 1 < 0. da = (a − p)/5 − (a − n)/2
    "two rows": (
        {"eps": 0},
        [[[0, 0], [0, 0]], [[3, 4], [0, 1]], [[0, 2], [6, 8]]],
        2,
        2,
        [[[-0.6, 0.2], [0, 0]], [[0.6, 0.8], [0, 0]], [[0, -1], [0, 0]]],
    ),
    # d(a, n) = √13 but d(p, n) = 2 is smaller: 5 − 2 + 1; dp = (3, 4)/5 − (p − n)/2
    "swap": (
        {"eps": 0, "swap": True},
        [[[0, 0]], [[3, 4]], [[3, 2]]],
        4,
        1,
        [[[-0.6, -0.8]], [[0.6, -0.2]], [[0, 1]]],
    ),
    # 7 − 2 + 3; signs of a − p and a − n
    "p = 1, margin 3": (
        {"eps": 0, "p": 1, "margin": 3},
        [[[0, 0]], [[3, -4]], [[0, 2]]],
        8,
        1,
        [[[-1, 2]], [[1, -1]], [[0, -1]]],
    ),
    # differences (0, 0) + 3 and (0, −7) + 3 = (3, −4): 3√2 − 5 + 1; (1, 1)/√2 and (3, −4)/5
    "eps 3": (
        {"eps": 3},
        [[[0, 0]], [[0, 0]], [[0, 7]]],
        3 * np.sqrt(2) - 4,
        1,
        [
            [[np.sqrt(0.5) - 0.6, np.sqrt(0.5) + 0.8]],
            [[-np.sqrt(0.5), -np.sqrt(0.5)]],
            [[0.6, -0.8]],
        ],
    ),
}


@pytest.mark.parametrize("name", TRIPLETS)
def test_triplet_margin_loss(name: str) -> None:
    options, embeddings, expected, cotangent, gradients = TRIPLETS[name]
    check(
        lambda *three: F.triplet_margin_loss(*three, **options),
        embeddings,
        expected,
        cotangent,
        gradients,
    )


def test_triplets_in_one_place_give_no_nan() -> None:
    """eps = 0 and all three equal: the loss is the margin, without a direction."""
    zero = [[0, 0]]
    check(lambda *three: F.triplet_margin_loss(*three, eps=0), [zero] * 3, 1, 1, ([[0, 0]],) * 3)


# ----------------------------------------------------------------------- what all have in common

PLAIN: dict[str, tuple[Callable[..., Tensor], tuple[int, ...], tuple[Any, ...]]] = {
    "mse_loss": (F.mse_loss, (3, 2), (np.ones((3, 2)),)),
    "l1_loss": (F.l1_loss, (3, 2), (np.ones((3, 2)),)),
    "smooth_l1_loss": (F.smooth_l1_loss, (3, 2), (np.ones((3, 2)),)),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        (3, 2),
        (np.ones((3, 2)), np.ones(2)),
    ),
    "multi_margin_loss": (F.multi_margin_loss, (3, 2), (np.array([0, 1, 1]), 1, 1.0, np.ones(2))),
    "hinge_loss": (F.hinge_loss, (3, 2), (np.array([0, 1, 1]),)),
    "margin_loss": (F.margin_loss, (3, 2), (np.array([0, 1, 1]),)),
    "contrastive_loss": (F.contrastive_loss, (3, 2), (np.zeros((3, 2)), np.array([0, 1, 1]))),
    "triplet_margin_loss": (
        F.triplet_margin_loss,
        (3, 2),
        (np.zeros((3, 2)), np.full((3, 2), 0.3)),
    ),
    "dice_loss": (F.dice_loss, (3, 2, 4), (np.ones((3, 4), np.int64),)),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_float64_target_leaves_a_float32_loss_float32(name: str, reduction: str) -> None:
    function, shape, more = PLAIN[name]
    x = Tensor(np.full(shape, 0.25, np.float32), requires_grad=True)
    loss = function(x, *more, reduction=reduction)
    assert loss.dtype == np.float32
    loss.backward(np.full(loss.shape, 2, np.float32))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("name", PLAIN)
def test_reductions_agree(name: str) -> None:
    """The sum of what "none" gives, and that divided by how many there are."""
    function, shape, more = PLAIN[name]
    x = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    each = function(x, *more, reduction="none").data
    np.testing.assert_allclose(function(x, *more, reduction="sum").data, each.sum(), rtol=1e-12)
    np.testing.assert_allclose(function(x, *more).data, each.mean(), rtol=1e-12)


@pytest.mark.parametrize("name", PLAIN)
def test_the_sum_over_an_empty_batch_is_zero(name: str) -> None:
    function, shape, more = PLAIN[name]
    rows = [a[:0] if np.shape(a)[:1] == (3,) else a for a in more]
    x = Tensor(np.zeros((0, *shape[1:])), requires_grad=True)
    loss = function(x, *rows, reduction="sum")
    assert loss.item() == 0
    loss.backward()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("name", PLAIN)
def test_nan_is_not_hidden(name: str) -> None:
    function, shape, more = PLAIN[name]
    x = np.full(shape, 0.25)
    x[0, 0] = np.nan
    assert np.isnan(function(x, *more).data)


def test_a_target_of_another_dtype_receives_its_gradient_in_that() -> None:
    x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    target = Tensor(np.array([0.0, 5.0]), requires_grad=True)
    F.mse_loss(x, target, "sum").backward()
    assert x.grad.dtype == np.float32
    assert target.grad.dtype == np.float64
    close(target.grad, [-2, 6])


def test_whole_numbers_and_booleans_are_targets_too() -> None:
    x = np.array([0.0, 0.0])
    for answers in (np.array([1, 0]), np.array([True, False]), [1, 0]):
        close(F.binary_cross_entropy_with_logits(x, answers).data, ln2)
    close(F.mse_loss(x, np.array([1, 3])).data, 5)


def test_layers_hand_their_arguments_over() -> None:
    """Each layer with all its arguments, none of them the default."""
    rng = np.random.default_rng(0)
    x, y, z = rng.uniform(0, 1, (3, 3, 4))
    labels, weight = np.array([2, 0, 3]), np.array([0.5, 2.0, 1.0, 0.3])
    same = np.array([1, 0, 0])
    pairs = [
        (nn.MSELoss("sum")(x, y), F.mse_loss(x, y, "sum")),
        (nn.L1Loss("sum")(x, y), F.l1_loss(x, y, "sum")),
        (nn.SmoothL1Loss("sum", 0.3)(x, y), F.smooth_l1_loss(x, y, "sum", 0.3)),
        (
            nn.BCEWithLogitsLoss(weight, "sum", weight * 2)(x, y),
            F.binary_cross_entropy_with_logits(x, y, weight, "sum", weight * 2),
        ),
        (
            nn.MultiMarginLoss(2, 0.4, weight, "sum")(x, labels),
            F.multi_margin_loss(x, labels, 2, 0.4, weight, "sum"),
        ),
        (
            nn.MarginLoss(0.7, 0.3, 0.2, "sum")(x, labels),
            F.margin_loss(x, labels, 0.7, 0.3, 0.2, "sum"),
        ),
        (
            nn.ContrastiveLoss(0.9, "sum")(x, y, same),
            F.contrastive_loss(x, y, same, 0.9, "sum"),
        ),
        (
            nn.TripletMarginLoss(0.9, 3.0, 0.1, True, "sum")(x, y, z),
            F.triplet_margin_loss(x, y, z, 0.9, 3.0, 0.1, True, "sum"),
        ),
        (nn.DiceLoss(0.5, 2, "sum")(x, labels), F.dice_loss(x, labels, 0.5, 2, "sum")),
    ]
    for layer, function in pairs:
        assert layer.item() == function.item()


def test_dice_loss_layer() -> None:
    """The layer contract of tests/nn/test_layers.py, whose normal numbers are no probabilities."""
    layer = nn.DiceLoss(0.5, 255)
    assert repr(layer) == "DiceLoss(smooth=0.5, ignore_index=255, reduction='mean')"
    assert layer.state_dict() == {}
    logits = Tensor(np.random.default_rng(0).standard_normal((2, 3, 4)), requires_grad=True)
    layer(F.softmax(logits, axis=1), np.array([[0, 1, 2, 2], [255, 1, 0, 0]])).backward()
    assert (np.abs(logits.grad).max(axis=1) > 1e-3).tolist() == [[True] * 4, [False] + [True] * 3]
