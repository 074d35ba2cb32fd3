"""Whose turn it is among trainings: one goes at a time, beside jobs of other kinds.

What waits for that is held back in its client's line as other held jobs are. Knows no runs but
by the wishes of people.
"""

import json
import sqlite3
from collections.abc import Sequence

from core.store.transaction import Transaction


def hold_trainings(tx: Transaction) -> list[int]:
    """Hold back the trainings that may not start now; rows of clients whose line that changes.

    One goes at a time, and a paused one waits for whoever paused it.
    """
    found = tx.connection.execute(
        """
        WITH wanted (row, held) AS (
            SELECT jobs.row, (
                EXISTS (
                    SELECT 1
                    FROM jobs AS other INDEXED BY jobs_running
                    WHERE other.status = 'running' AND other.kind = 'training'
                ) OR EXISTS (
                    SELECT 1
                    FROM trainings
                    JOIN training_jobs ON training_jobs.training = trainings.row
                    WHERE training_jobs.job = jobs.id AND trainings.wish = 'paused'
                )
            )
            FROM jobs INDEXED BY jobs_trainings
            WHERE jobs.kind = 'training' AND jobs.status = 'queued'
        )
        UPDATE jobs
        SET held = wanted.held
        FROM wanted
        WHERE jobs.row = wanted.row AND jobs.held <> wanted.held
        RETURNING client
        """
    ).fetchall()
    return sorted({int(each[0]) for each in found})


def acquit(tx: Transaction, job: str) -> bool:
    """Clear a running job of what it was suspected of, and of crashes; False when of neither."""
    changed = tx.connection.execute(
        """
        UPDATE jobs
        SET suspect = 0, crashes = 0
        WHERE id = :id AND status = 'running' AND (suspect = 1 OR crashes > 0)
        """,
        {"id": job},
    ).rowcount
    return changed == 1


def rest(tx: Transaction, job: str) -> None:
    """Hold back a training's job that waits, until ``hold_trainings`` is called again."""
    tx.connection.execute(
        "UPDATE jobs SET held = 1 WHERE id = :id AND status = 'queued' AND held = 0", {"id": job}
    )


def running_cost(connection: sqlite3.Connection) -> int:
    """Add up the cost of trainings that run: one at most, and others do not wait for it."""
    found = connection.execute(
        """
        SELECT COALESCE(SUM(cost), 0)
        FROM jobs INDEXED BY jobs_running
        WHERE status = 'running' AND kind = 'training'
        """
    )
    return int(found.fetchone()[0])


def waiting(connection: sqlite3.Connection, rows: Sequence[int]) -> set[int]:
    """Choose those rows of jobs that are trainings which wait."""
    found = connection.execute(
        """
        SELECT row
        FROM jobs INDEXED BY jobs_trainings
        WHERE kind = 'training' AND status = 'queued'
            AND row IN (SELECT value FROM json_each(:rows))
        """,
        {"rows": json.dumps(list(rows))},
    )
    return {int(each[0]) for each in found}
