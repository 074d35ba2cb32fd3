"""The client for programs, against an open server: types in, types out, and lines that break."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from core.errors import HeliographError
from core.jobs.fake_job import FakeScript
from core.records.events import ImageAdded, JobEnded, JobPreview, JobProgress
from server.client import AsyncHeliograph, Heliograph, Opened
from tests.running import RunningServer
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_access import MASTER, token
from tests.server.test_images import png

FIELDS = {key: value for key, value in DRAW.items() if key != "prompt"}


@pytest.fixture
async def open_line(opener: Opener) -> AsyncIterator[tuple[Studio, AsyncHeliograph]]:
    async with opener(script=FakeScript(step=0.01)) as studio:
        async with listening(studio.state) as address, AsyncHeliograph(f"http://{address}") as line:
            yield studio, line


@pytest.mark.anyio
async def test_pictures_are_drawn_watched_found_and_fetched(
    open_line: tuple[Studio, AsyncHeliograph],
) -> None:
    _, client = open_line
    steps: list[JobProgress] = []
    previews: list[JobPreview] = []
    drawn = await client.generate(
        "a red fox", count=2, on_progress=steps.append, on_preview=previews.append,
        **FIELDS | {"steps": 60},
    )  # fmt: skip
    assert [image.seed for image in drawn.images] == [7, 8]
    assert steps
    assert previews
    assert previews[0].data
    assert (await client.picture(drawn.images[0])).startswith(b"\x89PNG")
    found = [image.id async for image in client.search("fox")]
    assert sorted(found) == sorted(image.id for image in drawn.images)
    assert [model.name for model in await client.models(kind="checkpoint")] == ["tiny"]
    assert (await client.upload(png(64, 64))).kind == "upload"


@pytest.mark.anyio
async def test_what_is_wrong_is_raised_with_code_words_and_place(
    open_line: tuple[Studio, AsyncHeliograph],
) -> None:
    _, client = open_line
    with pytest.raises(HeliographError) as refused:
        await client.generate("a fox", model="nobody")
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == ("unknown_model", "/model")
    assert "nobody" in problem.message
    with pytest.raises(HeliographError) as failed:
        await client.generate("fake:fail", **FIELDS)
    assert failed.value.name == "node_failed"


@pytest.mark.anyio
async def test_jobs_are_queued_waited_for_and_canceled(
    open_line: tuple[Studio, AsyncHeliograph],
) -> None:
    _, client = open_line
    queued = await client.enqueue(recipe={"name": "txt2img", **DRAW}, runs=3)
    assert len((await client.wait(queued)).images) == 3
    assert len((await client.wait(queued)).images) == 3  # over already
    slow = await client.generate("a fox", wait=False, **FIELDS | {"steps": 400})
    await client.cancel(slow.jobs[0].id)
    with anyio.fail_after(10):
        while (await client.job(slow.jobs[0].id)).status != "canceled":
            await anyio.lowlevel.checkpoint()


@pytest.mark.anyio
async def test_a_bots_users_see_their_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio, listening(studio.state) as address:
        secret = (await token(studio, "bot", "generate", "read"))[1]
        for user in ("ann", "bob"):
            url = f"http://{address}"
            async with AsyncHeliograph(url, secret, on_behalf_of=user) as client:
                await client.generate("a fox", **FIELDS)
                assert len([image async for image in client.search()]) == 1


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_watch_goes_on_where_it_was_when_the_server_is_killed(tmp_path: Path) -> None:
    fields = {"width": 64, "height": 64, "steps": 2}
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        with Heliograph(server.url) as client:
            events = client.watch("jobs", "gallery")
            assert isinstance(next(events), Opened)
            first = client.generate("a fox", **fields)
            server.kill()
            server.start()
            server.wait_for("/readyz", 30)
            second = client.generate("a hare", **fields)
            told = []
            while len([each for each in told if isinstance(each, JobEnded)]) < 2:
                told.append(next(events))
            ended = [each.job for each in told if isinstance(each, JobEnded)]
            assert ended == [first.jobs[0].id, second.jobs[0].id]
            assert len([each for each in told if isinstance(each, ImageAdded)]) == 2
            again = [each for each in told if isinstance(each, Opened)]
            assert [each.resumed for each in again] == [True]
            events.close()  # type: ignore[attr-defined]


def test_without_a_server_it_gives_up_in_time() -> None:
    with Heliograph("http://127.0.0.1:9", patience=0.1) as client:
        with pytest.raises(HeliographError) as gone:
            client.generate("a fox")
    assert gone.value.name == "server_gone"


def test_it_is_used_as_a_context() -> None:
    with pytest.raises(RuntimeError):
        Heliograph().job("x")
