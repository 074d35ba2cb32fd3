"""Pictures as prompts over HTTP: what they name is looked up before anything runs."""

import argparse
from typing import Any

import pytest

from core.media import metadata
from server.commands import generate
from tests.server.studio import DRAW, Studio
from tests.server.test_controls import put
from tests.server.test_edits import problems, uploaded

pytestmark = pytest.mark.anyio
STRANGE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
JOBS = "/api/v1/jobs"


async def stock(studio: Studio) -> dict[str, Any]:
    """Put IP-Adapters of three families on the shelf; give a sound picture prompt."""
    for name, family in (("style", "sd1"), ("large", "sdxl"), ("any", "unknown")):
        await put(studio, name, family, "ip_adapter")
    await put(studio, "edges", "sd1")
    return {"model": "style", "image": await uploaded(studio, 50, 34, 9)}


async def refused(studio: Studio, body: dict[str, Any]) -> list[tuple[str, str]]:
    before = await studio.rows()
    answer = await studio.client.post(JOBS, json=body)
    assert answer.status_code == 422, answer.text
    assert await studio.rows() == before
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


async def test_a_picture_that_follows_others_is_drawn_and_its_recipe_kept(studio: Studio) -> None:
    good = await stock(studio)
    asked = [{**good, "weight": 0.8}, {**good, "model": "any", "start": 0.2, "end": 0.6}]
    picture = good["image"]
    for fields in ({}, {"init_image": picture}, {"init_image": picture, "extend_top": 8}):
        made = await studio.generate(image_prompts=asked, **fields)
        (image,) = made["images"]
        assert image["prompt"] == DRAW["prompt"]
        recipe = (await studio.client.get(f"/api/v1/images/{image['id']}/recipe")).json()["recipe"]
        assert [one["weight"] for one in recipe["image_prompts"]] == [0.8, 0.6]
        assert recipe["image_prompts"][1]["end"] == 0.6


async def test_everything_that_they_name_wrongly_is_told_at_once(studio: Studio) -> None:
    good = await stock(studio)
    wrong = [
        good,
        {**good, "model": "nothing", "image": STRANGE},
        {**good, "model": "tiny"},
        {**good, "model": "large"},
    ]
    before = await studio.rows()
    expected = [
        ("model_wrong_family", "/image_prompts/3/model"),
        ("model_wrong_kind", "/image_prompts/2/model"),
        ("unknown_image", "/image_prompts/1/image"),
        ("unknown_model", "/image_prompts/1/model"),
    ]
    assert sorted(await problems(studio, image_prompts=wrong)) == expected
    late = {**good, "start": 0.7, "end": 0.2}
    assert sorted(await problems(studio, image_prompts=[*wrong, late])) == sorted(
        [*expected, ("number_not_below", "/image_prompts/4/start")]
    )
    assert await studio.rows() == before


@pytest.mark.parametrize(
    "value", [3, "style", [3], [{}], [{"model": 3, "image": 4}], [{"model": None}], {"0": {}}]
)
async def test_what_is_no_list_of_picture_prompts_is_refused(studio: Studio, value: Any) -> None:
    found = await problems(studio, image_prompts=value)
    assert found
    assert all(pointer.startswith("/image_prompts") for _, pointer in found)


async def test_swept_weights_are_in_the_recipe_of_each_picture(studio: Studio) -> None:
    good = await stock(studio)
    control = [{"model": "edges", "image": good["image"]}]
    recipe = {"name": "txt2img", **DRAW, "image_prompts": [good], "control": control}
    axes = [
        {"setting": "image_prompts[0].weight", "values": [0, 0.8]},
        {"setting": "control[0].weight", "values": [1, 0.5]},
    ]
    answer = await studio.client.post(JOBS, json={"recipe": recipe, "sweep": {"axes": axes}})
    assert answer.status_code == 201, answer.text
    found = []
    for job in answer.json()["jobs"]:
        ended = await studio.ended(job if isinstance(job, str) else job["id"])
        file = await studio.client.get(f"/api/v1/images/{ended['images'][0]}/file")
        ours = metadata.read_ours(metadata.read_text(file.content))
        assert ours is not None
        assert ours.recipe is not None
        assert ours.uses["style"].kind == "ip_adapter"
        lists = ours.recipe["image_prompts"], ours.recipe["control"]
        found.append(tuple(one["weight"] for (one,) in lists))
    assert found == [(0, 1), (0, 0.5), (0.8, 1), (0.8, 0.5)]


async def test_a_sweep_names_what_is_there_and_what_fits(studio: Studio) -> None:
    good = await stock(studio)
    recipe = {"name": "txt2img", **DRAW, "image_prompts": [good]}
    models = {"setting": "image_prompts[0].model", "values": ["any", "large", "tiny", "no"]}
    at = "/sweep/axes/0/values"
    assert sorted(await refused(studio, {"recipe": recipe, "sweep": {"axes": [models]}})) == [
        ("model_wrong_family", f"{at}/1"), ("model_wrong_kind", f"{at}/2"),
        ("unknown_model", f"{at}/3"),
    ]  # fmt: skip
    images = {"setting": "image_prompts[0].image", "values": [good["image"], STRANGE]}
    assert await refused(studio, {"recipe": recipe, "sweep": {"axes": [images]}}) == [
        ("unknown_image", f"{at}/1")
    ]


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ([{"setting": "image_prompts[0].start", "values": [0, 0.5, 0.9]}], [(0, 1), (0, 2)]),
        ([{"setting": "image_prompts[0].end", "values": [0.4, 0.1, 1]}], [(0, 1)]),
        ([{"setting": "image_prompts[0].start", "values": [0, 0.6]},
          {"setting": "image_prompts[0].end", "values": [0.7, 0.5]}], [(0, 1)]),
        ([{"setting": "control[0].end", "values": [1, 0]}], [(0, 1)]),
        ([{"setting": "steps", "values": [1, 2]},
          {"setting": "control[0].high", "values": [0.5, 0.01]}], [(1, 1)]),
    ],
)  # fmt: skip
async def test_a_sweep_in_which_starts_and_ends_cross_is_refused(
    studio: Studio, axes: list[dict[str, Any]], expected: list[tuple[int, int]]
) -> None:
    good = await stock(studio)
    control = {"model": "edges", "image": good["image"], "preprocessor": "canny"}
    shown = {**good, "start": 0.2, "end": 0.5}
    recipe = {"name": "txt2img", **DRAW, "image_prompts": [shown], "control": [control]}
    found = await refused(studio, {"recipe": recipe, "sweep": {"axes": axes}})
    assert [at for _, at in found] == [
        f"/sweep/axes/{axis}/values/{value}" for axis, value in expected
    ]
    code = "number_too_small" if "high" in axes[-1]["setting"] else "number_not_below"
    assert {one for one, _ in found} == {code}


def test_the_command_line_reads_picture_prompts_by_name() -> None:
    parser = argparse.ArgumentParser()
    generate.arguments(parser)
    asked = ["a fox", "--image-prompt", "model=7,image=8,weight=0.8", "--image-prompt", "model=b"]
    parsed = parser.parse_args(asked)
    first = {"model": "7", "image": "8", "weight": 0.8}
    assert parsed.image_prompts == [first, {"model": "b"}]
    assert parser.parse_args(["a fox"]).image_prompts is None
