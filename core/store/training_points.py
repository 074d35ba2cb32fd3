"""What a run tells of its steps: losses, and pictures of what it knows.

A step that is told again, by a run that went back to its last checkpoint, takes the place of what
was told before; a picture that is drawn again is the one that is there already.
"""

import math
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from core.records.events import TrainingLoss, TrainingSample
from core.records.training import LossPoint, Sample, SampleRole
from core.store import images
from core.store import page as pages
from core.store.page import Page
from core.store.training_reads import Run
from core.store.transaction import Transaction
from core.store.work import NewImage

MAX_POINTS = 5_000  # of one answer
_PACK = msgspec.msgpack.Encoder()
_UNPACK: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()
_COLUMNS = """
    step, loss, loss_instance, loss_prior, lr, grad_norm, seconds, validation, memory, groups
"""


def add_losses(tx: Transaction, run: Run, points: Sequence[LossPoint]) -> bool:
    """Store points of the curve, with their fact; say whether the run got further than ever.

    A point without a loss that is a number is left out: the run tells of that by itself.
    """
    sound = [made for point in points if (made := _finite(point)) is not None]
    if not sound:
        return False
    before = _last(tx.connection, run.row)
    tx.connection.executemany(
        f"""
        INSERT OR REPLACE INTO training_losses (training, {_COLUMNS})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (
                run.row, point.step, point.loss, point.loss_instance, point.loss_prior, point.lr,
                point.grad_norm, point.seconds, point.validation, point.memory_bytes,
                _packed(point),
            )
            for point in sound
        ),
    )  # fmt: skip
    newest = max(sound, key=lambda point: point.step)
    tx.connection.execute(
        "UPDATE trainings SET step = :step, loss = :loss WHERE row = :row",
        {"row": run.row, "step": newest.step, "loss": newest.loss},
    )
    fact = TrainingLoss(owner=run.shown.owner, training=run.shown.id, points=sound)
    tx.fact(fact, job=run.shown.job)
    return before is None or newest.step > before


def forget_after(tx: Transaction, run: Run, step: int) -> None:
    """Forget the curve beyond a step, from which a run goes on otherwise."""
    tx.connection.execute(
        "DELETE FROM training_losses WHERE training = :training AND step > :step",
        {"training": run.row, "step": step},
    )


def losses(
    connection: sqlite3.Connection, run: Run, after: int = 0, limit: int = 1_000
) -> list[LossPoint]:
    """Read the points beyond a step, in order."""
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM training_losses
        WHERE training = :training AND step > :after
        ORDER BY step
        LIMIT :limit
        """,
        {"training": run.row, "after": after, "limit": min(limit, MAX_POINTS)},
    )
    return [_point(each) for each in found]


def thinned(connection: sqlite3.Connection, run: Run, most: int, after: int = 0) -> list[LossPoint]:
    """Read some points beyond a step, evenly over the whole curve, the newest always.

    Each is sought by its key, so this costs what it gives, and not what there is.
    """
    first = connection.execute(
        "SELECT MIN(step) FROM training_losses WHERE training = :training AND step > :after",
        {"training": run.row, "after": after},
    ).fetchone()[0]
    last = _last(connection, run.row)
    if first is None or last is None:
        return []
    most = max(2, min(most, MAX_POINTS))
    found = connection.execute(
        f"""
        WITH RECURSIVE spots (number) AS (
            SELECT 0
            UNION ALL
            SELECT number + 1
            FROM spots
            WHERE number < :most - 1
        )
        SELECT {_COLUMNS}
        FROM training_losses
        WHERE training = :training AND step IN (
            SELECT (
                SELECT MIN(step)
                FROM training_losses
                WHERE training = :training
                    AND step >= :first + (:last - :first) * number / (:most - 1)
            )
            FROM spots
        )
        ORDER BY step
        """,
        {"training": run.row, "first": first, "last": last, "most": most},
    )
    return [_point(each) for each in found]


def count_losses(connection: sqlite3.Connection, run: Run) -> int:
    """Count the points of a run."""
    found = connection.execute(
        "SELECT COUNT(*) FROM training_losses WHERE training = :training", {"training": run.row}
    )
    return int(found.fetchone()[0])


