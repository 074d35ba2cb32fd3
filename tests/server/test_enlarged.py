"""Larger pictures over HTTP: sizes and upscalers are checked first, whoever sweeps them too."""

from typing import Any

import msgspec
import pytest

from core.store import models
from core.store.models import NewModel
from tests.server.studio import DRAW, Studio
from tests.server.test_edits import uploaded

pytestmark = pytest.mark.anyio
JOBS = "/api/v1/jobs"


async def shelve(studio: Studio, name: str) -> None:
    await studio.state.db.write(
        lambda tx: models.upsert(
            tx,
            NewModel(
                name=name, kind="upscaler", family="unknown", format="spandrel", root="models",
                file=f"{name}.safetensors", bytes=1, changed=1, sha256="cd" * 32,
            ),
        )
    )  # fmt: skip


async def enqueue(studio: Studio, name: str, sweep: Any = None, **fields: Any) -> Any:
    body = {"recipe": {"name": name, **fields}} | ({"sweep": sweep} if sweep else {})
    return await studio.client.post(JOBS, json=body)


async def made(studio: Studio, name: str, **fields: Any) -> dict[str, Any]:
    answer = await enqueue(studio, name, **fields)
    assert answer.status_code == 201, answer.text
    job = await studio.ended(answer.json()["jobs"][0])
    assert job["status"] == "succeeded", job
    image: dict[str, Any] = (await studio.client.get(f"/api/v1/images/{job['images'][0]}")).json()
    return image


async def problems(studio: Studio, name: str, **fields: Any) -> list[tuple[str, str]]:
    before = await studio.rows()
    answer = await enqueue(studio, name, **fields)
    assert answer.status_code == 422, answer.text
    assert await studio.rows() == before
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


async def test_a_picture_comes_out_as_large_as_it_was_asked_for(studio: Studio) -> None:
    picture = await uploaded(studio, 50, 34, 9)
    await shelve(studio, "x4")
    for asked, size in (
        ({}, (100, 68)), ({"factor": 1.5}, (75, 51)), ({"width": 200}, (200, 136)),
        ({"upscaler": "x4", "factor": 8}, (400, 272)), ({"width": 64, "height": 64}, (64, 64)),
    ):  # fmt: skip
        image = await made(studio, "upscale", init_image=picture, **asked)
        assert (image["width"], image["height"]) == size
        assert (image["prompt"], image["model"]) == (None, None)
        recipe = (await studio.client.get(f"/api/v1/images/{image['id']}/recipe")).json()["recipe"]
        assert recipe == {
            "name": "upscale", "init_image": picture, "upscaler": None, "factor": None,
            "width": None, "height": None, "tile_size": 256, "tile_overlap": 32, **asked,
        }  # fmt: skip


async def test_details_are_drawn_anew_with_the_model_that_there_is(studio: Studio) -> None:
    picture = await uploaded(studio, 50, 34, 9)
    asked = {"init_image": picture, "prompt": "a fox", "factor": 2, "steps": 2}
    image = await made(studio, "upscale_diffusion", **asked)
    assert (image["width"], image["height"]) == (100, 68)
    assert (image["prompt"], image["model"], image["steps"]) == ("a fox", "tiny", 2)


async def test_a_request_with_a_second_pass_is_drawn_larger(studio: Studio) -> None:
    await shelve(studio, "x4")
    for asked in ({}, {"hires_upscaler": "x4"}, {"hires_resample": "lanczos"}):
        answer = await studio.generate(hires_factor=1.5, hires_strength=0.5, **asked)
        assert [(one["width"], one["height"]) for one in answer["images"]] == [(96, 96)]


async def test_what_is_too_large_is_refused_before_anything_runs(studio: Studio) -> None:
    assert studio.state.settings.max_pixels == 16_777_216
    picture = await uploaded(studio, 2000, 1000, 9)
    found = await problems(studio, "upscale", init_image=picture, factor=4)
    assert found == [("too_many_pixels", "/recipe/factor")]
    sweep = {"axes": [{"setting": "factor", "values": [1, 2, 4]}]}
    found = await problems(studio, "upscale", init_image=picture, sweep=sweep)
    assert found == [("too_many_pixels", "/recipe/factor")]
    asked = {**DRAW, "width": 2048, "height": 2048, "hires_factor": 2.5}
    assert await problems(studio, "hires", **asked) == [("too_many_pixels", "/recipe/hires_factor")]


async def test_what_is_no_upscaler_is_refused_before_anything_runs(studio: Studio) -> None:
    picture = await uploaded(studio, 8, 8, 9)
    for name in ("nobody", "tiny"):  # the second is a checkpoint
        found = await problems(studio, "upscale", init_image=picture, upscaler=name)
        assert found == [("unknown_model", "/recipe/upscaler")]
    found = await problems(studio, "hires", **DRAW, hires_upscaler="nobody")
    assert found == [("unknown_model", "/recipe/hires_upscaler")]
    found = await problems(studio, "upscale", init_image="01ARZ3NDEKTSV4RRFFQ69G5FAV", factor=9)
    assert found == [
        ("number_too_large", "/recipe/factor"),
        ("unknown_image", "/recipe/init_image"),
    ]


async def test_an_extra_that_the_engine_lacks_is_named_before_anything_runs(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = await uploaded(studio, 8, 8, 9)
    await shelve(studio, "x4")
    bare = msgspec.structs.replace(studio.state.nodes, lacking=["upscale"])
    monkeypatch.setattr(type(studio.state), "nodes", property(lambda _: bare))
    found = await problems(studio, "upscale", init_image=picture, upscaler="x4")
    assert found == [("extra_missing", "/recipe/upscaler")]
    sweep = {"axes": [{"setting": "upscaler", "values": [None, "x4"]}]}
    found = await problems(studio, "upscale", init_image=picture, sweep=sweep)
    assert found == [("extra_missing", "/sweep/axes/0/values/1")]
    answer = await enqueue(studio, "upscale", init_image=picture)
    assert answer.status_code == 201  # Lanczos needs none


async def test_runs_of_a_recipe_without_a_seed_are_jobs_of_their_own(studio: Studio) -> None:
    picture = await uploaded(studio, 8, 8, 9)
    answer = await studio.client.post(
        JOBS, json={"recipe": {"name": "upscale", "init_image": picture, "count": 2}, "runs": 2}
    )
    assert (answer.status_code, answer.json()["count"]) == (201, 4)
