"""InvokeAI's database as a stranger's file: old, odd, damaged or hostile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import Invalid
from core.store import foreign_boards
from core.store.foreign_boards import Placed


def made(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


BOARDS = """
CREATE TABLE boards (board_id TEXT, board_name TEXT);
CREATE TABLE board_images (board_id TEXT, image_name TEXT);
"""


def test_a_database_of_an_old_version_lacks_columns(tmp_path: Path) -> None:
    file = made(
        tmp_path / "a.db",
        f"{BOARDS} CREATE TABLE images (image_name TEXT, created_at TEXT);"
        "INSERT INTO images VALUES ('a.png', '2023-01-02 03:04:05'), ('b.png', 'soon');"
        "INSERT INTO boards VALUES ('x', '  '); INSERT INTO board_images VALUES ('x', 'b.png');",
    )
    with foreign_boards.opened(file, tmp_path / "copy") as boards:
        assert boards.of("a.png") == Placed(made=1_672_628_645_000)
        assert boards.of("b.png") == Placed()
        assert boards.of("c.png") is None


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (x)",
        (
            f"{BOARDS} CREATE VIEW images AS WITH RECURSIVE n (image_name) AS"
            " (SELECT 'x' UNION ALL SELECT image_name || 'x' FROM n) SELECT image_name FROM n"
        ),
        (
            f"{BOARDS} CREATE TABLE images (image_name TEXT, starred TEXT);"
            "INSERT INTO images VALUES ('', zeroblob(9000000))"
        ),
    ],
    ids=["another", "endless", "huge"],
)
def test_what_is_no_such_database_is_refused(tmp_path: Path, script: str) -> None:
    file = made(tmp_path / "a.db", script)
    before = file.read_bytes()
    with pytest.raises(Invalid) as caught, foreign_boards.opened(file, tmp_path / "copy"):
        pass
    assert caught.value.problems[0].code == "invokeai_unreadable"
    assert [file.read_bytes(), sorted(tmp_path.iterdir())] == [before, [file]]
