"""Start-up and housekeeping: staging, uploads, files without rows, old facts, what is announced."""

import os
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from core.blobs import Blobs
from core.ids import new_id
from core.paths import Layout
from core.store import events
from server import housekeeping
from tests.server.studio import Opener, Studio, open_studio
from tests.server.test_images import png, upload

pytestmark = pytest.mark.anyio


async def until_gone(path: Path) -> None:
    with anyio.fail_after(5):
        while os.path.lexists(path):  # noqa: ASYNC110, ASYNC240 - a file tells nobody
            await anyio.sleep(0.005)


async def test_staging_is_empty_before_the_engine_starts(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.make()
    (layout.staging / "half").mkdir()
    (layout.staging / "half" / "written.png").write_bytes(b"x")
    (layout.staging / "job-0.png").write_bytes(b"x")
    async with open_studio(layout.root) as studio:
        assert list(layout.staging.iterdir()) == []
        assert (await studio.generate())["jobs"][0]["status"] == "succeeded"
        assert list(layout.staging.iterdir()) == []


async def test_a_file_without_a_row_goes_at_the_next_start(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    async with open_studio(layout.root):
        pass
    stray = new_id()
    layout.image(stray).parent.mkdir(exist_ok=True)
    layout.image(stray).write_bytes(b"x")
    async with open_studio(layout.root):
        await until_gone(layout.image(stray))


def test_a_clock_that_jumps_is_believed_an_hour_later() -> None:
    wall, ticks = 1_760_000_000_000, 0.0

    def run(seconds: float, jump: float = 0.0) -> float:
        nonlocal wall, ticks
        ticks += seconds
        wall += round((seconds + jump) * 1000)
        return clock.seconds()

    clock = housekeeping.Steadiness(lambda: wall, lambda: ticks)
    assert run(600) == 600
    assert run(3000) == 3600 >= housekeeping.STEADY
    assert run(600, jump=20) == 4200  # set by the network
    for jump in (3600, -3600, 74 * 365 * 24 * 3600, -56 * 365 * 24 * 3600):
        assert run(600, jump) == 0
        assert run(600) == 600
    assert run(3000) == 3600


async def test_the_trash_is_not_emptied_while_the_clock_is_not_believed(studio: Studio) -> None:
    made = (await upload(studio, png(8, 8))).json()
    await studio.client.delete(f"/api/v1/images/{made['id']}")
    await studio.state.db.write(
        lambda tx: tx.connection.execute("UPDATE images SET deleted = 1").rowcount
    )
    await housekeeping.tidy(studio.state, empty_trash=False)
    assert (await studio.client.get(f"/api/v1/images/{made['id']}")).status_code == 200
    await housekeeping.tidy(studio.state)
    assert (await studio.client.get(f"/api/v1/images/{made['id']}")).status_code == 404


async def test_the_trash_keeps_a_picture_for_thirty_days_and_no_longer(studio: Studio) -> None:
    days = {29: png(8, 8, 1), 31: png(8, 8, 2), 0: png(8, 8, 3)}
    ids = {age: (await upload(studio, data)).json()["id"] for age, data in days.items()}
    for age, image in ids.items():
        assert (await studio.client.delete(f"/api/v1/images/{image}")).status_code == 204
        aged = partial(
            lambda tx, image, by: tx.connection.execute(
                "UPDATE images SET deleted = deleted - ? WHERE id = ?", (by, image)
            ).rowcount,
            image=image, by=age * 24 * 3600 * 1000,
        )  # fmt: skip
        assert await studio.state.db.write(aged) == 1
    await housekeeping.tidy(studio.state)
    params = {"trash": "true"}
    left = (await studio.client.get("/api/v1/images", params=params)).json()["items"]
    assert {image["id"] for image in left} == {ids[29], ids[0]}
    assert not studio.state.layout.thumbnail(ids[31]).exists()
    back = await studio.client.post(f"/api/v1/images/{ids[29]}/restore")
    assert back.json()["deleted"] is None
    await housekeeping.tidy(studio.state)
    assert (await studio.client.get(f"/api/v1/images/{ids[29]}/file")).status_code == 200


async def test_an_upload_that_nobody_needs_is_swept_and_one_in_the_trash_is_not(
    studio: Studio,
) -> None:
    kept = (await upload(studio, png(8, 8))).json()
    trashed = (await upload(studio, png(16, 8))).json()
    gone = (await upload(studio, png(8, 16))).json()
    await studio.client.delete(f"/api/v1/images/{trashed['id']}")
    await studio.client.delete(f"/api/v1/images/{gone['id']}", params={"forever": "1"})
    blobs = Blobs(studio.state.layout.blobs)
    await housekeeping.tidy(studio.state)
    exists = partial(anyio.to_thread.run_sync, blobs.exists)
    assert await exists(gone["sha256"])  # young: a row for the same bytes may be on its way
    await housekeeping.sweep_blobs(studio.state, grace=-60)
    held = [await exists(one["sha256"]) for one in (kept, trashed, gone)]
    assert held == [True, True, False]


async def test_facts_beyond_the_retention_are_forgotten_and_said_to_be(opener: Opener) -> None:
    async with opener(fact_retention=1000) as studio:
        for _ in range(6):
            made = await studio.client.post(
                "/api/v1/jobs",
                json={
                    "recipe": {"name": "txt2img", "prompt": "x", "model": "tiny", "steps": 1},
                    "sweep": {"axes": [{"setting": "seed", "values": {"start": 0, "count": 70}}]},
                },
            )
            assert made.status_code == 201
            for job in made.json()["jobs"][-1:]:
                await studio.ended(job)
        head = await studio.state.db.read(events.head)
        assert head > 1100
        await housekeeping.tidy(studio.state)
        floor = await studio.state.db.read(events.floor)
        assert head - 1000 <= floor <= await studio.state.db.read(events.head)
        async with studio.state.bus.subscribe(since=head) as subscriber:
            assert subscriber.resumed


async def test_tidying_twice_changes_nothing_more(studio: Studio) -> None:
    await studio.generate()
    await housekeeping.tidy(studio.state)
    before = await studio.rows()
    await housekeeping.tidy(studio.state)
    assert await studio.rows() == before
