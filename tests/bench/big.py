"""A large data directory, made quickly: ``python -m tests.bench.big FOLDER --images 1000000``.

Rows only, as the server itself would have written them: counters, search index and triggers
agree with the tables. No picture has a file; a thumbnail it has by ``illustrate``. What a killed
server leaves is there, too: jobs that still run under a boot that is gone. The same arguments give
the same rows.
"""

import argparse
import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from PIL import Image

from core.paths import Layout, shipped
from core.store import link, migrate

OWNERS = ("local", "local/ann", "local/bob", "bot")
COMMON = ("portrait", "castle", "forest", "light", "detailed", "oil", "painting", "sea", "night",
          "city", "red", "blue", "fox", "of", "a", "the")  # fmt: skip
MODELS = (*(f"model-{number}" for number in range(7)), "rare-model")
BOARDS = 12  # the first holds every eighth picture, the last a few
RUNNING = 8
BATCH = 100  # jobs of a batch
_MILLISECOND = 1_760_000_000_000  # when the first row was made
_LINKS = 20_000  # names of one file, so that no file system refuses another
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_JSON = msgspec.json.Encoder()
_GRAPH = _JSON.encode(
    {
        "format": 1,
        "nodes": [{"id": "size", "type": "latent.empty", "settings": {"width": 64, "height": 64}}],
    }
).decode()


def build(root: Path, *, images: int, jobs: int = 0, queued: int = 0, events: int = 0) -> Path:
    """Fill a new data directory; give the path of its database.

    :param jobs: of all statuses; ``queued`` of them wait and eight run.
    """
    layout = Layout(root)
    layout.make()
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(link.connect(layout.database, "rw")) as connection:
        connection.execute("PRAGMA journal_mode = OFF").fetchall()
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -524288")
        connection.execute("BEGIN")
        held = _strip(connection)
        _fill(connection, images, jobs, min(queued, jobs), events)
        for statement in held:
            connection.execute(statement)
        _count(connection)
        connection.execute("INSERT INTO images_text (images_text) VALUES ('rebuild')")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    return layout.database


