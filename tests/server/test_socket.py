"""The socket over a real port: hello, replay, previews, verbs, bad messages, closes."""

import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.jobs.fake_job import FakeScript
from tests.server.studio import DRAW, Opener, Studio, listening

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def socket(address: str, query: str = "", **headers: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        f"ws://{address}/api/v1/ws{query}",
        subprotocols=["heliograph.v1"],  # type: ignore[list-item]  # a NewType of str
        additional_headers=headers,
        max_size=None,
        proxy=None,
    ) as opened:
        yield opened


async def hear(opened: ClientConnection) -> Any:
    with anyio.fail_after(5):
        message = await opened.recv()
    if isinstance(message, str):
        return json.loads(message)
    (length,) = struct.unpack(">I", message[:4])
    return {**json.loads(message[4 : 4 + length]), "data": message[4 + length :]}


async def until(opened: ClientConnection, kind: str) -> Any:
    while (message := await hear(opened))["type"] != kind:
        pass
    return message


async def ask(opened: ClientConnection, do: str, **fields: Any) -> Any:
    await opened.send(json.dumps({"id": do, "do": do, **fields}))
    while True:
        reply = await until(opened, "reply")
        if reply["id"] == do:
            return reply


async def closed(opened: ClientConnection) -> int:
    with anyio.fail_after(5), pytest.raises(ConnectionClosed) as caught:
        while True:
            await opened.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


