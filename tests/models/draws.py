"""Random arrays in float32, the same at every call with the same seed."""

import numpy as np


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers in [0, 1)."""
    return np.random.default_rng(seed).random(shape, np.float32)
