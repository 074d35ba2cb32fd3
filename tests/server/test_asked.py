"""What a request would come to before it is made; and the line as it will be taken."""

from typing import Any

import pytest

from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"
RECIPE: dict[str, Any] = {"name": "txt2img", **DRAW}
GRID = {"axes": [{"setting": "steps", "values": [1, 2, 3]}, {"setting": "seed", "values": [4, 5]}]}


async def planned(studio: Studio, **body: Any) -> dict[str, Any]:
    answer = await studio.client.post(f"{API}/jobs/plan", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_plan_counts_the_pictures_of_a_grid_and_makes_none(studio: Studio) -> None:
    before = await studio.rows()
    assert await planned(studio, recipe=RECIPE, sweep=GRID) == {
        "count": 6, "seconds": None, "eta_seconds": None,
    }  # fmt: skip
    assert (await planned(studio, recipe=RECIPE | {"count": 4}))["count"] == 4
    assert await studio.rows() == before


async def test_a_plan_tells_the_time_once_a_picture_was_drawn(studio: Studio) -> None:
    await studio.client.post(f"{API}/generate", json=DRAW, headers={"prefer": "wait=20"})
    one = await planned(studio, recipe=RECIPE)
    six = await planned(studio, recipe=RECIPE, sweep=GRID)
    assert one["seconds"] is not None
    assert six["seconds"] >= one["seconds"]
    assert six["eta_seconds"] >= six["seconds"]


async def test_a_plan_is_refused_as_the_request_would_be(studio: Studio) -> None:
    bad = {"recipe": RECIPE | {"steps": 0}, "sweep": GRID}
    answers = [await studio.client.post(f"{API}/jobs{end}", json=bad) for end in ("/plan", "")]
    assert [answer.status_code for answer in answers] == [422, 422]
    told = [[each["pointer"] for each in answer.json()["errors"]] for answer in answers]
    assert told[0] == told[1] == ["/recipe/steps"]


async def test_the_line_is_listed_as_it_will_be_taken(studio: Studio) -> None:
    await studio.client.post(f"{API}/queue/pause")
    made = await studio.client.post(f"{API}/jobs", json={"recipe": RECIPE, "sweep": GRID})
    jobs = made.json()["jobs"]
    listed = (await studio.client.get(f"{API}/jobs?order=line")).json()
    assert [job["id"] for job in listed["items"]] == jobs
    assert [job["position"] for job in listed["items"]] == list(range(6))
    await studio.client.patch(f"{API}/jobs/{jobs[4]}", json={"position": 1})
    moved = (await studio.client.get(f"{API}/jobs?order=line&limit=3")).json()["items"]
    assert [job["id"] for job in moved] == [jobs[0], jobs[4], jobs[1]]
