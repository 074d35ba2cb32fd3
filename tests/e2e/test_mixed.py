"""Eight unlike requests that share forwards: each gets the pixels it would get alone."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from tests.bench.judged import upload
from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("mixed")
    with running(folder, cache_mb="0") as server:  # or what was drawn once would be given again
        yield server


@pytest.fixture(scope="module")
def requests(server: RunningServer) -> list[dict[str, Any]]:
    """Eight requests that differ in all that a row may differ in."""
    given = server.generate(prompt="a cartoon apple on a yellow background", seed=1, steps=8)
    image = given["images"][0]["id"]
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 8, 48, 40))
    hole = upload(server, mask)
    edit = {"init_image": image, "prompt": "a flat tulip on a red background"}
    return [
        {"prompt": "a 3d red fox on a blue background", "seed": 1, "steps": 12,
         "guidance_rescale": 0.7, "variation_seed": 9, "variation_strength": 0.3},
        {"prompt": "(owl:1.3) on a gray background", "seed": 2, "steps": 9, "sampler": "euler_a",
         "guidance_start": 0.2, "guidance_end": 0.8},
        {"prompt": "a flat panda", "seed": 3, "steps": 7, "sampler": "heun", "guidance_scale": 5},
        {"prompt": "[apple:frog:0.5]", "seed": 4, "steps": 10, "sampler": "lcm",
         "guidance_scale": 1},
        {"prompt": "a cactus", "negative_prompt": "green", "seed": 5, "steps": 8,
         "sampler": "dpmpp_2m_sde", "scheduler": "karras",
         "regions": [{"prompt": "a cartoon frog", "mask_image": hole}]},
        {**edit, "seed": 6, "steps": 14, "strength": 0.6, "sampler": "ddim"},
        {**edit, "seed": 7, "steps": 11, "strength": 0.9, "sampler": "unipc",
         "mask_image": hole, "mask_blur": 2},
        {**edit, "seed": 8, "steps": 9, "width": 32, "extend_right": 32, "guidance_scale": 2.5},
    ]  # fmt: skip


def _ask(server: RunningServer, fields: dict[str, Any], key: str, wait: int = 0) -> Any:
    """Ask for a picture; asked again with the same key it is the same job."""
    body = fields if "init_image" in fields else SMALL | fields
    headers = {"Idempotency-Key": key} | ({"Prefer": f"wait={wait}"} if wait else {})
    return server.client.post("/api/v1/generate", json=body, headers=headers)


def _pixels(server: RunningServer, fields: dict[str, Any], key: str) -> Any:
    """Wait for a picture and give its pixels, (H, W, 3)."""
    answer = _ask(server, fields, key, wait=110)
    assert answer.status_code == 200, answer.text
    file = server.client.get(answer.json()["images"][0]["url"]).content
    with Image.open(io.BytesIO(file)) as picture:
        return numpy.asarray(picture.convert("RGB")).astype(int)


def _alone(server: RunningServer, requests: list[dict[str, Any]], key: str) -> list[Any]:
    return [_pixels(server, one, f"{key}-{place}") for place, one in enumerate(requests)]


def _together(server: RunningServer, requests: list[dict[str, Any]], key: str) -> list[Any]:
    server.client.post("/api/v1/queue/pause").raise_for_status()
    for place, one in enumerate(requests):
        _ask(server, one, f"{key}-{place}").raise_for_status()
    server.client.post("/api/v1/queue/resume").raise_for_status()
    return _alone(server, requests, key)


def test_a_row_among_eight_unlike_ones_has_the_pixels_it_has_alone(
    server: RunningServer, requests: list[dict[str, Any]]
) -> None:
    alone = _alone(server, requests, "alone")
    mixed = _together(server, requests, "mixed")
    for fields, one, other in zip(requests, alone, mixed, strict=True):
        assert abs(one - other).max() <= 1, fields  # of 255
    assert len({one.tobytes() for one in alone}) == len(alone)


def test_with_exact_a_row_among_eight_is_bit_identical(
    server: RunningServer, requests: list[dict[str, Any]]
) -> None:
    exact = [{**fields, "exact": True} for fields in requests]
    alone = _alone(server, exact, "exact-alone")
    mixed = _together(server, [exact[0], *requests[1:4], *exact[4:]], "exact-mixed")
    for place in (0, 4, 5, 6, 7):
        assert (alone[place] == mixed[place]).all(), exact[place]
