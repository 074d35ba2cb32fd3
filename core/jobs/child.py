"""One life of an engine process: its three pipes, its two clocks, and its end.

Knows frames and deadlines, but neither generations nor restarts.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from anyio import CancelScope, EndOfStream, create_task_group, move_on_after
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from msgspec import Struct

from core import failpoint
from core import log as logs
from core.ipc.commands import PROTOCOL
from core.ipc.frames import FrameError, ReportStream
from core.ipc.reports import AnyReport, Fatal, Heartbeat, Hello
from core.jobs import host
from core.jobs.channel import Channel
from core.jobs.liveness import Limits, Liveness

log = logging.getLogger(__name__)

_MAILBOX = 1024  # commands on their way
_TAIL = 256 * 1024  # bytes of stderr that are kept
_LINE = 64 * 1024  # bytes; a traceback is one line of JSON
_LAST_WORDS = 1.0  # seconds an ended process's pipes are still listened to
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class End(Struct, frozen=True, kw_only=True):
    """How a process ended."""

    exit_code: int | None  # negative: the signal; None: it could not be started or not be killed
    reason: str
    log_tail: str


class Child:
    """One engine process, from its start to its end.

    :param hear: called with every report in order; while it waits, the clocks stand still.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: Path,
        hear: Callable[[AnyReport], Awaitable[None]],
        limits: Limits,
    ) -> None:
        self._argv = list(argv)
        self._environ = dict(environ)
        self._cwd = cwd
        self._report = hear
        self._limits = limits
        self._mailbox: Channel[bytearray] = Channel(_MAILBOX)
        self._liveness = Liveness(limits, time.monotonic())
        self._held = False  # the listener is busy: silence proves nothing
        self._heard = 0
        self._tail = bytearray()
        self._reason: str | None = None
        self._condemned = anyio.Event()

    def send(self, frame: bytearray) -> bool:
        """Put a frame into the mailbox; ``False`` when it is full."""
        return self._mailbox.send_nowait(frame)

    def kill(self, reason: str) -> None:
        """End the process: terminate, later kill. The first reason is the one that is told."""
        self._reason = self._reason or reason
        self._condemned.set()

    async def live(self) -> End:
        """Start the process and stay with it until it is gone. Cancelled: kill it at once."""
        kills = host.oom_kills()
        try:
            process = await anyio.open_process(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._cwd,
                env=self._environ,
                **_own_group(),
            )
        except OSError as error:
            return End(exit_code=None, reason="not_started", log_tail=str(error))
        failpoint.set_peer(process.pid)
        try:
            await self._accompany(process)
        finally:
            with CancelScope(shield=True):
                if process.returncode is None:
                    _signal(process, force=True)
                with move_on_after(self._limits.kill) as scope:
                    await process.aclose()
                if scope.cancelled_caught:
                    self._reason = "stuck"
        return End(
            exit_code=process.returncode,
            reason=self._reason or host.reason_of(process.returncode, kills),
            log_tail=self._tail.decode("utf-8", "replace"),
        )

    async def _accompany(self, process: Process) -> None:
        assert process.stdin and process.stdout and process.stderr
        drained = anyio.Event()
        async with create_task_group() as group:
            group.start_soon(self._drain, process.stderr, drained)
            group.start_soon(self._pump, process.stdin)
            group.start_soon(self._watch)
            group.start_soon(self._execute, process)
            with CancelScope() as hearing:
                group.start_soon(self._when_gone, process, hearing)
                await self._hear(process.stdout)
            with move_on_after(self._limits.terminate) as waiting:
                await process.wait()
            if waiting.cancelled_caught:
                await self._escalate(process)
            with move_on_after(_LAST_WORDS):
                await drained.wait()
            group.cancel_scope.cancel()

    async def _hear(self, stdout: ByteReceiveStream) -> None:
        stream = ReportStream(stdout)
        greeted = False
        try:
            while True:
                report = await stream.receive()
                if isinstance(report, Hello):
                    if report.protocol != PROTOCOL:
                        self.kill("protocol")
                        return
                    greeted = True
                elif not greeted and not isinstance(report, Heartbeat | Fatal):
                    raise FrameError(reason="before_hello")
                if isinstance(report, Fatal):
                    self._reason = self._reason or report.reason
                self._liveness.hear(report, time.monotonic())
                self._heard += 1
                self._held = True
                await self._report(report)
                self._held = False
                self._liveness.resume(time.monotonic())
        except EndOfStream:
            return
        except FrameError as error:
            log.warning("the engine's pipe carries no frames: %s", error)
            self.kill("junk")
        except _GONE:
            return

    async def _pump(self, stdin: ByteSendStream) -> None:
        try:
            async for frame in self._mailbox:
                failpoint.hit("pipe.write")
                await stdin.send(bytes(frame))
        except _GONE:
            self.kill("pipe")  # what it was never told it would never answer

    async def _drain(self, stderr: ByteReceiveStream, drained: anyio.Event) -> None:
        line = bytearray()
        try:
            while True:
                line += (await stderr.receive()).replace(b"\r", b"\n")
                *whole, line = line.split(b"\n")
                for text in whole:
                    self._note(bytes(text))
                if len(line) > _LINE:
                    self._note(bytes(line))
                    line.clear()
        except (EndOfStream, *_GONE):
            self._note(bytes(line))
            drained.set()

    def _note(self, line: bytes) -> None:
        """Log a line of the engine's: its own in its words, what others print for the curious."""
        if not line:
            return
        told = logs.relay(line) if line.startswith(b"{") else None
        if told is None:
            told = line.decode("utf-8", "replace")
            log.debug("engine: %s", told)
        self._tail += told.encode("utf-8", "replace") + b"\n"
        del self._tail[:-_TAIL]

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(self._limits.tick)
            verdict = None if self._held else self._liveness.verdict(time.monotonic())
            if verdict:
                self.kill(verdict)
                return

    async def _execute(self, process: Process) -> None:
        await self._condemned.wait()
        await self._escalate(process)

    async def _when_gone(self, process: Process, hearing: CancelScope) -> None:
        """Stop listening once an ended process is silent: a grandchild may hold the pipe open."""
        await process.wait()
        heard = -1
        while self._held or heard != self._heard:
            heard = self._heard
            await anyio.sleep(_LAST_WORDS)
        hearing.cancel()

    async def _escalate(self, process: Process) -> None:
        for force, seconds in ((False, self._limits.terminate), (True, self._limits.kill)):
            if process.returncode is not None:
                return
            _signal(process, force=force)
            with move_on_after(seconds):
                await process.wait()
                return
        self._reason = "stuck"


def _own_group() -> dict[str, Any]:
    """Keep a terminal's Ctrl-C away from the child: the server ends it in its own order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _signal(process: Process, *, force: bool) -> None:
    """Ask the process and its children to end, or end them. No-op when they are gone."""
    try:
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)
        elif force:
            process.kill()
        else:
            process.terminate()
    except (ProcessLookupError, PermissionError):
        return
