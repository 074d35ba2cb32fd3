"""Copies while others write, and what putting one back leaves when it is broken off."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.errors import StartError
from core.paths import Layout, shipped
from core.store import backup, counters, migrate

NEWEST = len(migrate.read(shipped("migrations")))


def filled(layout: Layout, mib: int = 1) -> Path:
    """Make a database of a size."""
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(sqlite3.connect(layout.database)) as connection, connection:
        for number in range(mib):
            counters.set_setting(connection, f"n{number}", "x" * (1 << 20))
    return layout.database


@contextmanager
def writing(database: Path) -> Iterator[list[int]]:
    """Write two counts in one transaction, again and again; gives how often so far."""
    stop, begun = threading.Event(), threading.Event()
    count: list[int] = []

    def work() -> None:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            while not stop.is_set():
                connection.execute("BEGIN IMMEDIATE")
                counters.add(connection, "first", 1)
                counters.add(connection, "second", 1)
                connection.execute("COMMIT")
                count.append(1)
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(10)
        yield count
    finally:
        stop.set()
        thread.join()


def test_a_copy_ends_though_others_never_stop_writing(layout: Layout) -> None:
    """And is of one moment: SQLite alone would begin anew after each of their writes."""
    database = filled(layout, mib=24)  # several steps of the copy
    with writing(database) as count:
        begun, before = time.monotonic(), len(count)
        backup.backup(database, layout.root / "copy.db")
        assert time.monotonic() - begun < 15
        assert len(count) > before + 5, "nobody wrote meanwhile"
    with closing(sqlite3.connect(layout.root / "copy.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert counters.value(connection, "first") == counters.value(connection, "second") > 0


def test_copies_that_people_made_outlive_those_of_migrations(layout: Layout) -> None:
    mine = backup.named(layout.backups)
    mine.touch()
    made = [layout.backups / f"heliograph-2026010{n}T000000.000Z-0001.db" for n in range(1, 7)]
    for path in made:
        path.touch()
    backup.keep(layout.backups, made[0])  # as after the clock was set back
    kept = {path.name for path in layout.backups.iterdir()}
    assert kept == {mine.name, made[0].name, made[4].name, made[5].name}


class Stopped(Exception):
    """Stands for a SIGKILL at that point: nothing after it runs."""


@pytest.mark.parametrize("at", range(6))
def test_putting_back_can_be_broken_off_anywhere_and_asked_for_again(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    database = filled(layout)
    copy = layout.root / "copy.db"
    backup.backup(database, copy)
    with closing(sqlite3.connect(database)) as connection, connection:
        counters.set_setting(connection, "n0", "newer")
    database.with_name("heliograph.db-wal").write_bytes(b"a log of the old one")
    moves = 0
    move = Path.replace

    def replace(path: Path, target: Path) -> Path:
        nonlocal moves
        if moves == at:
            raise Stopped
        moves += 1
        return move(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    try:
        backup.restore(copy, database, layout.backups, NEWEST)
        assert at >= 4
    except Stopped:
        assert at < 4
    monkeypatch.undo()
    wal = database.with_name("heliograph.db-wal")
    if not database.exists():  # no server takes that for a first start
        with pytest.raises(StartError, match="database_corrupt"):
            migrate.prepare(database, backups=layout.backups, migrations=shipped("migrations"))
    elif at >= 4:
        assert not wal.exists()
    backup.restore(copy, database, layout.backups, NEWEST)
    assert not wal.exists()
    with closing(sqlite3.connect(database)) as connection:
        assert counters.setting(connection, "n0", str) == "x" * (1 << 20)
    newer = [
        path for path in layout.backups.rglob("heliograph.db")
        if b"newer" in path.read_bytes()
    ]  # fmt: skip
    assert newer, "the old database is kept"
