"""Mistakes in losses for embeddings."""

_HERE = "minidl.ops.embedding_loss"

BUGS = [
    *(
        ("ContrastiveLoss", mistake, f"{_HERE}:ContrastiveLoss", right, wrong)
        for mistake, right, wrong in [
            ("lost ½", "dx1 = (each *", "dx1 = (2 * each *"),
            ("unlike pairs pulled", "(y - (1 - y) * push)", "(y + (1 - y) * push)"),
            ("direction not normed", "np.divide(gap, d, out=np.zeros_like(d), where=d > 0)", "gap"),
            ("like pairs only", "(y - (1 - y) * push)", "y"),
            ("labels swapped", "(y - (1 - y) * push)", "((1 - y) - y * push)"),
            ("sign of dx2", "-dx1 if self.needs[1]", "dx1 if self.needs[1]"),
            ("missing 1/N", "shared_out(grad, self.reduction, d.shape)",
             "np.broadcast_to(grad, d.shape)"),
        ]
    ),
    *(
        ("TripletMarginLoss", mistake, f"{_HERE}:TripletMarginLoss", right, wrong)
        for mistake, right, wrong in [
            ("flat part forgotten", "active.shape) * active", "active.shape)"),
            ("anchor's second way forgotten", "close + np.where(from_positive, 0, far)", "close"),
            ("anchor's first way forgotten", "close + np.where(from_positive, 0, far)",
             "np.where(from_positive, 0, far)"),
            ("swap ignored", "from_positive = swapped[:, None]", "from_positive = False"),
            ("sign of the negative", "-far if self.needs[2]", "far if self.needs[2]"),
            ("positive pulls both ways", "far, 0) - close", "far, 0) + close"),
            ("missing 1/N", "shared_out(grad, self.reduction, active.shape)",
             "np.broadcast_to(grad, active.shape)"),
            ("wrong distance saved", "swapped, u_close, d_close, u_far, d_far)",
             "swapped, u_close, d_far, u_far, d_close)"),
        ]
    ),
    ("TripletMarginLoss", "power not lowered", f"{_HERE}:_distance_gradient", "(q - 1)", "q"),
    ("TripletMarginLoss", "sign of u forgotten", f"{_HERE}:_distance_gradient",
     "np.sign(u) * share", "share"),
    ("TripletMarginLoss", "root not derived", f"{_HERE}:_distance_gradient",
     "np.divide(np.abs(u), d[:, None], out=np.zeros_like(u), where=d[:, None] > 0)", "np.abs(u)"),
]  # fmt: skip
