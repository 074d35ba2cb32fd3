"""Families over HTTP: they are told, and a model is drawn at its family's size."""

import pytest

from tests.server.studio import Studio
from tests.server.test_controls import put

pytestmark = pytest.mark.anyio


async def test_a_model_that_says_no_size_is_drawn_at_its_familys(studio: Studio) -> None:
    await put(studio, "large", "sdxl", "checkpoint")
    open_ = {"model": "large", "width": None, "height": None}
    (image,) = (await studio.generate(**open_))["images"]
    assert (image["width"], image["height"]) == (1024, 1024)
    (image,) = (await studio.generate(**{**open_, "width": 64, "height": 32}))["images"]
    assert (image["width"], image["height"]) == (64, 32)
    models = (await studio.client.get("/api/v1/models")).json()["items"]
    (told,) = [one["defaults"] for one in models if one["name"] == "large"]
    assert (told["width"], told["height"], told["steps"]) == (1024, 1024, None)


async def test_families_that_recipes_know_are_told(studio: Studio) -> None:
    told = (await studio.client.get("/api/v1/capabilities")).json()["families"]
    assert {"sd1", "sd2", "sdxl", "sdxl-refiner"} <= set(told)
