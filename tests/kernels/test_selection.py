"""Choosing a kernel set: by call, by block, by environment; and what happens without Numba."""

import os
import subprocess
import sys

import minidl_kernels
import numpy as np
import pytest
from minidl_kernels import active, available, select, use

import minidl
from minidl import functional as F


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_block_restores_what_was_before_even_after_an_error():
    before = active().name
    with use("numpy"):
        assert active().name == "numpy"
        with pytest.raises(KeyError), use("naive"):
            assert active().name == "naive"
            raise KeyError
        assert active().name == "numpy"
    assert active().name == before


def test_select_stays():
    before = active().name
    try:
        select("naive")
        assert active().name == "naive"
    finally:
        select(before)


def test_an_op_goes_on_in_the_set_that_is_active_when_backward_runs():
    """Forward in one set and backward in another is one computation all the same."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 3, 2))
    gradients = []
    for backward_set in ("naive", "numpy"):
        tensor = minidl.Tensor(x, requires_grad=True)
        with use("numpy"):
            y = F.conv2d(tensor, w, stride=2, padding=1)
        with use(backward_set):
            y.backward(np.random.default_rng(1).standard_normal(y.shape))
        gradients.append(tensor.grad)
    np.testing.assert_allclose(*gradients, rtol=1e-12)


def test_an_unknown_set_lists_the_known():
    with pytest.raises(ValueError, match=r"no kernel set 'cuda'.*naive, numpy, numba"):
        select("cuda")


def test_a_family_that_does_not_exist():
    with pytest.raises(AttributeError, match="no file of kernels named 'fourier'"):
        _ = minidl_kernels.KernelSet("numpy").fourier


@pytest.mark.parametrize("name", available())
def test_the_environment_chooses(name):
    code = "from minidl_kernels import active; print(active().name)"
    assert python(code, MINIDL_KERNELS=name) == name


def test_a_wrong_environment_is_an_error_that_names_the_choices():
    code = """
from minidl_kernels import active
try:
    active()
except ValueError as error:
    print(error)
"""
    assert "naive, numpy, numba" in python(code, MINIDL_KERNELS="fast")


WITHOUT_NUMBA = """
import sys
class NoNumba:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numba":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoNumba())
"""


def test_without_numba_the_numpy_set_serves():
    code = (
        WITHOUT_NUMBA
        + """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find(name, *rest)
import numpy as np, minidl, minidl_kernels
from minidl import functional as F
print(minidl_kernels.available(), minidl_kernels.active().name)
model = minidl.models.create("resnet8", in_channels=1)
loss = F.cross_entropy(model(np.zeros((2, 1, 8, 8), np.float32)), np.array([0, 1]))
loss.backward()
print(np.isfinite(loss.item()))
try:
    minidl.set_kernels("numba")
except ValueError as error:
    print(error)
"""
    )
    sets, finite, refusal = python(code, MINIDL_KERNELS="").splitlines()
    assert sets == "('naive', 'numpy') numpy"
    assert finite == "True"
    assert "pip install numba" in refusal
