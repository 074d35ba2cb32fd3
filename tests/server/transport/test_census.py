"""Connections that are too many are told so; those that are open do not notice. P22."""

import asyncio
import subprocess
import sys
from typing import Any

import anyio
import pytest

from server.transport import Census
from tests.running import ROOT
from tests.server.studio import Opener, listening
from tests.server.test_socket import ask as ask_socket
from tests.server.test_socket import hear, socket
from tests.server.transport.wire import ask, dial, parse, request, until_closed

pytestmark = pytest.mark.anyio


class Peer(asyncio.BaseTransport):
    """A transport that says where it comes from, and nothing else."""

    def __init__(self, *peername: Any) -> None:
        super().__init__({"peername": peername})


async def test_the_one_too_many_is_told_and_the_others_go_on(opener: Opener) -> None:
    async with opener(connections=16) as studio, listening(studio.state) as address:
        async with socket(address) as talking:
            await hear(talking)
            idle = [await dial(address) for _ in range(15)]
            answer = await ask(address, request(address))
            assert (answer.status, answer.code) == (503, "too_many_connections")
            assert int(answer.headers["retry-after"]) > 0
            assert (await ask_socket(talking, "ping"))["result"] == "pong"
            await idle[0].send(request(address))
            assert parse(await until_closed(idle[0])).status == 200
            with anyio.fail_after(5):
                while (await ask(address, request(address))).status != 200:  # noqa: ASYNC110 - until its place is free
                    await anyio.sleep(0.01)
            for stream in idle:
                await stream.aclose()


async def test_a_socket_that_is_gone_leaves_its_place(opener: Opener) -> None:
    async with opener(connections=16) as studio, listening(studio.state) as address:
        for _ in range(40):
            async with socket(address) as opened:
                await hear(opened)
        assert (await ask(address, request(address))).status == 200


async def test_very_many_over_the_cap_are_not_even_told(opener: Opener) -> None:
    async with opener(connections=16) as studio:
        studio.state.limits = type(studio.state.limits)(spare=4)
        async with listening(studio.state) as address:
            crowd = [await dial(address) for _ in range(21)]
            async with await dial(address) as stream:
                assert await until_closed(stream) == b""
            for one in crowd:
                await one.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="no such bound there")
def test_room_is_made_for_as_many_files_as_there_may_be_connections() -> None:
    """In a process of its own: what it allows itself it cannot give back."""
    code = (
        "import resource as r\nfrom server.serve import make_room\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (200, 1500))\n"
        "make_room(100)\nprint(r.getrlimit(r.RLIMIT_NOFILE)[0])\n"
        "make_room(4000)\nprint(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [int(line) for line in done.stdout.split()] == [100 + 256 + 512, 1500]


def test_one_address_has_its_share_and_the_next_one_too() -> None:
    census = Census(1000, 3, 0)
    first = [Peer("10.0.0.7", port) for port in range(5)]
    assert [census.enter(one) for one in first] == [True, True, True, False, False]
    assert census.enter(Peer("10.0.0.8", 1))
    for one in first:
        census.leave(one)
        census.leave(one)
    assert len(census) == 1
    assert census.enter(Peer("10.0.0.7", 9))


def test_a_whole_network_of_one_subscriber_counts_as_one_address() -> None:
    census = Census(1000, 2, 0)
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]
    assert [census.enter(Peer(one, 1, 0, 0)) for one in addresses] == [True, True, False, True]
    mapped = [census.enter(Peer("::ffff:10.0.0.7", 1, 0, 0)) for _ in range(2)]
    assert [*mapped, census.enter(Peer("10.0.0.7", 2))] == [True, True, False]


def test_loopback_is_bounded_by_the_whole_alone() -> None:
    """A farm of 500 bots on this machine works, and so does everybody behind a local proxy."""
    census = Census(1024, 64, 256)
    assert all(census.enter(Peer("127.0.0.1", port)) for port in range(500))
    assert all(census.enter(Peer("::1", port, 0, 0)) for port in range(500))
    assert not all(census.enter(Peer("127.0.0.1", port)) for port in range(500))


def test_no_bound_for_an_address_is_a_choice() -> None:
    census = Census(1024, 0, 0)
    assert all(census.enter(Peer("10.0.0.7", port)) for port in range(500))
