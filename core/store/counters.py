"""Counts that are kept in the transaction that changes them, so that nothing is ever counted,
and the few settings that belong to the data.
"""

import sqlite3
from collections.abc import Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")


def value(connection: sqlite3.Connection, name: str) -> int:
    """Read one count; 0 if it was never touched."""
    found = connection.execute(
        "SELECT value FROM counters WHERE name = :name", {"name": name}
    ).fetchone()
    return int(found[0]) if found else 0


def under(connection: sqlite3.Connection, prefix: str) -> dict[str, int]:
    """Read all counts called ``prefix.…``, by the rest of their names."""
    found = connection.execute(
        """
        SELECT name, value
        FROM counters
        WHERE name >= :low AND name < :high
        """,
        {"low": f"{prefix}.", "high": f"{prefix}/"},  # "/" follows "."
    )
    return {name[len(prefix) + 1 :]: count for name, count in found}


def add(connection: sqlite3.Connection, name: str, by: int) -> None:
    """Change one count."""
    connection.execute(
        """
        INSERT INTO counters (name, value)
        VALUES (:name, :by)
        ON CONFLICT (name) DO UPDATE SET value = value + :by
        """,
        {"name": name, "by": by},
    )


def add_all(connection: sqlite3.Connection, changes: Mapping[str, int]) -> None:
    """Change several counts at once."""
    connection.execute(
        """
        INSERT INTO counters (name, value)
        SELECT key, value
        FROM json_each(:changes)
        WHERE TRUE
        ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
        """,
        {"changes": msgspec.json.encode(changes).decode()},
    )


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Forget a count whose thing is gone."""
    connection.execute("DELETE FROM counters WHERE name = :name", {"name": name})


def setting(connection: sqlite3.Connection, name: str, kind: type[T]) -> T | None:
    """Read a stored setting; None if it was never set."""
    found = connection.execute(
        "SELECT value FROM settings WHERE name = :name", {"name": name}
    ).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=kind)


def settings(connection: sqlite3.Connection, *names: str) -> dict[str, str]:
    """Read several stored settings as JSON text; those that were never set are left out."""
    found = connection.execute(
        f"SELECT name, value FROM settings WHERE name IN ({', '.join('?' * len(names))})", names
    )
    return dict(found.fetchall())


def set_setting(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Store a setting; None forgets it."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE name = :name", {"name": name})
        return
    connection.execute(
        """
        INSERT INTO settings (name, value)
        VALUES (:name, :value)
        ON CONFLICT (name) DO UPDATE SET value = :value
        """,
        {"name": name, "value": msgspec.json.encode(value).decode()},
    )
