"""Control in recipes: every recipe takes it, what is wrong is told, and the graph fits."""

from typing import Any

import msgspec
import pytest

from core.errors import Invalid
from core.graph import controls, recipes
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.paths import shipped
from core.records.graph import Graph, GraphNode
from core.records.model import ModelDefaults
from tests.core.graph.test_recipes import FOX, NEEDED

EDGES: dict[str, Any] = {"model": "edges", "image": "P"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def build(name: str = "txt2img", *asked: dict[str, Any], **fields: Any) -> recipes.Built:
    request = {**FOX, **NEEDED[name], **fields, "control": list(asked)}
    return recipes.build(name, request, ModelDefaults())


def node(graph: Graph, id_: str) -> GraphNode:
    return next(one for one in graph.nodes if one.id == id_)


def problems(*asked: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        recipes.build("txt2img", {**FOX, "control": list(asked)}, ModelDefaults(), pointer="/r")
    return [(one.code, one.pointer) for one in caught.value.problems]


STEERED = [name for name in recipes.RECIPES if recipes.takes(name, "control")]


@pytest.mark.parametrize("name", STEERED)
@pytest.mark.parametrize("preprocessor", msgspec.json.schema(recipes.Generate)["$defs"][
    "ControlUse"]["properties"]["preprocessor"]["enum"])  # fmt: skip
def test_every_recipe_that_draws_takes_every_preprocessor(
    name: str, preprocessor: str, catalogue: Catalogue
) -> None:
    built = build(name, {**EDGES, "preprocessor": preprocessor}, EDGES)
    assert check(built.graph, catalogue) == []
    assert node(built.graph, "sample").inputs["control"] == ("net1", "out")
    assert node(built.graph, "net1").inputs["control"] == ("net0", "out")
    assert "control" not in node(built.graph, "net0").inputs
    types = {one.type for one in built.graph.nodes}
    assert (f"preprocess.{preprocessor}" in types) == (preprocessor != "none")


def test_what_is_asked_reaches_its_settings() -> None:
    asked = {
        **EDGES, "weight": 0.7, "start": 0.1, "end": 0.9, "mode": "prompt", "resize": "fit",
        "preprocessor": "canny", "high": 0.5,
    }  # fmt: skip
    built = build("txt2img", asked)
    assert node(built.graph, "net0").settings == {
        "controlnet": "edges", "weight": 0.7, "start": 0.1, "end": 0.9, "mode": "prompt",
        "resize": "fit",
    }  # fmt: skip
    assert node(built.graph, "preprocess0").settings == {"low": 0.1, "high": 0.5}
    assert node(built.graph, "scale0").settings == {"mode": "fit"}
    assert node(built.graph, "picture0").settings == {"image": "P"}
    (kept,) = built.fields["control"]
    assert kept == {**asked, "low": None}


def test_the_completed_fields_make_the_same_graph_again() -> None:
    first = build("img2img", {**EDGES, "preprocessor": "xdog"})
    again = recipes.build("img2img", first.fields, ModelDefaults())
    assert again.graph == first.graph


def test_with_only_the_masked_part_the_same_part_of_the_picture_steers() -> None:
    built = build("inpaint", EDGES, only_masked=True)
    assert node(built.graph, "cut0").inputs == {
        "image": ("picture0", "out"), "source": ("image", "out"), "area": ("crop", "area"),
    }  # fmt: skip
    assert node(built.graph, "net0").inputs["image"] == ("cut0", "out")
    whole = build("inpaint", EDGES)
    assert "cut0" not in {one.id for one in whole.graph.nodes}


def test_a_graph_without_control_is_what_it_was() -> None:
    plain = recipes.build("txt2img", FOX, ModelDefaults())
    assert build("txt2img").graph == plain.graph
    assert "control" not in node(plain.graph, "sample").inputs


def test_every_field_of_a_control_is_bound_to_where_it_stands() -> None:
    built = build("txt2img", {**EDGES, "preprocessor": "lineart", "low": 0.1, "high": 0.4})
    bound = {name: at for name, at in built.bindings.items() if name.startswith("control")}
    assert {"control[0].model", "control[0].image", "control[0].low"} <= bound.keys()
    for label, targets in bound.items():
        name = label.rpartition(".")[2]
        assert targets
        for id_, setting in targets:
            assert node(built.graph, id_).settings[setting] == built.fields["control"][0][name]


def test_the_fields_of_a_control_are_bound_in_both_passes() -> None:
    built = build("hires", {**EDGES, "preprocessor": "canny"})
    assert built.bindings["control[0].weight"] == [("net0", "weight"), ("net0_again", "weight")]
    ends = [node(built.graph, id_).type for id_, _ in built.bindings["control[0].low"]]
    assert ends == ["preprocess.canny", "preprocess.canny"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"weight": 2.1}, ("number_too_large", "/weight")),
        ({"weight": -0.1}, ("number_too_small", "/weight")),
        ({"weight": float("nan")}, ("number_not_finite", "/weight")),
        ({"start": float("inf")}, ("number_not_finite", "/start")),
        ({"start": 0.6, "end": 0.5}, ("number_not_below", "/start")),
        ({"start": 0.5, "end": 0.5}, ("number_not_below", "/start")),
        ({"end": 1.5}, ("number_too_large", "/end")),
        ({"mode": "loud"}, ("not_one_of", "/mode")),
        ({"resize": "tile"}, ("not_one_of", "/resize")),
        ({"preprocessor": "depth"}, ("not_one_of", "/preprocessor")),
        ({"image": ""}, ("too_short", "/image")),
        ({"image": None}, ("wrong_type", "/image")),
        ({"modle": "x"}, ("unknown_field", "/modle")),
        ({"low": 0.1}, ("not_of_preprocessor", "/low")),
        ({"preprocessor": "xdog", "high": 0.1}, ("not_of_preprocessor", "/high")),
        ({"preprocessor": "canny", "low": 0.3}, ("number_too_large", "/low")),
        ({"preprocessor": "canny", "high": 0.05}, ("number_too_small", "/high")),
        ({"preprocessor": "canny", "low": 0.4, "high": 0.3}, ("number_too_large", "/low")),
    ],
)
def test_a_control_that_does_not_fit_is_told_with_its_place(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    code, at = expected
    assert problems(EDGES, {**EDGES, **change}) == [(code, f"/r/control/1{at}")]


def test_sixteen_controls_are_taken_and_no_more() -> None:
    build("txt2img", *[EDGES] * 16)
    assert problems(*[EDGES] * 17) == [("too_long", "/r/control")]
    assert problems("edges") == [("wrong_type", "/r/control/0")]
    assert problems({"image": "P"}) == [("missing_field", "/r/control/0/model")]


def test_problems_of_several_controls_are_told_at_once() -> None:
    late = {**EDGES, "start": 0.9, "end": 0.1}
    assert problems(late, EDGES, {**late, "low": 0.2}) == [
        ("number_not_below", "/r/control/0/start"),
        ("number_not_below", "/r/control/2/start"),
        ("not_of_preprocessor", "/r/control/2/low"),
    ]


def test_families_fit_where_they_are_the_same_or_not_known() -> None:
    assert controls.fits("sd1", "sd1")
    assert controls.fits("unknown", "sd1")
    assert not controls.fits("sdxl", "sd1")
