"""Names from InvokeAI's database: what is there is read, and nothing of it is changed."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.library import scan
from core.store import foreign
from tests.core.library.files import LORA, pipeline, safetensors

KEY = "0a1b2c3d-1111-2222-3333-0a1b2c3d4e5f"


def database(root: Path, configs: list[object]) -> Path:
    """Write a database as that program does: a model's record is JSON in one column."""
    (root / "databases").mkdir(parents=True)
    (root / "invokeai.yaml").touch()
    file = root / "databases" / "invokeai.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT NOT NULL)")
        for number, config in enumerate(configs):
            text = config if isinstance(config, str) else json.dumps(config)
            connection.execute("INSERT INTO models VALUES (?, ?)", (str(number), text))
        connection.commit()
    return file


def test_models_have_the_names_that_the_program_shows(tmp_path: Path) -> None:
    root = tmp_path / "invoke"
    nice = pipeline(root / "models" / KEY)
    safetensors(root / "models" / "sd-1" / "lora" / "fx.safetensors", LORA)
    safetensors(root / "models" / "sd-1" / "lora" / "other.safetensors", LORA)
    file = database(
        root,
        [
            {"name": "Nice model", "path": KEY},
            {"name": "A fox ", "path": str(nice.parent / "sd-1" / "lora" / "fx.safetensors")},
            {"name": 7, "path": "x"}, {"path": "y"}, "no JSON", {"name": "Gone", "path": "gone"},
        ],
    )  # fmt: skip
    before = file.read_bytes()
    made = scan.look([("root", root)], names=foreign.names)
    assert {one.name for one in made.found} == {"Nice model", "A fox", "other"}
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["invokeai.db"]


@pytest.mark.parametrize(
    "content", [None, b"", b"nonsense" * 1000, b"SQLite format 3\0" + b"\0" * 99]
)
def test_a_database_that_cannot_be_read_gives_no_names(
    content: bytes | None, tmp_path: Path
) -> None:
    (tmp_path / "databases").mkdir()
    if content is not None:
        (tmp_path / "databases" / "invokeai.db").write_bytes(content)
    assert foreign.names(tmp_path) == {}


def test_a_query_without_an_end_is_given_up(tmp_path: Path) -> None:
    root = tmp_path / "invoke"
    file = database(root, [])
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE models")
        connection.execute(
            "CREATE VIEW models AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT 'no JSON' AS config FROM n"
        )
        connection.commit()
    assert foreign.names(root) == {}
