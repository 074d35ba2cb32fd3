"""Names that InvokeAI's database gives its models; opened to read, and never waited for."""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

_MAX = 10_000  # models
_MAX_NAME = 200  # characters
_STEPS = 1_000_000  # of SQLite's machine, after which it is given up


def names(root: Path) -> dict[str, str]:
    """Map each model's place below ``models/`` to its name; empty where that cannot be read.

    :param root: InvokeAI's own folder.
    """
    file = root / "databases" / "invokeai.db"
    found: dict[str, str] = {}
    # As it stands in the file: the log beside it is its program's, who may be writing it.
    with contextlib.suppress(sqlite3.Error, OSError, ValueError):
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.set_progress_handler(lambda: 1, _STEPS)
            rows = connection.execute(
                """
                SELECT json_extract(config, '$.path'), json_extract(config, '$.name')
                FROM models
                WHERE json_valid(config)
                LIMIT :limit
                """,
                {"limit": _MAX},
            )
            for path, name in rows:
                if isinstance(path, str) and isinstance(name, str) and name.strip():
                    found[_place(root, path)] = name.strip()[:_MAX_NAME]
    return found


def _place(root: Path, path: str) -> str:
    """Give a place below ``models/`` with forward slashes, whether it is written whole or not."""
    plain = path.replace("\\", "/")
    return plain.removeprefix(f"{(root / 'models').as_posix()}/").rstrip("/")
