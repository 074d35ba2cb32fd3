"""Reading trainings: one, a page, what a job of one begins with, and who needs a dataset or file.

``owner=None`` means anybody's.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import NotFound, Problem
from core.records.recipe import Recipe
from core.records.training import Plan, Subject, Training, TrainingStatus, Warned
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso, maybe

ACTIVE = frozenset({"queued", "running", "paused"})
_COLUMNS = """
    row, id, owner, name, status, wish, job, base_model, subjects, method, recipe, plan, step,
    steps, loss, model, parent, branch, sweep, warnings, error, created, ended
"""
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_JSON: dict[str, msgspec.json.Decoder[Any]] = {
    "subjects": msgspec.json.Decoder(list[Subject]),
    "recipe": msgspec.json.Decoder(Recipe),
    "plan": msgspec.json.Decoder(Plan),
    "warnings": msgspec.json.Decoder(list[Warned]),
    "error": msgspec.json.Decoder(Problem),
}


class Branch(Struct, frozen=True, kw_only=True):
    """Whose checkpoint a run begins with."""

    training: str
    name: str  # of the checkpoint's folder
    step: int


_BRANCH = msgspec.json.Decoder(Branch)


class Run(Struct, frozen=True, kw_only=True):
    """A training as the server works with it."""

    row: int
    shown: Training
    wish: str | None  # "paused", "stopped": asked for, and not obeyed by whoever runs it
    branch: Branch | None

    @property
    def recipe(self) -> Recipe:
        """Give the recipe with every choice made, as far as there is a plan."""
        return self.shown.plan.recipe if self.shown.plan else self.shown.recipe


class Begin(Struct, frozen=True, kw_only=True):
    """How one job of a training begins."""

    start: str | None = None  # name of a checkpoint; null: the newest, else the beginning
    allow_changed: bool = False
    trusted: bool = False


class Taught(Struct, frozen=True, kw_only=True):
    """A picture as a run keeps it."""

    sha256: str
    file: str = ""  # its name when it came
    caption: str | None = None
    held_out: bool = False


def get(connection: sqlite3.Connection, training: str, owner: str | None = None) -> Training:
    """Read one training.

    :raises NotFound: unknown, or somebody else's.
    """
    return run(connection, training, owner).shown


def run(connection: sqlite3.Connection, training: str, owner: str | None = None) -> Run:
    """Read one training with what clients do not see.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM trainings
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": training, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="training", id=training)
    return _run(found)


def of_job(connection: sqlite3.Connection, job: str) -> tuple[Run, Begin] | None:
    """Read the training that a job works on, and how that job begins."""
    found = connection.execute(
        f"""
        SELECT start, allow_changed, trusted, {", ".join(f"trainings.{name}" for name in _NAMES)}
        FROM training_jobs
        JOIN trainings ON trainings.row = training_jobs.training
        WHERE training_jobs.job = :job
        """,
        {"job": job},
    ).fetchone()
    if found is None:
        return None
    start, allow_changed, trusted, *rest = found
    begin = Begin(start=start, allow_changed=bool(allow_changed), trusted=bool(trusted))
    return _run(rest), begin


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    *,
    status: TrainingStatus | None = None,
    sweep: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Training]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    terms = ["row < :before"]
    terms += ["sweep = :sweep"] if sweep is not None else []
    # A sweep has at most a hundred rows and its own index; the "+" keeps the planner off others.
    plus = "+" if sweep is not None else ""
    terms += [f"{plus}owner = :owner"] if owner is not None else []
    terms += [f"{plus}status = :status"] if status is not None else []
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM trainings
        WHERE {" AND ".join(terms)}
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "trainings", owner, status, sweep),
            "owner": owner,
            "status": status,
            "sweep": sweep,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, lambda each: _run(each).shown, "trainings", owner, status, sweep)


def pictures(connection: sqlite3.Connection, row: int) -> list[list[Taught]]:
    """Read the pictures of a run's subjects, in their order."""
    found = connection.execute(
        """
        SELECT subject, sha256, file, caption, held_out
        FROM training_pictures
        WHERE training = :training
        ORDER BY subject, place
        """,
        {"training": row},
    )
    made: list[list[Taught]] = []
    for subject, sha256, file, caption, held_out in found:
        while len(made) <= subject:
            made.append([])
        taught = Taught(sha256=sha256, file=file, caption=caption, held_out=bool(held_out))
        made[subject].append(taught)
    return made


def needs_dataset(connection: sqlite3.Connection, dataset: str) -> str | None:
    """Name a training that waits or runs, and teaches from a dataset."""
    found = connection.execute(
        """
        SELECT trainings.id
        FROM training_datasets
        JOIN trainings ON trainings.row = training_datasets.training
        WHERE training_datasets.dataset = :dataset
            AND trainings.status IN ('queued', 'running', 'paused')
        LIMIT 1
        """,
        {"dataset": dataset},
    ).fetchone()
    return None if found is None else str(found[0])


def blobs_used(connection: sqlite3.Connection, digests: Sequence[str]) -> set[str]:
    """Choose those blobs that a training keeps as pictures."""
    found = connection.execute(
        """
        SELECT DISTINCT sha256
        FROM training_pictures
        WHERE sha256 IN (SELECT value FROM json_each(:digests))
        """,
        {"digests": msgspec.json.encode(list(digests)).decode()},
    )
    return {str(each[0]) for each in found}


def orphans(connection: sqlite3.Connection) -> list[str]:
    """Read ids of trainings that wait or run, though their jobs have ended or are gone."""
    found = connection.execute(
        """
        SELECT trainings.id
        FROM trainings
        LEFT JOIN jobs ON jobs.id = trainings.job
        WHERE trainings.status IN ('queued', 'running', 'paused')
            AND (jobs.id IS NULL OR jobs.ended IS NOT NULL)
        """
    )
    return [str(each[0]) for each in found]


def ids(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, str, bool]]:
    """Read rows and ids of trainings and whether each has ended, oldest first."""
    found = connection.execute(
        """
        SELECT row, id, ended IS NOT NULL
        FROM trainings
        WHERE row > :after
        ORDER BY row
        LIMIT :limit
        """,
        {"after": after, "limit": limit},
    )
    return [(row, training, bool(ended)) for row, training, ended in found]


def known(connection: sqlite3.Connection, trainings: Sequence[str]) -> set[str]:
    """Choose those ids that are trainings."""
    found = connection.execute(
        "SELECT id FROM trainings WHERE id IN (SELECT value FROM json_each(:ids))",
        {"ids": msgspec.json.encode(list(trainings)).decode()},
    )
    return {str(each[0]) for each in found}


def _run(found: Sequence[Any]) -> Run:
    fields = dict(zip(_NAMES, found, strict=True))
    for name, decoder in _JSON.items():
        if fields[name] is not None:
            fields[name] = decoder.decode(fields[name])
    first: Subject = fields["subjects"][0]
    branch = fields.pop("branch")
    row, wish = fields.pop("row"), fields.pop("wish")
    fields["created"], fields["ended"] = iso(fields["created"]), maybe(fields["ended"])
    shown = Training(
        **fields, dataset=first.dataset, token=first.token, class_word=first.class_word
    )
    return Run(
        row=row, shown=shown, wish=wish, branch=None if branch is None else _BRANCH.decode(branch)
    )
