"""Where waiting jobs stand, and when they will be done: honest estimates of bounded work.

A job's position is the number of jobs that go before it if nobody asks for more. In its client's
own line that is exact. Of other clients it counts those jobs that fair share lets go first, as
if every job of a client had the client's mean cost; the 100 clients next in turn are looked at.
All positions of one page cost one walk over each line's index: from its end to the first job of
the page, or, where the end is far, from its beginning to the last one.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from core.store import clients, counters, turns
from core.store.clients import Client, Waiting

_CLIENTS = 100
_NEAR = 1_000  # jobs from the end of a line: then places are counted from there
_START, _END = (-(1 << 62), -1e300, 0), (1 << 62, 1e300, 0)  # of every line
GUESS = 1e-6  # seconds per unit of cost before any was measured; never shown
PACE = "pace"  # the setting that holds what was measured


class _Measured(Struct, frozen=True, kw_only=True):
    """The part of ``core.jobs.eta.Pace`` that is read here."""

    seconds: float
    cost: float


class Place(Struct, frozen=True, kw_only=True):
    """Where a job stands."""

    position: int  # 0 first
    eta_seconds: float | None  # until it is done


def rate(connection: sqlite3.Connection) -> float | None:
    """Read the measured seconds per unit of cost; None until the first job has succeeded."""
    found = counters.setting(connection, PACE, _Measured)
    return None if found is None or found.cost <= 0 else found.seconds / found.cost


def places(
    connection: sqlite3.Connection, jobs: Sequence[Waiting], pace: float | None
) -> dict[int, Place]:
    """Estimate for queued jobs, by row.

    :param pace: seconds per unit of cost; None: the measured one. Without either there is no ETA.
    """
    if not jobs:
        return {}
    pace = rate(connection) if pace is None else pace
    everyone = {client.row: client for client in clients.waiting(connection, _CLIENTS)}
    running = counters.value(connection, "cost.running")
    trained = turns.running_cost(connection)
    trainings = turns.waiting(connection, [job.row for job in jobs]) if trained else set()
    found = {}
    for row, ahead in _ahead(connection, jobs).items():
        job = next(each for each in jobs if each.row == row)
        own = everyone.get(job.client) or clients.get(connection, job.client)
        if job.suspect:
            position, cost = _suspects_before(connection, job.row), 0.0
        else:
            position, cost = _among(list(everyone.values()), own, ahead, pace or GUESS)
        ahead_cost = running - (0 if row in trainings else trained) + cost
        eta = None if pace is None else round((ahead_cost + job.cost) * pace, 1)
        found[row] = Place(position=position, eta_seconds=eta)
    return found


def _ahead(connection: sqlite3.Connection, jobs: Sequence[Waiting]) -> dict[int, int]:
    """Count what stands before each job in its own line, walking each line once.

    From its end where that is near, as it is for jobs that were just added.
    """
    found: dict[int, int] = {}
    lines: dict[int, list[Waiting]] = {}
    for job in sorted(jobs, key=lambda each: each.key):
        lines.setdefault(job.client, []).append(job)
    for client, line in lines.items():
        last = line[-1]
        behind = _between(connection, client, last.key, _END, _NEAR)
        if behind < _NEAR:
            found[last.row] = clients.get(connection, client).queued - behind
            for job, after in zip(line[-2::-1], line[:0:-1], strict=True):
                found[job.row] = found[after.row] - _between(connection, client, job.key, after.key)
            continue
        count, low = 0, _START
        for job in line:
            count += _between(connection, client, low, job.key)
            found[job.row], low = count, job.key
    return found


def _between(
    connection: sqlite3.Connection,
    client: int,
    low: tuple[int, float, int],
    high: tuple[int, float, int],
    limit: int = -1,
) -> int:
    """Count the jobs of a line from ``low`` up to, and without, ``high``; ``limit`` at most."""
    return int(
        connection.execute(
            """
            SELECT COUNT(*)
            FROM (
                SELECT 1
                FROM jobs INDEXED BY jobs_line
                WHERE client = :client AND status = 'queued'
                    AND (turn, place, row) >= (:low_turn, :low_place, :low_row)
                    AND (turn, place, row) < (:turn, :place, :row)
                LIMIT :limit
            )
            """,
            {
                "client": client,
                "low_turn": low[0],
                "low_place": low[1],
                "low_row": low[2],
                "turn": high[0],
                "place": high[1],
                "row": high[2],
                "limit": limit,
            },
        ).fetchone()[0]
    )


def _suspects_before(connection: sqlite3.Connection, row: int) -> int:
    return int(
        connection.execute(
            """
            SELECT COUNT(*)
            FROM jobs INDEXED BY jobs_suspects
            WHERE status = 'queued' AND suspect = 1 AND row < :row
            """,
            {"row": row},
        ).fetchone()[0]
    )


def _among(everyone: Sequence[Client], own: Client, ahead: int, pace: float) -> tuple[int, float]:
    """Count jobs, and sum cost, before the one with ``ahead`` others in its own line."""
    mean = own.cost / max(1, own.queued)
    rank = own.rank + ahead * mean * pace
    position, cost = ahead, ahead * mean
    for other in everyone:
        each = other.cost / max(1, other.queued)
        steps = (rank - other.rank) / max(each * pace, 1e-9)
        if other.row == own.row or steps < 0:
            continue
        whole = round(steps)
        level = abs(steps - whole) < 1e-6  # of two that are level, the older client goes first
        earlier = min(other.queued, whole + (other.row < own.row) if level else int(steps) + 1)
        position += earlier
        cost += earlier * each
    return position, cost
