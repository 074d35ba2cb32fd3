"""A training's way through its jobs: taken, begun, paused, back in the line, ended.

Each change with its fact. A job that is not the training's newest changes nothing.
"""

import sqlite3
from typing import Literal

import msgspec

from core.errors import Params, Problem
from core.records.events import (
    Numbered,
    TrainingEnded,
    TrainingPaused,
    TrainingStarted,
    TrainingWarned,
)
from core.records.training import Warned
from core.store.training_reads import Run, get, of_job
from core.store.training_reads import run as run_of
from core.store.transaction import Transaction

MAX_WARNINGS = 100  # of one training that are kept
Ended = Literal["succeeded", "stopped", "failed", "canceled"]
_ENCODER = msgspec.json.Encoder()


def taken(tx: Transaction, job: str) -> None:
    """Note that the engine took a training's job."""
    tx.connection.execute(
        """
        UPDATE trainings
        SET status = 'running'
        WHERE job = :job AND row = (SELECT training FROM training_jobs WHERE job = :job)
            AND status = 'queued'
        """,
        {"job": job},
    )


def began(tx: Transaction, run: Run, job: str, step: int, steps: int) -> None:
    """Note that a run is about to take a step."""
    tx.connection.execute(
        "UPDATE trainings SET status = 'running', step = :step, steps = :steps WHERE row = :row",
        {"row": run.row, "step": step, "steps": steps},
    )
    owner, training = run.shown.owner, run.shown.id
    tx.fact(TrainingStarted(owner=owner, training=training, job=job, step=step, steps=steps))


def pauses(tx: Transaction, run: Run, step: int, paused: bool) -> None:
    """Note that a run waits between two steps, or goes on; again is no news."""
    status = "paused" if paused else "running"
    changed = tx.connection.execute(
        """
        UPDATE trainings
        SET status = :status, step = :step
        WHERE row = :row AND ended IS NULL AND status <> :status
        """,
        {"row": run.row, "status": status, "step": step},
    ).rowcount
    if changed:
        shown = run.shown
        fact = TrainingPaused(owner=shown.owner, training=shown.id, step=step, paused=paused)
        tx.fact(fact, job=shown.job)


def waits_again(tx: Transaction, run: Run) -> None:
    """Note that a paused training whose job waits may start again, with the fact of it."""
    tx.connection.execute(
        "UPDATE trainings SET status = 'queued' WHERE row = :row AND status = 'paused'",
        {"row": run.row},
    )
    shown = run.shown
    fact = TrainingPaused(owner=shown.owner, training=shown.id, step=shown.step, paused=False)
    tx.fact(fact, job=shown.job)


def wish(tx: Transaction, run: Run, wanted: Literal["paused", "stopped"] | None) -> None:
    """Note what is asked of a training, so that it is true after a crash, too."""
    tx.connection.execute(
        "UPDATE trainings SET wish = :wish WHERE row = :row AND ended IS NULL",
        {"row": run.row, "wish": wanted},
    )


def requeued(tx: Transaction, job: str) -> None:
    """Note that a training's job waits again; a paused one stays so."""
    tx.connection.execute(
        """
        UPDATE trainings
        SET status = CASE WHEN wish = 'paused' THEN 'paused' ELSE 'queued' END
        WHERE job = :job AND row = (SELECT training FROM training_jobs WHERE job = :job)
            AND ended IS NULL
        """,
        {"job": job},
    )


def is_stopping(connection: sqlite3.Connection, job: str) -> bool:
    """Say whether the training that a job works on was asked to stop."""
    found = of_job(connection, job)
    return found is not None and found[0].wish == "stopped"


def ended(
    tx: Transaction,
    job: str,
    status: Ended,
    *,
    step: int | None = None,
    model: str | None = None,
    error: Problem | None = None,
) -> Numbered | None:
    """End a training with its newest job; a job that is not the newest ends nothing.

    :param step: that it had done; null: as was last told.
    :returns: the fact of it, if that was its newest job.
    """
    found = of_job(tx.connection, job)
    if found is None or found[0].shown.job != job:
        return None
    run = found[0]
    if status == "canceled" and run.wish == "stopped":
        status = "stopped"
    return _over(tx, run, status, step=step, model=model, error=error)


def abandoned(tx: Transaction, training: str, error: Problem) -> None:
    """Fail a training that nobody works on any more."""
    _over(tx, run_of(tx.connection, training), "failed", error=error)


def _over(
    tx: Transaction,
    run: Run,
    status: Ended,
    *,
    step: int | None = None,
    model: str | None = None,
    error: Problem | None = None,
) -> Numbered:
    step = run.shown.step if step is None else step
    tx.connection.execute(
        """
        UPDATE trainings
        SET status = :status, ended = :now, wish = NULL, step = :step, error = :error,
            model = COALESCE(:model, model)
        WHERE row = :row
        """,
        {
            "row": run.row,
            "status": status,
            "now": tx.now,
            "step": step,
            "error": None if error is None else _text(error),
            "model": model,
        },
    )
    owner, training = run.shown.owner, run.shown.id
    fact = TrainingEnded(owner=owner, training=training, step=step, status=status, model=model)
    return tx.fact(fact, job=run.shown.job)


def warned(tx: Transaction, run: Run, step: int, code: str, params: Params) -> None:
    """Keep a warning; one that says the same again is no news, and the list has an end."""
    warning = Warned(code=code, params=params)
    kept = get(tx.connection, run.shown.id).warnings
    if warning in kept or len(kept) >= MAX_WARNINGS:
        return
    tx.connection.execute(
        "UPDATE trainings SET warnings = :warnings WHERE row = :row",
        {"row": run.row, "warnings": _text([*kept, warning])},
    )
    fact = TrainingWarned(owner=run.shown.owner, training=run.shown.id, step=step, warning=warning)
    tx.fact(fact, job=run.shown.job)


def _text(value: object) -> str:
    return _ENCODER.encode(value).decode()
