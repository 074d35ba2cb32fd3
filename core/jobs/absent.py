"""An engine that is not there: for a server that looks after files and draws nothing.

What waits in the queue stays there, as no engine ever says that it is ready.
"""

from collections.abc import AsyncIterator

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from core.errors import EngineUnavailable
from core.graph.catalogue import Catalogue
from core.ipc.commands import AnyCommand
from core.ipc.reports import Hello
from core.jobs.executor import Item, State


class AbsentExecutor:
    """An ``Executor`` that never starts."""

    generation = 0
    state: State = "stopped"
    hello: Hello | None = None
    catalogue: Catalogue | None = None

    def __init__(self) -> None:
        self._ended = anyio.Event()

    def send(self, command: AnyCommand) -> None:
        """Take nothing.

        :raises EngineUnavailable: always.
        """
        raise EngineUnavailable(state=self.state)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Wait until stopped."""
        task_status.started()
        await self._ended.wait()

    async def reports(self) -> AsyncIterator[Item]:
        """Say nothing, until the end."""
        await self._ended.wait()
        items: tuple[Item, ...] = ()
        for item in items:
            yield item

    def kill(self, reason: str) -> None:
        """Do nothing: there is nobody."""

    async def stop(self, grace: float) -> None:
        """End at once."""
        self._ended.set()
