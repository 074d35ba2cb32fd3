"""Axes over controls and regions: bound where the recipe puts them, and checked before they run."""

from typing import Any

import pytest

from core.graph import recipes
from tests.server.studio import DRAW, Studio
from tests.server.test_controls import put
from tests.server.test_edits import uploaded
from tests.server.test_sweeps import JOBS, refused

pytestmark = pytest.mark.anyio


async def recipe(studio: Studio, **fields: Any) -> dict[str, Any]:
    await put(studio, "edges", "sd1")
    picture = await uploaded(studio, 64, 64, 255)
    return {
        "name": "txt2img", **DRAW, "seed": 4, "width": 64, "height": 64,
        "control": [{"model": "edges", "image": picture, "preprocessor": "canny"}],
        "regions": [{"prompt": "an owl", "mask_image": picture}], **fields,
    }  # fmt: skip


async def test_controls_and_regions_are_swept_and_told_by_each_picture(studio: Studio) -> None:
    axes = [
        {"setting": "control[0].weight", "values": [0, 1.5]},
        {"setting": "regions[0].prompt", "values": ["a cat", "a dog"]},
        {"setting": "regions[0].weight", "values": [0.5, 2]},
    ]
    body = {"recipe": await recipe(studio), "sweep": {"axes": axes}}
    answer = await studio.client.post(JOBS, json=body)
    assert answer.status_code == 201, answer.text
    found = set()
    for job in answer.json()["jobs"]:
        image = (await studio.ended(job))["images"][0]
        asked = (await studio.client.get(f"/api/v1/images/{image}/recipe")).json()["recipe"]
        (region,), (control,) = asked["regions"], asked["control"]
        found.add((control["weight"], region["prompt"], region["weight"]))
    assert found == {
        (net, prompt, weight)
        for net in (0, 1.5) for prompt in ("a cat", "a dog") for weight in (0.5, 2)
    }  # fmt: skip


def test_a_swept_clip_skip_is_that_of_the_regions_too() -> None:
    asked = {**DRAW, "model": "tiny", "regions": [{"prompt": "an owl", "mask_image": "m"}]}
    built = recipes.build("txt2img", asked, recipes.FALLBACK)
    assert ("region1", "clip_skip") in built.bindings["clip_skip"]
    assert ("region2", "clip_skip") not in built.bindings["clip_skip"]


async def test_spans_and_thresholds_that_cross_in_a_cell_are_refused(studio: Studio) -> None:
    axes = [
        {"setting": "control[0].start", "values": [0, 0.6]},
        {"setting": "control[0].end", "values": [0.5, 1]},
        {"setting": "control[0].high", "values": [0.3, 0.05]},
    ]
    found = await refused(studio, {"recipe": await recipe(studio), "sweep": {"axes": axes}})
    assert found == [
        ("number_too_small", "/sweep/axes/2/values/1"),
        ("number_not_below", "/sweep/axes/0/values/1"),
    ]


async def test_a_mask_of_another_shape_than_a_cell_draws_is_refused_at_its_value(
    studio: Studio,
) -> None:
    asked, narrow = await recipe(studio), await uploaded(studio, 64, 16, 255)
    square = asked["regions"][0]["mask_image"]
    for axes, at in (
        ([{"setting": "regions[0].mask_image", "values": [square, narrow]}], (0, 1)),
        (
            [{"setting": "seed", "values": [1, 2]}, {"setting": "width", "values": [64, 128]}],
            (1, 1),
        ),
    ):
        found = await refused(studio, {"recipe": asked, "sweep": {"axes": axes}})
        assert found == [("mask_shape", f"/sweep/axes/{at[0]}/values/{at[1]}")]


async def test_what_a_region_names_wrongly_is_told_there(studio: Studio) -> None:
    asked = await recipe(studio)
    asked["regions"][0]["prompt"] = "an owl embedding:nothing"
    found = await refused(studio, {"recipe": asked})
    assert found == [("unknown_model", "/recipe/regions/0/prompt")]


async def test_names_are_told_beside_what_keeps_a_request_from_being_built(studio: Studio) -> None:
    wide, narrow = await uploaded(studio, 64, 64, 9), await uploaded(studio, 64, 32, 255)
    asked = {
        **DRAW, "init_image": wide, "mask_image": narrow, "loras": [{"model": "nothing"}],
        "prompt": "a fox embedding:none", "sampler": "ddim", "scheduler": "karras",
        "control": [{"model": "nobody", "image": wide}],
    }  # fmt: skip
    found = await refused(studio, {"recipe": {"name": "inpaint", **asked}})
    assert sorted(found) == [
        ("mask_size", "/recipe/mask_image"), ("schedule_unsupported", "/recipe/scheduler"),
        ("unknown_model", "/recipe/control/0/model"), ("unknown_model", "/recipe/loras/0/model"),
        ("unknown_model", "/recipe/prompt"),
    ]  # fmt: skip
    found = await refused(studio, {"recipe": {"name": "txt2img", **asked, "width": 65}})
    assert ("unknown_model", "/recipe/loras/0/model") in found
    assert ("number_not_multiple", "/recipe/width") in found
