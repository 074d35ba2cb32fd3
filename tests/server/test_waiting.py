"""``Prefer: wait`` to its end: the time is over, events are gone, the server stops."""

import anyio
import httpx
import msgspec
import pytest

from core.jobs.fake_job import FakeScript
from core.records.events import Numbered
from server.actions import jobs
from tests.server.studio import DRAW, Opener, Studio

pytestmark = pytest.mark.anyio
GENERATE = "/api/v1/generate"
WAIT_ONE = {"prefer": "wait=1"}


async def test_when_the_time_is_over_202_says_how_far_it_is(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.01), stop_seconds=0) as studio:
        began = anyio.current_time()
        answer = await studio.client.post(
            GENERATE, json=DRAW | {"steps": 500}, headers={"prefer": "respond-async, wait=1"}
        )
        assert 0.9 < anyio.current_time() - began < 3
        assert answer.status_code == 202
        assert answer.headers["preference-applied"] == "wait=1"
        body = answer.json()
        assert "images" not in body
        assert body["jobs"][0]["status"] == "running"
        assert body["jobs"][0]["progress"]["step"] > 0
        await studio.client.post(f"/api/v1/jobs/{body['jobs'][0]['id']}/cancel")


async def test_one_picture_of_several_that_fails_is_told_with_the_others(studio: Studio) -> None:
    sweep = {"axes": [{"setting": "prompt", "values": ["a fox", "fake:fail"]}]}
    made = await studio.client.post(
        "/api/v1/jobs", json={"recipe": {"name": "txt2img", **DRAW}, "sweep": sweep}
    )
    ended = [(await studio.ended(job))["status"] for job in made.json()["jobs"]]
    assert ended == ["succeeded", "failed"]
    answer = await studio.client.post(
        GENERATE, json=DRAW | {"prompt": "fake:fail"}, headers={"prefer": "wait=10"}
    )
    assert (answer.status_code, answer.json()["images"]) == (200, [])
    assert answer.json()["jobs"][0]["error"]["code"] == "node_failed"


async def test_who_waits_while_events_are_forgotten_is_answered_all_the_same(
    opener: Opener,
) -> None:
    """Wait from a number whose facts are pruned already: the jobs themselves are looked at."""
    async with opener(fact_retention=1000) as studio:
        made = await studio.client.post(
            "/api/v1/jobs",
            json={
                "recipe": {"name": "txt2img", **DRAW},
                "sweep": {"axes": [{"setting": "seed", "values": {"start": 0, "count": 400}}]},
            },
        )
        wanted = made.json()["jobs"]
        with anyio.fail_after(15):
            await jobs.until_ended(studio.state, wanted, 1)
        listed = await studio.client.get("/api/v1/jobs", params={"status": "succeeded"})
        assert listed.json()["items"]


async def test_who_is_left_behind_by_a_flood_of_events_gets_no_500(opener: Opener) -> None:
    """More facts of the job than the ring holds, and none of them in the database."""
    async with opener(script=FakeScript(step=0.01), stop_seconds=0) as studio:
        bus, answers = studio.state.bus, []

        async def wait() -> None:
            body = DRAW | {"steps": 500}
            answers.append(await studio.client.post(GENERATE, json=body, headers=WAIT_ONE))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            async with bus.subscribe(topics=["jobs"], since=0) as heard:
                with anyio.fail_after(5):
                    while b"job.started" not in (message := await heard.receive()).data:
                        pass
            job = msgspec.json.decode(message.data)["job"]
            await anyio.wait_all_tasks_blocked()
            text = b'{"type":"job.retried"}'
            bus.publish(
                [
                    Numbered(seq=bus.head + 1 + n, topic="jobs", owner=None, job=job, text=text)
                    for n in range(20_000)
                ]
            )
        assert (answers[0].status_code, "images" in answers[0].json()) == (202, False)


async def test_a_closing_server_answers_who_waits(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.01), stop_seconds=0) as studio:
        answers: list[httpx.Response] = []

        async def wait() -> None:
            answers.append(
                await studio.client.post(
                    GENERATE, json=DRAW | {"steps": 400}, headers={"prefer": "wait=60"}
                )
            )

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            async with studio.state.bus.subscribe(topics=["jobs"], since=0) as heard:
                with anyio.fail_after(5):
                    while b"job.started" not in (await heard.receive()).data:
                        pass
            studio.state.bus.close()
        assert answers[0].status_code == 202
        assert answers[0].json()["jobs"][0]["status"] == "running"
