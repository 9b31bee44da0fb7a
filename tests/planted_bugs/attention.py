"""Mistakes in attention. What both ops share is in a function, and both must notice."""

_HERE = "minidl.ops.attention"

BUGS = [
    (op, mistake, f"{_HERE}:_score_gradients", right, wrong)
    for op in ("AttentionWeights", "ScaledDotProductAttention")
    for mistake, right, wrong in [
        ("scale lost in dq", "(ds @ k) * scale", "ds @ k"),
        ("scale lost in dk", "(ds.swapaxes(-1, -2) @ q) * scale", "ds.swapaxes(-1, -2) @ q"),
        ("ds not transposed", "ds.swapaxes(-1, -2) @ q",
         "ds[..., : ds.shape[-2], :] @ q[..., : ds.shape[-1], :]"),
        ("softmax's sum lost", "dp - (p * dp).sum(axis=-1, keepdims=True)", "dp"),
        ("sum not weighted", "(p * dp).sum(", "dp.sum("),
        ("sum over the queries", "(p * dp).sum(axis=-1", "(p * dp).sum(axis=-2"),
        ("scaled mask gradient", "sum_to_shape(ds, mask_shape)",
         "sum_to_shape(ds * scale, mask_shape)"),
        ("lost un-broadcast of the mask", "sum_to_shape(ds, mask_shape)", "ds"),
        ("lost un-broadcast of q", "sum_to_shape((ds @ k) * scale, q.shape)", "(ds @ k) * scale"),
    ]
] + [
    ("AttentionWeights", "saved arrays swapped", f"{_HERE}:AttentionWeights",
     "self.save(q, k, p)", "self.save(k, q, p)"),
    ("AttentionWeights", "gradient of another row", f"{_HERE}:AttentionWeights",
     "q, k, p, grad,", "q, k, p, grad[..., ::-1, :],"),
] + [
    ("ScaledDotProductAttention", mistake, f"{_HERE}:ScaledDotProductAttention", right, wrong)
    for mistake, right, wrong in [
        ("weights not dropped in dv", "dropped.swapaxes(-1, -2) @ grad",
         "p.swapaxes(-1, -2) @ grad"),
        ("weights not transposed", "dropped.swapaxes(-1, -2) @ grad",
         "dropped[..., : grad.shape[-2]] @ grad"),
        ("mask of dropout lost", "dp if kept is None else dp * kept", "dp"),
        ("new mask in backward", "dp if kept is None else dp * kept",
         "dp if kept is None else dp * np.roll(kept, 1)"),
        ("dropped weights in softmax's gradient", "_score_gradients(q, k, p, dp",
         "_score_gradients(q, k, dropped, dp"),
        ("lost un-broadcast of v", "sum_to_shape(dropped.swapaxes(-1, -2) @ grad, v.shape)",
         "dropped.swapaxes(-1, -2) @ grad"),
        ("first copy of P only", "sum_to_shape(grad @ v.swapaxes(-1, -2), p.shape)",
         "(grad @ v.swapaxes(-1, -2))[(0,) * (grad.ndim - p.ndim)]"),
        ("gradients in another order", "return dq, dk, dv, dmask", "return dq, dv, dk, dmask"),
    ]
]  # fmt: skip
