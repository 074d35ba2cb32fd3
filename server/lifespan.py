"""From a closed data directory to a running server and back: every service, in order.

Nothing starts outside the one task group. Stopping is bounded: each step has a deadline.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from core.config import Config, Settings
from core.errors import DiskFull, StartError
from core.events.bus import Bus
from core.ids import new_id
from core.ipc.commands import EngineOptions
from core.jobs.dispatcher import Dispatcher
from core.jobs.executor import Executor
from core.jobs.queue import Queue
from core.jobs.reconcile import empty
from core.log_ring import LogRing
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.store import events, roots
from core.store.database import Database
from core.structs import learn
from server import catalogue, exposure, housekeeping, library, lock
from server.catalogue import Keeper
from server.deliverer import Deliverer
from server.hooks import Hooks, Secret
from server.importer import Importer
from server.installer import Installer
from server.meters import Meters
from server.signing import Signer
from server.state import State
from server.watchdog import Watchdog
from server.words import Words

log = logging.getLogger(__name__)


@asynccontextmanager
async def opened(
    config: Config, executor: Executor | None = None, *, scan: bool = True
) -> AsyncIterator[State]:
    """Open every service of a data directory; close them in the reverse order.

    HTTP may be answered as soon as this yields: the engine goes on starting.

    :param executor: another engine than the settings say, for tests.
    :param scan: whether the model folders are looked through at once, or only when asked.
    :raises StartError: when the directory is in use, or its database cannot be opened.
    """
    settings, layout = config.settings, Layout(config.settings.data_dir)
    ring, meters = LogRing(), Meters()
    with ring.listening():
        async with _claimed(layout), _database(layout, meters) as (db, bus):
            boot = new_id()
            queue = Queue(db, settings, boot)
            requeued = await queue.recover()
            if requeued.queued:
                log.info("%d jobs go on after a restart", len(requeued.queued))
            engine = executor or make_executor(settings, layout)
            keeper = Keeper(layout)
            folders = library.roots(settings, layout, await db.read(roots.everything))
            places = await anyio.to_thread.run_sync(library.places, folders)
            words = await anyio.to_thread.run_sync(_words, settings, layout)
            state = State(
                config=config,
                layout=layout,
                boot=boot,
                words=words,
                signer=Signer.of(layout.root / "secret.key"),
                hooks=await _hooks(settings, layout, queue),
                db=db,
                bus=bus,
                queue=queue,
                executor=engine,
                dispatcher=Dispatcher(
                    queue=queue,
                    executor=engine,
                    db=db,
                    bus=bus,
                    layout=layout,
                    settings=settings,
                    roots=places,
                    on_catalogue=keeper.offer,
                ),
                catalogue=catalogue.last(layout),
                roots=places,
                meters=meters,
                log_ring=ring,
            )
            async with anyio.create_task_group() as group:
                group.start_soon(keeper.run)
                await _start(group, state, scan=scan)
                try:
                    yield state
                finally:
                    with anyio.CancelScope(shield=True):
                        await stop(state)
                    group.cancel_scope.cancel()


@asynccontextmanager
async def _claimed(layout: Layout) -> AsyncIterator[None]:
    """Make a data directory ours: its folders, its lock, and an empty staging."""
    learn()  # before the database has threads that decode
    with contextlib.ExitStack() as stack:
        with _used(layout):
            layout.make()
            stack.enter_context(lock.held(layout.lock))
            exposure.warn(layout)
            await anyio.to_thread.run_sync(empty, layout.staging)
            await anyio.to_thread.run_sync(empty, layout.making)
        yield


async def _hooks(settings: Settings, layout: Layout, queue: Queue) -> Hooks:
    with _used(layout):
        secret = await anyio.to_thread.run_sync(Secret.of, layout.root / "webhook.key")
    hooks = Hooks(settings, secret)
    queue.on_wake = hooks.ring
    return hooks


def _words(settings: Settings, layout: Layout) -> Words:
    return Words(shipped("i18n"), settings.language, layout.words)


@contextlib.contextmanager
def _used(layout: Layout) -> Iterator[None]:
    """Say in the tree's words why the system does not let us have the data directory."""
    try:
        yield
    except OSError as error:
        if DiskFull.caused(error):
            raise DiskFull from error
        reason = error.strerror or str(error)
        raise StartError("data_dir_unusable", folder=str(layout.root), reason=reason) from error


@asynccontextmanager
async def _database(layout: Layout, meters: Meters) -> AsyncIterator[tuple[Database, Bus]]:
    async def read(since: int, limit: int) -> list[Numbered]:
        meters.replays += 1
        return await db.read(lambda connection: events.after(connection, since, limit))

    bus = Bus(read)
    opening = Database.open(
        layout.database,
        publish=bus.publish,
        backups=layout.backups,
        migrations=shipped("migrations"),
    )
    async with AsyncExitStack() as stack:
        with _used(layout):
            db = await stack.enter_async_context(opening)
        bus.start(await db.read(events.head))
        try:
            yield db, bus
        finally:
            bus.close()


async def _start(group: TaskGroup, state: State, *, scan: bool) -> None:
    """Start what runs beside the answers; the engine is not waited for."""
    group.start_soon(housekeeping.reconcile, state)
    await group.start(state.executor.run)
    await group.start(state.dispatcher.run)
    watchdog = Watchdog(state)
    state.reasons = watchdog.reasons
    group.start_soon(watchdog.run)
    group.start_soon(state.meters.lag.run)
    group.start_soon(library.keep_scanned, state, scan)
    group.start_soon(library.keep_hashed, state)
    group.start_soon(housekeeping.keep_tidy, state)
    group.start_soon(Installer(state).run)
    group.start_soon(Deliverer(state).run)
    group.start_soon(Importer(state).run)


async def drain(state: State) -> None:
    """Take no new work and give what runs its seconds; answers go on meanwhile."""
    state.stopping = True
    state.dispatcher.close()
    grace = state.settings.stop_seconds
    with anyio.move_on_after(grace + 5):
        await state.executor.stop(grace)
        await state.dispatcher.wait_ended()


async def stop(state: State) -> None:
    """Stop for good, each step within its deadline."""
    if not state.stopping:
        with anyio.move_on_after(state.settings.stop_seconds + 5):
            await drain(state)
    for socket in list(state.sockets):
        socket.close(1012)


def make_executor(settings: Settings, layout: Layout) -> Executor:
    """Make the engine that the settings ask for; it is not started yet."""
    options = EngineOptions(
        staging=str(layout.staging), nodes=str(layout.nodes), device=settings.device,
        dtype=settings.dtype, threads=settings.threads, preview_rate=settings.preview_rate,
        preview_size=settings.preview_size, cache_mb=settings.cache_mb,
        ram_budget_mb=settings.ram_budget_mb, memory_mb=settings.memory_mb,
        log_level=settings.log_level, failpoints=settings.failpoints, max_rows=settings.max_rows,
        vram_budget_mb=settings.vram_budget_mb, speed=settings.speed,
        quantize=settings.quantize,
    )  # fmt: skip
    if settings.fake_engine:
        from core.jobs.fake import FakeExecutor

        return FakeExecutor(options)
    from core.jobs.process import ProcessExecutor

    program = "core.jobs.fake_process" if settings.fake_process else "core.engine"
    return ProcessExecutor(options, program=program)
