"""What upkeep and start-up ask of the database costs the same however much there is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from core.paths import Layout, shipped
from core.store import (
    boards,
    dataset_pictures,
    dataset_reads,
    datasets,
    events,
    image_reads,
    line,
    link,
    migrate,
    needs,
)
from core.store.dataset_pictures import NewPicture
from core.store.transaction import Transaction

GROWING = {
    "jobs", "images", "events", "batches", "datasets", "dataset_pictures", "dataset_quarantine",
}  # fmt: skip
OF_WHAT_RUNS = {"jobs_running"}  # an index of a handful of rows


def _with_board(connection: sqlite3.Connection) -> tuple[Transaction, str]:
    tx = Transaction(connection, 1, 0)
    return tx, boards.create(tx, "Foxes", "me").id


def _with_picture(connection: sqlite3.Connection) -> tuple[Transaction, str]:
    tx = Transaction(connection, 1, 0)
    dataset = datasets.create(tx, "Foxes", "me").id
    new = NewPicture(
        file="a", width=9, height=9, bytes=9, sha256="00", thumbnail="00", pixels="00",
        likeness=7, transparent=False,
    )  # fmt: skip
    dataset_pictures.add(tx, dataset, new)
    dataset_pictures.refuse(tx, dataset, "b", "picture_format", {})
    return tx, dataset


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
    "dataset": lambda c: datasets.delete(*_with_picture(c)),
    "dataset's pictures": lambda c: datasets.empty(*_with_picture(c)),
    "datasets": lambda c: (_with_picture(c), datasets.page(c, "me"), datasets.page(c)),
    "taught": lambda c: datasets.taught(c, _with_picture(c)[1]),
    "blobs": lambda c: needs.blobs(c, ["00"]),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_table_that_grows_is_read_from_end_to_end(layout: Layout, name: str) -> None:
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(link.writer(layout.database)) as connection:
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


def test_what_looks_alike_is_found_without_reading_the_whole_dataset(layout: Layout) -> None:
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(sqlite3.connect(layout.database, isolation_level=None)) as connection:
        _with_picture(connection)
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        assert dataset_reads.alike(connection, 1, 7) == [("a", 7)]
        connection.set_trace_callback(None)
        plans = [
            row[3]
            for statement in asked
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(plans) == 4
    assert all("(dataset=? AND <expr>=?)" in plan for plan in plans), plans
