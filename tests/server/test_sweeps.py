"""Sweeps over HTTP: values that name nothing are refused where they stand, and write nothing."""

from typing import Any

import pytest

from tests.server.studio import DRAW, Opener, Studio

pytestmark = pytest.mark.anyio
JOBS = "/api/v1/jobs"
RECIPE = {"name": "txt2img", **DRAW}


async def refused(studio: Studio, body: dict[str, Any]) -> list[tuple[str, str]]:
    before = await studio.rows()
    answer = await studio.client.post(JOBS, json=body)
    assert answer.status_code == 422, answer.text
    assert await studio.rows() == before
    assert "{" not in "".join(one["message"] for one in answer.json()["errors"])
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("setting", "values", "codes"),
    [
        ("sampler", ["euler", "nonsense", "ddim"], {1: "unknown_sampler"}),
        ("scheduler", ["karras", "default", "none"], {2: "unknown_schedule"}),
        ("model", ["tiny", "nobody", "nobody"], {1: "unknown_model", 2: "unknown_model"}),
        ("sampler", ["default", 3], {1: "wrong_type"}),
        ("steps", [1, 0, 501], {1: "number_too_small", 2: "number_too_large"}),
        ("width", [64, 65], {1: "number_not_multiple"}),
        ("prompt", ["a fox", "x" * 16_385], {1: "too_long"}),
    ],
)
async def test_each_value_of_a_recipes_axis_is_looked_up(
    studio: Studio, setting: str, values: list[Any], codes: dict[int, str]
) -> None:
    body = {"recipe": RECIPE, "sweep": {"axes": [{"setting": setting, "values": values}]}}
    assert await refused(studio, body) == [
        (code, f"/sweep/axes/0/values/{place}") for place, code in codes.items()
    ]


async def test_pictures_in_an_axis_are_those_that_the_caller_sees(studio: Studio) -> None:
    image = (await studio.generate())["images"][0]["id"]
    recipe = RECIPE | {"name": "img2img", "init_image": image}
    strange = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    axes = [
        {"setting": "strength", "values": [0.5]},
        {"setting": "init_image", "values": [image, strange]},
    ]
    found = await refused(studio, {"recipe": recipe, "sweep": {"axes": axes}})
    assert found == [("unknown_image", "/sweep/axes/1/values/1")]


async def test_the_axis_of_a_graph_names_node_and_path(studio: Studio) -> None:
    made = await studio.generate()
    batch = (await studio.client.get(f"/api/v1/batches/{made['batch']}")).json()
    graph = batch["graph"]
    node = next(one["id"] for one in graph["nodes"] if one["type"] == "latent.sample")
    axes = [{"node": node, "setting": "sampler", "values": ["euler", "nope"]}]
    answer = await studio.client.post(JOBS, json={"graph": graph, "sweep": {"axes": axes}})
    (problem,) = answer.json()["errors"]
    assert (problem["node"], problem["path"]) == (node, "$.settings.sampler")
    assert problem["pointer"] == "/sweep/axes/0/values/1"
    assert "nope" in problem["message"]


async def test_a_swept_size_counts_against_the_largest_picture(opener: Opener) -> None:
    async with opener(max_pixels=128 * 128) as studio:
        axes = [
            {"setting": "width", "values": [64, 128, 256]},
            {"setting": "height", "values": [64, 128, 256]},
        ]
        found = await refused(studio, {"recipe": RECIPE, "sweep": {"axes": axes}})
        assert found[0][0] == "too_many_pixels"
        fine = {"recipe": RECIPE, "sweep": {"mode": "zip", "axes": axes}}
        fine["sweep"]["axes"] = [{**axis, "values": [64, 128]} for axis in axes]
        assert (await studio.client.post(JOBS, json=fine)).status_code == 201


async def test_a_sweep_of_sound_values_runs_each_cell(studio: Studio) -> None:
    axes = [
        {"setting": "sampler", "values": ["euler", "default"]},
        {"setting": "model", "values": ["tiny"]},
    ]
    made = await studio.client.post(JOBS, json={"recipe": RECIPE, "sweep": {"axes": axes}})
    assert made.status_code == 201, made.text
    ended = [await studio.ended(job) for job in made.json()["jobs"]]
    assert [job["status"] for job in ended] == ["succeeded"] * 2
    assert [job["overrides"]["sampler"] for job in ended] == ["euler", "default"]
