"""Models in the library: what a scan found, what people wrote about it."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from core.errors import NotFound
from core.graph.sizes import native
from core.ids import new_id
from core.records.events import ModelAdded, ModelChanged, ModelDeleted
from core.records.model import Model, ModelDefaults, ModelKind
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction
from core.store.work import ModelFile, NewModel

__all__ = [
    "ModelFile", "NewModel", "delete", "edit", "file", "find", "get", "page", "retain",
    "set_sha256", "unhashed", "upsert",
]  # fmt: skip

_COLUMNS = """
    row, id, name, kind, family, format, file, bytes, sha256, token, trigger, description, source,
    created, defaults
"""
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_FILE = "id, root, file, bytes, changed, sha256, identity"
_EDITABLE = ("name", "token", "trigger", "description", "defaults")
_JSON = msgspec.json.Encoder()
_DEFAULTS = msgspec.json.Decoder(ModelDefaults)
_FIELDS = msgspec.json.Decoder(list[str])
_DIGITS = 10  # of a SHA-256 that are enough to name a model


def upsert(tx: Transaction, found: NewModel) -> Model:
    """Add what was found at (root, file), or bring its row up to date; facts only on change.

    A changed file loses its hash. What people edited (name, trigger, description, defaults)
    stays.
    """
    values = msgspec.structs.asdict(found)
    values["defaults"] = _JSON.encode(found.defaults).decode()
    old = tx.connection.execute(
        """
        SELECT id, edited
        FROM models
        WHERE root = :root AND file = :file
        """,
        {"root": found.root, "file": found.file},
    ).fetchone()
    if old is None:
        return _add(tx, values)
    model, edited = old[0], _FIELDS.decode(old[1])
    before = get(tx.connection, model)
    for name in edited:
        values[name] = (
            _JSON.encode(before.defaults).decode() if name == "defaults" else getattr(before, name)
        )
    tx.connection.execute(
        """
        UPDATE models
        SET name = :name, kind = :kind, family = :family, format = :format, bytes = :bytes,
            sha256 = CASE
                WHEN :sha256 IS NOT NULL THEN :sha256
                WHEN bytes = :bytes AND changed = :changed AND identity = :identity THEN sha256
            END,
            changed = :changed, identity = :identity, token = :token, trigger = :trigger,
            description = :description,
            defaults = :defaults, source = COALESCE(:source, source)
        WHERE id = :id
        """,
        {**values, "id": model},
    )
    return _told(tx, before)


def retain(tx: Transaction, root: str, files: Collection[str]) -> list[str]:
    """Delete the rows of a folder whose files a complete scan no longer found; their ids."""
    gone = tx.connection.execute(
        """
        DELETE FROM models
        WHERE root = :root AND file NOT IN (SELECT value FROM json_each(:files))
        RETURNING id
        """,
        {"root": root, "files": _JSON.encode(sorted(files)).decode()},
    ).fetchall()
    for (model,) in gone:
        tx.fact(ModelDeleted(model=model))
    return [model for (model,) in gone]


def get(connection: sqlite3.Connection, model: str) -> Model:
    """Read one model by id.

    :raises NotFound: for an unknown id.
    """
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM models WHERE id = :id", {"id": model}
    ).fetchone()
    if found is None:
        raise NotFound(what="model", id=model)
    return _model(found)


def find(connection: sqlite3.Connection, text: str, kind: ModelKind | None = None) -> Model | None:
    """Find a model by id, SHA-256 (or its first 10 digits or more) or name, in that order."""
    low = text.lower()
    digits = len(low) >= _DIGITS and all(digit in "0123456789abcdef" for digit in low)
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM models
        WHERE (:kind IS NULL OR kind = :kind) AND row IN (
            SELECT row FROM models WHERE id = :text
            UNION ALL
            SELECT row FROM models WHERE :digits AND sha256 >= :low AND sha256 < :high
            UNION ALL
            SELECT row FROM models WHERE name = :text
        )
        ORDER BY id = :text DESC, name = :text, row
        LIMIT 1
        """,
        {"text": text, "kind": kind, "digits": digits, "low": low, "high": low + "g"},
    ).fetchone()
    return None if found is None else _model(found)


def file(connection: sqlite3.Connection, model: str) -> ModelFile:
    """Read where a model lies.

    :raises NotFound: for an unknown id.
    """
    found = connection.execute(
        f"SELECT {_FILE} FROM models WHERE id = :id", {"id": model}
    ).fetchone()
    if found is None:
        raise NotFound(what="model", id=model)
    return _file(found)


