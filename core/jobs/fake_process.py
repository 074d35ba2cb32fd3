"""The scripted engine as a process of its own: ``python -m core.jobs.fake_process <options>``.

Speaks the pipe's protocol and writes real pictures, without torch, so it starts in a fraction of a
second. What ends a generation of ``FakeExecutor`` ends this process, by a signal where one is due.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
from anyio.from_thread import BlockingPortal

from core import failpoint
from core import log as logs
from core.errors import EngineUnavailable
from core.ipc import exits, frames
from core.ipc.commands import EngineOptions, Stop
from core.ipc.reports import AnyReport
from core.jobs.executor import Lost, Stamped
from core.jobs.fake import FakeExecutor

_WAITING = 4096  # reports on their way into the pipe; then the engine waits
_LAST_WORDS = 2.0  # seconds


class Writer(threading.Thread):
    """The one thread that writes reports, so that the loop does not wait for the server."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(name="outbox", daemon=True)
        self._stream = stream
        self._waiting: queue.Queue[AnyReport | None] = queue.Queue(_WAITING)

    def run(self) -> None:
        """Write until told that nothing more comes."""
        with contextlib.suppress(OSError):
            while (report := self._waiting.get()) is not None:
                frames.write(self._stream, report)

    async def send(self, report: AnyReport) -> None:
        """Put a report on its way; waits only while 4,096 others are."""
        try:
            self._waiting.put_nowait(report)
        except queue.Full:
            await anyio.to_thread.run_sync(self._waiting.put, report)

    def finish(self) -> None:
        """Write what waits, for two seconds at most."""
        self._waiting.put(None)
        self.join(_LAST_WORDS)

    def raw(self, data: bytes) -> None:
        """Write bytes that are no frame."""
        self._stream.write(data)
        self._stream.flush()


async def play(options: EngineOptions, commands: BinaryIO, reports: BinaryIO) -> int:
    """Be an engine until it stops or its script ends it; give the exit code or minus the signal."""
    engine = FakeExecutor(options)
    writer = Writer(reports)
    writer.start()
    async with BlockingPortal() as portal, anyio.create_task_group() as group:
        await group.start(engine.run)
        reader = threading.Thread(
            target=_read, args=(commands, portal, engine), name="inbox", daemon=True
        )
        reader.start()
        async for item in engine.reports():
            if isinstance(item, Stamped):
                await writer.send(item.report)
            elif isinstance(item, Lost):
                if item.reason == "junk":
                    writer.raw(b"this is no frame\n" * 9)
                writer.finish()
                # At once: the reader's thread may be inside the portal.
                end(item.exit_code or exits.PLANNED)
    raise AssertionError("an engine ends with its loss")


def end(code: int) -> None:
    """End the process, by its own signal where the code is minus one."""
    if code < 0:
        os.kill(os.getpid(), -code)
        signal.pause()
    os._exit(code)


def _read(commands: BinaryIO, portal: BlockingPortal, engine: FakeExecutor) -> None:
    try:
        while (command := frames.read_command(commands)) is not None:
            if isinstance(command, Stop):
                portal.start_task_soon(engine.stop, command.grace)
            else:
                with contextlib.suppress(EngineUnavailable):
                    portal.call(engine.send, command)
    except (frames.FrameError, OSError, RuntimeError):
        os._exit(exits.ORPHAN)
    os._exit(exits.ORPHAN)


def main(arguments: list[str]) -> None:
    """Take the pipes and play."""
    options = msgspec.json.decode(arguments[0], type=EngineOptions)
    commands, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logs.setup(options.log_level, "json")
    failpoint.arm(options.failpoints, peer=os.getppid())
    anyio.run(play, options, commands, reports)


if __name__ == "__main__":
    main(sys.argv[1:])
