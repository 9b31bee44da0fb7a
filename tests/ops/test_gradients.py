"""The gradient matrix: every op, on every sample of `minidl.samples`, in every kernel set."""

import sys

import numpy as np
import pytest
from minidl_kernels import available

import minidl
from minidl.autograd import Op, no_grad
from minidl.samples import Sample, samples
from minidl.tensor import Tensor

SAMPLES = samples()
KERNEL_OPS = {
    "Conv2d",
    "DepthwiseConv2d",
    "ConvTranspose2d",
    "AdaptiveMaxPool2d",
    "MaxPool2d",
    "AvgPool2d",
    "BatchNorm",
    "BatchNormInference",
    "LayerNorm",
    "GroupNorm",
    "InstanceNorm",
    "BatchNormReLU",
    "AddReLU",
}
LINEAR = {
    "Add", "Subtract", "Negate", "Sum", "Mean", "Reshape", "Transpose", "BroadcastTo", "Index",
    "TakeAlongAxis", "Stack", "Roll", "Pad", "PadByCopy", "Where",
    "Concatenate", "AvgPool2d", "AdaptiveAvgPool2d", "Dropout", "JoinMean",
    "Unfold", "Fold", "UpsampleNearest", "UpsampleBilinear",
}  # fmt: skip


def name(sample: Sample) -> str:
    return f"{sample.op.__name__}-{sample.label}"


def every_op() -> set[type[Op]]:
    found, stack = set(), [Op]
    while stack:
        for op in stack.pop().__subclasses__():
            stack.append(op)
            # Only what its module still names: a planted bug leaves a copy of its op behind.
            named = vars(sys.modules[op.__module__]).get(op.__name__) is op
            if named and op.__module__.startswith("minidl.") and op.__name__[0] != "_":
                found.add(op)
    return found


def run(sample: Sample, arrays: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Output and gradients of a sample for a random cotangent."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    output = sample.function(*tensors)
    v = np.random.default_rng(5).standard_normal(output.shape).astype(output.dtype)
    output.backward(v)
    return output.data, [tensor.grad for tensor in tensors]


def test_every_op_has_samples():
    missing = every_op() - {sample.op for sample in SAMPLES}
    assert not missing, f"ops without samples in minidl/samples: {missing}"


def test_every_sample_runs_the_op_it_names():
    for sample in SAMPLES:
        made = {sample.function(*(Tensor(a, requires_grad=True) for a in sample.inputs())).op}
        seen = set()
        while made:
            op = made.pop()
            seen.add(type(op))
            made |= {parent for parent in op.parents if isinstance(parent, Op)}
        assert sample.op in seen, name(sample)


def test_every_op_documents_itself_and_both_directions():
    for op in every_op():
        for member in (op, op.forward, op.backward):
            assert member.__doc__, member


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_gradients_agree_with_differences(sample):
    sample.check()


@pytest.mark.parametrize("kernels", [k for k in available() if k != available()[-1]])
@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.op.__name__ in KERNEL_OPS], ids=name)
def test_gradients_agree_with_differences_in_the_other_kernel_sets(sample, kernels):
    with minidl.kernels(kernels):
        sample.check()


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.op.__name__ in KERNEL_OPS], ids=name)
def test_the_kernel_sets_agree(sample):
    results = []
    for kernels in available():
        with minidl.kernels(kernels):
            output, gradients = run(sample, sample.inputs())
        results.append([output, *gradients])
    for other in results[1:]:
        for left, right in zip(results[0], other, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_float32_is_close_to_float64(sample):
    if sample.op.__name__ == "Cast":
        return  # its subject is the change of dtype
    exact, exact_gradients = run(sample, sample.inputs())
    rough, gradients = run(sample, [a.astype(np.float32) for a in sample.inputs()])
    assert rough.dtype == np.float32
    for left, right in zip([exact, *exact_gradients], [rough, *gradients], strict=True):
        np.testing.assert_allclose(left, right, rtol=2e-4, atol=2e-5)


def layouts(array: np.ndarray) -> list[np.ndarray]:
    """The same numbers lying otherwise in memory: reversed, transposed, spaced, read-only."""
    spaced = np.zeros((*array.shape, 2))
    spaced[..., 0] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    backwards = tuple(slice(None, None, -1) for _ in array.shape)
    return [
        array[backwards].copy()[backwards],
        np.array(array, order="F"),
        spaced[..., 0],
        read_only,
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_memory_layout_does_not_matter(sample):
    expected, expected_gradients = run(sample, sample.inputs())
    for arrays in zip(*(layouts(a) for a in sample.inputs()), strict=True):
        before = [a.copy() for a in arrays]
        output, gradients = run(sample, list(arrays))
        np.testing.assert_allclose(output, expected, rtol=1e-13, atol=1e-14)
        for left, right in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)
        for array, original in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_a_cotangent_may_lie_anyhow_in_memory(sample):
    tensors = [Tensor(a, requires_grad=True) for a in sample.inputs()]
    output = sample.function(*tensors)
    v = np.random.default_rng(5).standard_normal(output.shape)
    expected = None
    for cotangent in (v, *layouts(v)):
        for tensor in tensors:
            tensor.grad = None
        output.backward(cotangent, retain_graph=True)
        found = [tensor.grad for tensor in tensors]
        expected = expected or found
        for left, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.op.__name__ in LINEAR], ids=name)
def test_adjoint_identity_of_linear_ops(sample):
    """⟨A dx, v⟩ = ⟨dx, Aᵀ v⟩, where A dx = f(x + dx) − f(x) exactly, since f is affine."""
    rng = np.random.default_rng(9)
    arrays = sample.inputs()
    moves = [rng.standard_normal(a.shape) for a in arrays]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    output = sample.function(*tensors)
    with no_grad():
        moved = sample.function(*(Tensor(a + d) for a, d in zip(arrays, moves, strict=True)))
    v = rng.standard_normal(output.shape)
    output.backward(v)
    left = ((moved.data - output.data) * v).sum()
    right = sum((d * t.grad).sum() for d, t in zip(moves, tensors, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_each_gradient_alone_equals_its_part_of_all(sample):
    """An op told that only one input wants a gradient must still get that one right."""
    arrays = sample.inputs()
    _, together = run(sample, arrays)
    for k in range(len(arrays)):
        tensors = [Tensor(a, requires_grad=i == k) for i, a in enumerate(arrays)]
        output = sample.function(*tensors)
        output.backward(np.random.default_rng(5).standard_normal(output.shape))
        np.testing.assert_allclose(tensors[k].grad, together[k], rtol=1e-13, atol=1e-14)
        assert all(t.grad is None for i, t in enumerate(tensors) if i != k)
