"""Pictures as prompts in recipes: every recipe that draws takes them, and the graph fits."""

from typing import Any

import msgspec
import pytest

from core.errors import Invalid
from core.graph import recipes
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.paths import shipped
from core.records.graph import Graph, GraphNode
from core.records.model import ModelDefaults
from tests.core.graph.test_recipes import FOX, NEEDED

OWL: dict[str, Any] = {"model": "style", "image": "P"}
EDGES: dict[str, Any] = {"model": "edges", "image": "Q"}
PORTS = ("model", "positive", "negative")
DRAWING = [name for name in recipes.RECIPES if name != "upscale"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def build(name: str = "txt2img", *asked: dict[str, Any], **fields: Any) -> recipes.Built:
    request = {**FOX, **NEEDED[name], **fields, "image_prompts": list(asked)}
    return recipes.build(name, request, ModelDefaults())


def node(graph: Graph, id_: str) -> GraphNode:
    return next(one for one in graph.nodes if one.id == id_)


def problems(*asked: Any, name: str = "txt2img") -> list[tuple[str, str]]:
    request = {**FOX, **NEEDED[name], "image_prompts": list(asked)}
    with pytest.raises(Invalid) as caught:
        recipes.build(name, request, ModelDefaults(), pointer="/r")
    return [(one.code, one.pointer) for one in caught.value.problems]


@pytest.mark.parametrize("name", DRAWING)
def test_every_recipe_that_draws_follows_pictures_in_a_row(name: str, catalogue: Catalogue) -> None:
    built = build(name, OWL, {**OWL, "model": "faces"})
    assert check(built.graph, catalogue) == []
    (saved,) = [one for one in built.graph.nodes if one.type == "image.save"]
    assert saved.id == "save"
    first, second = node(built.graph, "follow0"), node(built.graph, "follow1")
    assert first.inputs == {
        "model": ("adapt", "model"), "positive": ("positive", "out"),
        "negative": ("negative", "out"), "image": ("shown0", "out"),
    }  # fmt: skip
    assert second.inputs == {port: ("follow0", port) for port in PORTS} | {
        "image": ("shown1", "out")
    }
    samplers = [one for one in built.graph.nodes if one.type.startswith("latent.sample")]
    assert len(samplers) == (2 if name == "hires" else 1)
    for sampler in samplers:
        assert {port: sampler.inputs[port] for port in PORTS} == {
            port: ("follow1", port) for port in PORTS
        }


@pytest.mark.parametrize("name", [name for name in DRAWING if recipes.takes(name, "regions")])
def test_regions_and_controls_stand_beside_them(name: str, catalogue: Catalogue) -> None:
    regions = [{"prompt": "an owl", "mask_image": "M"}]
    built = build(name, OWL, regions=regions, control=[EDGES])
    assert check(built.graph, catalogue) == []
    assert node(built.graph, "follow0").inputs["positive"] == ("positive1", "out")
    assert node(built.graph, "sample").inputs["control"] == ("net0", "out")


def test_what_is_asked_reaches_its_settings() -> None:
    asked = {**OWL, "weight": -0.5, "start": 0.1, "end": 0.9}
    built = build("txt2img", asked)
    assert node(built.graph, "shown0").settings == {"image": "P"}
    assert node(built.graph, "follow0").settings == {
        "adapter": "style", "weight": -0.5, "start": 0.1, "end": 0.9,
    }  # fmt: skip
    assert built.fields["image_prompts"] == [asked]
    (default,) = build("txt2img", OWL).fields["image_prompts"]
    assert default == {**OWL, "weight": 0.6, "start": 0.0, "end": 1.0}


@pytest.mark.parametrize("name", DRAWING)
def test_the_completed_fields_make_the_same_graph_again(name: str) -> None:
    first = build(name, OWL, {**OWL, "end": 0.5})
    assert recipes.build(name, first.fields, ModelDefaults()).graph == first.graph


def test_a_graph_without_pictures_is_what_it_was() -> None:
    plain = recipes.build("txt2img", FOX, ModelDefaults())
    assert build("txt2img").graph == plain.graph
    assert node(plain.graph, "sample").inputs["model"] == ("adapt", "model")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"weight": 2.1}, ("number_too_large", "/weight")),
        ({"weight": -1.1}, ("number_too_small", "/weight")),
        ({"weight": float("nan")}, ("number_not_finite", "/weight")),
        ({"weight": True}, ("wrong_type", "/weight")),
        ({"start": 0.6, "end": 0.5}, ("number_not_below", "/start")),
        ({"start": 0.5, "end": 0.5}, ("number_not_below", "/start")),
        ({"end": 1.5}, ("number_too_large", "/end")),
        ({"image": ""}, ("too_short", "/image")),
        ({"image": None}, ("wrong_type", "/image")),
        ({"model": "x" * 513}, ("too_long", "/model")),
        ({"wieght": 1}, ("unknown_field", "/wieght")),
    ],
)
def test_a_picture_prompt_that_does_not_fit_is_told_with_its_place(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    code, at = expected
    assert problems(OWL, {**OWL, **change}) == [(code, f"/r/image_prompts/1{at}")]


def test_eight_are_taken_and_no_more(catalogue: Catalogue) -> None:
    assert check(build("txt2img", *[OWL] * 8).graph, catalogue) == []
    assert problems(*[OWL] * 9) == [("too_long", "/r/image_prompts")]
    assert problems("owl") == [("wrong_type", "/r/image_prompts/0")]
    assert problems({"model": "style"}) == [("missing_field", "/r/image_prompts/0/image")]


def test_what_draws_nothing_follows_no_picture() -> None:
    request = {**NEEDED["upscale"], "image_prompts": [OWL]}
    with pytest.raises(Invalid) as caught:
        recipes.build("upscale", request, ModelDefaults())
    assert [(one.code, one.pointer) for one in caught.value.problems] == [
        ("not_in_recipe", "/image_prompts")
    ]
