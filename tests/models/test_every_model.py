"""What holds for every architecture in the list: its counts, and that it can learn.

The counts at the standard input cost next to nothing, because no numbers are computed. Whether an
architecture learns is tried in its small configuration; where several names share one, it is tried
once, under the first of them.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn, optim
from minidl.models.auxiliary import auxiliary_loss
from tests.models.draws import normal
from tests.models.ledger import input_count, multiply_accumulates, output_shapes, parameter_count

NAMES = models.list_models()


def small(name: str) -> models.Small:
    """The small configuration; where there is none, the standard one is small enough."""
    entry = models.entry(name)
    return entry.small or models.Small(entry.input_shape)


def construction(name: str) -> str:
    """What the small configuration is built by, so that equal ones are tried once."""
    build, options = models.entry(name).build, small(name).options
    if isinstance(build, partial):
        return repr((build.func, build.args, sorted({**build.keywords, **options}.items())))
    return repr((build, (), sorted(options.items())))


# What comes out of the models that know no classes: pictures of 2 channels, an answer.
WITHOUT_CLASSES: dict[str, tuple[int, ...]] = {
    "conv_autoencoder": (2,),
    "siamese": (),
    "siamese_digits": (),
}
SMALL = list({construction(name): name for name in reversed(NAMES)}.values())[::-1]

# -------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_macs_are_those_of_the_list(name: str) -> None:
    entry = models.entry(name)
    with minidl.shapes_only():
        model = models.create(name)
    assert parameter_count(model) == entry.parameters
    assert multiply_accumulates(model, entry.input_shape) == entry.macs
    summary = minidl.summary(model, entry.input_shape)
    assert summary.total_params == entry.parameters
    assert summary.total_macs == entry.macs * input_count(model)


@cache
def docstrings() -> str:
    """The docstrings of all files and classes under minidl/models."""
    folder = Path(models.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))]
    nodes = [node for tree in trees for node in (tree, *tree.body)]
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return "\n".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, kinds))


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_prints_the_parameters(name: str) -> None:
    """To the last digit, or rounded to 0.1 million in the docstring of the class."""
    entry = models.entry(name)
    build = entry.build.func if isinstance(entry.build, partial) else entry.build
    exact, rounded = f"{entry.parameters:,}", f"{entry.parameters / 1e6:.1f} M"
    assert exact in docstrings() or rounded in str(build.__doc__), f"neither {exact} nor {rounded}"


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_says_where_the_architecture_comes_from(name: str) -> None:
    entry = models.entry(name)
    assert entry.name == name
    assert any(str(year) in entry.paper for year in range(1989, 2027)), "the paper's year"
    assert entry.paper.split(",")[0].strip(), "the authors"


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_channels_are_honoured(name: str) -> None:
    entry = models.entry(name)
    _, *size = entry.input_shape
    classes = "num_classes" in inspect.signature(entry.build).parameters
    assert classes or name in WITHOUT_CLASSES
    with minidl.shapes_only():
        model = models.create(name, in_channels=2, **({"num_classes": 7} if classes else {}))
    assert next(p for p in model.parameters() if p.ndim == 4).shape[1] == 2
    shapes = output_shapes(model, (2, *size))
    assert shapes[""][:1] == WITHOUT_CLASSES.get(name, (7,))


# ------------------------------------------------------------------------------------ learning

LABELS = np.arange(32) % 10
STEPS = 100
RATES = {"lenet5": 0.002, "vgg19": 0.0005}  # where 0.001 does not do
Verdict = tuple[Tensor, float]
"""A loss to descend, and the share of the answers that were right."""


def classify(model: nn.Module, images: np.ndarray) -> Verdict:
    """Name the images' classes; auxiliary heads learn them too."""
    output = model(images)
    logits = output[0] if isinstance(output, tuple) else output
    return auxiliary_loss(output, LABELS), (logits.argmax(axis=1) == LABELS).mean()


def classify_and_redraw(model: Any, images: np.ndarray) -> Verdict:
    """As the capsule network learns: by its margin loss and by redrawing the image."""
    right = (model(images).argmax(axis=1) == LABELS).mean()
    return model.loss(Tensor(images), LABELS), right


def redraw(model: nn.Module, images: np.ndarray) -> Verdict:
    """Redraw coarse images in black and white; right is what resembles its own the most."""
    coarse = (images[:, :, ::4, ::4] > 0).astype(np.float32).repeat(4, axis=2).repeat(4, axis=3)
    drawn = model(coarse)
    distances = ((drawn.data[:, None] - coarse[None]) ** 2).sum(axis=(2, 3, 4))  # (32, 32)
    return F.mse_loss(drawn, coarse), (distances.argmin(axis=1) == np.arange(32)).mean()


