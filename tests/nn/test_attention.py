"""nn.MultiheadAttention returns a pair, so that it keeps the layer contract in tests of its own."""

import itertools

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, nn
from minidl.gradcheck import gradcheck

N, L, S, E, H = 2, 3, 5, 6, 3
rng = np.random.default_rng(0)
QUERY, KEY, VALUE = (rng.standard_normal((N, length, E)) for length in (L, S, S))
MAY_NOT = np.arange(L * S).reshape(L, S) % 4 == 1
PADDING = np.array([[False] * 5, [False, False, False, True, True]])

pytestmark = pytest.mark.usefixtures("numpy_kernels")


def layer(seed: int = 0, **options) -> nn.MultiheadAttention:
    """A layer of float64 with biases away from 0."""
    minidl.manual_seed(seed)
    made = nn.MultiheadAttention(E, H, **{"batch_first": True, **options}).astype("float64")
    for parameter in made.parameters():
        parameter.data += np.random.default_rng(seed).uniform(0.1, 0.4, parameter.shape)
    return made


def same(left: Tensor, right: Tensor) -> None:
    np.testing.assert_allclose(left.data, right.data, rtol=1e-12, atol=1e-13)


def test_names_and_shapes_are_torchs() -> None:
    shapes = {name: array.shape for name, array in nn.MultiheadAttention(E, H).state_dict().items()}
    assert shapes == {
        "in_proj_weight": (18, 6),
        "in_proj_bias": (18,),
        "out_proj.weight": (6, 6),
        "out_proj.bias": (6,),
    }
    assert set(nn.MultiheadAttention(E, H, bias=False).state_dict()) == {
        "in_proj_weight",
        "out_proj.weight",
    }
    shown = repr(nn.MultiheadAttention(E, H, 0.1))
    assert shown.startswith("MultiheadAttention(6, 3, dropout=0.1, bias=True, batch_first=False")


def test_first_weights_are_torchs() -> None:
    """Xavier for the three projections as one matrix (3E, E); Linear's for Wo; no biases."""
    made = nn.MultiheadAttention(64, 4)
    bounds = {"in_proj_weight": np.sqrt(6 / (4 * 64)), "out_proj.weight": 1 / np.sqrt(64)}
    for name, parameter in made.named_parameters():
        top = np.abs(parameter.data).max()
        bound = bounds.get(name, 0)
        assert 0.97 * bound <= top <= bound, name
        assert parameter.dtype == np.float32


def test_dtype_and_shapes() -> None:
    for dtype in (np.float32, np.float64):
        made = layer().astype(dtype)
        output, weights = made(*(x.astype(dtype) for x in (QUERY, KEY, VALUE)))
        assert output.dtype == weights.dtype == dtype
        assert output.shape == (N, L, E)
        assert weights.shape == (N, L, S)
        np.testing.assert_allclose(weights.data.sum(axis=-1), 1, rtol=1e-6)


def test_gradients_agree_with_differences() -> None:
    """Of query, key, value and every parameter, through output and weights together."""
    made = layer()
    names = list(made.state_dict())

    def both(query: Tensor, key: Tensor, value: Tensor, *parameters: Tensor) -> Tensor:
        for name, parameter in zip(names, parameters, strict=True):
            holder = made.out_proj if name.startswith("out_proj.") else made
            setattr(holder, name.removeprefix("out_proj."), parameter)
        output, weights = made.forward(query, key, value, PADDING, True, MAY_NOT)
        return F.concatenate([output.flatten(), weights.flatten()])

    gradcheck(both, [QUERY, KEY, VALUE, *made.state_dict().values()])


def test_weights_asked_for_or_not_the_output_is_the_same() -> None:
    made = layer()
    masks = itertools.product((None, PADDING), (None, MAY_NOT), (False, True))
    for padding, mask, causal in masks:
        arguments = (QUERY, KEY, VALUE, padding)
        slow, weights = made.forward(*arguments, True, mask, True, causal)
        fast, nothing = made.forward(*arguments, False, mask, True, causal)
        same(slow, fast)
        assert nothing is None
        each = made.forward(*arguments, True, mask, False, causal)[1]
        assert each.shape == (N, H, L, S)
        same(each.mean(axis=1), weights)


