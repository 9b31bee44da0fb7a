"""Cross-entropies on examples small enough for paper: forward and backward, by hand.

The arithmetic is in the docstrings and in the comment beside each row.
"""

import numpy as np
import pytest

import minidl.functional as F
from minidl import Tensor
from tests.ops.golden import check, close, image, ln2, ln3, ln5

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# ---------------------------------------------------------------------------------- of classes

LOGITS = [[0, ln2, ln5], [ln3, 0, 0]]
"""Row 0 has the probabilities 1/8, 2/8, 5/8; row 1 has 3/5, 1/5, 1/5.

With labels 2 and 1 the losses are −ln(5/8) = 3 ln 2 − ln 5 and −ln(1/5) = ln 5; the gradients are
softmax minus one-hot: (1, 2, −3)/8 and (3, −4, 1)/5.
"""
LOSS_0, LOSS_1 = 3 * ln2 - ln5, ln5
ROW_0, ROW_1 = np.array([1, 2, -3]) / 8, np.array([3, -4, 1]) / 5
WEIGHT = np.array([0.5, 2.0, 3.0])

CROSS_ENTROPIES = {
    "mean": ({}, [2, 1], (LOSS_0 + LOSS_1) / 2, 4, [2 * ROW_0, 2 * ROW_1]),
    "sum": ({"reduction": "sum"}, [2, 1], LOSS_0 + LOSS_1, 4, [4 * ROW_0, 4 * ROW_1]),
    "none": ({"reduction": "none"}, [2, 1], [LOSS_0, LOSS_1], [2, -3], [2 * ROW_0, -3 * ROW_1]),
    # the rows weigh 3 (label 2) and 2 (label 1); the mean divides by 5
    "weights": (
        {"weight": WEIGHT},
        [2, 1],
        (3 * LOSS_0 + 2 * LOSS_1) / 5,
        10,
        [6 * ROW_0, 4 * ROW_1],
    ),
    "weights, sum": (
        {"weight": WEIGHT, "reduction": "sum"},
        [2, 1],
        3 * LOSS_0 + 2 * LOSS_1,
        1,
        [3 * ROW_0, 2 * ROW_1],
    ),
    # row 1 does not count, neither in the sum nor in the divisor
    "ignored": ({}, [2, -100], LOSS_0, 4, [4 * ROW_0, 0 * ROW_1]),
    "ignore_index": ({"ignore_index": 1}, [2, 1], LOSS_0, 4, [4 * ROW_0, 0 * ROW_1]),
    "ignored, none": (
        {"reduction": "none"},
        [-100, 1],
        [0, LOSS_1],
        [2, -3],
        [0 * ROW_0, -3 * ROW_1],
    ),
    # s = 0.3, K = 3: wanted (0.1, 0.1, 0.8) and (0.1, 0.8, 0.1); the gradient is softmax − wanted.
    # row 0: 0.1 ln 8 + 0.1 ln 4 + 0.8 ln 1.6;  row 1: 0.1 ln(5/3) + 0.9 ln 5
    "smoothing": (
        {"label_smoothing": 0.3},
        [2, 1],
        (0.5 * ln2 + 0.8 * LOSS_0 + 0.1 * (ln5 - ln3) + 0.9 * ln5) / 2,
        2,
        [
            [1 / 8 - 0.1, 2 / 8 - 0.1, 5 / 8 - 0.8],
            [0.6 - 0.1, 0.2 - 0.8, 0.2 - 0.1],
        ],
    ),
    # row 0 alone, a = 0.7·3·[k = 2] + 0.1·w = (0.05, 0.2, 2.4), Σ a = 2.65; divided by w = 3:
    # loss = (0.05 ln 8 + 0.2 ln 4 + 2.4 ln 1.6)/3, gradient = (2.65 p − a)/3
    "smoothing and weights": (
        {"label_smoothing": 0.3, "weight": WEIGHT},
        [2, -100],
        (0.55 * ln2 + 2.4 * LOSS_0) / 3,
        3,
        [[2.65 / 8 - 0.05, 5.3 / 8 - 0.2, 13.25 / 8 - 2.4], [0, 0, 0]],
    ),
}


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_cross_entropy(name: str) -> None:
    """The two rows of LOGITS; the comments of the table give the arithmetic."""
    options, labels, expected, cotangent, gradient = CROSS_ENTROPIES[name]
    check(
        lambda z: F.cross_entropy(z, np.array(labels), **options),
        (LOGITS,),
        expected,
        cotangent,
        (gradient,),
    )


