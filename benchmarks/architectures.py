"""Compare every architecture with torchvision's or timm's, and run all at their standard input.

    pip install -e ".[bench]"
    python benchmarks/architectures.py                      # everything, about a quarter of an hour
    python benchmarks/architectures.py resnet18 vit_tiny    # these
    python benchmarks/architectures.py --only logits        # or gradients, or standard

logits      One set of random weights and batch norm statistics is copied by key into both networks.
            In evaluation mode, at the standard input, their logits may differ by 1e-4 of the
            largest.
gradients   For some, in training mode (without dropout), in float64 at a small input: the gradient
            of every parameter may differ by 1e-6 of its largest.
standard    Forward and backward of one image (two, where batch norm needs them), in a process of
            its own: every parameter must get a finite gradient, within 24 GiB.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from rich.console import Console
from rich.table import Table

import minidl
from minidl import Tensor, models
from minidl.errors import InputError

try:
    import resource
except ModuleNotFoundError:  # Windows does not say how much memory a process took
    resource = None  # type: ignore[assignment]

LOGITS, GRADIENTS, MEMORY = 1e-4, 1e-6, 24.0  # what is allowed; the last in GiB

SAME_NAME = (
    *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *("wide_resnet50_2", "resnext50_32x4d", "resnext101_32x8d", "mobilenet_v2"),
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
    *(f"efficientnet_b{phi}" for phi in range(8)),
    *(f"convnext_{size}" for size in ("tiny", "small", "base", "large")),
)
HEADS = {"init_weights": False, "aux_logits": True}
TORCHVISION: dict[str, Callable[[], Any]] = {
    **{name: getattr(torchvision.models, name) for name in SAME_NAME},
    "alexnet_owt": torchvision.models.alexnet,
    "densenet264": lambda: torchvision.models.DenseNet(32, (6, 12, 64, 48), 64),
    "googlenet_bn": lambda: torchvision.models.googlenet(**HEADS),
    "inception_v3": lambda: torchvision.models.inception_v3(**HEADS),
}
TIMM: dict[str, tuple[str, dict[str, Any]]] = {
    "inception_v4": ("inception_v4", {}),
    "inception_resnet_v2": ("inception_resnet_v2", {}),
    "xception": ("legacy_xception", {}),
    "mobilenet_v1": ("mobilenetv1_100", {"act_layer": torch.nn.ReLU}),  # timm's own is ReLU6
    "se_resnet18": ("seresnet18", {}),
    "se_resnet50": ("seresnet50", {}),
    "se_resnet152": ("seresnet152", {}),
    "se_resnext50": ("seresnext50_32x4d", {}),
    "nasnet_a_large": ("nasnetalarge", {}),
    **{f"hrnet_w{width}": (f"hrnet_w{width}", {}) for width in (18, 32, 48)},
    **{f"vit_{size}": (f"vit_{size}_patch16_224", {}) for size in ("tiny", "small", "base")},
}
TWINS = [name for name in models.list_models() if name in TORCHVISION or name in TIMM]
# Where gradients are compared, and at which image.
SMALL_INPUT = {
    "resnet18": 64,
    "densenet121": 64,
    "mobilenet_v2": 64,
    "googlenet_bn": 64,
    "efficientnet_b0": 64,
    "convnext_tiny": 64,
    "vit_tiny": 224,
}


# ------------------------------------------------------------------------------------- parity


def twins(name: str) -> tuple[Any, Any]:
    """PyTorch's network and minidl's, with the same weights."""
    torch.manual_seed(0)
    if name in TORCHVISION:
        theirs = TORCHVISION[name]()
    else:
        other, options = TIMM[name]
        theirs = timm.create_model(other, **options)
    for module in theirs.modules():
        if type(module).__name__ == "AvgPool2dSame":
            module.register_forward_hook(_without_padding)
    _randomise(theirs, models.entry(name).input_shape)
    ours = models.create(name)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return theirs, ours


def _without_padding(pool: Any, inputs: tuple[Any, ...], mean: Any) -> Any:
    """The mean over the pixels that are there, as in TensorFlow.

    timm's NASNet counts the zeros of the padding as pixels, against its own count_include_pad.
    """
    return mean / pool.forward(torch.ones_like(inputs[0]))


@torch.no_grad()
def _randomise(theirs: Any, input_shape: tuple[int, int, int]) -> None:
    """Make every parameter matter: none may stay 0 or 1, and statistics be those of some images.

    Running means and variances are measured on two images of noise, so that the signal neither
    fades nor grows on its way, and then moved at random.
    """
    norms = [m for m in theirs.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    most = 0.5 if norms else 0.05  # without batch norm, larger biases would drown the images
    for parameter in theirs.parameters():
        if parameter.min() == parameter.max():
            is_bias = float(parameter.flatten()[0]) == 0
            parameter.uniform_(-most, most) if is_bias else parameter.uniform_(0.3, 0.5)
    momenta = [norm.momentum for norm in norms]
    if norms:
        for norm in norms:
            norm.momentum = 1.0
        theirs.train()(torch.randn(2, *input_shape))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
        norm.running_mean += 0.1 * torch.randn_like(norm.running_mean) * norm.running_var.sqrt()


def logits_difference(name: str) -> float:
    """The largest difference of the logits of two images, as a share of the largest logit."""
    theirs, ours = twins(name)
    images = np.random.default_rng(1).standard_normal((2, *models.entry(name).input_shape))
    images = images.astype(np.float32)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(images)).numpy()
    with minidl.no_grad():
        found = ours.eval()(images).data
    scale = np.abs(expected).max()
    if not np.abs(expected[0] - expected[1]).max() > 0.01 * scale:
        raise AssertionError(
            f"{name}: two images have nearly the same logits, which proves nothing"
        )
    return float(np.abs(found - expected).max() / scale)


def gradient_difference(name: str) -> float:
    """The largest difference of a parameter's gradient, as a share of its largest number."""
    theirs, ours = twins(name)
    theirs, ours = theirs.double().train(), ours.astype(np.float64).train()
    _without_chance(ours)
    for module in theirs.modules():
        for attribute in ("p", "drop_prob"):
            if hasattr(module, attribute):
                setattr(module, attribute, 0.0)
    rng = np.random.default_rng(2)
    side = SMALL_INPUT[name]
    images = rng.standard_normal((4 if side < 100 else 2, 3, side, side))
    outputs, expected = ours(images), theirs(torch.from_numpy(images))
    if isinstance(outputs, tuple):
        expected = expected.logits, expected.aux_logits1, expected.aux_logits2
    else:
        outputs, expected = (outputs,), (expected,)
    for output, other in zip(outputs, expected, strict=True):
        cotangent = rng.standard_normal(output.shape)
        output.backward(cotangent, retain_graph=True)
        other.backward(torch.from_numpy(cotangent), retain_graph=True)
    gradients = {key: parameter.grad.numpy() for key, parameter in theirs.named_parameters()}
    largest = max(np.abs(gradient).max() for gradient in gradients.values())
    return max(
        float(np.abs(parameter.grad - gradients[key]).max())
        # A gradient that is zero but for rounding, such as that of a key's bias, has no scale.
        / max(float(np.abs(gradients[key]).max()), 1e-6 * largest)
        for key, parameter in ours.named_parameters()
    )


