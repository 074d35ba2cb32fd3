"""Frames: what is written is read, and anything else is refused before it costs anything."""

import io
import os
import struct
import threading
from collections.abc import AsyncIterator

import anyio
import msgspec
import pytest
from anyio import EndOfStream
from anyio.abc import ByteReceiveStream
from hypothesis import given, settings
from hypothesis import strategies as st

from core.graph.catalogue import Catalogue
from core.ipc import frames
from core.ipc.commands import Cancel, RunGraph, Watch
from core.ipc.frames import FrameError, ReportStream
from core.ipc.reports import AnyReport, Hello, JobDone, JobProgressed, Previewed, SavedImage
from core.records.graph import Graph, GraphNode

pytestmark = pytest.mark.anyio


def preview(size: int) -> Previewed:
    return Previewed(
        job="a", node="n", step=1, steps=2, width=3, height=4, mime="image/jpeg", data=b"x" * size
    )


REPORTS: list[AnyReport] = [
    Hello(
        protocol=1, pid=2, device="cpu", device_name="ü", memory_total=1 << 40, torch="2",
        catalogue=Catalogue(nodes={}),
    ),
    JobProgressed(job="a", node=None, phase="step", step=1, steps=20),
    preview(60_000),
    JobDone(
        job="a",
        images=[
            SavedImage(
                path="a", thumbnail="b", node="n", index=0, size=1, sha256="0", width=1, height=1
            )
        ],
        outputs={"n.out": 1.5, "t.out": "ü"},
    ),
]  # fmt: skip


class Chunks(ByteReceiveStream):
    """A byte stream that arrives in pieces of given sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data = data
        self.sizes = sizes

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self.data:
            raise EndOfStream
        size = min(self.sizes.pop() if self.sizes else max_bytes, max_bytes)
        chunk, self.data = self.data[:size], self.data[size:]
        return chunk

    async def aclose(self) -> None:
        pass


async def received(data: bytes, sizes: list[int]) -> AsyncIterator[AnyReport]:
    stream = ReportStream(Chunks(data, sizes))
    while True:
        try:
            yield await stream.receive()
        except EndOfStream:
            return


def test_a_frame_is_length_kind_and_payload() -> None:
    frame = frames.encode(Cancel(job="a"))
    assert frame[:5] == struct.pack(">IB", len(frame) - 4, frames.COMMAND)
    assert msgspec.msgpack.decode(frame[5:]) == {"do": "cancel", "job": "a"}
    assert frames.encode(preview(1))[4] == frames.PREVIEW


def test_commands_written_by_one_end_are_read_by_the_other() -> None:
    commands = [
        RunGraph(job="a", graph=Graph(nodes=[GraphNode(id="x", type="t", settings={"a": [1.5]})])),
        Watch(jobs=None),
        Cancel(job="b"),
    ]
    stream = io.BytesIO()
    for command in commands:
        frames.write(stream, command)
    stream.seek(0)
    assert [frames.read_command(stream) for _ in commands] == commands
    assert frames.read_command(stream) is None


def test_an_unbuffered_pipe_carries_a_large_frame_whole() -> None:
    reader, writer = os.pipe()
    node = GraphNode(id="x", type="t", settings={"prompt": "ü" * 1_000_000})
    command = RunGraph(job="a", graph=Graph(nodes=[node]))
    with (
        os.fdopen(reader, "rb", buffering=0) as source,
        os.fdopen(writer, "wb", buffering=0) as sink,
    ):
        thread = threading.Thread(target=frames.write, args=(sink, command))
        thread.start()
        assert frames.read_command(source) == command
        thread.join()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 5000), max_size=40))
def test_reports_are_read_whatever_the_pieces(sizes: list[int]) -> None:
    data = b"".join(bytes(frames.encode(report)) for report in REPORTS)

    async def read() -> list[AnyReport]:
        return [report async for report in received(data, sizes)]

    assert anyio.run(read) == REPORTS


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):",
        struct.pack(">IB", 0xFFFFFFFF, frames.REPORT),
        struct.pack(">IB", frames.CONTROL_CAP + 2, frames.REPORT),
        struct.pack(">IB", frames.PREVIEW_CAP + 2, frames.PREVIEW),
        struct.pack(">IB", 0, frames.REPORT),
        struct.pack(">IB", 1, frames.REPORT),
        struct.pack(">IB", 4, 9) + b"abc",
        struct.pack(">IB", 4, frames.COMMAND) + b"abc",
        struct.pack(">IB", 4, frames.REPORT) + b"abc",
        struct.pack(">IB", 2, frames.REPORT) + b"\xc0",
        struct.pack(">IB", 10, frames.REPORT) + b"abc",
        b"\x00\x00",
    ],
)
async def test_anything_but_a_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        frames.read_report(io.BytesIO(data))
    with pytest.raises(FrameError):
        _ = [report async for report in received(data, [1] * len(data))]


def test_a_message_over_its_cap_is_not_written() -> None:
    with pytest.raises(FrameError):
        frames.encode(preview(frames.PREVIEW_CAP))
    stream = io.BytesIO()
    with pytest.raises(FrameError):
        frames.write(
            stream, RunGraph(job="a", graph=Graph(nodes=[]), metadata={"a": "x" * (5 << 20)})
        )
    assert not stream.getvalue()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bytes_never_do_more_than_raise(data: st.DataObject) -> None:
    frame = bytearray(frames.encode(REPORTS[data.draw(st.integers(0, len(REPORTS) - 1))])[:400])
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        frames.read_report(io.BytesIO(frame))
    except FrameError:
        pass