def test_cross_entropy_of_pixels() -> None:
    """Two classes, two pixels: (0, ln 3) has p = ¼, ¾, label 0; (0, 0) has ½, ½, label 1.

    loss = (ln 4 + ln 2)/2 = 1.5 ln 2; the gradient is (p − one-hot)/2:
    class 0: (¼ − 1)/2, ½/2; class 1: ¾/2, (½ − 1)/2
    """
    check(
        lambda z: F.cross_entropy(z, np.array([[[0, 1]]])),
        (image([[0, 0]], [[ln3, 0]]),),
        1.5 * ln2,
        1,
        (image([[-0.375, 0.25]], [[0.375, -0.25]]),),
    )


NLLS = {
    "mean": ({}, [1, 0], 2.5, 4, [[0, -2], [-2, 0]]),
    "sum": ({"reduction": "sum"}, [1, 0], 5, 4, [[0, -4], [-4, 0]]),
    "none": ({"reduction": "none"}, [1, 0], [2, 3], [5, -1], [[0, -5], [1, 0]]),
    # (3·2 + 1·3)/(3 + 1)
    "weights": ({"weight": np.array([1.0, 3.0])}, [1, 0], 2.25, 4, [[0, -3], [-1, 0]]),
    "ignored": ({}, [-100, 0], 3, 4, [[0, 0], [-4, 0]]),
}


@pytest.mark.parametrize("name", NLLS)
def test_nll_loss(name: str) -> None:
    """Log-probabilities [[−1, −2], [−3, −4]]: label 1 of row 0 costs 2, label 0 of row 1 3."""
    options, labels, expected, cotangent, gradient = NLLS[name]
    check(
        lambda p: F.nll_loss(p, np.array(labels), **options),
        ([[-1, -2], [-3, -4]],),
        expected,
        cotangent,
        (gradient,),
    )


# ------------------------------------------------------------------------------- of yes and no


def test_binary_cross_entropy_with_logits() -> None:
    """σ = ½, ¾, ¼ and t = 1, 0, ½.

    −ln ½ = ln 2;   −ln ¼ = 2 ln 2;   −½ ln ¼ − ½ ln ¾ = ln 2 + ½ (2 ln 2 − ln 3)
    dx = g (σ − t) = 2·(−½), 4·¾, 8·(−¼);   dt = −g x
    """
    check(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
        ([0, ln3, -ln3], [1, 0, 0.5]),
        [ln2, 2 * ln2, 2 * ln2 - ln3 / 2],
        [2, 4, 8],
        ([-1, 3, -2], [0, -4 * ln3, 8 * ln3]),
    )


def test_binary_cross_entropy_with_weights() -> None:
    """The same with weights w = 1, 2, 3 and P = 3, 3, 2, averaged; g = 12/3 = 4.

    loss = 3 ln 2,   2·2 ln 2,   3 (½·2·2 ln 2 + ½ (2 ln 2 − ln 3)) = 9 ln 2 − 3/2 ln 3
    dx = 4 w ((1 − t) σ − P t (1 − σ)) = 4·(−3/2),   8·¾,   12·(1/8 − 3/4)
    dt = 4 w (−P ln σ + ln(1 − σ)):
         4 (3 ln 2 − ln 2),   8 (3 (2 ln 2 − ln 3) − 2 ln 2),   12 (2·2 ln 2 − (2 ln 2 − ln 3))
    """
    check(
        lambda x, t: F.binary_cross_entropy_with_logits(
            x, t, np.array([1, 2, 3]), pos_weight=np.array([3, 3, 2])
        ),
        ([0, ln3, -ln3], [1, 0, 0.5]),
        (16 * ln2 - 1.5 * ln3) / 3,
        12,
        ([-6, 6, -7.5], [8 * ln2, 32 * ln2 - 24 * ln3, 24 * ln2 + 12 * ln3]),
    )


def test_binary_cross_entropy_of_large_logits() -> None:
    """A wrong answer costs |x|, a right one nothing, and nothing overflows."""
    x = Tensor(np.array([1e4, -1e4, 1e4, -1e4]), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, np.array([0, 1, 1, 0]), reduction="none")
    close(loss.data, [1e4, 1e4, 0, 0])
    loss.backward(np.array([1, 2, 3, 4]))
    close(x.grad, [1, -2, 0, 0])
