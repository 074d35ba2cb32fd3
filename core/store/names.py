"""Names of models: all that there are of a kind, for texts that may hold them."""

import sqlite3

from core.records.model import ModelKind

MAX_NAMES = 10_000


def of(connection: sqlite3.Connection, kind: ModelKind) -> list[str]:
    """List the names of all models of a kind, oldest first, each once; 10,000 at most.

    Those whose file is gone are left out.
    """
    found = connection.execute(
        """
        SELECT name
        FROM models
        WHERE kind = :kind AND missing = 0
        GROUP BY name
        ORDER BY MIN(row)
        LIMIT :limit
        """,
        {"kind": kind, "limit": MAX_NAMES},
    )
    return [name for (name,) in found]
