"""Migrations: all or nothing, after a copy, and never over a damaged or newer file."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import StartError
from core.paths import Layout, shipped
from core.store import backup, migrate

FIRST = """
CREATE TABLE people (row INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE counted (n INTEGER NOT NULL) STRICT;
INSERT INTO counted (n) VALUES (0);
CREATE TRIGGER people_in AFTER INSERT ON people BEGIN
    UPDATE counted SET n = n + 1;  -- a semicolon inside
END;
"""
SECOND = """
-- rebuild the table
CREATE TABLE new_people (row INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER) STRICT;
INSERT INTO new_people (row, name) SELECT row, name FROM people;
DROP TABLE people;
ALTER TABLE new_people RENAME TO people;
CREATE INDEX people_name ON people (name);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_start.sql").write_text(FIRST)
    return made


def prepare(layout: Layout, folder: Path) -> None:
    migrate.prepare(layout.database, backups=layout.backups, migrations=folder)


def state(path: Path) -> tuple[int, list[str], list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        sql = sorted(each[0] for each in schema)
        names = [each[0] for each in connection.execute("SELECT name FROM people ORDER BY row")]
    return version, sql, names


def insert(path: Path, *names: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO people (name) VALUES (?)", [(n,) for n in names])


def refused(layout: Layout, folder: Path) -> StartError:
    """Prepare, see it refused, and see the file as it was, to the byte."""
    before = layout.database.read_bytes() if layout.database.exists() else None
    with pytest.raises(StartError) as caught:
        prepare(layout, folder)
    assert (layout.database.read_bytes() if layout.database.exists() else None) == before
    return caught.value


def test_a_new_file_gets_every_migration_and_no_backup(layout: Layout, folder: Path) -> None:
    (folder / "0002_age.sql").write_text(SECOND)
    prepare(layout, folder)
    assert state(layout.database)[0] == 2
    assert list(layout.backups.iterdir()) == []


def test_an_old_file_is_copied_first_and_keeps_its_rows(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    insert(layout.database, "Ada", "Grace")
    (folder / "0002_age.sql").write_text(SECOND)
    prepare(layout, folder)
    assert state(layout.database)[::2] == (2, ["Ada", "Grace"])
    (copy,) = layout.backups.iterdir()
    assert state(copy)[::2] == (1, ["Ada", "Grace"])
    assert backup.fault(copy) is None


def test_nothing_is_done_twice(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    before = layout.database.stat().st_mtime_ns
    prepare(layout, folder)
    assert layout.database.stat().st_mtime_ns == before
    assert list(layout.backups.iterdir()) == []


def test_only_three_backups_are_kept(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    for number in range(2, 7):
        (folder / f"{number:04}_more.sql").write_text(f"CREATE TABLE t{number} (x) ;\n")
        prepare(layout, folder)
    kept = sorted(path.name for path in layout.backups.iterdir())
    assert [name[-7:] for name in kept] == ["0003.db", "0004.db", "0005.db"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    insert(layout.database, "Ada")
    before = state(layout.database)
    (folder / "0002_bad.sql").write_text(SECOND + "INSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(StartError) as caught:
        prepare(layout, folder)
    assert (caught.value.name, caught.value.params["migration"]) == ("migration_failed", "0002_bad")
    assert state(layout.database) == before


def test_a_broken_foreign_key_fails_the_migration(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    (folder / "0002_key.sql").write_text(
        "CREATE TABLE pets (owner INTEGER REFERENCES people (row));\nINSERT INTO pets VALUES (9);\n"
    )
    with pytest.raises(StartError, match="foreign key of table pets"):
        prepare(layout, folder)
    assert state(layout.database)[0] == 1


def test_a_newer_file_is_refused_untouched(layout: Layout, folder: Path) -> None:
    (folder / "0002_age.sql").write_text(SECOND)
    prepare(layout, folder)
    (folder / "0002_age.sql").unlink()
    error = refused(layout, folder)
    assert (error.name, error.params) == ("database_newer", {"version": 2, "known": 1})
    assert layout.database.with_name("heliograph.db-wal").stat().st_size == 0


def test_a_newer_file_whose_log_was_not_folded_in_is_refused_untouched(
    layout: Layout, folder: Path
) -> None:
    prepare(layout, folder)
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute("PRAGMA user_version = 9")  # stands in the log only
        assert int.from_bytes(layout.database.read_bytes()[60:64]) == 1
        assert refused(layout, folder).name == "database_newer"


def test_a_changed_migration_is_noticed(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    (folder / "0001_start.sql").write_text(FIRST + "-- harmless?\n")
    error = refused(layout, folder)
    assert (error.name, error.params["migration"]) == ("migration_changed", "0001_start")


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "zero header":
        data[:100] = bytes(100)
    elif how == "zero length":
        data = bytearray()
    elif how == "junk":
        data[:] = os.urandom(len(data))
    elif how == "cut short":
        data = data[: len(data) // 2]
    elif how == "cut in the header":
        data = data[:50]
    elif how == "broken page":
        data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)


@pytest.mark.parametrize(
    "how",
    ["zero header", "zero length", "junk", "cut short", "cut in the header", "broken page"],
)
def test_a_damaged_file_is_refused_untouched_and_the_newest_good_backup_named(
    layout: Layout, folder: Path, how: str
) -> None:
    prepare(layout, folder)
    insert(layout.database, "Ada")
    for name in ("heliograph-1-0001.db", "heliograph-2-0001.db", "heliograph-3-0001.db"):
        backup.backup(layout.database, layout.backups / name)
    (layout.backups / "heliograph-3-0001.db").write_bytes(b"not good")
    damage(layout.database, how)
    error = refused(layout, folder)
    assert (error.name, error.params["backup"]) == ("database_corrupt", "heliograph-2-0001.db")


def test_a_foreign_database_is_refused_untouched(layout: Layout, folder: Path) -> None:
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    assert refused(layout, folder).name == "database_corrupt"


def test_a_missing_file_whose_log_is_there_is_refused(layout: Layout, folder: Path) -> None:
    layout.database.with_name("heliograph.db-wal").write_bytes(b"something")
    assert refused(layout, folder).name == "database_corrupt"


def test_a_first_start_that_was_killed_begins_again(layout: Layout, folder: Path) -> None:
    layout.database.touch()
    prepare(layout, folder)
    assert state(layout.database)[0] == 1


def test_no_room_for_the_backup_is_said_before_anything_is_done(
    layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(layout, folder)
    (folder / "0002_age.sql").write_text(SECOND)
    monkeypatch.setattr(migrate, "_ROOM", 1e12)
    error = refused(layout, folder)
    assert error.name == "no_room_for_backup"


def test_gaps_and_odd_names_are_faults_of_ours(folder: Path) -> None:
    (folder / "0003_gap.sql").write_text("SELECT 1;\n")
    with pytest.raises(ValueError, match="not numbered"):
        migrate.read(folder)
    (folder / "odd.sql").write_text("SELECT 1;\n")
    with pytest.raises(ValueError, match="NNNN_what"):
        migrate.read(folder)


KILLED = """
import os, sqlite3, sys
from pathlib import Path
from core.store import migrate
left = int(sys.argv[4])
old = migrate.connect
def connect(path, mode):
    connection = old(path, mode)
    def trace(statement):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
    connection.set_trace_callback(trace)
    return connection
migrate.connect = connect
migrate.prepare(Path(sys.argv[1]), backups=Path(sys.argv[2]), migrations=Path(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_killed_at_each_statement_it_works_the_next_time(layout: Layout, folder: Path) -> None:
    (folder / "0002_age.sql").write_text(SECOND)
    prepare(layout, folder)
    wanted = state(layout.database)[1]
    for left in range(1, 60):
        root = Layout(layout.root / str(left))
        root.make()
        code = [sys.executable, "-c", KILLED, root.database, root.backups, folder, str(left)]
        ended = subprocess.run(code, check=False, cwd=Path(__file__).parents[3])
        prepare(root, folder)
        assert state(root.database)[:2] == (2, wanted)
        if ended.returncode == 0:
            break
        assert ended.returncode == 9
    else:
        pytest.fail("never reached the end")
    assert left > 15


def test_the_shipped_migrations_apply_and_split_as_written(layout: Layout) -> None:
    folder = shipped("migrations")
    migrate.prepare(layout.database, backups=layout.backups, migrations=folder)
    with closing(sqlite3.connect(layout.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA application_id").fetchone()[0] == 0x48454C49
        loose = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND strict = 0 AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    assert loose == []


def test_a_backup_of_a_file_in_use_is_whole(layout: Layout, folder: Path) -> None:
    prepare(layout, folder)
    with closing(sqlite3.connect(layout.database)) as writer:
        writer.execute("INSERT INTO people (name) VALUES ('in the log')")
        writer.commit()
        writer.execute("INSERT INTO people (name) VALUES ('not committed')")
        backup.backup(layout.database, layout.root / "copy.db")
    assert state(layout.root / "copy.db")[2] == ["in the log"]
    assert not (layout.root / "copy.db-wal").exists()


def test_a_backup_that_fails_leaves_no_file(layout: Layout, folder: Path) -> None:
    layout.database.write_bytes(b"junk" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        backup.backup(layout.database, layout.root / "copy.db")
    assert sorted(path.name for path in layout.root.glob("copy*")) == []
