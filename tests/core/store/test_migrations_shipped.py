"""The migrations that ship: from every release with data in it, broken off at every statement."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core import failpoint
from core.errors import StartError
from core.paths import Layout, shipped
from core.store import backup, migrate
from tests.core.store.releases import ROWS, content, released, schema

NEWEST = len(migrate.read(shipped("migrations")))
FROM = [0, *range(1, NEWEST)]  # 0: there is no file yet
STEPS = [step.id for step in migrate.read(shipped("migrations"))]

# Forks for each statement: the child is killed there, what it leaves is looked at by the test.
KILLED = """
import os, sys
from pathlib import Path
from core import failpoint
from core.paths import Layout, shipped
from core.store import migrate

for number, root in enumerate(sys.argv[2:], 1):
    child = os.fork()
    if child == 0:
        failpoint.arm(sys.argv[1].format(number))
        layout = Layout(root)
        migrate.prepare(
            layout.database, backups=layout.backups, migrations=shipped("migrations")
        )
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


def prepare(layout: Layout) -> None:
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))


def there(parent: Path, name: str, version: int) -> Layout:
    """Make a data directory of a version; 0 has no database."""
    layout = Layout(parent / name)
    layout.make()
    if version:
        released(version, layout)
    return layout


def broken_off_after(version: int) -> tuple[int, int]:
    """Count the statements and the commits to break off at, from a version on.

    From a new file and from the first release on those of all steps; from the others those of
    their next one, since each step is a transaction and knows nothing of those before.
    """
    steps = migrate.read(shipped("migrations"))[version:]
    steps = steps if version < 2 else steps[:1]
    return sum(len([*migrate.statements(step.sql)]) for step in steps), len(steps)


def kept(
    before: dict[str, list[dict[str, object]]], after: dict[str, list[dict[str, object]]]
) -> bool:
    """Say whether each row of before is there after, with every column that it had."""
    return all(
        any(row.items() <= now.items() for now in after[table])
        for table, rows in before.items()
        for row in rows
    )


def check_whole(
    layout: Layout, version: int, fresh: Path, before: dict[str, list[dict[str, object]]]
) -> None:
    """See the newest schema, the old rows, sound keys, and the copy that was made before."""
    assert schema(layout.database) == schema(fresh)
    with closing(sqlite3.connect(layout.database)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == NEWEST
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO images_text (images_text) VALUES ('integrity-check')")
    assert kept(before, content(layout.database))
    if version:
        copies = sorted(layout.backups.glob("heliograph-*.db"))
        assert copies
        for copy in copies:
            assert backup.fault(copy) is None
            assert kept(before, content(copy))
    assert [path for path in layout.backups.iterdir() if path.suffix != ".db"] == []


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = there(tmp_path_factory.mktemp("fresh"), "data", 0)
    prepare(layout)
    return layout.database


def test_every_release_but_the_newest_has_rows() -> None:
    assert set(ROWS) >= set(range(1, NEWEST)) | {1}


@pytest.mark.parametrize("version", sorted(ROWS))
def test_a_release_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, fresh: Path, version: int
) -> None:
    layout = there(tmp_path, "data", version)
    before = content(layout.database)
    assert all(before[table] for table in ("jobs", "images", "events", "models", "settings"))
    prepare(layout)
    check_whole(layout, version if version < NEWEST else 0, fresh, before)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(os.name != "posix", reason="there is no fork")
@pytest.mark.parametrize("version", FROM)
def test_killed_at_any_statement_it_is_whole_the_next_time(
    tmp_path: Path, fresh: Path, version: int
) -> None:
    count, commits = broken_off_after(version)
    layouts = [there(tmp_path, f"s{n}", version) for n in range(count)]
    layouts += [there(tmp_path, f"c{n}", version) for n in range(commits)]
    before = content(layouts[0].database) if version else {}
    for point, some in (("statement", layouts[:count]), ("commit", layouts[count:])):
        told = subprocess.run(
            [sys.executable, "-c", KILLED, f"migrate.{point}=kill@{{}}",
             *(str(layout.root) for layout in some)],
            check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3],
        ).stdout.split()  # fmt: skip
        assert told == ["-9"] * len(some)
    for layout in layouts:
        if version:
            assert kept(before, content(layout.database))
        prepare(layout)
        check_whole(layout, version, fresh, before)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", ["enospc", "eio"])
@pytest.mark.parametrize("version", FROM)
def test_refused_by_the_disk_at_any_statement_it_is_as_before_and_works_the_next_time(
    tmp_path: Path, fresh: Path, version: int, fault: str
) -> None:
    statements, commits = broken_off_after(version)
    points = [("statement", n) for n in range(statements)]
    points += [("commit", n) for n in range(commits)]
    for point, number in points:
        layout = there(tmp_path, f"{point}{number}", version)
        before = content(layout.database) if version else {}
        failpoint.arm(f"migrate.{point}={fault}@{number + 1}")
        with pytest.raises(StartError) as caught:
            prepare(layout)
        assert caught.value.name == "migration_failed"
        assert kept(before, content(layout.database) if version else {})
        failpoint.arm("")
        prepare(layout)
        check_whole(layout, version, fresh, before)


@pytest.mark.parametrize("version", sorted(ROWS))
def test_a_newer_schema_than_ours_is_refused_to_the_byte(tmp_path: Path, version: int) -> None:
    layout = there(tmp_path, "data", version)
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    before = layout.database.read_bytes()
    with pytest.raises(StartError) as caught:
        prepare(layout)
    assert (caught.value.name, caught.value.params["known"]) == ("database_newer", NEWEST)
    assert layout.database.read_bytes() == before
    assert list(layout.backups.iterdir()) == []
