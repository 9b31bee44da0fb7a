"""`minidl check`: the proof of the gradients, as a command."""

from minidl.ops.elementwise import Exp
from minidl.samples import samples


def test_check_finds_every_gradient_right(minidl):
    code, out, _ = minidl("check --kernels numpy")
    assert code == 0
    assert "Conv2d" in out and "CrossEntropy" in out and "wrong" not in out
    total = len(samples())
    assert f"{total} of {total} samples agree" in out


def test_check_shows_the_samples_of_one_op(minidl):
    code, out, _ = minidl("check linear")
    assert code == 0
    assert all(sample.label in out for sample in samples() if sample.op.__name__ == "Linear")
    code, _, err = minidl("check linaer")
    assert code == 2 and "did you mean Linear?" in err


def test_check_finds_a_planted_bug(minidl, monkeypatch):
    right = Exp.backward
    monkeypatch.setattr(Exp, "backward", lambda self, grad: 1.01 * right(self, grad))
    code, out, _ = minidl("check exp")
    assert code == 1
    assert "wrong" in out and "0 of 1 samples agree" in out and "Exp, matrix: " in out
