"""Jobs as clients read them. What changes them is in ``core.store.line``."""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import NotFound, Problem
from core.records.graph import Json
from core.records.job import ENDED, TRANSITIONS, Job, JobStatus
from core.store import batches, counters, designs, turns
from core.store import page as pages
from core.store.clients import Waiting
from core.store.page import Page
from core.store.place import places, rate
from core.store.times import iso, maybe, now

_PROBLEM = msgspec.json.Decoder(Problem)
_TEXTS = msgspec.json.Decoder(list[str])
_RESULT = msgspec.json.Decoder(dict[str, Json])
_IDS = msgspec.json.Encoder()
_SELECT = """
    SELECT row, id, batch, client, owner, kind, status, cell, priority, turn, place, cost,
        suspect, attempt, created, started, ended, seconds, error, degraded, successor, spot,
        result, cached
    FROM jobs
"""


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs a page shows; null does not ask."""

    owner: str | None = None
    status: JobStatus | None = None
    batch: str | None = None


class _Found(Struct, frozen=True):
    """The columns of ``_SELECT``, in order."""

    row: int
    id: str
    batch: int
    client: int
    owner: str
    kind: str
    status: str
    cell: str
    priority: int
    turn: int
    place: float
    cost: int
    suspect: int
    attempt: int
    created: int
    started: int | None
    ended: int | None
    seconds: float | None
    error: str | None
    degraded: str | None
    successor: str | None
    spot: int
    result: str | None
    cached: str | None


def oldest_waiting(connection: sqlite3.Connection) -> float | None:
    """Give the seconds that the oldest waiting job has waited; ``None`` when none waits."""
    found = connection.execute(
        """
        SELECT created
        FROM jobs INDEXED BY jobs_status
        WHERE status = 'queued'
        ORDER BY row
        LIMIT 1
        """
    ).fetchone()
    return None if found is None else max(0, now() - int(found[0])) / 1000


def get(
    connection: sqlite3.Connection, job: str, owner: str | None = None, pace: float | None = None
) -> Job:
    """Read one job with its pictures, its place in the queue and its ETA.

    :param pace: seconds per unit of cost, for ``eta_seconds``; None: as measured.
    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"{_SELECT} WHERE id = :id AND (:owner IS NULL OR owner = :owner)",
        {"id": job, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="job", id=job)
    return _dressed(connection, [_Found(*found)], pace)[0]


def some(
    connection: sqlite3.Connection, jobs: Sequence[str], pace: float | None = None
) -> list[Job]:
    """Read jobs by id, in the asked order; unknown ones are left out."""
    found = connection.execute(
        f"{_SELECT} WHERE id IN (SELECT value FROM json_each(:ids))",
        {"ids": _IDS.encode(list(jobs)).decode()},
    )
    made = {job.id: job for job in _dressed(connection, [_Found(*each) for each in found], pace)}
    return [made[job] for job in jobs if job in made]


def page(
    connection: sqlite3.Connection,
    wanted: JobFilter,
    cursor: str | None = None,
    limit: int = 50,
    pace: float | None = None,
) -> Page[Job]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    :raises NotFound: for an unknown batch, or somebody else's.
    """
    batch = None if wanted.batch is None else batches.row_of(connection, wanted.batch, wanted.owner)
    terms = ["row < :before"]
    terms += ["batch = :batch"] if batch is not None else []
    # A batch has at most 10,000 rows and its own index; the "+" keeps the planner off others.
    terms += [] if wanted.owner is None else ["+owner = :owner" if batch else "owner = :owner"]
    terms += [] if wanted.status is None else ["status = :status"]
    found = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(terms)} ORDER BY row DESC LIMIT :limit",
        {
            "before": pages.decode(cursor, "jobs", wanted),
            "batch": batch,
            "owner": wanted.owner,
            "status": wanted.status,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    cut = pages.cut(found, limit, lambda each: _Found(*each), "jobs", wanted)
    return Page(items=_dressed(connection, cut.items, pace), next=cut.next)


def line(connection: sqlite3.Connection, owner: str | None, limit: int) -> list[Job]:
    """Read the jobs that wait, the next one first: of each client's line as far as ``limit``."""
    found = connection.execute(
        f"""
        {_SELECT}
        WHERE status = 'queued'
            AND (:owner IS NULL OR +owner = :owner)
        ORDER BY turn, place, row
        LIMIT :limit
        """,
        {"owner": owner, "limit": limit},
    ).fetchall()
    made = _dressed(connection, [_Found(*each) for each in found], None)
    return sorted(made, key=lambda job: job.position or 0)


