"""What a graph draws, told from the graph alone."""

from typing import Any

import msgspec

from core.graph import recipes
from core.graph.describe import describe
from core.records.graph import Graph, GraphNode
from core.records.image import ImageFacts
from core.records.model import ModelDefaults

FOX: dict[str, Any] = {
    "prompt": "a fox", "negative_prompt": "rain", "model": "starter", "seed": 7, "steps": 3,
    "sampler": "ddim", "guidance_scale": 2,
}  # fmt: skip
FACTS = ImageFacts(
    prompt="a fox", negative_prompt="rain", model="starter", seed=7, steps=3, sampler="ddim",
    guidance_scale=2.0,
)  # fmt: skip


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings or {}, inputs=inputs)


def test_a_recipe_is_described_by_its_own_fields() -> None:
    assert describe(recipes.build("txt2img", FOX, ModelDefaults()).graph) == FACTS


def test_a_picture_from_a_picture_is_described_too() -> None:
    request = {**FOX, "init_image": "x"}
    assert describe(recipes.build("img2img", request, ModelDefaults()).graph) == FACTS


def test_a_node_put_between_changes_nothing() -> None:
    drawn = recipes.build("txt2img", FOX, ModelDefaults()).graph
    grain = node("grain", "mine.film_grain", {}, image=("decode", "out"))
    save = node("save", "image.save", {}, image=("grain", "out"))
    assert describe(Graph(nodes=[*drawn.nodes[:-1], grain, save])) == FACTS


def test_each_sink_is_described_by_what_lies_above_it() -> None:
    first = recipes.build("txt2img", FOX, ModelDefaults()).graph
    second = [
        msgspec.structs.replace(
            one,
            id=f"{one.id}2",
            settings={**one.settings, **({"seed": 8} if one.id == "sample" else {})},
            inputs={port: (f"{source}2", out) for port, (source, out) in one.inputs.items()},
        )
        for one in first.nodes
    ]
    both = Graph(nodes=[*first.nodes, *second])
    assert describe(both).seed == describe(both, "save").seed == 7
    assert describe(both, "save2").seed == 8
    assert describe(both, "gone") == ImageFacts()


def test_what_a_wire_fills_stays_open() -> None:
    drawn = recipes.build("txt2img", FOX, ModelDefaults()).graph
    nodes = [
        msgspec.structs.replace(one, inputs={**one.inputs, "prompt": ("text", "out")})
        if one.id == "positive"
        else one
        for one in drawn.nodes
    ]
    facts = describe(Graph(nodes=[*nodes, node("text", "text.join")]))
    assert facts.prompt is None
    assert facts.negative_prompt == "rain"


def test_of_two_samplers_the_one_nearest_to_the_sink_counts() -> None:
    drawn = recipes.build("txt2img", FOX, ModelDefaults()).graph
    hires = node(
        "hires", "latent.sample", {"seed": 9, "steps": 2},
        model=("model", "model"), positive=("positive", "out"), latent=("sample", "out"),
    )  # fmt: skip
    decode = node("decode", "latent.decode", {}, vae=("model", "vae"), latent=("hires", "out"))
    nodes = [one for one in drawn.nodes if one.id != "decode"]
    facts = describe(Graph(nodes=[*nodes, hires, decode]))
    assert (facts.seed, facts.steps, facts.prompt) == (9, 2, "a fox")
    assert facts.negative_prompt is None


def test_a_graph_that_draws_nothing_has_no_facts() -> None:
    assert describe(Graph(nodes=[])) == ImageFacts()
    assert describe(Graph(nodes=[node("x", "number.value")])) == ImageFacts()
    only_image = [node("i", "image.load"), node("s", "image.save", {}, image=("i", "out"))]
    assert describe(Graph(nodes=only_image)) == ImageFacts()


def test_broken_graphs_and_wrong_types_are_described_as_far_as_they_go() -> None:
    looped = [
        node("a", "latent.decode", {}, latent=("a", "out")),
        node("s", "image.save", {}, image=("a", "out")),
    ]
    assert describe(Graph(nodes=looped)) == ImageFacts()
    odd = {"seed": "x", "steps": True, "guidance_scale": [], "sampler": 3}
    nodes = [
        node("sample", "latent.sample", odd, model=("gone", "out")),
        node("s", "image.save", {}, image=("sample", "out")),
    ]
    assert describe(Graph(nodes=nodes)) == ImageFacts()
