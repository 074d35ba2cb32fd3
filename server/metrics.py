"""Figures for Prometheus, and the reasons why the server is not ready.

Nothing is counted here: figures are read when somebody asks. The library is imported then, too.
"""

import shutil
import sys
import time
from typing import TYPE_CHECKING

import anyio.to_thread

from server.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

_STATES = ("starting", "ready", "restarting", "unavailable", "stopped")


async def reasons(state: State) -> list[str]:
    """List why no work is done now; empty when it is."""
    found: list[str] = []
    if state.stopping:
        found.append("stopping")
    if state.executor.state != "ready":
        found.append(f"engine_{state.executor.state}")
    if not state.scanned.is_set():
        found.append("library_scanning")
    if state.db.failing is not None:
        found.append("database_failing")
    elif (await state.queue.state()).reason == "disk_full" or await anyio.to_thread.run_sync(
        disk_is_full, state
    ):
        found.append("disk_full")
    return found


def disk_is_full(state: State) -> bool:
    """Say whether the data directory's disk is below its floor."""
    free = shutil.disk_usage(state.layout.root).free
    return free < state.settings.disk_floor_mb * 1024 * 1024


async def text(state: State) -> tuple[str, bytes]:
    """Give the media type and the text of all figures."""
    queue = await state.queue.state()
    return await anyio.to_thread.run_sync(_render, state, queue.counts, queue.paused)


def _render(state: State, counts: dict[str, int], paused: bool) -> tuple[str, bytes]:
    """Ask disk and clock, and import what few ask for: work for a thread."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry()
    registry.register(_Collector(state, counts, paused))
    return CONTENT_TYPE_LATEST, generate_latest(registry)


class _Collector:
    def __init__(self, state: State, counts: dict[str, int], paused: bool) -> None:
        self._state, self._counts, self._paused = state, counts, paused

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        state = self._state
        jobs = GaugeMetricFamily("heliograph_jobs", "Jobs by status.", labels=["status"])
        for status, count in self._counts.items():
            jobs.add_metric([status], count)
        yield jobs
        requests = CounterMetricFamily(
            "heliograph_requests", "Answered requests.", labels=["method", "route", "status"]
        )
        for (method, path, status_code), count in state.requests.items():
            requests.add_metric([method, path, str(status_code)], count)
        yield requests
        engine = GaugeMetricFamily("heliograph_engine_state", "1 for the state.", labels=["state"])
        for name in _STATES:
            engine.add_metric([name], float(state.executor.state == name))
        yield engine
        for name, doc, value in (
            ("queue_paused", "1 while nothing more starts.", float(self._paused)),
            ("sockets", "Open WebSockets.", len(state.sockets)),
            ("engine_generation", "Starts of the engine.", state.executor.generation),
            ("events_head", "Number of the newest fact.", state.bus.head),
            ("uptime_seconds", "Since the server started.", time.monotonic() - state.started),
            ("resident_memory_peak_bytes", "Of the server process.", peak_memory()),
        ):
            yield GaugeMetricFamily(f"heliograph_{name}", doc, value=value)


def peak_memory() -> int:
    """Give the peak resident memory of this process in bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
