"""Grids over HTTP: cells and their errors, retry of what failed, cancel of ten thousand."""

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from core.ipc.commands import RunGraph
from core.jobs.fake_job import FakeScript, Fault
from core.store import events
from tests.server.studio import DRAW, Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"
RECIPE = {"name": "txt2img", **DRAW}
SEEDS = {"setting": "seed", "values": {"start": 1, "count": 5}}
PROMPTS = {"setting": "prompt", "values": ["a fox", "an owl", "a cat"]}
SAMPLERS = {"setting": "sampler", "values": ["euler", "ddim"]}


def once(*cells: tuple[str, int]) -> Callable[[RunGraph], Fault | None]:
    """Make cells, by prompt and seed, fail the first time that they are drawn."""
    left = set(cells)

    def fault(command: RunGraph) -> Fault | None:
        settings = {node.id: node.settings for node in command.graph.nodes}
        cell = (settings["positive"]["prompt"], settings["sample"]["seed"])
        if cell not in left:
            return None
        left.discard(cell)
        return "fail"

    return fault


async def swept(studio: Studio, *axes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"recipe": RECIPE, "sweep": {"axes": list(axes)}, **fields}
    answer = await studio.client.post(f"{API}/jobs", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def whole(studio: Studio, batch: str, times: int = 1) -> dict[str, Any]:
    """Wait until a batch has ended so often; read it with all its cells."""
    async with studio.state.bus.subscribe(topics=["jobs"], since=0) as heard:
        with anyio.fail_after(15):
            async for message in heard:
                if b'"batch.ended"' in message.data and batch.encode() in message.data:
                    times -= 1
                    if not times:
                        break
    return await read(studio, batch, limit=200)


async def read(studio: Studio, batch: str, **params: Any) -> dict[str, Any]:
    answer = await studio.client.get(f"{API}/batches/{batch}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_thirty_pictures_of_which_one_fails_and_is_retried(opener: Opener) -> None:
    async with opener(script=FakeScript(fault=once(("an owl", 3)))) as studio:
        made = await swept(studio, SEEDS, PROMPTS, SAMPLERS)
        assert made["count"] == 30
        batch = await whole(studio, made["batch"])
        assert batch["counts"] == {
            "queued": 0, "running": 0, "succeeded": 29, "failed": 1, "canceled": 0,
            "quarantined": 0,
        }  # fmt: skip
        (broken,) = (await read(studio, made["batch"], status="failed"))["cells"]
        assert (broken["overrides"]["prompt"], broken["overrides"]["seed"]) == ("an owl", 3)
        assert broken["error"]["code"] == "node_failed"
        again = await studio.client.post(f"{API}/batches/{made['batch']}/retry")
        assert (again.status_code, again.json()["count"]) == (201, 1)
        batch = await whole(studio, made["batch"], times=2)
        assert (batch["counts"]["succeeded"], batch["retried"], batch["count"]) == (30, 1, 30)
        cells = [tuple(cell["overrides"].values()) for cell in batch["cells"]]
        assert cells == [
            (seed, prompt, sampler)
            for seed in range(1, 6)
            for prompt in PROMPTS["values"]
            for sampler in SAMPLERS["values"]
        ]
        assert all(len(cell["images"]) == 1 for cell in batch["cells"])
        old = (await studio.client.get(f"{API}/jobs/{broken['id']}")).json()
        assert (old["status"], old["successor"]) == ("failed", again.json()["jobs"][0])


async def test_a_grid_becomes_one_picture_in_the_gallery(opener: Opener) -> None:
    async with opener(script=FakeScript(fault=once(("an owl", 3)))) as studio:
        made = await swept(studio, SEEDS, PROMPTS, SAMPLERS)
        await whole(studio, made["batch"])
        answer = await studio.client.post(f"{API}/batches/{made['batch']}/sheet", json={"side": 64})
        assert answer.status_code == 201, answer.text
        sheet = answer.json()
        assert (sheet["kind"], sheet["batch"], sheet["note"]) == (
            "output", made["batch"], "seed × prompt",
        )  # fmt: skip
        assert sheet["width"] > 5 * 64
        assert sheet["height"] > 3 * 64
        for kind, magic in (("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")):
            file = await studio.client.get(sheet["url"], params={"format": kind})
            assert file.content.startswith(magic)
        again = await studio.client.post(f"{API}/batches/{made['batch']}/sheet", json={"side": 64})
        assert again.json()["id"] == sheet["id"]
        other = await studio.client.post(
            f"{API}/batches/{made['batch']}/sheet", json={"side": 64, "x": "sampler"}
        )
        assert other.json()["note"] == "sampler × seed"


async def test_a_sheet_that_cannot_be_drawn_says_why(studio: Studio) -> None:
    await studio.client.post(f"{API}/queue/pause")
    made = await swept(studio, SEEDS, PROMPTS)
    path = f"{API}/batches/{made['batch']}/sheet"
    none = await studio.client.post(path)
    assert (none.status_code, none.json()["code"]) == (409, "sheet_empty")
    wrong = await studio.client.post(path, json={"x": "nothing", "y": "seed", "z": "seed"})
    assert wrong.status_code == 422
    assert [(one["code"], one["pointer"]) for one in wrong.json()["errors"]] == [
        ("unknown_axis", "/x"), ("axis_twice", "/z"),
    ]  # fmt: skip
    small = await studio.client.post(path, json={"side": 4})
    assert small.status_code == 422
    stranger = await studio.client.post(path, headers={"x-on-behalf-of": "ben"})
    assert stranger.status_code == 404


async def test_cells_page_in_their_order_without_gap_or_double(studio: Studio) -> None:
    made = await swept(studio, SEEDS, PROMPTS)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = await read(studio, made["batch"], **params)
        seen += [cell["id"] for cell in page["cells"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made["jobs"]
    other = await studio.client.get(
        f"{API}/batches/{made['batch']}", params={"cursor": "bm90IG9uZQ"}
    )
    assert (other.status_code, other.json()["code"]) == (400, "cursor_mismatch")


async def test_nothing_to_retry_and_a_strangers_batch_are_refused(studio: Studio) -> None:
    made = await swept(studio, SEEDS)
    await whole(studio, made["batch"])
    nothing = await studio.client.post(f"{API}/batches/{made['batch']}/retry")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retry")
    stranger = {"x-on-behalf-of": "ben"}
    for answer in (
        await studio.client.post(f"{API}/batches/{made['batch']}/retry", headers=stranger),
        await studio.client.get(f"{API}/batches/{made['batch']}", headers=stranger),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize("door", ["jobs", "recipe", "generate"])
async def test_a_batch_runs_no_more_jobs_at_once_than_it_is_bound_to(
    opener: Opener, door: str
) -> None:
    async with opener(script=FakeScript(step=0.005), in_flight=8) as studio:
        if door == "generate":
            asked = DRAW | {"count": 6, "max_rows": 2}
            answer = await studio.client.post(f"{API}/generate", json=asked)
            batch = answer.json()["batch"]
        elif door == "jobs":
            batch = (await swept(studio, SEEDS, SAMPLERS, max_rows=2))["batch"]
        else:
            body = {"recipe": RECIPE | {"max_rows": 2, "count": 6}}
            batch = (await studio.client.post(f"{API}/jobs", json=body)).json()["batch"]
        other = await swept(studio, SEEDS)
        done = await whole(studio, batch)
        await whole(studio, other["batch"])
        assert done["max_rows"] == 2
        running, most, beside = set[tuple[str, str]](), 0, 0
        rows = await studio.state.db.read(lambda connection: events.after(connection, 0, 10_000))
        for fact in (msgspec.json.decode(row.text) for row in rows):
            if fact["type"] == "job.started":
                running.add((fact["job"], fact["batch"]))
            elif fact["type"] == "job.ended":
                running.discard((fact["job"], fact["batch"]))
            most = max(most, sum(one == batch for _, one in running))
            beside = max(beside, len(running))
        assert most == 2
        assert beside > 2  # others overtook it


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_ten_thousand_are_one_event_and_are_canceled_whole(studio: Studio) -> None:
    await studio.client.post(f"{API}/queue/pause")
    axes = [
        {"setting": "seed", "values": {"start": 0, "count": 2500}},
        {"setting": "steps", "values": [1, 2, 3, 4]},
    ]
    made = await swept(studio, *axes)
    assert (made["count"], len(made["jobs"])) == (10_000, 200)
    assert (await studio.rows())["events WHERE topic = 'jobs'"] == 2  # paused, queued
    gone = await studio.client.post(f"{API}/batches/{made['batch']}/cancel")
    assert gone.json() == {"canceling": []}
    batch = await read(studio, made["batch"])
    assert batch["counts"]["canceled"] == 10_000
    assert batch["ended"] is not None
    again = await studio.client.post(f"{API}/batches/{made['batch']}/retry")
    assert (again.status_code, again.json()["count"]) == (201, 10_000)
    assert (await read(studio, made["batch"]))["counts"]["queued"] == 10_000
