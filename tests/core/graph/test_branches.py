"""Switches: the branch that is not taken leads nowhere, however its condition comes about."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph.branches import settle, stages
from core.graph.catalogue import Catalogue, Port
from core.graph.check import check
from core.graph.plan import plan
from core.paths import shipped
from core.records.graph import Graph, GraphNode

SEEN = st.integers(0, 2**30)


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings or {}, inputs=inputs)


def value(id_: str, number: float = 1.0) -> GraphNode:
    return node(id_, "number.value", {"value": number})


def switch(id_: str, yes: str, no: str, condition: bool | str = True) -> GraphNode:
    """Make a switch; a condition that is a text is wired."""
    wires = {"on_true": (yes, "out"), "on_false": (no, "out")}
    if isinstance(condition, str):
        return node(id_, "logic.switch", **wires, condition=(condition, "out"))
    return node(id_, "logic.switch", {"condition": condition}, **wires)


def compare(id_: str, a: str, b: str) -> GraphNode:
    return node(id_, "logic.compare", a=(a, "out"), b=(b, "out"))


def graph(*nodes: GraphNode) -> Graph:
    return Graph(nodes=list(nodes))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The nodes that ship with us, and a sink of numbers and texts."""
    ours = msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)
    sink = msgspec.structs.replace(
        ours.nodes["number.add"], type="test.sink", sink=True, outputs=[],
        inputs=[Port(name="a", types=["float", "str"])],
    )  # fmt: skip
    return msgspec.structs.replace(ours, nodes={**ours.nodes, "test.sink": sink})


class Machine:
    """Runs numbers, sums, comparisons and sinks as stages tell; nothing else."""

    def __init__(self, catalogue: Catalogue, drawn: Graph) -> None:
        self.values: dict[str, Any] = {}
        self.ran: list[str] = []
        self.seen: Any = None
        assert check(drawn, catalogue) == []
        for steps in stages(drawn, catalogue, {}, lambda name, _: self.values[name]):
            for step in steps:
                if step.node.id not in self.values:
                    self._run(step.node)

    def _run(self, one: GraphNode) -> None:
        self.ran.append(one.id)
        given = {port: self.values[source] for port, (source, _) in one.inputs.items()}
        match one.type:
            case "number.value":
                made = one.settings["value"]
            case "number.add":
                made = given["a"] + given["b"]
            case "logic.compare":
                made = given["a"] > given["b"]
            case _:
                made = self.seen = given["a"]
        self.values[one.id] = made


SINK = node("end", "test.sink", a=("s", "out"))


@pytest.mark.parametrize(("condition", "ran"), [(True, ["a", "end"]), (False, ["b", "end"])])
def test_a_branch_that_is_not_taken_is_not_planned(
    catalogue: Catalogue, condition: bool, ran: list[str]
) -> None:
    drawn = graph(value("a"), value("b"), switch("s", "a", "b", condition), SINK)
    assert Machine(catalogue, drawn).ran == ran


def test_a_condition_is_worked_out_before_its_branches(catalogue: Catalogue) -> None:
    drawn = graph(
        value("a", 7), value("b", 8), value("low", 1), value("high", 2),
        compare("c", "high", "low"), switch("s", "a", "b", "c"), SINK,
    )  # fmt: skip
    made = Machine(catalogue, drawn)
    assert made.ran == ["high", "low", "c", "a", "end"]
    assert made.seen == 7


def test_a_switch_may_choose_the_condition_of_another(catalogue: Catalogue) -> None:
    drawn = graph(
        value("a", 1), value("b", 2), compare("ab", "a", "b"), compare("ba", "b", "a"),
        switch("inner", "ab", "ba", "ab"), value("yes", 5), value("no", 6),
        switch("s", "yes", "no", "inner"), SINK,
    )  # fmt: skip
    made = Machine(catalogue, drawn)
    assert made.seen == 5  # 1 > 2 is not so, hence 2 > 1 is asked
    assert "no" not in made.ran
    assert sorted(made.ran) == sorted(set(made.ran))


def test_a_switch_in_the_way_changes_no_key(catalogue: Catalogue) -> None:
    with_one = graph(value("a"), value("b"), switch("s", "a", "b"), SINK)
    without = graph(value("a"), node("end", "test.sink", a=("a", "out")))
    keys = [
        {step.node.id: step.key for step in plan(settle(each), catalogue, {})}
        for each in (with_one, without)
    ]
    assert keys[0] == keys[1]


def test_a_long_chain_of_switches_is_short(catalogue: Catalogue) -> None:
    chain = [switch("s0", "a", "b")]
    chain += [switch(f"s{i}", f"s{i - 1}", "b") for i in range(1, 1_500)]
    drawn = graph(
        value("a"), value("b"), *reversed(chain), node("end", "test.sink", a=("s1499", "out"))
    )
    assert Machine(catalogue, drawn).ran == ["a", "end"]