def segment(model: nn.Module, images: np.ndarray) -> Verdict:
    """Say of every pixel whether its left neighbour is bright; 99 of 100 right is all right."""
    labels = (np.roll(images[:, 0], 1, axis=2) > 0).astype(np.int64)  # (32, H, W)
    labels[:, :, 0] = 0
    logits = model(images)
    share = (logits.argmax(axis=1) == labels).mean()
    return F.cross_entropy(logits, labels), 1.0 if share >= 0.99 else share


def tell_apart(model: nn.Module, images: np.ndarray) -> Verdict:
    """Say of each image and the one before it whether they are of one class, as chance has it."""
    logits = model(*pair(images))
    same = (LABELS % 3 == 0).astype(np.float32)
    right = ((logits.data > 0) == same).mean()
    return F.binary_cross_entropy_with_logits(logits, same), right


def pair(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images, and those before them."""
    return images, np.roll(images, 1, axis=0)


TASKS: dict[str, Callable[[Any, np.ndarray], Verdict]] = {
    "capsnet": classify_and_redraw,
    "conv_autoencoder": redraw,
    "unet": segment,
    "siamese": tell_apart,
    "siamese_digits": tell_apart,
}


@dataclass
class Lesson:
    """What a model did with 32 random images that it was to learn by heart.

    Attributes:
        model: after the lesson.
        images: (32, C, H, W).
        gradients: of the first step, by the parameters' names.
        accuracy: the share of right answers at the end.
    """

    model: nn.Module
    images: np.ndarray
    gradients: dict[str, np.ndarray | None] = field(default_factory=dict)
    accuracy: float = 0.0


@cache
def lesson(name: str) -> Lesson:
    """Teach the small configuration, once for all the tests."""
    minidl.manual_seed(0)
    model = models.create_small(name)
    taught = Lesson(model, normal(32, *small(name).input_shape))
    task = TASKS.get(name, classify)
    # Its steps are as long for networks without normalisation as for others, so that one learning
    # rate serves nearly all.
    optimizer = optim.Adam(model.parameters(), RATES.get(name, 0.001), betas=(0.9, 0.99))
    for _ in range(STEPS):
        model.zero_grad()
        loss, taught.accuracy = task(model, taught.images)
        if taught.accuracy == 1:
            break
        loss.backward()
        if not taught.gradients:
            taught.gradients = {key: p.grad for key, p in model.named_parameters()}
        optimizer.step()
    return taught


@pytest.mark.parametrize("name", SMALL)
def test_the_small_configuration_learns_32_random_images_by_heart(name: str) -> None:
    """A network that learns can learn noise; one with a wrong gradient seldom does."""
    assert lesson(name).accuracy == 1


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    for key, gradient in lesson(name).gradients.items():
        assert gradient is not None, f"{key} received no gradient"
        assert np.isfinite(gradient).all(), key
        assert np.abs(gradient).max() > 0, f"{key} received zeros"


@pytest.mark.parametrize("name", SMALL)
def test_evaluation_of_an_image_does_not_depend_on_its_neighbours(name: str) -> None:
    """And the weights and statistics that were saved give it again in another model."""
    taught = lesson(name)
    inputs = [x[:3] for x in pair(taught.images)[: input_count(taught.model)]]
    copy = models.create_small(name)
    copy.load_state_dict(taught.model.state_dict())
    with minidl.no_grad():
        together = taught.model.eval()(*inputs).data
        each = [copy.eval()(*(x[k : k + 1] for x in inputs)).data for k in range(3)]
    alone = np.concatenate(each)
    scale = np.abs(together).max()
    assert scale > 0
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("name", SMALL)
def test_shapes_without_numbers_are_those_with_numbers(name: str) -> None:
    taught, seen = lesson(name), {}
    for key, layer in taught.model.named_modules():

        def note(layer: nn.Module, inputs: Any, output: Any, key: str = key) -> None:
            if isinstance(output, Tensor):
                seen[key] = output.shape[1:]

        layer.register_forward_hook(note)
    with minidl.no_grad():
        taught.model.eval()(*[taught.images[:1]] * input_count(taught.model))
    assert output_shapes(taught.model, small(name).input_shape) == seen