def _without_chance(ours: Any) -> None:
    """Drop nothing in training."""
    for module in ours.modules():
        for attribute in ("p", "drop_rate", "drop_path", "dropout"):
            if isinstance(getattr(module, attribute, None), float):
                setattr(module, attribute, 0.0)
        if type(module).__name__ == "AuxiliaryHead":
            module.training = False  # its own dropout; the batch norm inside stays in training


# ------------------------------------------------------------------------------ standard input


def run_standard(name: str) -> dict[str, float]:
    """Forward and backward at the standard input, here and now: batch, seconds, GiB."""
    entry = models.entry(name)
    minidl.manual_seed(0)
    model = models.create(name)
    _without_chance(model)  # what is dropped gets no gradient
    for batch in (1, 2):
        try:
            started = time.perf_counter()
            _backward(model, batch, entry.input_shape)
            break
        except InputError:  # one value a channel has no variance
            if batch == 2:
                raise
    seconds = time.perf_counter() - started
    for key, parameter in model.named_parameters():
        if parameter.grad is None or not np.isfinite(parameter.grad).all():
            raise AssertionError(f"{name}: {key} has no finite gradient")
    return {"batch": batch, "seconds": seconds, "gib": _peak()}


def _peak() -> float:
    """The most memory this process had at once, PyTorch's code included, in GiB; 0 if unknown."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage would count what the parent process had
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30 if resource else 0.0


def _backward(model: Any, batch: int, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    images = rng.random((batch, *shape), np.float32)
    if hasattr(model, "loss"):
        model.loss(Tensor(images), np.arange(batch)).backward()
        return
    inputs = [images] if not hasattr(model, "compare") else [images, images[::-1, :, ::-1].copy()]
    output = model(*inputs)
    total: Any = 0.0
    for part in output if isinstance(output, tuple) else (output,):
        total = total + (part * rng.standard_normal(part.shape).astype(np.float32)).sum()
    total.backward()


def standard(name: str) -> dict[str, float]:
    """`run_standard` in a process of its own, so that the memory is this architecture's."""
    child = subprocess.run(
        [sys.executable, str(Path(__file__)), "--run", name], capture_output=True, text=True
    )
    if child.returncode:
        raise AssertionError(f"{name}: {child.stderr.strip().splitlines()[-1]}")
    return json.loads(child.stdout)


