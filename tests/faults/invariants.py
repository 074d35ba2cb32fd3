"""What must be true after any fault, looked at from outside: the files, the rows, the history.

The promises are numbered as in ``docs/reliability.md``. Opens the database by itself, read-only;
the server must have ended.
"""

import hashlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from core.paths import Layout
from tests.faults.history import History, Listener

ENDED = {"succeeded", "failed", "canceled", "quarantined"}
CRASHES = 2  # of an engine, each with that one job in it
STARTS = 8  # of a server that found the job running


def violations(
    layout: Layout, history: History, listener: Listener | None = None, *, settled: bool = True
) -> list[str]:
    """List every broken promise; empty when all are kept.

    :param settled: nothing waits or runs any more.
    """
    with closing(sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        found = [
            *_accepted(connection, history),
            *_ended_once(connection, settled=settled),
            *_pictures(connection, layout, history),
            *_taught(connection, layout, history),
            *_numbers(connection),
            *_attempts(connection),
            *_sound(connection),
            *_counts(connection),
        ]
        if listener is not None:
            found += _heard(connection, listener)
    found += [f"I11 left in staging: {path.name}" for path in layout.staging.rglob("*")]
    return found


def strays(layout: Layout) -> list[str]:
    """List pictures on the disk that no row knows (I5); the sweep at start-up deletes them."""
    with closing(sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True)) as connection:
        known = {row[0] for row in connection.execute("SELECT id FROM images")}
    files = [*layout.images.rglob("*.*"), *layout.thumbnails.rglob("*.*")]
    return [str(path) for path in files if path.stem not in known]


def engines(layout: Layout) -> list[int]:
    """List processes that are engines of this data directory (I10)."""
    return [
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdecimal() and str(layout.staging) in _command_line(entry)
    ]


