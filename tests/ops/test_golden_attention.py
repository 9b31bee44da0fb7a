"""Attention on paper: one feature, so that scores are products of two numbers.

The scores are logarithms, so the weights are fractions: softmax(ln 2, 0) = (2/3, 1/3).
"""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn
from tests.ops.golden import check, close, ln2, ln3

attention = F.scaled_dot_product_attention

pytestmark = pytest.mark.usefixtures("numpy_kernels")


def test_attention() -> None:
    """Keys ln 2 and 0, values 3 and 6, queries 1 and 2, scale 1.

    query 1: scores (ln 2, 0),   P = (2/3, 1/3), y = 2 + 2 = 4
    query 2: scores (2 ln 2, 0), P = (4/5, 1/5), y = 12/5 + 6/5 = 18/5
    g = 9 and 5:
    dv = 9·(2/3, 1/3) + 5·(4/5, 1/5) = (6 + 4, 3 + 1) = (10, 4)
    query 1: dP = 9·(3, 6) = (27, 54), Σ P dP = 36, ds = (2/3·(−9), 1/3·18) = (−6, 6)
    query 2: dP = 5·(3, 6) = (15, 30), Σ P dP = 18, ds = (4/5·(−3), 1/5·12) = (−12/5, 12/5)
    dq = ds·k = −6 ln 2 and −12/5 ln 2;   dk = ∓(6·1 + 12/5·2) = ∓10.8
    """
    check(
        lambda q, k, v: attention(q, k, v, scale=1),
        ([[1], [2]], [[ln2], [0]], [[3], [6]]),
        [[4], [3.6]],
        [[9], [5]],
        ([[-6 * ln2], [-2.4 * ln2]], [[-10.8], [10.8]], [[10], [4]]),
    )


def test_attention_scales_by_the_root_of_the_features() -> None:
    """Four features, so scale ½: query 1 of above doubled has the same weights.

    dq = ½·ds·k = ½·(−6 ln 2) on the first feature, dk = ½·ds·q = ½·(−6, 6)·2.
    """
    check(
        attention,
        ([[2, 0, 0, 0]], [[ln2, 0, 0, 0], [0, 0, 0, 0]], [[3], [6]]),
        [[4]],
        [[9]],
        (
            [[-3 * ln2, 0, 0, 0]],
            [[-6, 0, 0, 0], [6, 0, 0, 0]],
            [[6], [3]],
        ),
    )


def test_attention_with_a_mask_of_booleans() -> None:
    """A third key is masked, so query 1 is as above; the second query may look nowhere.

    What is masked, and who may look nowhere, receives nothing.
    """
    mask = [[True, True, False], [False, False, False]]
    check(
        lambda q, k, v: attention(q, k, v, mask, scale=1),
        ([[1], [2]], [[ln2], [0], [50]], [[3], [6], [100]]),
        [[4], [0]],
        [[9], [5]],
        ([[-6 * ln2], [0]], [[-6], [6], [0]], [[6], [3], [0]]),
    )


def test_attention_with_a_mask_of_numbers() -> None:
    """Query 0 has scores 0, so the mask (ln 2, 0) alone makes P = (2/3, 1/3).

    ds = (−6, 6) as above, and that is the mask's gradient. dq = −6·5 + 6·7 = 12, dk = ds·0.
    """
    check(
        lambda q, k, v, mask: attention(q, k, v, mask),
        ([[0]], [[5], [7]], [[3], [6]], [[ln2, 0]]),
        [[4]],
        [[9]],
        ([[12]], [[0], [0]], [[6], [3]], [[-6, 6]]),
    )


def test_causal_attention() -> None:
    """Queries of 0: all scores are 0. Query 0 sees key 0 only, query 1 both: P = (1, 0), (½, ½).

    Values 2 and 4: y = 2, 3. g = 1, 4: dv = (1 + 2, 2). Query 0 has no choice, ds = 0.
    Query 1: dP = (8, 16), mean 12, ds = (−2, 2), dq = −2·1 + 2·3 = 4.
    """
    check(
        lambda q, k, v: attention(q, k, v, is_causal=True),
        ([[0], [0]], [[1], [3]], [[2], [4]]),
        [[2], [3]],
        [[1], [4]],
        ([[0], [4]], [[0], [0]], [[3], [2]]),
    )


def test_attention_weights() -> None:
    """P = (2/3, 1/3) for query 1; g = (9, 0): Σ P g = 6, ds = (2/3·3, 1/3·(−6)) = (2, −2)."""
    check(
        lambda q, k: F.attention_weights(q, k, scale=1),
        ([[1]], [[ln2], [0]]),
        [[2 / 3, 1 / 3]],
        [[9, 0]],
        ([[2 * ln2]], [[2], [-2]]),
    )


