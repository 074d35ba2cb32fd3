"""The table of mis-wired graphs, and what is said of each."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from core.errors import Problem
from core.graph.catalogue import Catalogue, NodeSpec, Port
from core.graph.check import MAX_NODES, MAX_PROBLEMS, check
from core.records.graph import Graph, GraphNode


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings or {}, inputs=inputs)


def graph(*nodes: GraphNode) -> Graph:
    return Graph(nodes=list(nodes))


def said(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.pointer) for problem in problems]


def chain(length: int) -> Graph:
    """A value, additions, and a sink: ``length`` nodes."""
    nodes = [node("n0", "number.value", {"value": 1})]
    for place in range(1, length - 1):
        before = (f"n{place - 1}", "out")
        nodes.append(node(f"n{place}", "number.add", a=before, b=before))
    return graph(*nodes, node("end", "test.sink", a=(f"n{length - 2}", "out")))


def test_a_graph_that_fits_has_no_problems(drawing: Graph, catalogue: Catalogue) -> None:
    assert check(drawing, catalogue) == []


SINK = node("end", "test.sink", a=("one", "out"))
ONE = node("one", "number.value")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], [("no_sink", "/nodes")]),
        ([ONE], [("no_sink", "/nodes")]),
        ([node("one", "no.such")], [("unknown_node", "/nodes/0/type")]),
        ([ONE, ONE, SINK], [("duplicate_id", "/nodes/1/id")]),
        ([node("end", "test.sink")], [("missing_input", "/nodes/0/inputs/a")]),
        ([SINK], [("dangling_link", "/nodes/0/inputs/a")]),
        (
            [ONE, node("end", "test.sink", a=("one", "left"))],
            [("unknown_port", "/nodes/1/inputs/a")],
        ),
        (
            [ONE, node("end", "test.sink", a=("one", "out"), b=("one", "out"))],
            [("unknown_port", "/nodes/1/inputs/b")],
        ),
        (
            [node("one", "image.load", {"image": "x"}), SINK],
            [("port_type", "/nodes/1/inputs/a")],
        ),
        (
            [node("end", "test.sink", a=("end", "out"))],
            [("unknown_port", "/nodes/0/inputs/a"), ("graph_cycle", "/nodes/0")],
        ),
        (
            [node("one", "number.add", a=("one", "out"), b=("one", "out")), SINK],
            [("graph_cycle", "/nodes/0")],
        ),
        (
            [node("one", "number.value", {"value": "x"}), SINK],
            [("wrong_type", "/nodes/0/settings/value")],
        ),
        (
            [node("one", "number.value", {"volume": 1}), SINK],
            [("unknown_setting", "/nodes/0/settings/volume")],
        ),
        (
            [node("one", "number.value", {"value": float("nan")}), SINK],
            [("number_not_finite", "/nodes/0/settings/value")],
        ),
        (
            [node("one", "number.value", {"value": float("inf")}), SINK],
            [("number_not_finite", "/nodes/0/settings/value")],
        ),
        (
            [node("one", "number.value", {"value": 2**63}), SINK],
            [("number_too_large", "/nodes/0/settings/value")],
        ),
        (
            [node("one", "number.value", {"a/b~c": 1}), SINK],
            [("unknown_setting", "/nodes/0/settings/a~1b~0c")],
        ),
        (
            [node("e", "test.every", {"loras": [{"model": "a"}, {"model": 3}]}), ONE, SINK],
            [("wrong_type", "/nodes/0/settings/loras/1/model")],
        ),
        (
            [node("load", "model.load"), ONE, SINK],
            [("missing_setting", "/nodes/0/settings/checkpoint")],
        ),
    ],
)
def test_a_mis_wired_graph_is_refused_with_the_place(
    nodes: list[GraphNode], expected: list[tuple[str, str]], catalogue: Catalogue
) -> None:
    assert said(check(graph(*nodes), catalogue)) == expected


def test_every_problem_of_a_graph_is_told_at_once_in_the_order_of_its_nodes(
    catalogue: Catalogue,
) -> None:
    bad = graph(
        node("a", "number.value", {"value": "x", "other": 1}),
        node("b", "no.such", x=("gone", "out")),
        node("c", "test.sink"),
        node("d", "latent.sample", {"steps": 0, "seed": -1, "guidance_scale": 101}),
    )
    assert said(check(bad, catalogue)) == [
        ("wrong_type", "/nodes/0/settings/value"),
        ("unknown_setting", "/nodes/0/settings/other"),
        ("unknown_node", "/nodes/1/type"),
        ("dangling_link", "/nodes/1/inputs/x"),
        ("missing_input", "/nodes/2/inputs/a"),
        ("missing_input", "/nodes/3/inputs/model"),
        ("missing_input", "/nodes/3/inputs/positive"),
        ("missing_input", "/nodes/3/inputs/latent"),
        ("number_too_small", "/nodes/3/settings/steps"),
        ("number_too_small", "/nodes/3/settings/seed"),
        ("number_too_large", "/nodes/3/settings/guidance_scale"),
    ]


def test_a_problem_names_node_path_and_reason(catalogue: Catalogue) -> None:
    (problem,) = check(graph(node("one", "number.value", {"value": []}), SINK), catalogue)
    assert problem.node == "one"
    assert problem.path == "$.settings.value"
    assert problem.params == {"setting": "value", "expected": "float"}


def test_a_type_mismatch_names_both_types(catalogue: Catalogue) -> None:
    wrong = graph(node("one", "image.load", {"image": "x"}), SINK)
    (problem,) = check(wrong, catalogue)
    assert problem.params == {"port": "a", "given": "Image", "wanted": "float | str"}


@pytest.mark.parametrize("version", [2, 9])
def test_another_version_of_a_node_is_a_problem_and_never_a_guess(
    version: int, catalogue: Catalogue
) -> None:
    newer = msgspec.structs.replace(ONE, version=version)
    (problem,) = check(graph(newer, SINK), catalogue)
    assert problem.code == "node_version"
    assert problem.params == {"type": "number.value", "version": version, "known": 1}


class TestWiresIntoSettings:
    def test_a_plain_output_may_fill_a_setting_even_a_required_one(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        nodes = {one.id: one for one in drawing.nodes}
        nodes["text"] = node("text", "text.join", a=("word", "out"), b=("word", "out"))
        nodes["word"] = node("word", "text.join", a=("word2", "out"), b=("word2", "out"))
        nodes["word2"] = node("word2", "text.join")
        link = {"text_encoder": ("model", "text_encoder"), "prompt": ("text", "out")}
        nodes["positive"] = node("positive", "prompt.encode", {}, **link)
        problems = check(graph(*nodes.values()), catalogue)
        assert said(problems) == [
            ("missing_input", "/nodes/9/inputs/a"),
            ("missing_input", "/nodes/9/inputs/b"),
        ]

    def test_a_value_beside_the_wire_is_not_looked_at(self, catalogue: Catalogue) -> None:
        wired = node("two", "number.value", {"value": "nonsense"}, value=("one", "out"))
        assert check(graph(ONE, wired, SINK), catalogue) == []

    @pytest.mark.parametrize(
        ("type_", "setting", "source", "fits"),
        [
            ("latent.sample", "guidance_scale", "number.value", True),
            ("latent.sample", "steps", "number.random", True),
            ("latent.sample", "guidance_scale", "number.random", True),  # an int is a number
            ("latent.sample", "steps", "number.value", False),  # a float is no integer
            ("latent.sample", "sampler", "number.value", False),
            ("test.every", "maybe", "number.random", True),
            ("test.every", "flag", "number.random", False),
            ("test.every", "choice", "number.random", True),
            ("test.every", "loras", "number.random", False),
            ("image.resize", "mode", "image.load", False),
        ],
    )
    def test_only_a_plain_output_of_the_right_type_fits(
        self, type_: str, setting: str, source: str, fits: bool, catalogue: Catalogue
    ) -> None:
        wrong = graph(
            node("s", source, {"image": "x"} if source == "image.load" else {}),
            node("t", type_, {}, **{setting: ("s", "out")}),
        )
        codes = [one.code for one in check(wrong, catalogue) if one.pointer.endswith(setting)]
        assert codes == ([] if fits else ["port_type"])

    def test_two_outputs_of_a_union_fit_when_one_type_is_shared(self, catalogue: Catalogue) -> None:
        both = NodeSpec(
            type="test.both",
            title="Both",
            category="test",
            settings={"type": "object", "properties": {}},
            outputs=[Port(name="out", types=["Image", "str"])],
        )
        nodes = {**catalogue.nodes, "test.both": both}
        more = msgspec.structs.replace(catalogue, nodes=nodes)
        assert check(graph(node("one", "test.both"), SINK), more) == []


class TestCycles:
    def test_a_circle_is_named_along_its_wires(self, catalogue: Catalogue) -> None:
        looped = graph(
            ONE,
            node("a", "number.add", a=("one", "out"), b=("c", "out")),
            node("b", "number.add", a=("a", "out"), b=("one", "out")),
            node("c", "number.add", a=("b", "out"), b=("b", "out")),
            node("end", "test.sink", a=("c", "out")),
        )
        (problem,) = check(looped, catalogue)
        assert problem.code == "graph_cycle"
        assert problem.params["count"] == 3
        words = str(problem.params["nodes"]).split(" → ")
        assert sorted(words) == ["a", "b", "c"]
        wires = {(source, one.id) for one in looped.nodes for source, _ in one.inputs.values()}
        assert all(pair in wires for pair in itertools.pairwise(words))

    def test_a_long_circle_shows_twenty_nodes(self, catalogue: Catalogue) -> None:
        nodes = [
            node(
                f"n{i}", "number.add", a=(f"n{(i + 1) % 50}", "out"), b=(f"n{(i + 1) % 50}", "out")
            )
            for i in range(50)
        ]
        end = node("end", "test.sink", a=("n0", "out"))
        (problem,) = check(graph(*nodes, end), catalogue)
        assert problem.params["count"] == 50
        assert len(str(problem.params["nodes"]).split(" → ")) == 20

    def test_a_diamond_is_no_circle(self, catalogue: Catalogue) -> None:
        diamond = graph(
            ONE,
            node("left", "number.add", a=("one", "out"), b=("one", "out")),
            node("right", "number.add", a=("one", "out"), b=("one", "out")),
            node("end", "number.add", a=("left", "out"), b=("right", "out")),
            node("sink", "test.sink", a=("end", "out")),
        )
        assert check(diamond, catalogue) == []


class TestBounds:
    def test_too_many_nodes_are_one_problem(self, catalogue: Catalogue) -> None:
        nodes = [node(f"n{i}", "number.value") for i in range(MAX_NODES + 1)]
        assert said(check(graph(*nodes), catalogue)) == [("graph_too_large", "/nodes")]

    def test_too_many_wires_are_one_problem(self, catalogue: Catalogue) -> None:
        wires = {f"p{i}": ("one", "out") for i in range(8_001)}
        assert said(check(graph(ONE, node("x", "test.sink", **wires)), catalogue)) == [
            ("graph_too_large", "/nodes")
        ]

    def test_the_largest_graph_is_taken(self, catalogue: Catalogue) -> None:
        assert check(chain(MAX_NODES), catalogue) == []

    def test_at_most_a_hundred_problems_are_told(self, catalogue: Catalogue) -> None:
        nodes = [node(f"n{i}", "no.such") for i in range(300)]
        assert len(check(graph(*nodes), catalogue)) == MAX_PROBLEMS

    def test_a_user_node_without_a_readable_schema_does_not_break_the_check(
        self, catalogue: Catalogue
    ) -> None:
        odd = NodeSpec(
            type="mine.odd",
            title="Odd",
            category="mine",
            settings={"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}},
            sink=True,
        )
        more = msgspec.structs.replace(catalogue, nodes={**catalogue.nodes, "mine.odd": odd})
        assert check(graph(node("x", "mine.odd", {"x": "anything"})), more) == []


@pytest.mark.parametrize("size", [1_000])
def test_a_large_graph_is_checked_within_a_frame_or_three(
    size: int, catalogue: Catalogue, best_of: Callable[[Callable[[], object]], float]
) -> None:
    large = chain(size)
    assert best_of(lambda: check(large, catalogue)) < 0.05


@pytest.fixture
def best_of() -> Callable[[Callable[[], object]], float]:
    def measure(work: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    return measure