def _command_line(process: str) -> str:
    try:
        return Path("/proc", process, "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _accepted(connection: sqlite3.Connection, history: History) -> Iterator[str]:
    jobs = {row["id"] for row in connection.execute("SELECT id FROM jobs")}
    batches = {row["id"] for row in connection.execute("SELECT id FROM batches")}
    images = {row["id"] for row in connection.execute("SELECT id FROM images")}
    yield from (f"I1 accepted and lost: job {job}" for job in history.jobs if job not in jobs)
    missing = set(history.batches.values()) - batches
    yield from (f"I1 accepted and lost: batch {batch}" for batch in missing)
    lost = history.uploads - images - history.deleted
    yield from (f"I1 accepted and lost: upload {upload}" for upload in lost)


def _ended_once(connection: sqlite3.Connection, *, settled: bool) -> Iterator[str]:
    told = Counter(fact["job"] for fact in _facts(connection) if fact["type"] == "job.ended")
    for row in connection.execute("SELECT id, status FROM jobs"):
        ended = row["status"] in ENDED
        if settled and not ended:
            yield f"I2 not ended: job {row['id']} is {row['status']}"
        if told[row["id"]] != ended:
            yield f"I2 {told[row['id']]} ends told of job {row['id']}, which is {row['status']}"


def _pictures(connection: sqlite3.Connection, layout: Layout, history: History) -> Iterator[str]:
    status = {row["id"]: row["status"] for row in connection.execute("SELECT id, status FROM jobs")}
    drawn: Counter[str] = Counter()
    for row in connection.execute("SELECT id, job, output, blob, bytes, sha256, lost FROM images"):
        if row["lost"]:
            yield f"I4 hidden as lost: picture {row['id']}"
        if row["job"] is not None:
            drawn[row["job"]] += 1
            if status.get(row["job"]) != "succeeded":
                yield f"I8 picture {row['id']} of job {row['job']}: {status.get(row['job'])}"
        path = layout.image(row["id"])
        if row["blob"]:
            path = layout.blobs / row["sha256"][:2] / row["sha256"]
        yield from _whole(path, row["bytes"], row["sha256"])
        if not layout.thumbnail(row["id"]).is_file():
            yield f"I4 no thumbnail of picture {row['id']}"
    gone = len(history.deleted)
    short = {job for job, name in status.items() if name == "succeeded" and not drawn[job]}
    if len(short) > gone:  # each deleted picture may be that of one of them
        yield f"I3 succeeded without a picture: {sorted(short)}, {gone} deleted"
    yield from (f"I3 {count} pictures of job {job}" for job, count in drawn.items() if count > 1)


def _taught(connection: sqlite3.Connection, layout: Layout, history: History) -> Iterator[str]:
    rows = connection.execute(
        "SELECT dataset_pictures.id, datasets.id AS dataset, sha256, thumbnail,"
        " dataset_pictures.bytes FROM dataset_pictures JOIN datasets ON datasets.row = dataset"
    ).fetchall()
    known = {row["id"]: row["dataset"] for row in rows}
    for image, dataset in history.taught.items():
        if known.get(image) != dataset:
            yield f"I1 accepted and lost: picture {image} of dataset {dataset}"
    for row in rows:
        blob = layout.blobs / row["sha256"][:2] / row["sha256"]
        yield from _whole(blob, row["bytes"], row["sha256"])
        small = layout.blobs / row["thumbnail"][:2] / row["thumbnail"]
        size = small.stat().st_size if small.is_file() else 0
        yield from _whole(small, size, row["thumbnail"])
    for row in connection.execute("SELECT id, pictures FROM datasets"):
        if list(known.values()).count(row["id"]) != row["pictures"]:
            yield f"I9 dataset {row['id']} has not {row['pictures']} pictures"
    if len(known) > 1:
        yield f"I3 one picture became {len(known)}"


def _whole(path: Path, size: int, sha256: str) -> Iterator[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        yield f"I4 {path.name}: {error.strerror}"
        return
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        yield f"I4 {path.name} is not what its row says"


def _numbers(connection: sqlite3.Connection) -> Iterator[str]:
    numbers = [row["seq"] for row in connection.execute("SELECT seq FROM events ORDER BY seq")]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield "I6 the numbers of facts have a gap"


def _attempts(connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute("SELECT id, attempt, crashes FROM jobs"):
        if row["crashes"] > CRASHES or row["attempt"] > STARTS:
            yield f"I7 job {row['id']}: {row['attempt']} attempts, {row['crashes']} crashes"


def _sound(connection: sqlite3.Connection) -> Iterator[str]:
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        yield f"I9 integrity: {found}"
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        yield f"I9 foreign keys: {[tuple(row) for row in broken]}"


def _counts(connection: sqlite3.Connection) -> Iterator[str]:
    """Compare what is counted on the way with what is there."""
    kept = dict(connection.execute("SELECT name, value FROM counters").fetchall())
    there = Counter(row["status"] for row in connection.execute("SELECT status FROM jobs"))
    for status in (*ENDED, "queued", "running"):
        if kept[f"jobs.{status}"] != there[status]:
            yield f"counters: {kept[f'jobs.{status}']} {status}, there are {there[status]}"
    for row in connection.execute(
        """
        SELECT batches.id, batches.queued, batches.running, batches.succeeded, batches.count,
            COUNT(*) AS jobs, SUM(jobs.status = 'queued') AS waiting,
            SUM(jobs.status = 'running') AS at_work, SUM(jobs.status = 'succeeded') AS done
        FROM batches JOIN jobs ON jobs.batch = batches.row
        GROUP BY batches.row
        """
    ):
        told = (row["queued"], row["running"], row["succeeded"], row["count"])
        if told != (row["waiting"], row["at_work"], row["done"], row["jobs"]):
            yield f"counters: batch {row['id']} says {told}"
    queued = connection.execute("SELECT COALESCE(SUM(queued), 0) FROM clients").fetchone()[0]
    if queued != there["queued"]:
        yield f"counters: clients say {queued} wait"


def _heard(connection: sqlite3.Connection, listener: Listener) -> Iterator[str]:
    stored = _facts(connection)
    first = stored[0]["seq"] if stored else 0
    heard = [fact for fact in listener.facts if fact["seq"] >= first]
    numbers = [fact["seq"] for fact in listener.facts]
    if numbers != sorted(set(numbers)):
        yield "R5 a fact was told twice, or out of order"
    if heard != stored[: len(heard)]:
        at = next(i for i, (a, b) in enumerate(zip(heard, stored, strict=False)) if a != b)
        yield f"R5 heard {heard[at]}, stored is {stored[at]}"
    yield from (f"I12 after the end of its job: {frame['type']}" for frame in listener.late)


def _facts(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    found = connection.execute("SELECT text FROM events ORDER BY seq")
    return [json.loads(bytes(row["text"])) for row in found]
