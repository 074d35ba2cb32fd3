"""The actor's handle: what the server knows of an engine, wherever it runs.

``ProcessExecutor`` (``core.jobs.process``) owns the real child, ``FakeExecutor``
(``core.jobs.fake``) plays one without torch. Knows no queue, no store and no torch.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from msgspec import Struct

from core.graph.catalogue import Catalogue
from core.ipc.commands import AnyCommand
from core.ipc.reports import AnyReport, Hello

State = Literal["starting", "ready", "restarting", "unavailable", "stopped"]


class Stamped(Struct, frozen=True, kw_only=True):
    """A report and the generation of the engine that sent it."""

    generation: int
    report: AnyReport


class Lost(Struct, frozen=True, kw_only=True):
    """An engine ended; comes after its last report, and exactly once a generation."""

    generation: int
    exit_code: int | None  # negative: the signal
    reason: str  # "stopped", "exit", "no_hello", "no_heartbeat", "no_progress", "junk", …
    log_tail: str = ""  # the last lines the engine wrote to stderr


class Changed(Struct, frozen=True, kw_only=True):
    """The executor's state changed."""

    generation: int
    state: State
    device: str | None = None
    reason: str | None = None


Item = Stamped | Lost | Changed


class Executor(Protocol):
    """One engine: one mailbox in, one stream of reports out, restarted when it dies."""

    @property
    def generation(self) -> int:
        """Count the starts; the owner of running jobs is (server boot, generation)."""
        ...

    @property
    def state(self) -> State:
        """Say how the engine is; commands are taken only when it is ``ready``."""
        ...

    @property
    def hello(self) -> Hello | None:
        """Give what this generation said of itself; ``None`` before it did."""
        ...

    @property
    def catalogue(self) -> Catalogue | None:
        """Give the newest catalogue of any generation; ``None`` before the first."""
        ...

    def send(self, command: AnyCommand) -> None:
        """Put a command into the engine's mailbox; never waits.

        :raises EngineUnavailable: when the engine is not ready or 1,024 commands wait.
        """
        ...

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Own the engine until stopped or cancelled: start it, restart it with back-off."""
        ...

    def reports(self) -> AsyncIterator[Item]:
        """Iterate over what engines say, in order, over restarts; one consumer, bounded buffer.

        Ends when ``run`` has ended.
        """
        ...

    def kill(self, reason: str) -> None:
        """End this generation: terminate, after 5 seconds kill; the next one starts."""
        ...

    async def stop(self, grace: float) -> None:
        """End for good: running jobs get ``grace`` seconds; ``run`` returns."""
        ...