def page(
    connection: sqlite3.Connection,
    kind: ModelKind | None = None,
    family: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Model]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM models
        WHERE row < :before AND (:kind IS NULL OR kind = :kind)
            AND (:family IS NULL OR family = :family)
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "models", kind, family),
            "kind": kind,
            "family": family,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, _model, "models", kind, family)


def unhashed(connection: sqlite3.Connection, limit: int = 50) -> list[ModelFile]:
    """Read models whose hash is not computed yet."""
    found = connection.execute(
        f"""
        SELECT {_FILE}
        FROM models
        WHERE sha256 IS NULL
        ORDER BY row
        LIMIT :limit
        """,
        {"limit": limit},
    )
    return [_file(each) for each in found]


def set_sha256(tx: Transaction, model: str, sha256: str, loaded: bool = False) -> Model | None:
    """Store a computed hash, with ``model.changed``; None if the model is gone."""
    try:
        before = get(tx.connection, model)
    except NotFound:
        return None
    tx.connection.execute(
        "UPDATE models SET sha256 = :sha256 WHERE id = :id", {"id": model, "sha256": sha256}
    )
    return _told(tx, before, loaded)


def edit(
    tx: Transaction,
    model: str,
    *,
    name: str | None = None,
    token: str | None = None,
    trigger: str | None = None,
    description: str | None = None,
    defaults: ModelDefaults | None = None,
    loaded: bool = False,
) -> Model:
    """Change what people may change; null leaves it, an empty text clears it.

    A model keeps a name: an empty one leaves it.

    :raises NotFound: for an unknown id.
    """
    before = get(tx.connection, model)
    asked = {
        "name": name or None,
        "token": token,
        "trigger": trigger,
        "description": description,
        "defaults": None if defaults is None else _JSON.encode(defaults).decode(),
    }
    edited = tx.connection.execute(
        "SELECT edited FROM models WHERE id = :id", {"id": model}
    ).fetchone()[0]
    fields = {*_FIELDS.decode(edited), *(key for key in _EDITABLE if asked[key] is not None)}
    tx.connection.execute(
        """
        UPDATE models
        SET name = COALESCE(:name, name),
            token = CASE WHEN :token IS NULL THEN token ELSE NULLIF(:token, '') END,
            trigger = CASE WHEN :trigger IS NULL THEN trigger ELSE NULLIF(:trigger, '') END,
            description = CASE
                WHEN :description IS NULL THEN description ELSE NULLIF(:description, '')
            END,
            defaults = COALESCE(:defaults, defaults),
            edited = :edited
        WHERE id = :id
        """,
        {**asked, "id": model, "edited": _JSON.encode(sorted(fields)).decode()},
    )
    return _told(tx, before, loaded)


def delete(tx: Transaction, model: str) -> ModelFile:
    """Delete a model's row; after the commit the caller deletes files, if it is to.

    :raises NotFound: for an unknown id.
    """
    found = file(tx.connection, model)
    tx.connection.execute("DELETE FROM models WHERE id = :id", {"id": model})
    tx.fact(ModelDeleted(model=model))
    return found


def _add(tx: Transaction, values: dict[str, Any]) -> Model:
    model = new_id()
    tx.connection.execute(
        """
        INSERT INTO models (
            id, name, kind, family, format, root, file, bytes, changed, identity, sha256, token,
            trigger, description, defaults, source, created
        )
        VALUES (
            :id, :name, :kind, :family, :format, :root, :file, :bytes, :changed, :identity, :sha256,
            :token, :trigger, :description, :defaults, :source, :created
        )
        """,
        {**values, "id": model, "created": tx.now},
    )
    added = get(tx.connection, model)
    tx.fact(ModelAdded(model=added))
    return added


def _told(tx: Transaction, before: Model, loaded: bool = False) -> Model:
    after = get(tx.connection, before.id)
    if after != before:
        tx.fact(ModelChanged(model=msgspec.structs.replace(after, loaded=loaded)))
    return after


def _model(found: Sequence[Any]) -> Model:
    fields = dict(zip(_NAMES[1:], found[1:], strict=True))
    fields["created"] = iso(fields["created"])
    fields["defaults"] = _DEFAULTS.decode(fields["defaults"])
    if fields["kind"] == "checkpoint":
        fields["defaults"] = native(fields["family"], fields["defaults"])
    return Model(**fields)


def _file(found: Sequence[Any]) -> ModelFile:
    return ModelFile(**dict(zip(ModelFile.__struct_fields__, found, strict=True)))
