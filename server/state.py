"""The services of one running server, opened by ``server.lifespan``. Knows no HTTP."""

import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import msgspec

from core.config import Config, Settings, Source, convert
from core.errors import Unavailable
from core.events.bus import Bus
from core.graph.catalogue import Catalogue
from core.ipc.reports import Hello
from core.jobs.dispatcher import Dispatcher
from core.jobs.executor import Executor
from core.jobs.queue import Queue
from core.log_ring import LogRing
from core.paths import Layout
from core.store.database import Database
from server.hooks import Hooks
from server.imports import Imports
from server.installs import Installs
from server.meters import Meters
from server.principal import Principal
from server.sessions import Sessions
from server.signing import Signer
from server.transport import Limits
from server.words import Words

log = logging.getLogger(__name__)
TICKETS = 1000  # that may wait; older ones are dropped first


@dataclass(eq=False, slots=True)
class Socket:
    """One open WebSocket: who it is, and how it is closed from outside."""

    principal: Principal
    close: Callable[..., None]  # (code, reason)


@dataclass(eq=False)
class State:
    """What every action is given."""

    config: Config
    layout: Layout
    boot: str
    words: Words
    signer: Signer
    hooks: Hooks
    db: Database
    bus: Bus
    queue: Queue
    executor: Executor
    dispatcher: Dispatcher
    catalogue: Catalogue
    roots: dict[str, Path]  # label of a folder of models → where its file names start; grows
    broken: dict[tuple[str, str], str] = field(default_factory=dict)  # files no model is read from
    started: float = field(default_factory=time.monotonic)
    stopping: bool = False
    scanned: anyio.Event = field(default_factory=anyio.Event)  # the model folders, once
    unhashed: anyio.Event = field(default_factory=anyio.Event)  # a scan may have found some
    port: int = 0
    sockets: set[Socket] = field(default_factory=set)
    tickets: dict[str, tuple[Principal, float]] = field(default_factory=dict)
    touched: dict[str, float] = field(default_factory=dict)  # token → when its use was noted
    log_ring: LogRing = field(default_factory=LogRing)
    meters: Meters = field(default_factory=Meters)
    reasons: Callable[[], list[str]] = list  # why no work is done now; ``server.watchdog``
    told: list[str] = field(default_factory=list)  # of these, what sockets heard last
    rescan: Callable[[], None] = lambda: None
    installs: Installs = field(init=False)
    imports: Imports = field(default_factory=Imports)
    sessions: Sessions = field(default_factory=Sessions)  # of clients of other servers
    limits: Limits = field(default_factory=Limits)  # of each connection

    def __post_init__(self) -> None:
        """Make what needs other services."""
        self.installs = Installs(self.db, self.layout)

    @property
    def settings(self) -> Settings:
        """Give the settings in force."""
        return self.config.settings

    @property
    def hello(self) -> Hello | None:
        """Give what the engine said of itself."""
        return self.executor.hello

    @property
    def nodes(self) -> Catalogue:
        """Give the newest catalogue: the engine's, else the last one on disk, else the shipped."""
        return self.executor.catalogue or self.catalogue

    @property
    def needs_token(self) -> bool:
        """Say whether callers must show a token."""
        return bool(self.settings.token) or not is_loopback(self.settings.host)

    def change(self, name: str, value: Any) -> None:
        """Set one setting while running.

        :raises msgspec.ValidationError: when the value does not fit.
        """
        settings = msgspec.structs.replace(self.settings, **{name: convert(name, value)})
        sources: dict[str, Source] = {**self.config.sources, name: "runtime"}
        self.config = Config(settings=settings, sources=sources)

    def refuse_when_stopping(self) -> None:
        """Refuse new work while the server stops.

        :raises Unavailable: with the code ``stopping``.
        """
        if self.stopping:
            raise Unavailable("stopping")

    def close_sockets(self, token: str) -> None:
        """Close every socket that was opened with a token."""
        for socket in list(self.sockets):
            if socket.principal.token == token:
                socket.close(4401)


def is_loopback(host: str) -> bool:
    """Say whether an address is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