# -------------------------------------------------------------------------------------- report


def main() -> int:
    """Print the table; return 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures; all if none is given")
    parser.add_argument("--only", choices=("logits", "gradients", "standard"))
    parser.add_argument("--run", metavar="NAME", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run_standard(arguments.run)))
        return 0
    names = [models.entry(name).name for name in arguments.names] or models.list_models()
    wanted = arguments.only or "logits gradients standard"
    table = Table(title="minidl beside torchvision and timm, and at the standard input")
    for column in ("name", "beside", "logits", "gradients", "batch", "seconds", "GiB", ""):
        table.add_column(column, justify="left" if column in ("name", "beside") else "right")
    failures = []
    console = Console(width=110)
    for name in names:
        beside = "torchvision" if name in TORCHVISION else "timm" if name in TIMM else ""
        cells, wrong = [""] * 5, []
        with console.status(name):
            try:
                if "logits" in wanted and name in TWINS:
                    difference = logits_difference(name)
                    cells[0] = f"{difference:.0e}"
                    wrong += ["logits"] if not difference <= LOGITS else []
                if "gradients" in wanted and name in SMALL_INPUT:
                    difference = gradient_difference(name)
                    cells[1] = f"{difference:.0e}"
                    wrong += ["gradients"] if not difference <= GRADIENTS else []
                if "standard" in wanted:
                    gc.collect()
                    took = standard(name)
                    cells[2:] = f"{took['batch']}", f"{took['seconds']:.2f}", f"{took['gib']:.2f}"
                    wrong += ["memory"] if took["gib"] > MEMORY else []
            except (AssertionError, ValueError, TypeError, RuntimeError) as error:
                wrong.append(f"{type(error).__name__}: {error}")
        if any(cells) or wrong:
            table.add_row(name, beside, *cells, "[red]wrong[/]" if wrong else "[green]right[/]")
        failures += [f"{name}: {what}" for what in wrong]
    console.print(table)
    console.print(
        f"allowed: logits {LOGITS:.0e} of the largest, gradients {GRADIENTS:.0e} of each "
        f"parameter's largest, {MEMORY:g} GiB",
        highlight=False,
    )
    for failure in failures:
        console.print(failure, markup=False, highlight=False, soft_wrap=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
