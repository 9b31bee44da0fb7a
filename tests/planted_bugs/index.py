"""Mistakes in taking elements by their positions."""

_HERE = "minidl.ops.index"

BUGS = [
    (op, mistake, f"{_HERE}:{op}", right, wrong)
    for op, mistake, right, wrong in [
        ("Index", "= for +=", "np.add.at(dx, self.index, grad)", "dx[self.index] = grad"),
        ("Index", "+= counts a repeat once", "np.add.at(dx, self.index, grad)",
         "dx[self.index] += grad"),
        ("Index", "ones elsewhere", "np.zeros(", "np.ones("),
        ("Index", "scattered from the front", "dx[self.index] = grad",
         "dx.ravel()[: grad.size] = grad.ravel()"),
        ("TakeAlongAxis", "= for +=", "np.add.at(dx, self.places, grad)",
         "dx[self.places] = grad"),
        ("TakeAlongAxis", "+= counts a repeat once", "np.add.at(dx, self.places, grad)",
         "dx[self.places] += grad"),
        ("TakeAlongAxis", "put back in order", "np.add.at(dx, self.places, grad)",
         "dx.ravel()[: grad.size] += grad.ravel()[: dx.size]"),
        ("TakeAlongAxis", "averaged over all", "np.add.at(dx, self.places, grad)",
         "dx += grad.sum() / dx.size"),
        ("TakeAlongAxis", "every row asked at the first row's positions",
         "np.add.at(dx, self.places, grad)",
         "np.add.at(dx, tuple(p[:1] if p.shape == grad.shape else p for p in self.places), grad)"),
        ("TakeAlongAxis", "upstream gradient lost", "np.add.at(dx, self.places, grad)",
         "np.add.at(dx, self.places, 1)"),
    ]
]  # fmt: skip
