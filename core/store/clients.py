"""Who shares the engine: the numbers of ``core.jobs.share``, and each client's own line."""

import sqlite3

from msgspec import Struct


class Client(Struct, frozen=True, kw_only=True):
    """One who waits for a share."""

    row: int
    start: float  # virtual time, engine-seconds
    rank: float
    queued: int
    cost: int  # of all that is queued


class Waiting(Struct, frozen=True, kw_only=True):
    """A queued job as its line knows it: the key (turn, place, row) orders it."""

    row: int
    client: int
    turn: int  # minus the priority
    place: float
    cost: int
    suspect: bool

    @property
    def key(self) -> tuple[int, float, int]:
        """The place in the client's own line; lower goes first."""
        return self.turn, self.place, self.row


def enter(connection: sqlite3.Connection, name: str) -> Client:
    """Find a client by name, or make it."""
    found = connection.execute(
        """
        SELECT row, start, rank, queued, cost
        FROM clients
        WHERE name = :name
        """,
        {"name": name},
    ).fetchone()
    if found is not None:
        return _client(found)
    row = connection.execute("INSERT INTO clients (name) VALUES (:name)", {"name": name}).lastrowid
    assert row is not None  # it was inserted
    return get(connection, row)


def get(connection: sqlite3.Connection, row: int) -> Client:
    """Read one client."""
    return _client(
        connection.execute(
            """
            SELECT row, start, rank, queued, cost
            FROM clients
            WHERE row = :row
            """,
            {"row": row},
        ).fetchone()
    )


def waiting(connection: sqlite3.Connection, limit: int) -> list[Client]:
    """Read the clients with something in the queue, the next one first."""
    found = connection.execute(
        """
        SELECT row, start, rank, queued, cost
        FROM clients
        WHERE queued > 0
        ORDER BY rank
        LIMIT :limit
        """,
        {"limit": limit},
    )
    return [_client(each) for each in found]


def standing(connection: sqlite3.Connection, row: int) -> tuple[float, int]:
    """Read a client's start, and the priority of its first job that may start, or 0."""
    start, priority = connection.execute(
        """
        SELECT start, (
            SELECT priority
            FROM jobs INDEXED BY jobs_ready
            WHERE client = :row AND status = 'queued' AND held = 0
            ORDER BY turn, place, row
            LIMIT 1
        )
        FROM clients
        WHERE row = :row
        """,
        {"row": row},
    ).fetchone()
    return float(start), priority or 0


def place(connection: sqlite3.Connection, row: int, start: float, rank: float) -> None:
    """Store where a client stands among the others."""
    connection.execute(
        """
        UPDATE clients
        SET start = :start, rank = :rank
        WHERE row = :row
        """,
        {"row": row, "start": start, "rank": rank},
    )


def add(connection: sqlite3.Connection, row: int, queued: int, cost: int, held: int = 0) -> None:
    """Count jobs that entered a client's line; ``held`` of them are held back."""
    connection.execute(
        """
        UPDATE clients
        SET queued = queued + :queued, cost = cost + :cost, held = held + :held
        WHERE row = :row
        """,
        {"row": row, "queued": queued, "cost": cost, "held": held},
    )


def name(connection: sqlite3.Connection, row: int) -> str:
    """Read a client's name."""
    found = connection.execute("SELECT name FROM clients WHERE row = :row", {"row": row})
    return str(found.fetchone()[0])


def following(connection: sqlite3.Connection) -> Waiting | None:
    """Read the job whose turn it is: of the client with the lowest rank, the first in its line.

    What is held back is passed over, and so is who has nothing else.
    """
    found = connection.execute(
        """
        SELECT row, client, turn, place, cost, suspect
        FROM jobs
        WHERE row = (
            SELECT row
            FROM jobs INDEXED BY jobs_ready
            WHERE status = 'queued' AND held = 0 AND client = (
                SELECT row
                FROM clients INDEXED BY clients_ready
                WHERE queued > held
                ORDER BY rank
                LIMIT 1
            )
            ORDER BY turn, place, row
            LIMIT 1
        )
        """
    ).fetchone()
    return None if found is None else _waiting(found)


def suspect(connection: sqlite3.Connection) -> Waiting | None:
    """Read the suspect that is tried next: the oldest that waits, trainings after all others.

    So the short ones are judged before a training, beside which others may run once it got on.
    """
    found = connection.execute(
        """
        SELECT row, client, turn, place, cost, suspect
        FROM jobs INDEXED BY jobs_suspects
        WHERE status = 'queued' AND suspect = 1 AND held = 0
        ORDER BY kind = 'training', row
        LIMIT 1
        """
    ).fetchone()
    return None if found is None else _waiting(found)


def job(connection: sqlite3.Connection, row: int) -> Waiting:
    """Read a job as its line knows it."""
    return _waiting(
        connection.execute(
            """
            SELECT row, client, turn, place, cost, suspect
            FROM jobs
            WHERE row = :row
            """,
            {"row": row},
        ).fetchone()
    )


def around(
    connection: sqlite3.Connection, client: int, but: int, position: int
) -> tuple[Waiting | None, Waiting | None]:
    """Read the jobs before and at a position of a client's line, which leaves out row ``but``.

    Walks the line's index up to the position; callers bound it. Past the end, the last and None.
    """
    found = connection.execute(
        """
        SELECT row, client, turn, place, cost, suspect
        FROM (
            SELECT row, client, turn, place, cost, suspect
            FROM jobs INDEXED BY jobs_line
            WHERE client = :client AND status = 'queued' AND row <> :but
            ORDER BY turn, place, row
            LIMIT :count
        )
        ORDER BY turn DESC, place DESC, row DESC
        LIMIT 2
        """,
        {"client": client, "but": but, "count": position + 1},
    ).fetchall()
    last = [_waiting(each) for each in found]
    if not last:
        return None, None
    standing = connection.execute(
        "SELECT queued FROM clients WHERE row = :client", {"client": client}
    ).fetchone()[0]
    if position >= standing - 1:  # all others stand before it
        return last[0], None
    return (last[1] if len(last) > 1 else None), last[0]


def move(connection: sqlite3.Connection, row: int, priority: int, place: float) -> None:
    """Give a job another place in its line."""
    connection.execute(
        """
        UPDATE jobs
        SET priority = :priority, place = :place
        WHERE row = :row AND status = 'queued'
        """,
        {"row": row, "priority": priority, "place": place},
    )


def shift(connection: sqlite3.Connection, before: Waiting) -> None:
    """Move everything of the same priority in front of a job one step forward, to make room."""
    connection.execute(
        """
        UPDATE jobs INDEXED BY jobs_line
        SET place = place - 1
        WHERE client = :client AND status = 'queued' AND turn = :turn
            AND (place, row) < (:place, :row)
        """,
        {"client": before.client, "turn": before.turn, "place": before.place, "row": before.row},
    )


def _client(found: tuple[int, float, float, int, int]) -> Client:
    row, start, rank, queued, cost = found
    return Client(row=row, start=start, rank=rank, queued=queued, cost=cost)


def _waiting(found: tuple[int, int, int, float, int, int]) -> Waiting:
    row, client, turn, place, cost, suspect = found
    return Waiting(row=row, client=client, turn=turn, place=place, cost=cost, suspect=bool(suspect))
