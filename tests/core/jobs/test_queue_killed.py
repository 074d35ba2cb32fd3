"""A server that is killed with SIGKILL while it writes: what it acknowledged is there."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from core.paths import Layout

CHILD = """
import sys
import anyio
from core.config import Settings
from core.ids import new_id
from core.jobs.queue import Finished, NewBatch, NewImage, Queue
from core.paths import Layout, shipped
from core.records.graph import Graph
from core.store.database import Database

async def main():
    layout = Layout(sys.argv[1])
    def publish(facts):
        for fact in facts:
            sys.stdout.buffer.write(fact.text + b"\\n")
        sys.stdout.flush()
    async with Database.open(layout.database, publish=publish, backups=layout.backups,
                             migrations=shipped("migrations")) as database:
        queue = Queue(database, Settings(), new_id())
        await queue.recover()
        async def add():
            while True:
                await queue.add(NewBatch(owner="me", graph=Graph(nodes=[])))
        async def work():
            while True:
                for claimed in await queue.claim(1, 4):
                    image = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="0")
                    await queue.finish(Finished(job=claimed.job, generation=1, status="succeeded",
                                                images=[image]))
        async with anyio.create_task_group() as group:
            group.start_soon(add)
            group.start_soon(work)
            group.start_soon(work)
anyio.run(main)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@pytest.mark.timeout(180)
def test_twenty_kills_lose_nothing_that_was_told(layout: Layout) -> None:
    told: list[dict[str, object]] = []
    for kill in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, layout.root],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(30 + 7 * kill)]  # at another moment each
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        told += [msgspec.json.decode(line) for line in lines if line.endswith(b"\n")]
    with closing(sqlite3.connect(layout.database)) as connection:
        rows = connection.execute("SELECT seq, text FROM events ORDER BY seq").fetchall()
        status = dict(connection.execute("SELECT id, status FROM jobs").fetchall())
        pictures = Counter(job for (job,) in connection.execute("SELECT job FROM images"))
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = "SELECT name, value FROM counters WHERE name LIKE 'jobs.%' AND value > 0"
        counts = dict(connection.execute(kept).fetchall())
    stored = [msgspec.json.decode(text) for _, text in rows]
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    assert [stored[int(str(fact["seq"])) - 1] for fact in told] == told
    assert counts == {f"jobs.{name}": n for name, n in Counter(status.values()).items()}
    for job in {fact["job"] for fact in told if fact["type"] == "job.queued"}:
        assert job in status
    ended = Counter(fact["job"] for fact in stored if fact["type"] == "job.ended")
    assert {*ended.values()} == {1}
    assert {*ended} == {job for job, name in status.items() if name == "succeeded"} == {*pictures}
    assert {*pictures.values()} == {1}
