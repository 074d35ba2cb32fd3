"""Whole messages past ASGI: framed as RFC 6455 says, and in order."""

import json
import struct
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from core.records.events import JobPreview
from server.transport import SocketProtocol, frame
from tests.server.studio import Studio, listening
from tests.server.test_socket import ask, hear, socket

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20])
@pytest.mark.parametrize("binary", [False, True])
def test_a_head_is_the_one_that_websockets_writes(size: int, binary: bool) -> None:
    opcode = Opcode.BINARY if binary else Opcode.TEXT
    whole = Frame(opcode, bytes(size)).serialize(mask=False)
    assert frame.head(size, binary=binary) + bytes(size) == whole


async def test_facts_go_the_short_way_and_replies_keep_their_place(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    short: list[bytes] = []
    write = SocketProtocol._write

    def noted(self: SocketProtocol, data: bytes, *, binary: bool) -> bool:
        done = write(self, data, binary=binary)
        short.extend([data] * done)
        return done

    monkeypatch.setattr(SocketProtocol, "_write", noted)
    async with listening(studio.state) as address, socket(address) as client:
        await hear(client)
        reply = await ask(client, "generate", prompt="a fox", width=64, height=64, steps=1)
        assert reply["ok"]
    kinds = [json.loads(data)["type"] for data in short]
    assert kinds[0] == "hello"
    assert {"reply", "job.queued"} <= set(kinds)


async def test_a_message_as_long_as_sixteen_bits_cannot_say_arrives_whole(studio: Studio) -> None:
    preview = JobPreview(job="j", node="n", step=1, steps=1, width=1, height=1,
                         mime="image/jpeg", data=b"x" * 70_000)  # fmt: skip
    async with listening(studio.state) as address, socket(address, "?topics=previews") as client:
        await hear(client)
        studio.state.bus.show(preview)
        told: Any = await client.recv()
        assert isinstance(told, bytes)
        (length,) = struct.unpack_from(">I", told)
        assert told[4 + length :] == preview.data
