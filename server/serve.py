"""The running process: bind, open, answer, drain, stop."""

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import anyio
import uvicorn

from core import failpoint
from core import log as logs
from core.config import Config, Settings
from core.errors import (
    ConfigRefused,
    HeliographError,
    Params,
    Problem,
    StartError,
)
from core.ids import new_id
from core.paths import Layout
from server import lifespan, problems, protocol
from server.app import create_app
from server.state import State, is_loopback
from server.transport import Census, HttpProtocol, Limits, SocketProtocol, TransportConfig
from server.whereabouts import announced

log = logging.getLogger(__name__)
_FILES = 512  # that the server opens beside its connections
_GOODBYE = 2.0  # seconds that sockets get to say where their clients are
_SIGNALS = [signal.SIGINT, signal.SIGTERM]


def serve(config: Config) -> int:
    """Serve until a signal; gives the exit code.

    :raises StartError: when it cannot start.
    """
    settings = config.settings
    refuse_unsafe(config)
    _arm(settings.failpoints)
    os.umask(0o077)  # what is made from here on is the owner's alone, whatever the shell says
    with (
        contextlib.closing(bind(settings.host, settings.port)) as listener,
        logs.written(
            settings.log_level, settings.log_format,
            file=log_file(settings), size=settings.log_file_mb << 20, kept=settings.log_files,
        ),
    ):  # fmt: skip
        make_room(settings.connections)
        anyio.run(_serve, config, listener)
    return 0


def log_file(settings: Settings) -> Path | None:
    """Say where the log is written beside standard error; a relative name lies in ``logs/``."""
    if not settings.log_file:
        return None
    return Layout(settings.data_dir).logs / Path(settings.log_file).expanduser()


def refuse_unsafe(config: Config) -> None:
    """Refuse an address that others can reach when nobody needs a token.

    :raises ConfigRefused: with the problem.
    """
    settings = config.settings
    if not is_loopback(settings.host) and not settings.token:
        problem = Problem(code="token_needed", pointer="/token", params={"host": settings.host})
        raise ConfigRefused(problems=(problem,))


def _arm(failpoints: str) -> None:
    try:
        failpoint.arm(failpoints)
    except ValueError as error:
        params: Params = {"source": "failpoints", "reason": str(error)}
        problem = Problem(code="bad_setting", pointer="/failpoints", params=params)
        raise ConfigRefused(problems=(problem,)) from error


def make_room(connections: int) -> None:
    """Ask the system for as many open files as the connections need, and some for ourselves."""
    if sys.platform == "win32":
        return
    import resource

    wanted = connections + Limits().spare + _FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning("The system allows %d open files; %d are wanted", hard, wanted)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def bind(host: str, port: int) -> socket.socket:
    """Bind the address.

    :raises StartError: ``port_in_use``, ``bad_host``.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise StartError("bad_address", host=host) from error
    # Named as TCP, or asyncio leaves Nagle's algorithm on: answers then wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise StartError("port_in_use", host=host, port=port) from error
    listener.setblocking(False)
    return listener


async def _serve(config: Config, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    async with lifespan.opened(config) as state:
        state.port = port
        with announced(state.layout, url, state.boot):
            log.info("Heliograph is at %s", url, extra={"action": "start"})
            await Server(state).serve(sockets=[listener])
        log.info("Stopping", extra={"action": "stop"})


class Server(uvicorn.Server):
    """uvicorn, with our settings and our way to stop."""

    def __init__(self, state: State) -> None:
        settings, limits = state.settings, state.limits
        super().__init__(
            TransportConfig(
                create_app(state),
                limits=limits,
                census=Census(settings.connections, settings.connections_per_address, limits.spare),
                answer=self._problem,
                http=HttpProtocol,
                ws=SocketProtocol,
                ws_max_size=protocol.MESSAGE_CAP,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=10,
            )
        )
        self._state = state

    def _problem(self, error: HeliographError, language: str | None) -> tuple[int, bytes]:
        """Show what was refused before it reached the gate, and count it."""
        words = self._state.words
        shown = problems.document(error, words, words.choose(language), new_id())
        self._state.meters.answered("-", "-", shown.status, 0.0)
        log.debug("Refused a connection: %s", error, extra={"action": "refused"})
        return shown.status, problems.encode(shown)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the work while still answering, then close every connection."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._give_up_when_forced, group.cancel_scope)
            await lifespan.drain(self._state)
            group.cancel_scope.cancel()
        self._state.bus.close()  # who still waits for a job or an event learns that this is all
        with anyio.move_on_after(_GOODBYE):
            while self._state.sockets:  # noqa: ASYNC110 - each says its last number by itself
                await anyio.sleep(0.01)
        await super().shutdown(sockets)

    async def _give_up_when_forced(self, scope: anyio.CancelScope) -> None:
        while not self.force_exit:  # noqa: ASYNC110 - a signal handler sets it
            await anyio.sleep(0.1)
        scope.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and do not raise them again: there is more to close afterwards."""
        previous = {name: signal.signal(name, self._handle) for name in _SIGNALS}
        try:
            yield
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit  # the second signal ends at once
        self.should_exit = True