def add_sample(
    tx: Transaction, run: Run, new: NewImage, step: int, prompt: str, seed: int, role: SampleRole
) -> bool:
    """Add a picture that a run drew, with its facts; False when there is such a one already.

    Nothing is written then, and the caller unlinks the file.
    """
    row = tx.connection.execute(
        """
        SELECT row
        FROM training_samples
        WHERE training = :training AND step = :step AND role = :role AND seed = :seed
            AND prompt = :prompt
        """,
        {"training": run.row, "step": step, "role": role, "seed": seed, "prompt": prompt},
    ).fetchone()
    if row is not None:
        return False
    # Of no job: pictures of a job are its outputs, and this one has none.
    image = images.insert(tx, new, owner=run.shown.owner).id
    tx.connection.execute(
        """
        INSERT INTO training_samples (training, step, image, prompt, seed, role)
        VALUES (:training, :step, :image, :prompt, :seed, :role)
        """,
        {
            "training": run.row, "step": step, "image": image, "prompt": prompt, "seed": seed,
            "role": role,
        },
    )  # fmt: skip
    fact = TrainingSample(
        owner=run.shown.owner, training=run.shown.id, step=step, image=image, prompt=prompt,
        role=role,
    )  # fmt: skip
    tx.fact(fact, job=run.shown.job)
    return True


def samples(
    connection: sqlite3.Connection, run: Run, cursor: str | None = None, limit: int = 50
) -> Page[Sample]:
    """Read a page of the pictures that a run drew, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    training = run.shown.id
    found = connection.execute(
        """
        SELECT row, step, image, prompt, seed, role
        FROM training_samples INDEXED BY training_samples_newest
        WHERE training = :training AND row < :before
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "training": run.row,
            "before": pages.decode(cursor, "samples", training),
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(
        found,
        limit,
        lambda each: Sample(
            training=training, step=each[1], image=each[2], prompt=each[3], seed=each[4],
            role=each[5],
        ),
        "samples",
        training,
    )  # fmt: skip


def _last(connection: sqlite3.Connection, row: int) -> int | None:
    found = connection.execute(
        "SELECT MAX(step) FROM training_losses WHERE training = :training", {"training": row}
    ).fetchone()[0]
    return None if found is None else int(found)


def _finite(point: LossPoint) -> LossPoint | None:
    """Give a point whose numbers all are numbers; ``None`` where the losses are none."""
    if not math.isfinite(point.loss) or not math.isfinite(point.loss_instance):
        return None
    changes: dict[str, Any] = {
        name: None
        for name in ("loss_prior", "grad_norm", "validation")
        if (value := getattr(point, name)) is not None and not math.isfinite(value)
    }
    for name in ("rates", "norms"):
        known = getattr(point, name)
        if not all(math.isfinite(value) for value in known.values()):
            changes[name] = {key: value for key, value in known.items() if math.isfinite(value)}
    for name in ("lr", "seconds"):
        if not math.isfinite(getattr(point, name)):
            changes[name] = 0.0
    return msgspec.structs.replace(point, **changes) if changes else point


def _packed(point: LossPoint) -> bytes | None:
    """Write rates and norms of groups; of a single one, whose they are elsewhere, its name."""
    if not point.rates and not point.norms:
        return None
    for name, rate in point.rates.items():
        whole = {} if point.grad_norm is None else {name: point.grad_norm}
        if point.rates == {name: rate} and rate == point.lr and point.norms == whole:
            return _PACK.encode(name)
    return _PACK.encode([point.rates, point.norms])


def _point(found: Sequence[Any]) -> LossPoint:
    step, loss, instance, prior, lr, norm, seconds, validation, memory, groups = found
    rates, norms = {}, {}
    if groups is not None:
        told = _UNPACK.decode(groups)
        if isinstance(told, str):
            rates, norms = {told: lr}, {} if norm is None else {told: norm}
        else:
            rates, norms = told
    return LossPoint(
        step=step, loss=loss, loss_instance=instance, loss_prior=prior, lr=lr, grad_norm=norm,
        seconds=seconds, validation=validation, rates=rates, norms=norms, memory_bytes=memory,
    )  # fmt: skip
