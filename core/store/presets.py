"""Presets: prompt styles and saved settings, by owner. ``owner=None`` means anybody's."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.records.events import PresetChanged
from core.records.graph import Json
from core.records.preset import Preset
from core.store import counters
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction

MAX_PRESETS = 1000  # of one owner
_COLUMNS = "row, id, owner, name, prompt, negative_prompt, settings, created, changed"
_ENCODER = msgspec.json.Encoder()
_SETTINGS = msgspec.json.Decoder(dict[str, Json])


class Draft(Struct, frozen=True, kw_only=True):
    """What people write of a preset."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""
    settings: Mapping[str, Json] = {}


def create(tx: Transaction, draft: Draft, owner: str) -> Preset:
    """Save a new preset.

    :raises Conflict: ``name_taken``, ``list_full``.
    """
    if counters.value(tx.connection, f"presets.{owner}") >= MAX_PRESETS:
        raise Conflict("list_full", limit=MAX_PRESETS)
    _refuse_twice(tx.connection, draft.name, owner)
    preset = new_id()
    tx.connection.execute(
        """
        INSERT INTO presets (id, owner, name, prompt, negative_prompt, settings, created, changed)
        VALUES (:id, :owner, :name, :prompt, :negative_prompt, :settings, :now, :now)
        """,
        _written(draft) | {"id": preset, "owner": owner, "now": tx.now},
    )
    tx.fact(PresetChanged(owner=owner, preset=preset))
    return get(tx.connection, preset)


def get(connection: sqlite3.Connection, preset: str, owner: str | None = None) -> Preset:
    """Read one preset.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM presets
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": preset, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="preset", id=preset)
    return _preset(found)


def named(connection: sqlite3.Connection, names: Sequence[str], owner: str) -> dict[str, Preset]:
    """Find somebody's presets by their names."""
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM presets
        WHERE owner = :owner AND name IN (SELECT value FROM json_each(:names))
        """,
        {"owner": owner, "names": _ENCODER.encode(names).decode()},
    )
    return {preset.name: preset for preset in map(_preset, found)}


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Preset]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    whose = "" if owner is None else "AND owner = :owner"
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM presets
        WHERE row < :before {whose}
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "presets", owner),
            "owner": owner,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, _preset, "presets", owner)


def save(tx: Transaction, preset: str, draft: Draft, owner: str | None = None) -> Preset:
    """Write over a preset.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``name_taken``.
    """
    old = get(tx.connection, preset, owner)
    if draft.name != old.name:
        _refuse_twice(tx.connection, draft.name, old.owner)
    tx.connection.execute(
        """
        UPDATE presets
        SET name = :name, prompt = :prompt, negative_prompt = :negative_prompt,
            settings = :settings, changed = :now
        WHERE id = :id
        """,
        _written(draft) | {"id": preset, "now": tx.now},
    )
    tx.fact(PresetChanged(owner=old.owner, preset=preset))
    return get(tx.connection, preset)


def delete(tx: Transaction, preset: str, owner: str | None = None) -> None:
    """Delete a preset; pictures that were drawn with it keep the whole prompt.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, preset, owner)
    tx.connection.execute("DELETE FROM presets WHERE id = :id", {"id": preset})
    tx.fact(PresetChanged(owner=old.owner, preset=preset, deleted=True))


def _refuse_twice(connection: sqlite3.Connection, name: str, owner: str) -> None:
    if named(connection, [name], owner):
        raise Conflict("name_taken", name=name)


def _written(draft: Draft) -> dict[str, str]:
    return {
        "name": draft.name,
        "prompt": draft.prompt,
        "negative_prompt": draft.negative_prompt,
        "settings": _ENCODER.encode(draft.settings).decode(),
    }


def _preset(found: Sequence[Any]) -> Preset:
    _, preset, owner, name, prompt, negative_prompt, settings, created, changed = found
    return Preset(
        id=preset,
        owner=owner,
        name=name,
        prompt=prompt,
        negative_prompt=negative_prompt,
        settings=_SETTINGS.decode(settings),
        created=iso(created),
        changed=iso(changed),
    )
