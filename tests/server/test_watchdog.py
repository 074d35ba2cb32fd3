"""``/readyz`` tells the truth: the engine, the dispatcher, the disk and the writer are broken."""

import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from core.errors import DiskFull
from core.ipc.commands import EngineOptions
from core.jobs.fake_job import FakeScript
from core.jobs.liveness import Limits as EngineLimits
from core.jobs.process import ProcessExecutor, command_line
from core.paths import Layout
from core.store import counters
from server import lifespan
from server.app import create_app
from server.watchdog import Limits, Watchdog
from tests.running import ROOT
from tests.server.studio import DRAW, Opener, Studio, configured, listening
from tests.server.test_socket import hear, socket
from tests.server.test_socket import until as heard

pytestmark = pytest.mark.anyio
EAGER = Limits(tick=0.01, stuck=0.05, idle=0.0, failing=0.01, silent=9.0, given_up=60.0)


async def readyz(client: httpx.AsyncClient) -> tuple[int, list[str]]:
    answer = await client.get("/readyz")
    return answer.status_code, answer.json()["reasons"]


@asynccontextmanager
async def watched(studio: Studio, limits: Limits) -> AsyncIterator[Watchdog]:
    """Put a watchdog with a short patience in the place of the server's."""
    watchdog = Watchdog(studio.state, limits)
    studio.state.reasons = watchdog.reasons
    async with anyio.create_task_group() as group:
        group.start_soon(watchdog.run)
        yield watchdog
        group.cancel_scope.cancel()


async def eventually(holds: Callable[[], Any]) -> None:
    with anyio.fail_after(10):
        while not holds():  # noqa: ASYNC110 - a figure tells nobody
            await anyio.sleep(0.005)


async def until(client: httpx.AsyncClient, holds: Callable[[list[str]], bool]) -> list[str]:
    """Ask until the reasons are as expected: at most the ten seconds of the promise."""
    with anyio.fail_after(10):
        while not holds(found := (await readyz(client))[1]):  # noqa: ASYNC110 - asked for
            await anyio.sleep(0.005)
    assert (await readyz(client))[0] == (503 if found else 200)
    return found


async def test_a_well_server_is_ready(studio: Studio) -> None:
    async with watched(studio, msgspec.structs.replace(Limits(), tick=0.01)):
        studio.state.scanned = anyio.Event()
        await until(studio.client, lambda found: found == ["library_scanning"])
        studio.state.scanned.set()
        assert await readyz(studio.client) == (200, [])


async def test_an_engine_that_cannot_live_is_told_within_ten_seconds(layout: Layout) -> None:
    options = EngineOptions(staging=str(layout.staging), nodes=str(layout.nodes))
    dead = [sys.executable, str(ROOT / "tests/contract/child.py"), "dead"]
    limits = EngineLimits(back_off=(0.01,), crashes=2, probe=30)
    engine = ProcessExecutor(options, argv=dead, limits=limits)
    config = await anyio.to_thread.run_sync(lambda: configured(layout.root))
    async with lifespan.opened(config, engine, scan=False) as state:
        state.scanned.set()
        transport = httpx.ASGITransport(create_app(state))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await readyz(client))[0] == 503
            await until(client, lambda found: found == ["engine_unavailable"])
            assert (await client.get("/livez")).status_code == 200
    assert command_line(options)[-2] == "core.engine"


async def test_an_engine_that_beats_but_does_not_answer_is_told_and_replaced(
    opener: Opener,
) -> None:
    script = FakeScript(deaf=True, beat=0.01)
    async with opener(script=script) as studio:
        studio.state.scanned.set()
        patient = msgspec.structs.replace(EAGER, stuck=6.0, silent=1.0)
        async with watched(studio, patient):
            await until(studio.client, lambda found: found == ["engine_silent"])
        assert studio.state.executor.generation == 1
        async with watched(studio, msgspec.structs.replace(patient, given_up=0.1)):
            await eventually(lambda: studio.state.executor.generation > 1)
        await eventually(lambda: studio.state.dispatcher.vitals.ends["no_answer"])


async def test_an_engine_whose_heart_stopped_is_told(opener: Opener) -> None:
    async with opener(script=FakeScript(beat=60.0)) as studio:
        studio.state.scanned.set()
        limits = msgspec.structs.replace(EAGER, stuck=6.0, idle=60.0, silent=0.05)
        async with watched(studio, limits):
            await until(studio.client, lambda found: found == ["engine_silent"])


async def test_an_idle_engine_that_answers_stays_ready(opener: Opener) -> None:
    async with opener() as studio:
        studio.state.scanned.set()
        limits = msgspec.structs.replace(EAGER, stuck=6.0)
        async with watched(studio, limits):
            await eventually(lambda: studio.state.dispatcher.vitals.ponged >= 3)
            assert await readyz(studio.client) == (200, [])
        assert studio.state.executor.generation == 1