def illustrate(root: Path, images: int) -> None:
    """Fill a new data directory, with a thumbnail for each picture: a link to one of a few.

    With no picture there at all the server takes their folder for one that is not mounted.
    """
    database, layout = build(root, images=images), Layout(root)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE images SET blob = 0")
        connection.commit()
    for number in range(images):
        file = root / f"linked-{number // _LINKS}.webp"
        if number % _LINKS == 0:
            Image.new("RGB", (256, 256), (number // _LINKS * 40 % 255, 90, 120)).save(file)
        target = layout.thumbnail(new_id("image", number))
        target.parent.mkdir(exist_ok=True)
        os.link(file, target)


def new_id(kind: str, number: int) -> str:
    """Give the ULID of a row: its time grows with the number, its tail is drawn from it."""
    tail = hashlib.blake2b(f"{kind}{number}".encode(), digest_size=10).digest()
    value = (_MILLISECOND + number) << 80 | int.from_bytes(tail)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def _strip(connection: sqlite3.Connection) -> list[str]:
    """Drop indexes and triggers: they are cheaper made once, afterwards."""
    found = connection.execute(
        """
        SELECT type, name, sql
        FROM sqlite_master
        WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
        """
    ).fetchall()
    for kind, name, _ in found:
        connection.execute(f"DROP {kind} {name}")
    return [sql for _, _, sql in found]


def _fill(connection: sqlite3.Connection, images: int, jobs: int, queued: int, events: int) -> None:
    for row, owner in enumerate(OWNERS, 1):
        connection.execute("INSERT INTO clients (row, name) VALUES (?, ?)", (row, owner))
    for row in range(BOARDS):
        connection.execute(
            "INSERT INTO boards (id, name, owner, created) VALUES (?, ?, ?, ?)",
            (new_id("board", row), f"Board {row}", OWNERS[0], _MILLISECOND),
        )
    _insert(connection, "batches", _batches(jobs))
    _insert(connection, "jobs", _jobs(jobs, queued))
    _insert(connection, "images", _images(images, max(0, jobs - queued - RUNNING)))
    _insert(connection, "events", _events(events))


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows, None)
    if first is None:
        return
    names = ", ".join(first)
    marks = ", ".join(f":{name}" for name in first)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _batches(jobs: int) -> Iterator[dict[str, Any]]:
    values = [str(number) for number in range(BATCH)]
    axes = _JSON.encode(
        [{"label": "seed", "targets": [["size", "batch"]], "values": list(map(int, values))}]
    ).decode()
    for row in range((jobs + BATCH - 1) // BATCH):
        client = row % len(OWNERS)
        yield {
            "row": row + 1, "id": new_id("batch", row), "kind": "graph", "owner": OWNERS[client],
            "client": client + 1, "request_id": "", "exact": 0, "graph": _GRAPH, "axes": axes,
            "count": min(BATCH, jobs - row * BATCH), "created": _MILLISECOND + row,
        }  # fmt: skip


def _jobs(jobs: int, queued: int) -> Iterator[dict[str, Any]]:
    """Yield the oldest first: what ended, then what runs, then what waits."""
    ended = max(0, jobs - queued - RUNNING)
    for row in range(jobs):
        batch = row // BATCH
        client = batch % len(OWNERS)
        running = ended <= row < jobs - queued
        status = "succeeded" if row < ended else "running" if running else "queued"
        if row < ended and row % 50 == 0:
            status = "failed"
        started = _MILLISECOND + row if row < jobs - queued else None
        yield {
            "row": row + 1, "id": new_id("job", row), "batch": batch + 1, "client": client + 1,
            "owner": OWNERS[client], "kind": "graph", "status": status,
            "cell": f"[{row % BATCH}]", "spot": row % BATCH, "priority": 0,
            "place": row + 1, "cost": 4096,
            "attempt": int(row < jobs - queued), "boot": "gone" if running else None,
            "generation": 1 if running else None, "created": _MILLISECOND + row,
            "started": started, "ended": _MILLISECOND + row if row < ended else None,
            "seconds": 0.5 if row < ended else None,
        }  # fmt: skip


def _images(images: int, ended: int) -> Iterator[dict[str, Any]]:
    random = Random(7)
    for number in range(images):
        job = number if number < ended else None
        owner = job // BATCH % len(OWNERS) if job is not None else number % len(OWNERS)
        words = random.choices(COMMON, k=8)
        words.append(f"word{number % 5000}")  # 200 pictures in a million hold each
        if number % 1000 == 0:
            words.append("unicorn")
        kind = "upload" if number % 10 == 9 else "mask" if number % 100 == 8 else "output"
        yield {
            "row": number + 1, "id": new_id("image", number), "kind": kind, "owner": OWNERS[owner],
            "job": None if job is None else new_id("job", job), "output": 0 if job is not None
            else None, "batch": None if job is None else new_id("batch", job // BATCH),
            "board": _board(number), "width": 512, "height": 512, "bytes": 400_000,
            "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
            "blob": int(kind != "output"),
            "created": _MILLISECOND + number, "intermediate": int(job is None and number % 20 == 8),
            "starred": int(number % 100 == 3),
            "deleted": _MILLISECOND + number if number % 97 == 5 else None,
            "prompt": " ".join(words), "negative_prompt": "blurry, low quality",
            "model": _model(number), "seed": number, "steps": 20, "sampler": "euler",
            "guidance_scale": 7.5,
        }  # fmt: skip


def _board(number: int) -> str | None:
    """Put every eighth on the first board, and ever fewer on the others."""
    if number % 8 == 0:
        return new_id("board", 0)
    for board in range(1, BOARDS):
        if number % (8 << board) == board:
            return new_id("board", board)
    return None


def _model(number: int) -> str:
    """Give even pictures an even model and odd ones an odd one; one in 50,000 is a rare one."""
    if number % 50_000 == 1:
        return MODELS[-1]
    return MODELS[number % 7] if number % 2 == 0 else MODELS[number % 3 * 2 + 1]


def _events(count: int) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        job = new_id("job", number)
        text = (
            f'{{"type":"job.started","seq":{number},"at":"2026-01-01T00:00:00.000Z",'
            f'"job":"{job}","batch":"{job}","attempt":1}}'
        )
        yield {
            "seq": number, "at": _MILLISECOND + number, "topic": "jobs",
            "owner": OWNERS[number % len(OWNERS)], "job": job, "text": text.encode(),
        }  # fmt: skip


def _count(connection: sqlite3.Connection) -> None:
    """Write the counts that triggers keep from then on."""
    for statement in (
        """
        INSERT INTO counters (name, value)
        SELECT 'jobs.' || status, COUNT(*) FROM jobs GROUP BY status
        UNION ALL SELECT 'cost.' || status, SUM(cost) FROM jobs
            WHERE status IN ('queued', 'running') GROUP BY status
        UNION ALL SELECT 'images.' || kind, COUNT(*) FROM images
            WHERE deleted IS NULL AND intermediate = 0 GROUP BY kind
        UNION ALL SELECT 'board.' || board, COUNT(*) FROM images
            WHERE board IS NOT NULL AND deleted IS NULL AND intermediate = 0 GROUP BY board
        UNION ALL SELECT 'intermediates.' || owner, COUNT(*) FROM images
            WHERE deleted IS NULL AND intermediate = 1 GROUP BY owner
        UNION ALL SELECT 'intermediate_bytes.' || owner, SUM(bytes) FROM images
            WHERE deleted IS NULL AND intermediate = 1 GROUP BY owner
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
        """,
        """
        UPDATE clients
        SET queued = waiting.count, cost = waiting.cost
        FROM (SELECT client, COUNT(*) AS count, SUM(cost) AS cost FROM jobs
            WHERE status = 'queued' GROUP BY client) AS waiting
        WHERE waiting.client = clients.row
        """,
        """
        UPDATE batches
        SET queued = held.queued, running = held.running, succeeded = held.succeeded,
            failed = held.failed,
            ended = CASE WHEN held.queued + held.running = 0 THEN batches.created END
        FROM (SELECT batch, SUM(status = 'queued') AS queued, SUM(status = 'running') AS running,
            SUM(status = 'succeeded') AS succeeded, SUM(status = 'failed') AS failed
            FROM jobs GROUP BY batch) AS held
        WHERE held.batch = batches.row
        """,
    ):
        connection.execute(statement)


def main() -> None:
    """Build what the command line asks for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    for name, count in (("images", 1_000_000), ("jobs", 100_000), ("queued", 50_000),
                        ("events", 100_000)):  # fmt: skip
        asked.add_argument(f"--{name}", type=int, default=count)
    given = asked.parse_args()
    made = build(
        given.folder, images=given.images, jobs=given.jobs, queued=given.queued,
        events=given.events,
    )  # fmt: skip
    sys.stdout.write(f"{made}: {made.stat().st_size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
