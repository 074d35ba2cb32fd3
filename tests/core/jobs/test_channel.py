"""The bounded queue between two tasks."""

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from core.jobs.channel import Channel

pytestmark = pytest.mark.anyio


async def test_a_full_channel_refuses_and_makes_senders_wait() -> None:
    channel: Channel[int] = Channel(2)
    assert [channel.send_nowait(n) for n in (1, 2, 3)] == [True, True, False]
    async with anyio.create_task_group() as group:
        group.start_soon(channel.send, 3)
        await wait_all_tasks_blocked()
        assert len(channel) == 2
        assert await anext(channel) == 1
        await wait_all_tasks_blocked()
        assert len(channel) == 2
    assert [await anext(channel) for _ in range(2)] == [2, 3]


async def test_a_receiver_waits_for_the_next_item() -> None:
    channel: Channel[int] = Channel(2)
    given: list[int] = []

    async def receive() -> None:
        given.extend([item async for item in channel])

    async with anyio.create_task_group() as group:
        group.start_soon(receive)
        for number in range(5):
            await channel.send(number)
            await wait_all_tasks_blocked()
        channel.close()
    assert given == [0, 1, 2, 3, 4]


async def test_a_closed_channel_gives_what_is_left_and_takes_nothing() -> None:
    channel: Channel[int] = Channel(1)
    await channel.send(1)
    async with anyio.create_task_group() as group:
        group.start_soon(channel.send, 2)
        await wait_all_tasks_blocked()
        channel.close()
    assert not channel.send_nowait(3)
    await channel.send(4)
    assert [item async for item in channel] == [1]


async def test_every_sender_that_waits_for_room_gets_it() -> None:
    channel: Channel[int] = Channel(1)
    got: list[int] = []
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(channel.send, number)
            await wait_all_tasks_blocked()  # one went in, three wait
            for _ in range(4):
                got.append(await anext(channel))
                await wait_all_tasks_blocked()
    assert sorted(got) == [0, 1, 2, 3]