async def test_the_first_message_is_hello_and_the_subprotocol_is_agreed(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        assert opened.subprotocol == "heliograph.v1"
        hello = await hear(opened)
        assert (hello["type"], hello["boot"], hello["resumed"]) == (
            "hello", studio.state.boot, False,
        )  # fmt: skip
        assert 0 < hello["seq"] <= studio.state.bus.head


async def test_a_picture_is_asked_for_and_followed_to_its_end(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        reply = await ask(opened, "generate", **DRAW)
        assert reply["ok"] is True
        job = reply["result"]["jobs"][0]["id"]
        ended = await until(opened, "job.ended")
        assert (ended["job"], ended["status"]) == (job, "succeeded")
        images = await ask(opened, "images", limit=1)
        assert images["result"]["items"][0]["id"] == ended["images"][0]


async def test_since_replays_what_was_missed_once_and_in_order(studio: Studio) -> None:
    async with listening(studio.state) as address:
        start = studio.state.bus.head
        await studio.generate(count=3)
        async with socket(address, f"?since={start}&topics=jobs,gallery") as opened:
            hello = await hear(opened)
            assert hello["resumed"] is True
            seen: list[int] = []
            while not seen or seen[-1] < hello["seq"]:
                seen.append((await hear(opened))["seq"])
            assert seen == sorted(set(seen))
            assert len(seen) >= 3 * 3
        async with socket(address, "?since=999999999") as opened:
            assert (await hear(opened))["resumed"] is False


async def test_previews_come_as_binary_and_only_when_asked_for(opener: Opener) -> None:
    script = FakeScript(step=0.01, preview_rate=30)
    async with opener(script=script) as studio, listening(studio.state) as address:
        async with socket(address, "?topics=previews,jobs") as opened:
            await hear(opened)
            await ask(opened, "generate", **DRAW | {"steps": 30})
            preview = await until(opened, "job.preview")
            assert preview["mime"].startswith("image/")
            assert preview["data"].startswith((b"RIFF", b"\xff\xd8"))
            assert preview["steps"] == 30
            ended = await until(opened, "job.ended")
            await ask(opened, "ping")
            assert ended["status"] == "succeeded"


async def test_what_came_from_the_cache_is_told_while_a_job_runs_and_at_its_end(
    opener: Opener,
) -> None:
    async with opener(script=FakeScript(step=0.01)) as studio, listening(studio.state) as address:
        async with socket(address, "?topics=jobs") as opened:
            first = await ask(opened, "generate", **DRAW)
            assert (await until(opened, "job.ended"))["cached"] == []
            graph = await studio.client.get(f"/api/v1/batches/{first['result']['batch']}")
            kinds = {node["id"]: node["type"] for node in graph.json()["graph"]["nodes"]}
            await ask(opened, "generate", **DRAW | {"seed": 8, "steps": 40})
            while (shown := await until(opened, "job.progress"))["phase"] != "step":
                pass
            (running,) = (await studio.client.get("/api/v1/jobs?status=running")).json()["items"]
            ended = await until(opened, "job.ended")
            told = {kinds[node] for node in ended["cached"]}
            assert told >= {"model.load", "prompt.encode"}
            assert told.isdisjoint({"latent.sample", "latent.decode", "image.save"})
            assert set(shown["cached"]) <= set(ended["cached"])
            assert set(running["progress"]["cached"]) == set(shown["cached"])
            kept = (await studio.client.get(f"/api/v1/jobs/{ended['job']}")).json()
            assert (running["cached"], kept["cached"]) == ([], ended["cached"])


async def test_a_running_job_is_cancelled_from_the_socket(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.01)) as studio, listening(studio.state) as address:
        async with socket(address) as opened:
            made = await ask(opened, "generate", **DRAW | {"steps": 500})
            await until(opened, "job.progress")
            reply = await ask(opened, "cancel", job=made["result"]["jobs"][0]["id"])
            assert reply["result"] == {"status": "canceling"}
            assert (await until(opened, "job.ended"))["status"] == "canceled"


async def test_final_pictures_are_delivered_as_binary(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        assert (await ask(opened, "deliver", jobs="all"))["ok"]
        await ask(opened, "generate", **DRAW)
        picture = await until(opened, "image.data")
        assert picture["data"].startswith(b"\x89PNG")


async def test_topics_and_jobs_are_chosen_while_open(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address, "?topics=system") as opened:
        reply = await ask(opened, "subscribe", topics=["jobs"])
        assert reply["result"]["topics"] == ["jobs", "system"]
        reply = await ask(opened, "unsubscribe", topics=["system", "jobs"])
        assert reply["result"]["topics"] == []
        bad = await ask(opened, "subscribe", topics=["weather"])
        assert bad["problem"]["errors"][0]["pointer"] == "/topics/0"


async def test_a_bad_request_gets_a_problem_and_the_socket_stays(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        bad = await ask(opened, "generate", prompt=7, width=3)
        assert bad["ok"] is False
        assert bad["problem"]["status"] == 422
        assert {one["pointer"] for one in bad["problem"]["errors"]} == {"/prompt", "/width"}
        unknown = await ask(opened, "dance")
        assert unknown["problem"]["code"] == "unknown_verb"
        assert (await ask(opened, "ping"))["result"] == "pong"


async def test_five_senseless_messages_close_the_socket(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        for text in ("nonsense", "[]", "{", "7", '{"a": NaN}'):
            await opened.send(text)
        assert await closed(opened) == 4400


async def test_too_many_messages_close_the_socket(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        with pytest.raises(ConnectionClosed) as caught:
            for _ in range(400):
                await opened.send('{"do": "ping"}')
            await closed(opened)
            raise ConnectionClosed(None, None)
        if caught.value.rcvd is not None:
            assert caught.value.rcvd.code == 4429


async def test_binary_and_oversized_messages_close_the_socket(studio: Studio) -> None:
    async with listening(studio.state) as address:
        async with socket(address) as opened:
            await opened.send(b"\x00")
            assert await closed(opened) == 1003
        async with socket(address) as opened:
            await opened.send("x" * (1024 * 1024 + 1))
            assert await closed(opened) == 1009


async def test_two_sockets_hear_the_same(studio: Studio) -> None:
    async with listening(studio.state) as address:
        async with socket(address) as one, socket(address) as two:
            await hear(one), await hear(two)
            await ask(one, "generate", **DRAW)
            ended = await until(two, "job.ended")
            assert ended["status"] == "succeeded"


async def test_a_foreign_page_cannot_open_a_socket(studio: Studio) -> None:
    async with listening(studio.state) as address:
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
            with pytest.raises(InvalidStatus) as caught:
                async with socket(address, Origin=origin):
                    pass
            assert caught.value.response.status_code == 403
        async with socket(address, Origin=f"http://{address}") as opened:
            assert (await hear(opened))["type"] == "hello"


async def test_a_socket_leaves_nothing_behind(studio: Studio) -> None:
    async with listening(studio.state) as address:
        for _ in range(5):
            async with socket(address) as opened:
                await hear(opened)
        with anyio.fail_after(5):
            while studio.state.sockets:  # noqa: ASYNC110 - a real socket tells nobody
                await anyio.sleep(0.005)


async def test_a_stopping_server_says_that_it_restarts(studio: Studio) -> None:
    async with listening(studio.state) as address:
        opened = await connect(f"ws://{address}/api/v1/ws", proxy=None)
        await hear(opened)
    assert await closed(opened) == 1012
