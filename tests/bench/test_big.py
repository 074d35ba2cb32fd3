"""The large data directory is what the server itself would have written."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.ids import is_id
from core.store import counters, images, line
from core.store.image_reads import INTERMEDIATE, SHOWN
from core.store.images import ImageFilter
from tests.bench import big


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big.build(
        tmp_path_factory.mktemp("big") / "data", images=3_000, jobs=500, queued=200, events=50
    )


@pytest.fixture
def connection(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None)


def test_every_count_is_what_counting_gives(connection: sqlite3.Connection) -> None:
    with closing(connection):
        for table, column, name in (
            ("jobs", "status", "jobs"),
            (f"images WHERE {SHOWN}", "kind", "images"),
            (f"images WHERE {SHOWN} AND board IS NOT NULL", "board", "board"),
            (f"images WHERE {INTERMEDIATE}", "owner", "intermediates"),
        ):
            rows = connection.execute(f"SELECT {column}, COUNT(*) FROM {table} GROUP BY 1")
            kept = {key: count for key, count in counters.under(connection, name).items() if count}
            assert kept == dict(rows)
        waiting = connection.execute("SELECT SUM(queued), SUM(cost) FROM clients").fetchone()
        assert waiting == (200, 200 * 4096)
        assert connection.execute("SELECT SUM(count) FROM batches").fetchone() == (500,)


def test_the_file_is_sound(connection: sqlite3.Connection) -> None:
    with closing(connection):
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute(
            "INSERT INTO images_text (images_text, rank) VALUES ('integrity-check', 1)"
        )


def test_it_is_read_as_any_other(connection: sqlite3.Connection) -> None:
    with closing(connection):
        page = images.page(connection, ImageFilter(q="unicorn"))
        assert len(page.items) == 3
        assert all(is_id(image.id) for image in page.items)
        assert len(line.stray(connection, "boot")) == big.RUNNING


def test_the_same_arguments_give_the_same_rows(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        made = big.build(tmp_path / name, images=200, jobs=20, queued=5)
        with closing(sqlite3.connect(made)) as connection:
            found.append("\n".join(line for line in connection.iterdump() if "applied" not in line))
    assert found[0] == found[1]
