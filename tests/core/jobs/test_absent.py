"""A server without an engine: nothing is drawn, what waits stays, and it stops at once."""

from pathlib import Path

import anyio
import pytest

from core.errors import EngineUnavailable
from core.ipc.commands import Ping
from core.jobs.absent import AbsentExecutor
from server import lifespan
from tests.server.studio import configured

pytestmark = pytest.mark.anyio


async def test_it_takes_nothing_says_nothing_and_ends_when_asked() -> None:
    executor = AbsentExecutor()
    async with anyio.create_task_group() as group:
        await group.start(executor.run)
        with pytest.raises(EngineUnavailable):
            executor.send(Ping(number=1))
        executor.kill("asked")
        await executor.stop(10)
        assert [item async for item in executor.reports()] == []


async def test_a_server_opens_and_closes_with_it(tmp_path: Path) -> None:
    with anyio.fail_after(15):
        async with lifespan.opened(configured(tmp_path), AbsentExecutor(), scan=False) as state:
            assert state.executor.state == "stopped"
            assert not state.dispatcher.loaded
