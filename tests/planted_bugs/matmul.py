"""Mistakes in matrix products."""

_HERE = "minidl.ops.matmul"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("MatMul", "b not transposed", "product(G, B.swapaxes(-1, -2))", "(G @ B)"),
        ("MatMul", "wrong side", "product(A.swapaxes(-1, -2), G)", "(G.swapaxes(-1, -2) @ A)"),
        ("MatMul", "all axes transposed", "A.swapaxes(-1, -2)", "A.T"),
        ("MatMul", "lost un-broadcast of a",
         "sum_to_shape(product(G, B.swapaxes(-1, -2)), A.shape)",
         "(G @ B.swapaxes(-1, -2))"),
        ("MatMul", "lost un-broadcast of b",
         "sum_to_shape(product(A.swapaxes(-1, -2), G), B.shape)",
         "(A.swapaxes(-1, -2) @ G)"),
        ("MatMul", "saved arrays swapped", "self.save(a, b)", "self.save(b, a)"),
        ("Linear", "w transposed", "product(flat, w)", "(flat @ w.T)"),
        ("Linear", "bias gradient averaged", "flat.sum(axis=0)", "flat.mean(axis=0)"),
        ("Linear", "bias gradient summed over outputs", "flat.sum(axis=0)", "flat.sum(axis=1)"),
        ("Linear", "weight gradient transposed", "product(flat.T, _rows(x))",
         "_rows(x).T @ flat"),
        ("Linear", "weight gradient / N", "flat.T,", "(flat / len(flat)).T,"),
        ("Linear", "input not flattened by rows", "product(flat.T, _rows(x))",
         "product(flat.T, x.reshape(x.shape[-1], -1).T)"),
    ]
]  # fmt: skip
