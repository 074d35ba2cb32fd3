"""Inpainting and outpainting over HTTP: sizes are checked first; the result has the source's."""

from typing import Any

import pytest

from tests.server.studio import DRAW, Studio
from tests.server.test_images import png, upload

pytestmark = pytest.mark.anyio
GENERATE = "/api/v1/generate"


async def uploaded(studio: Studio, width: int, height: int, shade: int) -> str:
    made: str = (await upload(studio, png(width, height, shade))).json()["id"]
    return made


async def problems(studio: Studio, **fields: Any) -> list[tuple[str, str]]:
    answer = await studio.client.post(GENERATE, json={**DRAW, **fields})
    assert answer.status_code == 422, answer.text
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


async def test_a_masked_picture_keeps_its_size_and_its_recipe(studio: Studio) -> None:
    picture, mask = await uploaded(studio, 50, 34, 9), await uploaded(studio, 50, 34, 255)
    for only_masked in (False, True):
        made = await studio.generate(
            init_image=picture, mask_image=mask, mask_blur=1, only_masked=only_masked
        )
        (image,) = made["images"]
        assert (image["width"], image["height"]) == (50, 34)
        assert image["prompt"] == DRAW["prompt"]
        again = (await studio.client.get(f"/api/v1/images/{image['id']}/recipe")).json()
        recipe = again["recipe"]
        assert (recipe["name"], recipe["mask_image"], recipe["mask_blur"]) == ("inpaint", mask, 1)


async def test_a_mask_of_another_size_is_refused_before_anything_runs(studio: Studio) -> None:
    picture, mask = await uploaded(studio, 64, 64, 9), await uploaded(studio, 64, 32, 255)
    found = await problems(studio, init_image=picture, mask_image=mask)
    assert found == [("mask_size", "/mask_image")]
    found = await problems(studio, mask_image=mask)
    assert found == [("missing_field", "/init_image")]
    strange = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    found = await problems(studio, init_image=picture, mask_image=strange)
    assert found == [("unknown_image", "/mask_image")]


async def test_an_extended_picture_is_as_large_as_it_was_asked_for(studio: Studio) -> None:
    picture = await uploaded(studio, 50, 34, 9)
    made = await studio.generate(init_image=picture, extend_left=14, extend_bottom=6)
    assert [(one["width"], one["height"]) for one in made["images"]] == [(64, 40)]


async def test_more_room_than_pixels_are_allowed_is_refused(studio: Studio) -> None:
    state = studio.state
    limit = state.settings.max_pixels
    picture = await uploaded(studio, 2000, 2000, 9)
    assert 2000 * 2000 <= limit
    rooms = dict.fromkeys(("extend_left", "extend_right", "extend_top", "extend_bottom"), 2048)
    assert 6096**2 > limit
    found = await problems(studio, init_image=picture, width=64, height=64, **rooms)
    assert found == [("too_many_pixels", "/extend_left")]


async def test_regions_are_drawn_and_their_masks_are_looked_at_first(studio: Studio) -> None:
    mask, narrow = await uploaded(studio, 64, 64, 255), await uploaded(studio, 64, 16, 255)
    owl = {"prompt": "an owl", "mask_image": mask}
    made = await studio.generate(regions=[owl, {**owl, "weight": 0.5}], width=64, height=64)
    (image,) = made["images"]
    assert image["prompt"] == DRAW["prompt"]
    again = (await studio.client.get(f"/api/v1/images/{image['id']}/recipe")).json()
    assert [one["mask_image"] for one in again["recipe"]["regions"]] == [mask, mask]
    strange = {**owl, "mask_image": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    found = await problems(
        studio, regions=[owl, {**owl, "mask_image": narrow}, strange], width=64, height=64
    )
    assert sorted(found) == [
        ("mask_shape", "/regions/1/mask_image"), ("unknown_image", "/regions/2/mask_image"),
    ]  # fmt: skip
    assert await problems(studio, regions="all") == [("wrong_type", "/regions")]


async def test_a_schedule_that_the_sampler_cannot_follow_is_refused(studio: Studio) -> None:
    for sampler in ("ddim", "DDIM", "PLMS"):
        found = await problems(studio, sampler=sampler, scheduler="Align Your Steps")
        assert found == [("schedule_unsupported", "/scheduler")]
    assert await problems(studio, sampler="DDIM Karras") == [("schedule_unsupported", "/scheduler")]
    await studio.generate(sampler="Euler a", scheduler="Align Your Steps")
