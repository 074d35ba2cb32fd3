"""Trainings: what changes their rows, each change with its fact.

A training outlives its jobs: ``job`` is the newest, and only what that one tells counts. Its way
through them stands in ``training_course``, reading in ``training_reads``, and both are offered
here under the same roof; what a run told of its steps is ``training_points``', what it keeps
``checkpoints``' business.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import Conflict
from core.records.events import TrainingChanged
from core.records.recipe import Recipe
from core.records.training import Plan, Subject, Training
from core.store.training_course import (
    MAX_WARNINGS,
    Ended,
    abandoned,
    began,
    ended,
    is_stopping,
    pauses,
    requeued,
    taken,
    waits_again,
    warned,
    wish,
)
from core.store.training_reads import (
    ACTIVE,
    Begin,
    Branch,
    Run,
    Taught,
    blobs_used,
    get,
    ids,
    known,
    needs_dataset,
    of_job,
    orphans,
    page,
    pictures,
    run,
)
from core.store.transaction import Transaction

__all__ = [
    "ACTIVE", "Begin", "Branch", "Ended", "NewTraining", "Run", "Taught", "abandoned", "add",
    "again", "began", "blobs_used", "delete", "ended", "follow", "get", "ids", "is_stopping",
    "known", "needs_dataset", "of_job", "orphans", "page", "pauses", "pictures", "published",
    "rename", "requeued", "run", "successors", "taken", "waits_again", "warned", "wish",
]  # fmt: skip

_ENCODER = msgspec.json.Encoder()


class NewTraining(Struct, frozen=True, kw_only=True):
    """A run that is asked for."""

    id: str
    owner: str
    name: str
    base_model: str
    subjects: Sequence[Subject]
    pictures: Sequence[Sequence[Taught]]  # of each subject
    recipe: Recipe  # as it was asked for
    plan: Plan | None
    steps: int
    branch: Branch | None = None
    sweep: str | None = None
    trusted: bool = False


def add(tx: Transaction, new: NewTraining, job: str) -> None:
    """Store a training that waits, with the job that works on it."""
    row = tx.connection.execute(
        """
        INSERT INTO trainings (
            id, owner, name, status, job, base_model, subjects, method, recipe, plan, step, steps,
            parent, branch, sweep, warnings, created
        )
        VALUES (
            :id, :owner, :name, 'queued', :job, :base_model, :subjects, :method, :recipe, :plan, 0,
            :steps, :parent, :branch, :sweep, :warnings, :created
        )
        """,
        {
            "id": new.id,
            "owner": new.owner,
            "name": new.name,
            "job": job,
            "base_model": new.base_model,
            "subjects": _text(list(new.subjects)),
            "method": new.recipe.method,
            "recipe": _text(new.recipe),
            "plan": None if new.plan is None else _text(new.plan),
            "steps": new.steps,
            "parent": None if new.branch is None else new.branch.training,
            "branch": None if new.branch is None else _text(new.branch),
            "sweep": new.sweep,
            "warnings": _text([] if new.plan is None else new.plan.warnings[:MAX_WARNINGS]),
            "created": tx.now,
        },
    ).lastrowid
    assert row is not None  # it was inserted
    _begin(tx, row, job, Begin(trusted=new.trusted))
    tx.connection.executemany(
        "INSERT OR IGNORE INTO training_datasets (training, dataset) VALUES (?, ?)",
        [(row, subject.dataset) for subject in new.subjects],
    )
    tx.connection.executemany(
        """
        INSERT INTO training_pictures (training, subject, place, sha256, file, caption, held_out)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (row, subject, place, one.sha256, one.file, one.caption, int(one.held_out))
            for subject, some in enumerate(new.pictures)
            for place, one in enumerate(some)
        ),
    )
    tx.fact(TrainingChanged(owner=new.owner, training=new.id), job=job)


def again(tx: Transaction, run: Run, job: str, begin: Begin, plan: Plan | None = None) -> None:
    """Let a training that ended go on by another job.

    :param plan: in place of the one that it had.
    :raises Conflict: ``training_active`` when it waits or runs by now.
    """
    changed = tx.connection.execute(
        """
        UPDATE trainings
        SET status = 'queued', job = :job, ended = NULL, error = NULL, wish = NULL,
            plan = COALESCE(:plan, plan), steps = COALESCE(:steps, steps)
        WHERE row = :row AND ended IS NOT NULL
        """,
        {
            "row": run.row,
            "job": job,
            "plan": None if plan is None else _text(plan),
            "steps": None if plan is None else plan.steps,
        },
    ).rowcount
    if not changed:
        raise Conflict("training_active", training=run.shown.id)
    _begin(tx, run.row, job, begin)
    tx.fact(TrainingChanged(owner=run.shown.owner, training=run.shown.id), job=job)


def follow(tx: Transaction, old: str, new: str) -> None:
    """Let a job that was asked for in an ended one's place do its training.

    :raises Conflict: ``training_active``.
    """
    found = of_job(tx.connection, old)
    if found is not None:
        again(tx, found[0], new, found[1])


def successors(connection: sqlite3.Connection, batch: int) -> list[tuple[str, str]]:
    """Read which jobs of a batch were asked for in the place of ended ones, and train nothing yet.

    :param batch: its row.
    """
    found = connection.execute(
        """
        SELECT id, successor
        FROM jobs INDEXED BY jobs_batch
        WHERE batch = :batch AND successor IS NOT NULL
            AND id IN (SELECT job FROM training_jobs)
            AND successor NOT IN (SELECT job FROM training_jobs)
        """,
        {"batch": batch},
    )
    return [(old, new) for old, new in found]


def published(tx: Transaction, training: str, model: str) -> None:
    """Note which model was made of a training; one that is gone by now is no error."""
    found = tx.connection.execute(
        "UPDATE trainings SET model = :model WHERE id = :id RETURNING owner",
        {"id": training, "model": model},
    ).fetchone()
    if found is not None:
        tx.fact(TrainingChanged(owner=found[0], training=training))


def rename(tx: Transaction, training: str, name: str, owner: str | None = None) -> Training:
    """Give a training another name; what was published keeps its own.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, training, owner)
    if old.name != name:
        tx.connection.execute(
            "UPDATE trainings SET name = :name WHERE id = :id", {"id": training, "name": name}
        )
        tx.fact(TrainingChanged(owner=old.owner, training=training))
    return get(tx.connection, training)


def delete(tx: Transaction, training: str, owner: str | None = None) -> None:
    """Forget an ended training; after the commit the caller deletes its folder.

    Models that it made and pictures that it drew stay.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``training_active``.
    """
    old = get(tx.connection, training, owner)
    if old.status in ACTIVE:
        raise Conflict("training_active", training=training)
    tx.connection.execute("DELETE FROM trainings WHERE id = :id", {"id": training})
    tx.fact(TrainingChanged(owner=old.owner, training=training, deleted=True))


def _begin(tx: Transaction, row: int, job: str, begin: Begin) -> None:
    tx.connection.execute(
        """
        INSERT INTO training_jobs (job, training, start, allow_changed, trusted)
        VALUES (:job, :training, :start, :allow_changed, :trusted)
        """,
        {
            "job": job,
            "training": row,
            "start": begin.start,
            "allow_changed": int(begin.allow_changed),
            "trusted": int(begin.trusted),
        },
    )


def _text(value: object) -> str:
    return _ENCODER.encode(value).decode()
