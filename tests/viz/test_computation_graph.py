"""The drawn graph has every op and every edge, and nothing lies on top of anything else."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from minidl import GraphError, Tensor, models, viz
from minidl.nn import Linear, Sequential
from minidl.viz.graph_layout import layered
from tests.viz.small_nets import Residual

SVG = "{http://www.w3.org/2000/svg}"


def names(graph: viz.ComputationGraph) -> list[str]:
    return [node.name for node in graph.nodes]


def test_an_expression_with_its_leaves_by_name():
    a, b, c = (Tensor(value, requires_grad=True) for value in (2.0, -3.0, 10.0))
    graph = viz.computation_graph((a * b + c) ** 2, names={"a": a, "b": b, "c": c})
    assert sorted(names(graph)[:3]) == ["a", "b", "c"]
    assert names(graph)[3:] == ["Multiply", "Add", "Power"]
    edges = sorted((names(graph)[i], names(graph)[j]) for i, j in graph.edges)
    assert edges == [
        ("Add", "Power"),
        ("Multiply", "Add"),
        ("a", "Multiply"),
        ("b", "Multiply"),
        ("c", "Add"),
    ]
    assert [node.is_op for node in graph.nodes] == [False] * 3 + [True] * 3


def test_a_value_used_twice_has_two_edges():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    graph = viz.computation_graph(x * x)
    assert graph.edges == [(0, 1), (0, 1)]
    assert graph.nodes[1].shape == (2, 3)


def test_lenet_from_top_to_bottom():
    graph = viz.computation_graph(models.create("lenet5"), (1, 32, 32))
    assert names(graph) == [
        "input",
        *["Conv2d", "ReLU", "MaxPool2d"] * 2,
        "Reshape",
        *["Linear", "ReLU"] * 2,
        "Linear",
    ]
    assert graph.edges == [(k, k + 1) for k in range(12)]
    conv1 = graph.nodes[1]
    assert conv1.layer == "conv1" and conv1.shape == (1, 6, 28, 28)
    assert conv1.parameters == ("weight 6 × 1 × 5 × 5", "bias 6")
    assert graph.nodes[2].parameters == ()


def test_a_residual_block_forks_and_joins():
    graph = viz.computation_graph(Residual(), (2, 5, 5))
    assert names(graph) == ["input", "Conv2d", "ReLU", "Conv2d", "Add", "ReLU"]
    assert sorted(graph.edges) == [(0, 1), (0, 4), (1, 2), (2, 3), (3, 4), (4, 5)]


def test_frozen_parameters_are_drawn():
    model = Sequential(Linear(2, 3)).freeze()
    graph = viz.computation_graph(model, (2,))
    assert graph.nodes[1].parameters == ("weight 3 × 2", "bias 3")
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", ["resnet20", "googlenet", "densenet121"])
def test_no_box_lies_on_another_and_all_is_on_the_page(name):
    graph = viz.computation_graph(models.registry.create_small(name), (3, 32, 32))
    root = ET.fromstring(graph.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    strips = {"#FBEDE3", "white"}
    boxes = [
        [float(box.get(key)) for key in ("x", "y", "width", "height")]
        for box in root.iter(f"{SVG}rect")
        if box.get("fill") not in strips
    ]
    assert len(boxes) == len(graph.nodes)
    x, y, w, h = np.array(boxes).T
    assert (x >= 0).all() and (x + w <= width).all()
    assert (y >= 0).all() and (y + h <= height).all()
    across = (x[:, None] < x + w) & (x < (x + w)[:, None])
    down = (y[:, None] < y + h) & (y < (y + h)[:, None])
    assert ((across & down) == np.eye(len(x), dtype=bool)).all()
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(arrows) == len(graph.edges)
    for i, j in graph.edges:
        assert y[i] + h[i] < y[j]  # every edge leads down


def test_the_text_is_in_the_file_and_in_the_notebook(tmp_path):
    x = Tensor(np.ones(3), requires_grad=True)
    graph = viz.computation_graph(x.exp().sum(), names={"<x> & co": x})
    graph.save(tmp_path / "graph.svg")
    saved = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert saved == graph.svg == graph._repr_svg_()
    written = [text.text for text in ET.fromstring(saved).iter(f"{SVG}text")]
    assert written == ["<x> & co", "3", "Exp", "3", "Sum", "scalar"]
    assert repr(graph) == "ComputationGraph(3 nodes, 2 edges)"


def test_a_graph_that_backward_has_freed_is_refused():
    x = Tensor(np.ones(3), requires_grad=True)
    y = x.exp().sum()
    y.backward()
    with pytest.raises(GraphError, match=r"behind Sum was freed .* backward\(retain_graph=True\)"):
        viz.computation_graph(y)
    with pytest.raises(ValueError, match=r"computation_graph\(model, \(C, H, W\)\)"):
        viz.computation_graph(Linear(2, 3))


# ----------------------------------------------------------------------------------- the layout


def test_a_chain_is_a_straight_line():
    layout = layered([30.0, 80.0, 50.0], [(0, 1), (1, 2)])
    assert layout.row == [0, 1, 2]
    np.testing.assert_allclose(layout.x, 40)


def test_an_edge_over_rows_goes_around_what_is_between():
    layout = layered([40.0] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert layout.row == [0, 1, 2, 3]
    route = layout.routes[3]
    assert [row for _, row in route] == [0, 1, 2, 3]
    for node, (x, _) in zip((1, 2), route[1:3], strict=True):
        assert abs(x - layout.x[node]) >= 40 / 2 + 24


def test_an_input_stands_right_above_its_user():
    layout = layered([10.0] * 5, [(0, 2), (2, 3), (3, 4), (1, 4)])
    assert layout.row == [0, 2, 1, 2, 3]


def test_crossings_are_undone():
    layout = layered([10.0] * 6, [(0, 5), (1, 4), (2, 3)])
    x = layout.x
    order = sorted((0, 1, 2), key=x.__getitem__)
    assert [5 - node for node in order] == sorted((3, 4, 5), key=x.__getitem__)


def test_nothing_to_draw():
    assert layered([], []).routes == []
