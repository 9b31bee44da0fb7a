"""Mistakes in resizing."""

_OP = "minidl.ops.resize"

BUGS = [
    ("UpsampleNearest", "= for +=: the last copy counts", f"{_OP}:UpsampleNearest",
     "sums = np.add.reduceat(grad, row_starts, axis=2)", "sums = grad[:, :, row_starts]"),
    ("UpsampleNearest", "copies averaged", f"{_OP}:UpsampleNearest",
     "seen_columns] = sums", "seen_columns] = sums * len(seen_rows) / len(self.rows)"),
    ("UpsampleNearest", "rows ↔ columns", f"{_OP}:UpsampleNearest",
     "dx[:, :, seen_rows[:, None], seen_columns]", "dx[:, :, seen_columns, seen_rows[:, None]]"),
    ("UpsampleNearest", "pixels that nobody copied are skipped", f"{_OP}:UpsampleNearest",
     "dx[:, :, seen_rows[:, None], seen_columns] = sums",
     "dx[:, :, : len(seen_rows), : len(seen_columns)] = sums"),
    ("UpsampleNearest", "last run left open", f"{_OP}:UpsampleNearest",
     "np.add.reduceat(sums, column_starts, axis=3)",
     "np.add.reduceat(sums[..., : column_starts[-1] + 1], column_starts, axis=3)"),
    ("UpsampleNearest", "backward by the shape of the output", f"{_OP}:UpsampleNearest",
     "np.unique(self.columns, return_index=True)",
     "np.unique(np.arange(grad.shape[3]) * self.x_shape[3] // grad.shape[3], return_index=True)"),
    ("UpsampleBilinear", "not transposed", f"{_OP}:UpsampleBilinear",
     "R.T @ grad @ C", "np.linalg.pinv(R) @ grad @ C"),
    ("UpsampleBilinear", "inverse for transpose", f"{_OP}:UpsampleBilinear",
     "R.T @ grad @ C", "np.linalg.pinv(R) @ grad @ np.linalg.pinv(C).T"),
    ("UpsampleBilinear", "weights averaged", f"{_OP}:UpsampleBilinear",
     "R.T @ grad @ C", "(R / R.sum(axis=0).clip(0.1)).T @ grad @ C"),
    ("UpsampleBilinear", "R saved twice", f"{_OP}:UpsampleBilinear",
     "self.save(R, C)", "self.save(R, np.resize(R, C.shape))"),
    ("UpsampleBilinear", "columns by the nearest pixel", f"{_OP}:UpsampleBilinear",
     "R.T @ grad @ C", "R.T @ grad @ C.round()"),
    ("UpsampleBilinear", "weights of the two neighbours exchanged", f"{_OP}:UpsampleBilinear",
     "R.T @ grad @ C", "R[::-1].T @ grad @ C"),
]  # fmt: skip
