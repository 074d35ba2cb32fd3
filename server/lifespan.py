"""From a closed data directory to a running server and back: every service, in order.

Nothing starts outside the one task group. Stopping is bounded: each step has a deadline.
"""

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup

from core.config import Config, Settings
from core.errors import DiskFull, StartError
from core.events.bus import Bus
from core.graph.catalogue import Catalogue
from core.ids import new_id
from core.ipc.messages import EngineOptions
from core.jobs.dispatcher import Dispatcher
from core.jobs.executor import Executor
from core.jobs.queue import Queue
from core.jobs.reconcile import empty
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.store import events
from core.store.database import Database
from server import exposure, housekeeping, library, lock
from server.signing import Signer
from server.state import State
from server.words import Words

log = logging.getLogger(__name__)
_catalogue_encoder = msgspec.json.Encoder()
_catalogue_decoder = msgspec.json.Decoder(Catalogue)


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
    with contextlib.ExitStack() as stack:
        with _used(layout):
            layout.make()
            stack.enter_context(lock.held(layout.lock))
            exposure.warn(layout)
            await anyio.to_thread.run_sync(empty, layout.staging)
        async with _database(layout) as (db, bus):
            boot = new_id()
            queue = Queue(db, settings, boot)
            requeued = await queue.recover()
            if requeued.queued:
                log.info("%d jobs go on after a restart", len(requeued.queued))
            engine = executor or make_executor(settings, layout)
            words = await anyio.to_thread.run_sync(Words, shipped("i18n"), settings.language)
            state = State(
                config=config,
                layout=layout,
                boot=boot,
                words=words,
                signer=Signer.of(layout.root / "secret.key"),
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
                    roots=library.places(settings, layout),
                    on_catalogue=partial(keep_catalogue, layout),
                ),
                catalogue=last_catalogue(layout),
            )
            async with anyio.create_task_group() as group:
                await _start(group, state, scan=scan)
                try:
                    yield state
                finally:
                    with anyio.CancelScope(shield=True):
                        await stop(state)
                    group.cancel_scope.cancel()


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
async def _database(layout: Layout) -> AsyncIterator[tuple[Database, Bus]]:
    async def read(since: int, limit: int) -> list[Numbered]:
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
    group.start_soon(library.keep_scanned, state, scan)
    group.start_soon(library.keep_hashed, state)
    group.start_soon(housekeeping.keep_tidy, state)


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
        preview_size=settings.preview_size, cache_mb=settings.cache_mb, ram_mb=settings.ram_mb,
        log_level=settings.log_level, failpoints=settings.failpoints,
    )  # fmt: skip
    if settings.fake_engine:
        from core.jobs.fake import FakeExecutor

        return FakeExecutor(options)
    from core.jobs.process import ProcessExecutor

    program = "core.jobs.fake_process" if settings.fake_process else "core.engine"
    return ProcessExecutor(options, program=program)


def keep_catalogue(layout: Layout, catalogue: Catalogue) -> None:
    """Keep the engine's catalogue for the next start. Small, so it is written at once."""
    fresh = layout.catalogue.with_suffix(".new")
    try:
        fresh.write_bytes(_catalogue_encoder.encode(catalogue))
        os.replace(fresh, layout.catalogue)
    except OSError as error:
        log.warning("The catalogue was not kept: %s", error.strerror)


def last_catalogue(layout: Layout) -> Catalogue:
    """Read the last catalogue that an engine sent, else the one that ships."""
    for file in (layout.catalogue, shipped("catalogue.json")):
        try:
            return _catalogue_decoder.decode(file.read_bytes())
        except (OSError, msgspec.MsgspecError):
            continue
    return Catalogue(nodes={})