def test_what_a_switch_gives_must_fit_from_either_branch(catalogue: Catalogue) -> None:
    words = node("w", "text.join", a=("a", "out"), b=("a", "out"))
    load = node("p", "image.load", {"image": "x"})

    def problems(*nodes: GraphNode) -> list[tuple[str, str | None]]:
        found = check(graph(*nodes), catalogue)
        return [(one.code, one.node) for one in found if one.node not in ("w",)]

    assert problems(value("a"), words, switch("s", "a", "w"), SINK) == []
    assert problems(value("a"), load, switch("s", "a", "p"), SINK) == [("port_type", "end")]
    nested = (switch("i", "a", "p"), switch("s", "a", "i"))
    assert problems(value("a"), load, *nested, SINK) == [("port_type", "end")]
    save = node("save", "image.save", image=("s", "out"))
    assert problems(load, switch("s", "p", "p"), save) == []
    assert problems(value("a"), load, switch("s", "p", "a"), save) == [("port_type", "save")]
    steps = node("d", "mask.grow", {}, pixels=("s", "out"), mask=("m", "out"))
    mask = node("m", "mask.load", {"image": "x"})
    whole = node("n", "number.integer", {"value": 3})
    ends = (mask, steps, node("end", "test.sink", a=("n", "out")))
    assert problems(whole, load, switch("s", "n", "p"), *ends) == [("port_type", "d")]
    assert problems(whole, switch("s", "n", "n"), *ends) == []


def test_a_condition_must_be_a_yes_or_no_and_circles_are_found(catalogue: Catalogue) -> None:
    drawn = graph(value("a"), switch("s", "a", "a", "a"), SINK)
    assert [(one.code, one.node) for one in check(drawn, catalogue)] == [("port_type", "s")]
    circle = graph(switch("s", "t", "t"), switch("t", "s", "s"), SINK)
    assert [one.code for one in check(circle, catalogue)] == ["graph_cycle"]
    lonely = graph(value("a"), node("s", "logic.switch", on_true=("a", "out")), SINK)
    assert [one.code for one in check(lonely, catalogue)] == ["missing_input"]


def drawn_by(choices: list[int]) -> Graph:
    """Make a graph of values, sums, comparisons and switches out of numbers."""
    numbers, truths, nodes = ["n0"], [], [value("n0", 3.0)]
    for place, choice in enumerate(choices, 1):
        name, pick = f"n{place}", lambda some, by: some[choice // by % len(some)]  # noqa: B023
        match choice % 5:
            case 0:
                nodes.append(value(name, float(choice // 5 % 7)))
            case 1:
                wires = {"a": (pick(numbers, 5), "out"), "b": (pick(numbers, 11), "out")}
                nodes.append(node(name, "number.add", **wires))
            case 2:
                nodes.append(compare(f"c{place}", pick(numbers, 5), pick(numbers, 11)))
                truths.append(f"c{place}")
                continue
            case 3 if len(truths) > 1:
                chosen = switch(f"c{place}", pick(truths, 5), pick(truths, 11), pick(truths, 17))
                nodes.append(chosen)
                truths.append(chosen.id)
                continue
            case _:
                condition: bool | str = pick(truths, 23) if truths else choice % 2 == 0
                nodes.append(switch(name, pick(numbers, 5), pick(numbers, 11), condition))
        numbers.append(name)
    ends = [node(f"end{i}", "test.sink", a=(name, "out")) for i, name in enumerate(numbers[-2:])]
    return graph(*reversed(nodes), *ends)


def needed(drawn: Graph) -> dict[str, Any]:
    """Work a graph out as lazily as can be: from its sinks, asking for what is needed only."""
    nodes = {one.id: one for one in drawn.nodes}
    values: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in values:
            one = nodes[name]
            ask = lambda port: of(one.inputs[port][0])  # noqa: E731
            if one.type == "logic.switch":
                truth = ask("condition") if "condition" in one.inputs else one.settings["condition"]
                values[name] = ask("on_true" if truth else "on_false")
            elif one.type == "number.value":
                values[name] = one.settings["value"]
            elif one.type == "test.sink":
                values[name] = ask("a")
            else:
                a, b = ask("a"), ask("b")
                values[name] = a + b if one.type == "number.add" else a > b
        return values[name]

    for one in drawn.nodes:
        if one.type == "test.sink":
            of(one.id)
    return {name: found for name, found in values.items() if nodes[name].type != "logic.switch"}


@given(choices=st.lists(SEEN, max_size=24))
def test_what_runs_is_what_lazy_evaluation_needs_each_once(
    catalogue: Catalogue, choices: list[int]
) -> None:
    drawn = drawn_by(choices)
    made = Machine(catalogue, drawn)
    assert made.values == needed(drawn)
    assert len(made.ran) == len(set(made.ran))
