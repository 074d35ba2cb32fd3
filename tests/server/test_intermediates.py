"""Pictures that are sent for jobs alone: no part of the gallery, cleared when nobody needs them."""

from typing import Any

import pytest

from core.jobs.fake_job import FakeScript
from tests.server.studio import DRAW, Opener, Studio
from tests.server.test_access import MASTER, bearer
from tests.server.test_images import png

pytestmark = pytest.mark.anyio
API = "/api/v1"
DAY = 24 * 3600 * 1000


async def send(studio: Studio, shade: int, **query: Any) -> dict[str, Any]:
    answer = await studio.client.post(
        f"{API}/uploads", content=png(64, 64, shade), params=query,
        headers={"content-type": "image/png"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(studio: Studio, **query: Any) -> list[str]:
    found = (await studio.client.get(f"{API}/images", params=query)).json()
    return [image["id"] for image in found["items"]]


async def told(studio: Studio) -> dict[str, int]:
    found: dict[str, int] = (await studio.client.get(f"{API}/images/intermediates")).json()
    return found


async def clear(studio: Studio) -> dict[str, Any]:
    answer = await studio.client.delete(f"{API}/images/intermediates")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def grow_old(studio: Studio, *, batches: bool = True) -> None:
    """Let two days go by for all that is there."""
    tables = ("images", "batches") if batches else ("images",)
    for table in tables:
        sql = f"UPDATE {table} SET created = created - {2 * DAY}"
        await studio.state.db.write(lambda tx, sql=sql: tx.connection.execute(sql).rowcount)


async def test_they_are_listed_only_where_they_are_asked_for(studio: Studio) -> None:
    sent = await send(studio, 1, kind="mask", intermediate=True)
    shown = await send(studio, 2)
    assert (sent["intermediate"], shown["intermediate"]) == (True, False)
    assert await listed(studio) == [shown["id"]]
    assert await listed(studio, intermediate=True) == [sent["id"]]
    assert await told(studio) == {"count": 1, "bytes": sent["bytes"]}
    marks = (await studio.client.get(f"{API}/images/marks")).json()["items"]
    assert [mark["count"] for mark in marks] == [1]


async def test_a_picture_that_a_person_sends_later_is_shown(studio: Studio) -> None:
    sent = await send(studio, 1, intermediate=True)
    assert (await send(studio, 1, intermediate=True))["id"] == sent["id"]
    shown = await send(studio, 1)
    assert shown["id"] != sent["id"]
    assert await listed(studio) == [shown["id"]]
    assert (await send(studio, 1, intermediate=True))["id"] == shown["id"]


async def test_a_wrong_query_of_an_upload_is_refused(studio: Studio) -> None:
    for query in ({"kind": "output"}, {"intermediate": "maybe"}, {"board": "x"}):
        answer = await studio.client.post(
            f"{API}/uploads", content=png(), params=query, headers={"content-type": "image/png"}
        )
        assert answer.status_code == 422, answer.text
    assert await listed(studio) == []


async def test_clearing_deletes_what_nobody_needs(studio: Studio) -> None:
    unused = await send(studio, 1, kind="mask", intermediate=True)
    shown = await send(studio, 2)
    assert await clear(studio) == {"deleted": 0, "bytes": 0, "kept": 1, "more": False}
    await grow_old(studio)
    gone = await clear(studio)
    assert gone == {"deleted": 1, "bytes": unused["bytes"], "kept": 0, "more": False}
    assert (await studio.client.get(f"{API}/images/{unused['id']}")).status_code == 404
    assert not studio.state.layout.thumbnail(unused["id"]).exists()
    assert await listed(studio) == [shown["id"]]


async def test_what_a_job_of_today_was_drawn_from_stays(studio: Studio) -> None:
    init = await send(studio, 1, intermediate=True)
    await studio.generate(init_image=init["id"], strength=0.5)
    await grow_old(studio, batches=False)
    assert (await clear(studio))["kept"] == 1
    await grow_old(studio)
    assert (await clear(studio))["deleted"] == 1


async def test_what_a_job_waits_for_stays_however_old_it_is(opener: Opener) -> None:
    async with opener(script=FakeScript()) as studio:
        await studio.client.post(f"{API}/queue/pause")
        init = await send(studio, 1, intermediate=True)
        ask = DRAW | {"init_image": init["id"], "strength": 0.5}
        batch = (await studio.client.post(f"{API}/generate", json=ask)).json()["batch"]
        await grow_old(studio)
        assert await clear(studio) == {"deleted": 0, "bytes": 0, "kept": 1, "more": False}
        await studio.client.post(f"{API}/batches/{batch}/cancel")
        assert (await clear(studio))["deleted"] == 1


async def test_what_a_saved_workflow_names_stays(studio: Studio) -> None:
    init = await send(studio, 1, intermediate=True)
    graph = {
        "format": 1,
        "nodes": [{"id": "image", "type": "image.load", "settings": {"image": init["id"]}}],
    }
    made = await studio.client.post(f"{API}/workflows", json={"name": "Foxes", "graph": graph})
    assert made.status_code == 201, made.text
    await grow_old(studio)
    assert (await clear(studio))["kept"] == 1


async def test_one_clears_only_what_is_ones_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        ann = bearer(MASTER) | {"x-on-behalf-of": "ann"}
        sent = await studio.client.post(
            f"{API}/uploads", content=png(), params={"intermediate": True},
            headers=bearer(MASTER) | {"x-on-behalf-of": "bob", "content-type": "image/png"},
        )  # fmt: skip
        assert sent.status_code == 201, sent.text
        await grow_old(studio)
        answer = await studio.client.delete(f"{API}/images/intermediates", headers=ann)
        assert answer.json()["deleted"] == 0
        there = await studio.client.get(f"{API}/images/{sent.json()['id']}", headers=bearer(MASTER))
        assert there.status_code == 200
