"""Plans: order, dead nodes, and the keys that say when an output may be used again."""

from typing import Any

import msgspec
import pytest

from core.graph import sweep
from core.graph.catalogue import Catalogue, NodeSpec, Resource, Resources
from core.graph.key import SIZE, identified
from core.graph.plan import Step, plan
from core.records.graph import Graph, GraphNode


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings or {}, inputs=inputs)


def with_settings(graph: Graph, id_: str, **settings: Any) -> Graph:
    nodes = [
        msgspec.structs.replace(one, settings={**one.settings, **settings})
        if one.id == id_
        else one
        for one in graph.nodes
    ]
    return Graph(nodes=nodes)


def keys(graph: Graph, catalogue: Catalogue, resources: Resources) -> dict[str, bytes]:
    return {step.node.id: step.key for step in plan(graph, catalogue, resources)}


def changed(before: Graph, after: Graph, catalogue: Catalogue, resources: Resources) -> set[str]:
    old, new = keys(before, catalogue, resources), keys(after, catalogue, resources)
    return {name for name in new if new[name] != old.get(name)}


class TestOrder:
    def test_every_node_comes_after_those_it_needs(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        backwards = Graph(nodes=drawing.nodes[::-1])
        done: set[str] = set()
        for step in plan(backwards, catalogue, resources):
            assert {source for source, _ in step.node.inputs.values()} <= done
            done.add(step.node.id)
        assert done == {one.id for one in drawing.nodes}

    def test_a_node_that_leads_to_no_sink_is_left_out(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        idle = [node("idle", "number.value"), node("idle2", "number.add", a=("idle", "out"))]
        steps = plan(Graph(nodes=[*idle, *drawing.nodes]), catalogue, resources)
        assert {step.node.id for step in steps} == {one.id for one in drawing.nodes}

    def test_the_order_is_the_same_each_time(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        assert plan(drawing, catalogue, resources) == plan(drawing, catalogue, resources)

    def test_one_branch_is_done_before_the_next_begins(self, catalogue: Catalogue) -> None:
        two = Graph(
            nodes=[
                node("a", "number.value"),
                node("b", "number.value", {"value": 2}),
                node("a2", "number.add", a=("a", "out"), b=("a", "out")),
                node("b2", "number.add", a=("b", "out"), b=("b", "out")),
                node("asink", "test.sink", a=("a2", "out")),
                node("bsink", "test.sink", a=("b2", "out")),
            ]
        )
        names = [step.node.id for step in plan(two, catalogue, {})]
        assert names == ["a", "a2", "asink", "b", "b2", "bsink"]

    def test_a_chain_as_long_as_allowed_needs_no_recursion(self, catalogue: Catalogue) -> None:
        nodes = [node("n0", "number.value")]
        for place in range(1, 1_999):
            before = (f"n{place - 1}", "out")
            nodes.append(node(f"n{place}", "number.add", a=before, b=before))
        nodes.append(node("end", "test.sink", a=("n1998", "out")))
        assert len(plan(Graph(nodes=nodes), catalogue, {})) == 2_000

    def test_readers_count_the_wires_of_the_living(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        readers = {step.node.id: step.readers for step in plan(drawing, catalogue, resources)}
        assert readers == {
            "model": 5, "positive": 1, "negative": 1, "start": 1, "sample": 1, "decode": 1,
            "save": 0,
        }  # fmt: skip

    def test_a_step_says_whether_it_is_a_sink_and_pure(self, catalogue: Catalogue) -> None:
        drawn = Graph(nodes=[node("r", "number.random"), node("s", "test.sink", a=("r", "out"))])
        assert [(step.pure, step.sink) for step in plan(drawn, catalogue, {})] == [
            (False, False),
            (True, True),
        ]

    def test_a_type_that_is_not_there_is_a_key_error(self, catalogue: Catalogue) -> None:
        with pytest.raises(KeyError):
            plan(Graph(nodes=[node("x", "no.such")]), catalogue, {})


class TestKeys:
    def test_a_key_has_its_size_and_is_the_same_each_time(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        first, second = (keys(drawing, catalogue, resources) for _ in range(2))
        assert first == second
        assert {len(key) for key in first.values()} == {SIZE}
        assert len(set(first.values())) == len(first)

    def test_a_new_seed_changes_only_what_lies_downstream(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        after = with_settings(drawing, "sample", seed=2)
        assert changed(drawing, after, catalogue, resources) == {"sample", "decode", "save"}

    def test_a_new_prompt_leaves_the_other_encoding_alone(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        after = with_settings(drawing, "positive", prompt="a cat")
        assert changed(drawing, after, catalogue, resources) == {
            "positive", "sample", "decode", "save",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("sample", {"steps": 20}),
            ("sample", {"guidance_scale": 7.5, "strength": 1}),
            ("sample", {"sampler": "default", "schedule": "default"}),
            ("positive", {"clip_skip": 0}),
        ],
    )
    def test_a_default_given_is_a_default_left_out(
        self,
        name: str,
        settings: dict[str, Any],
        drawing: Graph,
        catalogue: Catalogue,
        resources: Resources,
    ) -> None:
        after = with_settings(drawing, name, **settings)
        assert changed(drawing, after, catalogue, resources) == set()

    def test_the_name_of_a_node_does_not_enter_its_key(self, catalogue: Catalogue) -> None:
        def pair(one: str) -> Graph:
            return Graph(nodes=[node(one, "number.value"), node("s", "test.sink", a=(one, "out"))])

        assert keys(pair("a"), catalogue, {})["s"] == keys(pair("b"), catalogue, {})["s"]

    def test_the_order_of_settings_and_inputs_does_not_matter(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        turned = [
            msgspec.structs.replace(
                one,
                settings=dict(reversed(one.settings.items())),
                inputs=dict(reversed(one.inputs.items())),
            )
            for one in drawing.nodes
        ]
        assert changed(drawing, Graph(nodes=turned), catalogue, resources) == set()

    def test_which_port_a_wire_goes_to_matters(self, catalogue: Catalogue) -> None:
        def joined(first: str, second: str) -> Graph:
            return Graph(
                nodes=[
                    node("x", "number.value", {"value": 1}),
                    node("y", "number.value", {"value": 2}),
                    node("sum", "number.add", a=(first, "out"), b=(second, "out")),
                    node("s", "test.sink", a=("sum", "out")),
                ]
            )

        one, two = keys(joined("x", "y"), catalogue, {}), keys(joined("y", "x"), catalogue, {})
        assert one["sum"] != two["sum"]

    def test_which_output_a_wire_comes_from_matters(self, catalogue: Catalogue) -> None:
        def wired(output: str) -> Graph:
            return Graph(nodes=[node("x", "number.value"), node("s", "test.sink", a=("x", output))])

        assert keys(wired("out"), catalogue, {})["s"] != keys(wired("other"), catalogue, {})["s"]

    def test_a_model_enters_by_its_content_and_not_by_its_name(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        renamed = with_settings(drawing, "model", checkpoint="alias")
        also = {**resources, "alias": resources["starter"]}
        assert changed(drawing, renamed, catalogue, also) == set()

    def test_a_model_whose_content_changed_changes_everything(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        other: Resource = msgspec.structs.replace(resources["starter"], identity="sha-other")
        before = keys(drawing, catalogue, resources)
        after = keys(drawing, catalogue, {"starter": other})
        assert all(before[name] != after[name] for name in before)

    def test_the_version_and_the_source_of_a_node_enter_its_key(
        self, drawing: Graph, catalogue: Catalogue, resources: Resources
    ) -> None:
        before = keys(drawing, catalogue, resources)
        for change in ({"source": "hash"}, {"version": 2}):
            spec = msgspec.structs.replace(catalogue.nodes["latent.decode"], **change)
            nodes = {**catalogue.nodes, spec.type: spec}
            after = keys(drawing, msgspec.structs.replace(catalogue, nodes=nodes), resources)
            assert {name for name in after if after[name] != before[name]} == {"decode", "save"}

    def test_a_node_that_is_not_pure_is_fresh_each_time_with_all_below(
        self, catalogue: Catalogue
    ) -> None:
        drawn = Graph(
            nodes=[
                node("r", "number.random"),
                node("v", "number.value"),
                node("sum", "number.add", a=("r", "out"), b=("v", "out")),
                node("s", "test.sink", a=("sum", "out")),
            ]
        )
        assert changed(drawn, drawn, catalogue, {}) == {"r", "sum", "s"}

    def test_a_value_below_a_wire_does_not_enter_the_key(self, catalogue: Catalogue) -> None:
        def wired(value: float) -> Graph:
            return Graph(
                nodes=[
                    node("x", "number.value"),
                    node("y", "number.value", {"value": value}, value=("x", "out")),
                    node("s", "test.sink", a=("y", "out")),
                ]
            )

        assert keys(wired(1), catalogue, {}) == keys(wired(2), catalogue, {})

    def test_an_unknown_name_stays_as_it_is(self, catalogue: Catalogue) -> None:
        spec = catalogue.nodes["model.load"]
        assert identified(spec, {"checkpoint": "gone"}, {}) == {"checkpoint": "gone"}

    def test_a_resource_cannot_be_forged_by_a_name(
        self, catalogue: Catalogue, resources: Resources
    ) -> None:
        spec = catalogue.nodes["model.load"]
        forged = identified(spec, {"checkpoint": "sha-starter"}, resources)
        assert forged != identified(spec, {"checkpoint": "starter"}, resources)


def test_the_steps_of_a_sweep_share_what_no_axis_touches(
    drawing: Graph, catalogue: Catalogue, resources: Resources
) -> None:
    axis = sweep.BoundAxis(label="seed", targets=(("sample", "seed"),), values=(1, 2, 3))
    plans: list[tuple[Step, ...]] = [
        plan(sweep.apply(drawing, (axis,), cell), catalogue, resources)
        for cell in sweep.cells((axis,), "product")
    ]
    encodings = {step.key for steps in plans for step in steps if step.node.id == "positive"}
    samples = {step.key for steps in plans for step in steps if step.node.id == "sample"}
    assert (len(encodings), len(samples)) == (1, 3)


class TestPromptsThatNameModels:
    """What a prompt names enters a key by content, and what it says beside only where it counts."""

    def made(self, kind: str, text: str, resources: Resources) -> Any:
        settings = {
            "type": "object",
            "properties": {"prompt": {"type": "string", "names": kind, "default": ""}},
        }
        spec = NodeSpec(type="test.named", title="Named", category="test", settings=settings)
        return identified(spec, {"prompt": text}, resources)["prompt"]

    def shelf(self, kind: str, **identities: str) -> Resources:
        return {
            f"{kind}:{name}": Resource(id=name, kind=kind, path="", identity=identity, name=name)
            for name, identity in identities.items()
        }

    def test_of_adapters_the_tags_alone_count_in_any_order(self) -> None:
        shelf = self.shelf("lora", ink="1", oil="2")
        made = self.made("lora", "a fox <lora:oil:0.5:1> <lora:ink:1>", shelf)
        assert made == [["1", 1.0, 1.0], ["2", 1.0, 0.5]]
        assert self.made("lora", "<lora:ink:1> an owl <lora:oil:0.5:1>", shelf) == made
        other = self.shelf("lora", ink="1", oil="3")
        assert self.made("lora", "<lora:ink:1><lora:oil:0.5:1>", other) != made
        assert self.made("lora", "a fox", shelf) == self.made("lora", "an owl", shelf) == []

    def test_of_embeddings_the_text_and_what_it_names(self) -> None:
        shelf = self.shelf("embedding", cat="1", dog="2")
        assert self.made("embedding", "a cat", shelf) == ["a cat", [("cat", "1")]]
        assert self.made("embedding", "a fox", shelf) == "a fox"