def cells(
    connection: sqlite3.Connection,
    batch: str,
    owner: str | None = None,
    status: JobStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Job]:
    """Read a page of a batch in the order of its cells: of each the job that stands for it now.

    :raises Malformed: ``cursor_mismatch``.
    :raises NotFound: for an unknown batch, or somebody else's.
    """
    terms = "batch = :batch AND successor IS NULL AND spot > :after"
    terms += "" if status is None else " AND status = :status"
    found = connection.execute(
        f"""
        {_SELECT} INDEXED BY jobs_spots
        WHERE {terms}
        ORDER BY spot
        LIMIT :limit
        """,
        {
            "batch": batches.row_of(connection, batch, owner),
            "after": -1 if cursor is None else pages.decode(cursor, "cells", batch, status),
            "status": status,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    made = [_Found(*each) for each in found]
    keyed = [(each.spot, each) for each in made]
    cut = pages.cut(keyed, limit, lambda each: each[1], "cells", batch, status)
    return Page(items=_dressed(connection, cut.items, None), next=cut.next)


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Read the number of jobs in every status, without counting."""
    known = counters.under(connection, "jobs")
    return {status: known.get(status, 0) for status in TRANSITIONS}


def eta(connection: sqlite3.Connection) -> float | None:
    """Estimate the seconds until all that waits and runs is done; None if the pace is unknown."""
    pace = rate(connection)
    if pace is None:
        return None
    costs = counters.under(connection, "cost")
    return round((costs.get("queued", 0) + costs.get("running", 0)) * pace, 1)


def foreseen(connection: sqlite3.Connection, cost: int) -> tuple[float | None, float | None]:
    """Estimate the seconds of more work, and of what waits and runs before it."""
    pace = rate(connection)
    return (None if pace is None else round(cost * pace, 1)), eta(connection)


def _dressed(
    connection: sqlite3.Connection, found: Sequence[_Found], pace: float | None
) -> list[Job]:
    """Add what stands in other tables, with a few queries for all jobs together."""
    pace = rate(connection) if pace is None else pace
    known = designs.axes_of(connection, (job.batch for job in found))
    drawn = _images(connection, [job.id for job in found if job.status in ENDED])
    waiting = places(
        connection,
        [
            Waiting(
                row=job.row,
                client=job.client,
                turn=job.turn,
                place=job.place,
                cost=job.cost,
                suspect=bool(job.suspect),
            )
            for job in found
            if job.status == "queued"
        ],
        pace,
    )
    busy = counters.value(connection, "cost.running") if pace is not None else 0
    busy -= turns.running_cost(connection) if busy else 0
    made = []
    for job in found:
        batch, axes = known[job.batch]
        stands = waiting.get(job.row)
        left = stands.eta_seconds if stands else None
        if job.status == "running" and pace is not None and job.started is not None:
            spent = max(0.0, (now() - job.started) / 1000)  # the clock may have been set back
            work = job.cost if job.kind == "training" else busy
            left = round(max(0.0, work * pace - spent), 1)
        made.append(
            Job(
                id=job.id,
                batch=batch,
                kind=job.kind,  # type: ignore[arg-type]  # the table's CHECK says so
                owner=job.owner,
                status=job.status,  # type: ignore[arg-type]  # likewise
                priority=job.priority,
                position=stands.position if stands else None,
                attempt=job.attempt,
                created=iso(job.created),
                started=maybe(job.started),
                ended=maybe(job.ended),
                seconds=job.seconds,
                eta_seconds=left,
                overrides=designs.overrides(axes, job.cell),
                images=drawn.get(job.id, []),
                error=None if job.error is None else _PROBLEM.decode(job.error),
                degraded=[] if job.degraded is None else _TEXTS.decode(job.degraded),
                successor=job.successor,
                result=None if job.result is None else _RESULT.decode(job.result),
                cached=[] if job.cached is None else _TEXTS.decode(job.cached),
            )
        )
    return made


def _images(connection: sqlite3.Connection, jobs: Sequence[str]) -> dict[str, list[str]]:
    if not jobs:
        return {}
    found = connection.execute(
        """
        SELECT job, id
        FROM images
        WHERE job IN (SELECT value FROM json_each(:ids)) AND deleted IS NULL AND lost = 0
        ORDER BY job, output
        """,
        {"ids": _IDS.encode(jobs).decode()},
    )
    drawn: dict[str, list[str]] = {}
    for job, image in found:
        drawn.setdefault(job, []).append(image)
    return drawn