def test_large_scores_do_not_overflow() -> None:
    weights = F.attention_weights([[1000.0]], [[1000.0], [999.0]], scale=1.0)
    assert weights.data.tolist() == [[1, 0]]
    nowhere = F.attention_weights([[1.0]], [[1.0], [2.0]], np.full((1, 2), -np.inf))
    assert nowhere.data.tolist() == [[0, 0]]


def test_dropped_weights() -> None:
    """Scores 0 and values that are unit vectors: y is the dropped P, 0 or (1/8) / (1 − 0.25)."""
    minidl.manual_seed(3)
    q, k = np.zeros((200, 1)), np.zeros((8, 1))
    v = Tensor(np.eye(8), requires_grad=True)
    y = attention(q, k, v, dropout_p=0.25)
    assert set(np.unique(y.data)) == {0, 1 / 6}
    share = (y.data == 0).mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1600)
    g = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(g)
    close(v.grad, y.data.T @ g)
    minidl.manual_seed(3)
    assert attention(q, k, v, dropout_p=0.25).data.tobytes() == y.data.tobytes()
    assert not attention(q, k, v, dropout_p=1.0).data.any()


def test_multihead_attention() -> None:
    """Two heads of one feature each; query, key and value are projected by 1.

    query (1, 1); keys (ln 2, 0) and (0, ln 3); values (3, 4) and (6, 8)
    head 0: P = (2/3, 1/3), 2 + 2 = 4         head 1: P = (1/4, 3/4), 1 + 6 = 7
    y = Wo (4, 7) + (10, 20) with Wo = [[1, 1], [0, 1]]: (21, 27)
    mean weights: ((2/3 + 1/4)/2, (1/3 + 3/4)/2) = (11/24, 13/24)

    g = (1, 2): dbo = g, dWo = gᵀ (4, 7); to the heads goes Woᵀ g = (1, 3)
    dv = (2/3, 1/3)·1 for head 0 and (1/4, 3/4)·3 for head 1
    head 0: dP = (3, 6), Σ P dP = 4, ds = (−2/3, 2/3), dq = −2/3 ln 2
    head 1: dP = 3·(4, 8), Σ P dP = 21, ds = (−9/4, 9/4), dq = 9/4 ln 3
    dk = ds·1. The bias sums: dq, then Σ dk = 0 (softmax does not see it), then Σ dv = (1, 3).
    """
    layer = nn.MultiheadAttention(2, 2, batch_first=True).astype("float64")
    layer.in_proj_weight.data[:] = np.tile(np.eye(2), (3, 1))
    layer.out_proj.weight.data[:] = [[1, 1], [0, 1]]
    layer.out_proj.bias.data[:] = [10, 20]
    inputs = ([[[1, 1]]], [[[ln2, 0], [0, ln3]]], [[[3, 4], [6, 8]]])
    dq = [-2 / 3 * ln2, 9 / 4 * ln3]
    for need_weights in (True, False):
        layer.zero_grad()
        check(
            lambda q, k, v, need=need_weights: layer.forward(q, k, v, None, need)[0],
            inputs,
            [[[21, 27]]],
            [[[1, 2]]],
            (
                [[dq]],
                [[[-2 / 3, -9 / 4], [2 / 3, 9 / 4]]],
                [[[2 / 3, 3 / 4], [1 / 3, 9 / 4]]],
            ),
        )
        close(layer.out_proj.bias.grad, [1, 2])
        close(layer.out_proj.weight.grad, [[4, 7], [8, 14]])
        close(layer.in_proj_bias.grad, [*dq, 0, 0, 1, 3])
        close(layer.in_proj_weight.grad[:2], np.outer(dq, [1, 1]))
    arrays = [np.array(x, np.float64) for x in inputs]
    close(layer(*arrays)[1].data, [[[11 / 24, 13 / 24]]])
    each = layer.forward(*arrays, average_attn_weights=False)[1]
    close(each.data, [[[[2 / 3, 1 / 3]], [[1 / 4, 3 / 4]]]])


def test_class_token_and_positions() -> None:
    """Token 9 in front of 1 2 and of 3 4; then places 10, 20, 30 are added.

    The token stands in both sequences, so its gradient is 1 + 4; the places' are column sums.
    """
    token, places = nn.ClassToken(1), nn.PositionEmbedding(3, 1)
    for layer in (token, places):
        layer.astype("float64")
    token.weight.data[:] = 9
    places.weight.data[0, :, 0] = [10, 20, 30]
    column = (2, -1, 1)
    check(
        lambda x: places(token(x)),
        (np.reshape([[1, 2], [3, 4]], column),),
        np.reshape([[19, 21, 32], [19, 23, 34]], column),
        np.reshape([[1, 2, 3], [4, 5, 6]], column),
        (np.reshape([[2, 3], [5, 6]], column),),
    )
    close(token.weight.grad, [[[5]]])
    close(places.weight.grad, [[[5], [7], [9]]])
