"""Figures that live on the loop's thread: copied there, in one go, without a file or a wait."""

import time
from collections.abc import Iterator

from core.meters import COUNTS, LONG_SECONDS, SECONDS
from core.store import deliveries, jobs
from core.store.work import QueueState
from server.metrics.family import Family, counter, gauge, histogram, histograms, table
from server.state import State

_STATES = ("starting", "ready", "restarting", "unavailable", "stopped")


async def families(state: State) -> list[Family]:
    """Copy every figure of the services."""
    queue = await state.queue.state()
    oldest = await state.db.read(jobs.oldest_waiting)
    return [
        *_queue(state, queue, oldest or 0.0),
        *_engine(state),
        *_events(state),
        *_hooks(await state.db.read(deliveries.counts)),
        *_database(state),
        *_server(state),
    ]


def _queue(state: State, queue: QueueState, oldest: float) -> Iterator[Family]:
    meters = state.queue.meters
    counts = (((status,), float(count)) for status, count in queue.counts.items())
    yield table("gauge", "jobs", "Jobs in the database, by status.", ("status",), counts)
    yield gauge("queue_paused", "1 while nothing more starts.", float(queue.paused))
    yield gauge("queue_oldest_seconds", "Since the oldest waiting job was accepted.", oldest)
    yield histogram(
        "job_wait_seconds", "From acceptance to the first start.", meters.waits.tally(),
        LONG_SECONDS,
    )  # fmt: skip
    yield histograms(
        "job_duration_seconds", "Time in the engine, by outcome.", ("outcome",),
        (((outcome,), each) for outcome, each in meters.durations.items()), LONG_SECONDS,
    )  # fmt: skip
    retried = (((reason,), float(count)) for reason, count in meters.retried.items())
    yield table("counter", "jobs_retried", "Jobs that went back.", ("reason",), retried)
    yield counter("jobs_quarantined", "Jobs under which the engine died twice.", meters.quarantined)


def _engine(state: State) -> Iterator[Family]:
    vitals, beat = state.dispatcher.vitals, state.dispatcher.vitals.heartbeat
    states = (((name,), float(state.executor.state == name)) for name in _STATES)
    yield table("gauge", "engine_state", "1 for the state it is in.", ("state",), states)
    yield gauge("engine_generation", "Starts of the engine.", state.executor.generation)
    ends = (((reason,), float(count)) for reason, count in vitals.ends.items())
    yield table("counter", "engine_ends", "Engines that ended, by reason.", ("reason",), ends)
    yield gauge("jobs_in_flight", "Jobs that the engine has.", len(state.dispatcher.progress))
    yield histogram("step_seconds", "Turns of the sampling loop.", vitals.steps, SECONDS)
    yield histogram("step_rows", "Pictures that shared a turn.", vitals.widths, COUNTS)
    if beat is not None:
        yield gauge("device_memory_used_bytes", "Of the device, as the engine sees it.", beat.used)
        yield gauge("device_memory_size_bytes", "Of the device.", beat.total)
        yield gauge("engine_resident_memory_bytes", "Of the engine process.", beat.rss)
        yield gauge("weights_device_bytes", "Weights on the device.", beat.weights_device)
        yield gauge("weights_ram_bytes", "Weights in RAM.", beat.weights_ram)
        yield gauge("weights_device_budget_bytes", "What the former may be.", beat.vram_budget)
        yield gauge("weights_ram_budget_bytes", "What idle ones leave beyond.", beat.ram_budget)
        yield gauge("engine_idle_seconds", "Since anything moved in it.", beat.progress_age)


def _events(state: State) -> Iterator[Family]:
    yield gauge("sockets", "Open WebSockets.", len(state.sockets))
    yield counter("facts", "Facts ever published.", state.bus.head)
    yield gauge("events_head", "Number of the newest fact.", state.bus.head)
    yield gauge("subscriber_lag_facts", "Facts the slowest subscriber lacks.", state.bus.lag())
    yield counter(
        "fact_replays", "Reads of facts from disk, for who is late.", state.meters.replays
    )


def _hooks(counts: dict[str, int]) -> Iterator[Family]:
    yield gauge("webhooks_waiting", "Webhooks that are to be delivered.", counts["waiting"])
    yield counter("webhooks_delivered", "Webhooks that were taken.", counts["delivered"])
    yield counter("webhooks_failed", "Webhooks that were given up.", counts["failed"])


def _database(state: State) -> Iterator[Family]:
    meters = state.db.meters
    yield histogram(
        "commit_seconds", "Until a commit was on disk.", meters.seconds.tally(), SECONDS
    )
    yield histogram(
        "commit_transactions", "Transactions that shared a commit.", meters.folded.tally(), COUNTS
    )
    yield counter("commit_failures", "Commits that database or disk undid.", meters.failed)


def _server(state: State) -> Iterator[Family]:
    meters, lag = state.meters, state.meters.lag.figures()
    answers = (
        ((method, route, str(status)), float(count))
        for (method, route, status), count in meters.answers.items()
    )
    labels = ("method", "route", "status")
    yield table("counter", "requests", "Answered requests.", labels, answers)
    yield histograms(
        "request_seconds", "Until the first byte of the answer.", ("method", "route"),
        meters.durations.items(), SECONDS,
    )  # fmt: skip
    late = zip((("0.5",), ("0.99",), ("1",)), lag, strict=True)
    doc = "How late the event loop woke, over the last minute."
    yield table("gauge", "event_loop_lag_seconds", doc, ("quantile",), late)
    yield gauge("uptime_seconds", "Since the server started.", time.monotonic() - state.started)
