"""Checks of what runs, or should: clock, limits, port, the last end, the engine."""

import time
from datetime import UTC, datetime

import anyio

from core.config import Settings
from core.ipc.reports import Hello
from core.jobs.executor import Lost, Stamped
from core.paths import Layout
from server import lifespan, lock, whereabouts
from server.doctor.finding import Finding, fail, ok, warn
from server.doctor.machine import Machine
from server.doctor.storage import age

_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # no clock may say less
_SKEW = 300.0  # seconds that files may be ahead
_SOCKETS = 1024  # connections at once, as ``server.serve`` takes them
_BESIDE = 256  # files of the database, pictures being sent, pipes, libraries
_HELLO = 90.0  # seconds for an engine's first word
_TAIL = 300  # characters of an engine's last words


def clock(settings: Settings, machine: Machine) -> Finding:
    """Check that the clock is not before this program, nor before what it wrote."""
    now = machine.now()
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now < _EARLIEST or now < age(settings) - _SKEW:
        return fail("clock", "clock_wrong", at=said)
    return ok("clock", "clock_ok", at=said)


def files(settings: Settings, machine: Machine) -> Finding:
    """Check that every connection the server takes may have its socket."""
    limit, wanted = machine.most_files(), _SOCKETS + _BESIDE
    if limit is None:
        return ok("files", "files_free")
    if limit < wanted:
        return warn("files", "files_few", limit=limit, wanted=wanted)
    return ok("files", "files_ok", limit=limit)


def port(settings: Settings, machine: Machine) -> Finding:
    """Check that the port is free, or that our own server has it."""
    if not machine.port_is_taken(settings.host, settings.port):
        return ok("port", "port_ok", port=settings.port)
    layout = Layout(settings.data_dir)
    running = whereabouts.running(layout)
    ours = running is not None and running.url.endswith(f":{settings.port}")
    if ours and lock.is_held(layout.lock):
        return ok("port", "port_ours", port=settings.port)
    return warn("port", "port_taken", host=settings.host, port=settings.port)


def end(settings: Settings, machine: Machine) -> Finding:
    """Look how the last server ended: one that ends as it should takes its card away."""
    layout = Layout(settings.data_dir)
    card = layout.root / whereabouts.RUNNING
    if lock.is_held(layout.lock) or not card.exists():
        return ok("end", "end_ok")
    at = datetime.fromtimestamp(card.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return warn("end", "end_unclean", at=at)


def engine(settings: Settings, machine: Machine) -> Finding:
    """Start the engine, wait for its first word, and end it."""
    layout = Layout(settings.data_dir)
    if settings.fake_engine:
        return ok("engine", "engine_scripted")
    if lock.is_held(layout.lock):
        return ok("engine", "engine_running")
    began = time.monotonic()
    hello, reason, tail = anyio.run(_greet, settings, layout)
    if hello is None:
        return fail("engine", "engine_failed", reason=reason, tail=tail or "–")
    seconds = f"{time.monotonic() - began:.1f}"
    device, name = hello.device, hello.device_name
    return ok("engine", "engine_ok", device=device, name=name, seconds=seconds)


async def _greet(settings: Settings, layout: Layout) -> tuple[Hello | None, str, str]:
    """Give what the first engine says of itself, else the reason of its end and its last words."""
    executor = lifespan.make_executor(settings, layout)
    hello, reason, tail = None, "no_hello", ""
    async with anyio.create_task_group() as group:
        await group.start(executor.run)
        with anyio.move_on_after(_HELLO):
            async for item in executor.reports():
                if isinstance(item, Stamped) and isinstance(item.report, Hello):
                    hello = item.report
                    break
                if isinstance(item, Lost):
                    reason, tail = item.reason, " ".join(item.log_tail.split())[-_TAIL:]
                    break
        await executor.stop(0)
        group.cancel_scope.cancel()
    return hello, reason, tail
