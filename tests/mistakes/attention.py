"""Mistakes with: scaled_dot_product_attention, attention_weights, and the layers around them."""

import numpy as np

import minidl.functional as F
from minidl import nn
from tests.mistakes.inputs import Mistake, f32, f64, ints

Q, K, V = (2, 3, 4), (2, 5, 4), (2, 5, 6)

MISTAKES: dict[str, Mistake] = {
    "attention: features": (
        lambda: F.scaled_dot_product_attention(f32(2, 3, 4), f32(2, 5, 6), f32(2, 5, 6)),
        "scaled_dot_product_attention",
        ["(2, 3, 4) have 4", "(2, 5, 6) have 6"],
        "the features may not",
    ),
    "attention: keys without values": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f32(2, 3, 6)),
        "scaled_dot_product_attention",
        ["(2, 5, 4)", "(2, 3, 6)"],
        "Every key has one value",
    ),
    "attention: batches": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(3, 5, 4), f32(3, 5, 4)),
        "scaled_dot_product_attention",
        ["(2,) and (3,)"],
        "Reshape",
    ),
    "attention: batch of the values": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f32(3, 5, 4)),
        "scaled_dot_product_attention",
        ["(2,) and (3,)"],
        "Reshape",
    ),
    "attention: one vector": (
        lambda: F.scaled_dot_product_attention(f32(4), f32(5, 4), f32(5, 4)),
        "scaled_dot_product_attention",
        ["query has shape (4,)"],
        "query[None]",
    ),
    "attention: mask of 0 and 1": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f32(*V), ints(3, 5)),
        "scaled_dot_product_attention",
        ["mask holds int64", "True: may look"],
        "mask == 1",
    ),
    "attention: mask transposed": (
        lambda: F.scaled_dot_product_attention(
            f32(*Q), f32(*K), f32(*V), np.ones((5, 3), dtype=bool)
        ),
        "scaled_dot_product_attention",
        ["(5, 3)", "(2, 3, 5)"],
        "a row for each query",
    ),
    "attention: mask of more axes than the scores": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f32(*V), f32(4, 2, 3, 5)),
        "scaled_dot_product_attention",
        ["(4, 2, 3, 5)", "(2, 3, 5)"],
        "a column for each key",
    ),
    "attention: two masks": (
        lambda: F.scaled_dot_product_attention(
            f32(*Q), f32(*K), f32(*V), f32(3, 5), is_causal=True
        ),
        "scaled_dot_product_attention",
        ["is_causal=True", "two masks"],
        "np.tri",
    ),
    "attention: dropout in percent": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f32(*V), dropout_p=10),
        "scaled_dot_product_attention",
        ["dropout_p=10", "between 0 and 1"],
        "dropout_p=0.1",
    ),
    "attention: dtype of the key": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f64(*K), f32(*V)),
        "scaled_dot_product_attention",
        ["query is float32", "key is float64"],
        "key.astype('float32')",
    ),
    "attention: dtype of the value": (
        lambda: F.scaled_dot_product_attention(f32(*Q), f32(*K), f64(*V)),
        "scaled_dot_product_attention",
        ["key is float32", "value is float64"],
        "value.astype('float32')",
    ),
    "attention: whole numbers": (
        lambda: F.scaled_dot_product_attention(ints(*Q), ints(*K), ints(*V)),
        "scaled_dot_product_attention",
        ["int64"],
        "x.astype('float32')",
    ),
    "attention_weights: features": (
        lambda: F.attention_weights(f32(3, 4), f32(3, 5)),
        "attention_weights",
        ["(3, 4) have 4", "(3, 5) have 5"],
        "the features may not",
    ),
    "attention_weights: mask": (
        lambda: F.attention_weights(f32(3, 4), f32(5, 4), f32(3, 3)),
        "attention_weights",
        ["(3, 3)", "(3, 5)"],
        "a column for each key",
    ),
    "attention_weights: two masks": (
        lambda: F.attention_weights(f32(3, 4), f32(5, 4), f32(3, 5), is_causal=True),
        "attention_weights",
        ["two masks"],
        "np.tri",
    ),
    "attention_weights: batches": (
        lambda: F.attention_weights(f32(*Q), f32(7, 5, 4)),
        "attention_weights",
        ["(2,) and (7,)"],
        "Reshape",
    ),
    "attention_weights: one vector": (
        lambda: F.attention_weights(f32(3, 4), f32(4)),
        "attention_weights",
        ["key has shape (4,)"],
        "length 1",
    ),
    "MultiheadAttention: heads": (
        lambda: nn.MultiheadAttention(10, 4),
        "MultiheadAttention",
        ["embed_dim=10", "num_heads=4"],
        "divides embed_dim",
    ),
    "MultiheadAttention: features": (
        lambda: nn.MultiheadAttention(6, 2).forward(f32(*Q), f32(*Q), f32(*Q)),
        "MultiheadAttention",
        ["query has shape", "must have 3 axes"],
        "embed_dim=4",
    ),
    "MultiheadAttention: images": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True).forward(*[f32(2, 4, 3, 3)] * 3),
        "MultiheadAttention",
        ["(2, 4, 3, 3)", "3 axes"],
        "x.flatten(2).transpose(0, 2, 1)",
    ),
    "MultiheadAttention: batch first": (
        lambda: nn.MultiheadAttention(4, 2).forward(f32(*Q), f32(*K), f32(*K)),
        "MultiheadAttention",
        ["3 sequences of queries", "5 of the key"],
        "batch_first=True",
    ),
    "MultiheadAttention: batches": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True).forward(
            f32(2, 3, 4), f32(2, 5, 4), f32(7, 5, 4)
        ),
        "MultiheadAttention",
        ["2 sequences of queries", "7 of the value"],
        "(N, L, E)",
    ),
    "MultiheadAttention: padding mask of the queries": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True).forward(
            f32(*Q), f32(*K), f32(*K), np.zeros((2, 3), dtype=bool)
        ),
        "MultiheadAttention",
        ["key_padding_mask", "(2, 3)", "(2, 5)"],
        "a row for each sequence",
    ),
    "MultiheadAttention: mask of 0 and 1": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True).forward(
            f32(*Q), f32(*K), f32(*K), None, True, ints(3, 5)
        ),
        "MultiheadAttention",
        ["attn_mask holds int64", "True: may not look"],
        "mask == 0",
    ),
    "ClassToken: images": (
        lambda: nn.ClassToken(4).forward(f32(2, 4, 3, 3)),
        "ClassToken",
        ["E = 4", "(2, 4, 3, 3)"],
        "x.flatten(2).transpose(0, 2, 1)",
    ),
    "ClassToken: features": (
        lambda: nn.ClassToken(4).forward(f32(2, 3, 5)),
        "ClassToken",
        ["E = 4", "(2, 3, 5)"],
        "embed_dim=5",
    ),
    "PositionEmbedding: another image size": (
        lambda: nn.PositionEmbedding(10, 4).forward(f32(2, 17, 4)),
        "PositionEmbedding",
        ["L = 10", "(2, 17, 4)"],
        "images of the size",
    ),
    "PositionEmbedding: the class token forgotten": (
        lambda: nn.PositionEmbedding(10, 4).forward(f32(2, 9, 4)),
        "PositionEmbedding",
        ["L = 10", "(2, 9, 4)"],
        "length",
    ),
}