async def test_a_stuck_writer_wedges_the_dispatcher_and_both_are_told_until_it_is_over(
    studio: Studio,
) -> None:
    state, gate = studio.state, threading.Event()
    state.scanned.set()
    async with watched(studio, msgspec.structs.replace(EAGER, idle=60.0)):
        async with anyio.create_task_group() as group:
            group.start_soon(state.db.write, lambda tx: gate.wait(15))
            await eventually(state.db.meters.running)
            state.queue.wake()
            told = await until(
                studio.client, lambda found: {"database_stuck", "dispatcher_stuck"} <= set(found)
            )
            assert (await studio.client.get("/livez")).status_code == 200
            gate.set()
        assert "engine_ready" not in told
        await until(studio.client, lambda found: found == [])


async def test_work_that_nobody_takes_is_told(studio: Studio) -> None:
    """A dispatcher that lost its bell: work waits, the engine is free, and nothing happens."""
    state = studio.state
    state.scanned.set()
    async with watched(studio, msgspec.structs.replace(EAGER, idle=60.0)):
        state.dispatcher.close()  # its loop ends; the server does not stop
        await studio.client.post("/api/v1/generate", json=DRAW)
        await until(studio.client, lambda found: found == ["dispatcher_stuck"])
        await state.queue.pause()  # asked for: nothing is stuck
        await until(studio.client, lambda found: found == [])


async def test_a_writer_that_fails_is_told_and_shows_by_itself_that_it_is_well_again(
    studio: Studio,
) -> None:
    """The file is limited to its size, so that SQLite itself says that it is full."""
    state = studio.state
    state.scanned.set()

    def fill(tx: Any) -> None:  # the limit is the connection's, which is opened anew after a fault
        tx.connection.execute("PRAGMA max_page_count = 1").fetchone()  # the least: what there is
        counters.set_setting(tx.connection, "filling", "x" * 1_000_000)

    async with watched(studio, msgspec.structs.replace(EAGER, stuck=6.0, idle=60.0, failing=60.0)):
        with pytest.raises(DiskFull):
            await state.db.write(fill)
        assert state.db.meters.failed >= 1
        assert "disk_full" in state.reasons()
    async with watched(studio, msgspec.structs.replace(EAGER, stuck=6.0, idle=60.0)):
        await until(studio.client, lambda found: found == [])  # the probe is small, and fits
    assert state.db.meters.fault is None


async def test_what_a_callable_refuses_is_no_fault_of_the_database(studio: Studio) -> None:
    def refuse(tx: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await studio.state.db.write(refuse)
    assert studio.state.db.meters.fault is None

    def clash(tx: Any) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(sqlite3.DatabaseError):
        await studio.state.db.write(clash)
    assert studio.state.db.meters.fault == "DatabaseError"
    await studio.state.db.write(lambda tx: None)
    assert studio.state.db.meters.fault is None


async def test_a_full_disk_is_told_until_there_is_room(opener: Opener) -> None:
    async with opener(disk_floor_mb=1 << 40) as studio:
        studio.state.scanned.set()
        async with watched(studio, msgspec.structs.replace(EAGER, stuck=6.0, idle=60.0)):
            await until(studio.client, lambda found: found == ["disk_full"])
            await until(studio.client, lambda found: found == ["disk_full"])
            with_room = await anyio.to_thread.run_sync(
                lambda: configured(studio.state.layout.root, disk_floor_mb=0)
            )
            studio.state.config = with_room
            await studio.state.queue.resume()
            await until(studio.client, lambda found: found == [])


async def test_sockets_are_told_of_a_full_disk_though_the_queue_was_paused_before(
    opener: Opener,
) -> None:
    async with opener(disk_floor_mb=0) as studio:
        state = studio.state
        state.scanned.set()
        await state.queue.pause()  # asked for: that the disk is full changes nothing of the queue

        async def floor(megabytes: int) -> None:
            state.config = await anyio.to_thread.run_sync(
                lambda: configured(state.layout.root, disk_floor_mb=megabytes)
            )

        async with watched(studio, msgspec.structs.replace(EAGER, stuck=6.0, idle=60.0)):
            await until(studio.client, lambda found: found == [])
            await eventually(lambda: state.told == [])
            async with listening(state) as address, socket(address, "?topics=system") as opened:
                assert (await hear(opened))["reasons"] == []
                await floor(1 << 40)
                assert (await heard(opened, "readiness"))["reasons"] == ["disk_full"]
                async with socket(address) as later:
                    assert (await hear(later))["reasons"] == ["disk_full"]
                await floor(0)
                assert (await heard(opened, "readiness"))["reasons"] == []


async def test_a_watchdog_that_is_stuck_itself_says_so(studio: Studio) -> None:
    studio.state.scanned.set()
    watchdog = Watchdog(studio.state, msgspec.structs.replace(EAGER, stuck=0.01))
    studio.state.reasons = watchdog.reasons
    await until(studio.client, lambda found: found == ["checks_stuck"])
    await watchdog.look()
    assert await readyz(studio.client) == (200, [])


async def test_a_stopping_server_is_not_ready_and_lives(studio: Studio) -> None:
    studio.state.stopping = True
    status, reasons = await readyz(studio.client)
    assert (status, reasons[0]) == (503, "stopping")
    assert (await studio.client.get("/livez")).status_code == 200
