"""Frames on the two pipes: ``u32`` big-endian length, ``u8`` kind, MessagePack.

The length counts the kind and the payload. Both ends are ours, so bytes that are not a frame mean
that something else wrote into the pipe: the reader raises and the process is replaced. Knows
nothing of processes; the engine's threads use the blocking half, the server the waiting one.
"""

import struct
from typing import BinaryIO, Final, TypeVar

import msgspec
from anyio import EndOfStream
from anyio.abc import ByteReceiveStream

from core.errors import HeliographError
from core.ipc.commands import AnyCommand, Command
from core.ipc.reports import AnyReport, Previewed

COMMAND: Final = 1
REPORT: Final = 2
PREVIEW: Final = 3  # a Previewed report: may be dropped, smaller cap
CONTROL_CAP: Final = 4 * 1024 * 1024  # bytes of payload
PREVIEW_CAP: Final = 512 * 1024

_HEADER = struct.Struct(">IB")
_CAPS = {COMMAND: CONTROL_CAP, REPORT: CONTROL_CAP, PREVIEW: PREVIEW_CAP}
_CHUNK = 256 * 1024
_T = TypeVar("_T")
_encoder = msgspec.msgpack.Encoder()
_commands: "msgspec.msgpack.Decoder[AnyCommand]" = msgspec.msgpack.Decoder(AnyCommand)
_reports: "msgspec.msgpack.Decoder[AnyReport]" = msgspec.msgpack.Decoder(AnyReport)


class FrameError(HeliographError):
    """Raised for bytes that are not a frame: unknown kind, length over the cap, junk, a torn end.

    Params: reason.
    """

    code = "bad_frame"


def encode(message: AnyCommand | AnyReport) -> bytearray:
    """Encode a message into one whole frame, ready to be written.

    :raises FrameError: when the payload exceeds the cap of its kind.
    """
    kind = _kind_of(message)
    frame = bytearray(_HEADER.size)
    _encoder.encode_into(message, frame, _HEADER.size)
    size = len(frame) - _HEADER.size
    if size > _CAPS[kind]:
        raise FrameError(reason="too_large", kind=kind, size=size)
    _HEADER.pack_into(frame, 0, size + 1, kind)
    return frame


def write(stream: BinaryIO, message: AnyCommand | AnyReport) -> None:
    """Write one frame and flush it; blocks while the pipe is full.

    :raises FrameError: when the payload exceeds the cap of its kind.
    :raises OSError: when the other end is gone.
    """
    rest = memoryview(encode(message))
    while rest:  # an unbuffered stream may take less than all
        rest = rest[stream.write(rest) :]
    stream.flush()


def read_command(stream: BinaryIO) -> AnyCommand | None:
    """Read one command; blocks; ``None`` when the other end closed between two frames.

    :raises FrameError: for bytes that are not a command.
    """
    frame = _read(stream, (COMMAND,))
    return None if frame is None else _decode(_commands, frame)


def read_report(stream: BinaryIO) -> AnyReport | None:
    """Read one report; blocks; ``None`` when the other end closed between two frames.

    :raises FrameError: for bytes that are not a report.
    """
    frame = _read(stream, (REPORT, PREVIEW))
    return None if frame is None else _decode(_reports, frame)


class ReportStream:
    """Reports read from an anyio byte stream, decoded in place from one buffer."""

    def __init__(self, stream: ByteReceiveStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._start = 0  # where the next frame begins

    async def receive(self) -> AnyReport:
        """Wait for the next report.

        :raises EndOfStream: when the other end closed between two frames.
        :raises FrameError: for bytes that are not a report, or an end within a frame.
        """
        while True:
            report = self.receive_nowait()
            if report is not None:
                return report
            try:
                chunk = await self._stream.receive(_CHUNK)
            except EndOfStream:
                if len(self._buffer) > self._start:
                    raise FrameError(reason="torn_end") from None
                raise
            if self._start:
                del self._buffer[: self._start]
                self._start = 0
            self._buffer += chunk

    def receive_nowait(self) -> AnyReport | None:
        """Take a report that has arrived in full; ``None`` if there is none.

        :raises FrameError: for bytes that are not a report.
        """
        have = len(self._buffer) - self._start
        if have < _HEADER.size:
            return None
        size = _check(_HEADER.unpack_from(self._buffer, self._start), (REPORT, PREVIEW))
        if have < _HEADER.size + size:
            return None
        begin = self._start + _HEADER.size
        with memoryview(self._buffer) as view, view[begin : begin + size] as payload:
            self._start = begin + size
            return _decode(_reports, payload)


def _kind_of(message: AnyCommand | AnyReport) -> int:
    if isinstance(message, Command):
        return COMMAND
    return PREVIEW if isinstance(message, Previewed) else REPORT


def _check(header: tuple[int, int], kinds: tuple[int, ...]) -> int:
    """Check a header before anything is allocated for it; give the payload's size in bytes."""
    length, kind = header
    if kind not in kinds:
        raise FrameError(reason="unknown_kind", kind=kind)
    if not 1 < length <= _CAPS[kind] + 1:
        raise FrameError(reason="bad_length", length=length)
    return length - 1


def _read(stream: BinaryIO, kinds: tuple[int, ...]) -> memoryview | None:
    header = _exactly(stream, _HEADER.size, at_start=True)
    if header is None:
        return None
    return _exactly(stream, _check(_HEADER.unpack(header), kinds), at_start=False)


def _exactly(stream: BinaryIO, size: int, *, at_start: bool) -> memoryview | None:
    view = memoryview(bytearray(size))
    have = 0
    while have < size:
        chunk = stream.read(size - have)
        if not chunk:
            if at_start and not have:
                return None
            raise FrameError(reason="torn_end")
        view[have : have + len(chunk)] = chunk
        have += len(chunk)
    return view


def _decode(decoder: "msgspec.msgpack.Decoder[_T]", payload: memoryview) -> _T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: not UTF-8
        raise FrameError(reason="junk", error=str(error)[:200]) from error
