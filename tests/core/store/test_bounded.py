"""What upkeep and start-up ask of the database costs the same however much there is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from core.paths import Layout, shipped
from core.store import boards, events, image_reads, line, migrate
from core.store.transaction import Transaction

GROWING = {"jobs", "images", "events", "batches"}
OF_WHAT_RUNS = {"jobs_running"}  # an index of a handful of rows


def _with_board(connection: sqlite3.Connection) -> tuple[Transaction, str]:
    tx = Transaction(connection, 1, 0)
    return tx, boards.create(tx, "Foxes", "me").id


ASKED: dict[str, Callable[[sqlite3.Connection], object]] = {
    "recover": lambda c: line.stray(c, "boot"),
    "number": events.head,
    "floor": events.floor,
    "prune": lambda c: events.prune(c, 1000),
    "trash": lambda c: image_reads.expired(c, 1),
    "uploads": lambda c: image_reads.blobs_used(c, ["00"]),
    "strays": lambda c: image_reads.known(c, ["00"]),
    "board": lambda c: boards.delete(*_with_board(c)),
    "board's pictures": lambda c: boards.empty(*_with_board(c), trash=True),
    "boards": lambda c: (_with_board(c), boards.page(c, "me")),
    "files": lambda c: image_reads.files(c, 10, 500),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_table_that_grows_is_read_from_end_to_end(layout: Layout, name: str) -> None:
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(sqlite3.connect(layout.database, isolation_level=None)) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        ASKED[name](connection)
        connection.set_trace_callback(None)
        assert asked
        plans = [
            row[3]
            for statement in asked
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    scanned = [plan for plan in plans if plan.split()[0] == "SCAN" and plan.split()[1] in GROWING]
    assert [plan for plan in scanned if plan.split()[-1] not in OF_WHAT_RUNS] == []