def test_masked_keys_have_no_weight() -> None:
    made = layer()
    weights = made.forward(QUERY, KEY, VALUE, PADDING, True, MAY_NOT)[1].data
    hidden = MAY_NOT[None] | PADDING[:, None, :]
    assert (weights[hidden] == 0).all()
    assert (weights[~hidden] > 0).all()
    causal = made.forward(QUERY, KEY, VALUE, is_causal=True)[1].data
    assert ((causal > 0) == np.tri(L, S, dtype=bool)).all()


def test_masks_of_numbers_are_added() -> None:
    made = layer()
    minus_infinity = np.where(MAY_NOT, -np.inf, 0).astype(np.float32)
    same(
        made.forward(QUERY, KEY, VALUE, None, False, minus_infinity)[0],
        made.forward(QUERY, KEY, VALUE, None, False, MAY_NOT)[0],
    )


def test_a_mask_for_each_sequence_and_head() -> None:
    """Mask n·H + h is head h's of sequence n."""
    made = layer()
    masks = np.zeros((N * H, L, S), dtype=bool)
    masks[1 * H + 2, 0, 3] = True
    each = made.forward(QUERY, KEY, VALUE, None, True, masks, False)[1].data
    assert np.argwhere(each == 0).tolist() == [[1, 2, 0, 3]]


def test_a_token_that_may_look_nowhere_gets_the_bias_alone() -> None:
    made = layer()
    nowhere = np.ones((N, S), dtype=bool)
    for need_weights in (True, False):
        output = made.forward(QUERY, KEY, VALUE, nowhere, need_weights)[0]
        same(output, made.out_proj.bias.broadcast_to(N, L, E))


def test_batch_second_and_single_sequences() -> None:
    first, second = layer(), layer(batch_first=False)
    output, weights = first(QUERY, KEY, VALUE)
    turned, same_weights = second(*(x.transpose(1, 0, 2) for x in (QUERY, KEY, VALUE)))
    same(turned.transpose(1, 0, 2), output)
    same(same_weights, weights)
    for made in (first, second):
        single, its_weights = made(QUERY[1], KEY[1], VALUE[1])
        same(single, output[1])
        same(its_weights, weights[1])
        assert made.forward(QUERY[1], KEY[1], VALUE[1], need_weights=False)[1] is None


def test_order_does_not_matter_to_attention() -> None:
    """Keys and values in another order give the same output: places must be embedded."""
    made, order = layer(), [3, 1, 4, 0, 2]
    same(made(QUERY, KEY[:, order], VALUE[:, order])[0], made(QUERY, KEY, VALUE)[0])


def test_the_bias_of_the_keys_has_no_effect() -> None:
    made = layer()
    output = made(QUERY, KEY, VALUE)[0]
    made.in_proj_bias.data[E : 2 * E] += 5
    moved = made(QUERY, KEY, VALUE)[0]
    same(moved, output)
    moved.backward(np.random.default_rng(1).standard_normal(moved.shape))
    gradient = np.abs(made.in_proj_bias.grad).reshape(3, E).max(axis=1)
    assert gradient[1] < 1e-13
    assert min(gradient[0], gradient[2]) > 1e-3


def test_dropout_in_training_only() -> None:
    made = layer(dropout=0.5)
    plain = layer()(QUERY, KEY, VALUE)
    for need_weights in (True, False):
        trained = made.forward(QUERY, KEY, VALUE, None, need_weights)[0]
        assert not np.allclose(trained.data, plain[0].data)
    weights = made.forward(QUERY, KEY, VALUE, average_attn_weights=False)[1].data
    kept = weights != 0
    assert 0.3 < kept.mean() < 0.7
    whole = made.eval().forward(QUERY, KEY, VALUE, average_attn_weights=False)[1].data
    np.testing.assert_allclose(weights[kept], 2 * whole[kept])
    same(made(QUERY, KEY, VALUE)[0], plain[0])


def test_state_dict_round_trip() -> None:
    source, target = layer(1), layer(2)
    target.load_state_dict(source.state_dict())
    expected = source(QUERY, KEY, VALUE)[0].data.tobytes()
    assert target(QUERY, KEY, VALUE)[0].data.tobytes() == expected


def test_first_tokens_and_places_are_small() -> None:
    minidl.manual_seed(0)
    for weight in (nn.ClassToken(2000).weight, nn.PositionEmbedding(10, 200).weight):
        # the standard error of σ from n numbers is σ/√(2n)
        assert abs(weight.data.std() - 0.02) < 4 * 0.02 / np.sqrt(2 * 2000)
