"""Recipes of families that are drawn another way: wired for their node, or every problem told."""

from typing import Any

import msgspec
import pytest

from core.errors import Invalid
from core.graph import recipes, ways
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.graph.describe import describe, details
from core.paths import shipped
from core.records.model import ModelDefaults

FOX: dict[str, Any] = {"prompt": "a fox", "model": "whole", "seed": 7}
NEEDED: dict[str, dict[str, Any]] = {
    "txt2img": {},
    "img2img": {"init_image": "x"},
    "inpaint": {"init_image": "x", "mask_image": "y"},
    "outpaint": {"init_image": "x", "extend_left": 16},
}
OWN = ways.way_of(ways.GENERIC, multiple=32)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def built(name: str, **fields: Any) -> recipes.Built:
    return recipes.build(name, {**FOX, **NEEDED[name], **fields}, ModelDefaults(), way=OWN)


def problems(name: str, **fields: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as caught:
        recipes.build(name, {**FOX, **fields}, ModelDefaults(), way=OWN)
    return [(one.code, one.pointer) for one in caught.value.problems]


@pytest.mark.parametrize("name", NEEDED)
def test_a_recipe_is_wired_for_the_node_of_the_family(name: str, catalogue: Catalogue) -> None:
    made = built(name, negative_prompt="blue", steps=9, guidance_scale=3.5)
    assert check(made.graph, catalogue) == []
    types = [node.type for node in made.graph.nodes]
    assert types.count(ways.WHOLE) == 1
    assert not {"model.load", "latent.sample", "latent.decode", "prompt.encode"} & {*types}
    draw = next(node for node in made.graph.nodes if node.type == ways.WHOLE)
    wanted = {"prompt": "a fox", "negative_prompt": "blue", "checkpoint": "whole", "seed": 7,
              "steps": 9, "guidance_scale": 3.5}  # fmt: skip
    assert wanted.items() <= draw.settings.items()
    assert ("strength" in draw.settings) == ("image" in draw.inputs) == (name != "txt2img")
    assert ("mask" in draw.inputs) == (name in ("inpaint", "outpaint"))


@pytest.mark.parametrize("name", NEEDED)
def test_every_binding_is_a_setting_that_the_field_fills(name: str) -> None:
    made = built(name, width=96, height=64, strength=0.5)
    settings = {node.id: node.settings for node in made.graph.nodes}
    for field, targets in made.bindings.items():
        for node, setting in targets:
            assert settings[node][setting] == made.fields[field], field
    assert {"prompt", "model", "seed", "steps", "width", "height"} <= made.bindings.keys()


def test_what_it_draws_is_found_again(catalogue: Catalogue) -> None:
    made = built("txt2img", width=96, height=64, steps=9, guidance_scale=3.5)
    facts = describe(made.graph)
    assert (facts.prompt, facts.model, facts.seed, facts.steps) == ("a fox", "whole", 7, 9)
    assert facts.guidance_scale == 3.5
    assert (details(made.graph).width, details(made.graph).height) == (96, 64)
    anew = built("img2img", width=96, height=64, strength=0.5)
    assert details(anew.graph)[-3:-1] == (96, 64)
    assert details(anew.graph).strength == 0.5


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"loras": [{"model": "ink"}]}, [("field_unsupported", "/loras")]),
        ({"clip_skip": 1}, [("field_unsupported", "/clip_skip")]),
        ({"seamless": "x"}, [("field_unsupported", "/seamless")]),
        ({"sampler": "euler"}, [("field_unsupported", "/sampler")]),
        ({"scheduler": "karras"}, [("field_unsupported", "/scheduler")]),
        (
            {"control": [{"model": "c", "image": "i"}], "variation_strength": 0.5},
            [("field_unsupported", "/control"), ("field_unsupported", "/variation_strength")],
        ),
        ({"mask_grow": 3}, [("not_in_recipe", "/mask_grow")]),
    ],
)
def test_a_field_that_it_cannot_be_told_is_refused(
    fields: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert problems("txt2img", **fields) == told


def test_sampler_and_schedule_may_be_left_to_it() -> None:
    made = built("txt2img", sampler="default", scheduler="default")
    assert (made.fields["sampler"], made.fields["scheduler"]) == ("default", "default")


@pytest.mark.parametrize("name", ["hires", "upscale_diffusion"])
def test_a_recipe_that_it_has_not_is_refused_at_the_model(name: str) -> None:
    assert problems(name, init_image="x") == [("recipe_unsupported", "/model")]


def test_a_recipe_without_a_model_is_the_same_for_all(catalogue: Catalogue) -> None:
    made = recipes.build("upscale", {"init_image": "x"}, ModelDefaults(), way=OWN)
    assert check(made.graph, catalogue) == []


def test_the_size_of_a_picture_is_rounded_to_what_it_draws() -> None:
    made = recipes.build(
        "img2img", {**FOX, "init_image": "x"}, ModelDefaults(), way=OWN, source=(1000, 610)
    )
    assert (made.fields["width"], made.fields["height"]) == (992, 608)


def test_other_families_are_drawn_as_ever() -> None:
    usual = recipes.build("txt2img", FOX, ModelDefaults())
    assert ways.way_of("sd1").recipes is recipes.RECIPES
    assert (ways.node_of("sd1"), ways.node_of("generic")) == (ways.LOAD, ways.WHOLE)
    assert any(node.type == "latent.sample" for node in usual.graph.nodes)
