"""Models in the library: what a scan found, what people wrote about it.

Each change with its fact. Reading stands in ``model_reads``, and is offered here under the same
roof.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from core.errors import NotFound
from core.ids import new_id
from core.records.events import ModelAdded, ModelChanged, ModelDeleted
from core.records.model import Model, ModelDefaults, ModelKind
from core.store.model_reads import everything, file, find, get, page, unhashed
from core.store.transaction import Transaction
from core.store.work import ModelFile, NewModel

__all__ = [
    "ModelFile", "NewModel", "delete", "edit", "everything", "file", "find", "get", "lose", "page",
    "set_sha256", "unhashed", "upsert",
]  # fmt: skip

_EDITABLE = (
    "name", "token", "trigger", "description", "defaults", "kind", "family", "cover",
)  # fmt: skip
_TEXTS = ("name", "token", "trigger", "description", "kind", "family")
_JSON = msgspec.json.Encoder()
_FIELDS = msgspec.json.Decoder(list[str])
_SPANDREL = frozenset({"upscaler", "restorer"})  # kinds whose single files are read by it


def upsert(
    tx: Transaction, found: NewModel, *, moved: str | None = None, loaded: bool = False
) -> Model:
    """Add what was found at (root, file), or bring its row up to date; facts only on change.

    A changed file loses its hash. What people edited stays.

    :param moved: id of the model that lay elsewhere, and lies here now.
    """
    values = _values(found)
    old = tx.connection.execute(
        """
        SELECT id, edited
        FROM models
        WHERE CASE WHEN :moved IS NULL THEN root = :root AND file = :file ELSE id = :moved END
        """,
        {"root": found.root, "file": found.file, "moved": moved},
    ).fetchone()
    if old is None:
        return _add(tx, values)
    model, edited = old[0], _FIELDS.decode(old[1])
    before = get(tx.connection, model)
    for name in set(edited) & {*_TEXTS, "defaults"}:
        values[name] = (
            _JSON.encode(before.defaults).decode() if name == "defaults" else getattr(before, name)
        )
    values["format"] = _format(values["kind"], values["format"])
    tx.connection.execute(
        """
        UPDATE models
        SET name = :name, kind = :kind, family = :family, format = :format, bytes = :bytes,
            sha256 = CASE
                WHEN :sha256 IS NOT NULL THEN :sha256
                WHEN bytes = :bytes AND changed = :changed AND identity IN ('', :identity)
                    THEN sha256
            END,
            root = :root, file = :file, changed = :changed, identity = :identity,
            token = COALESCE(:token, token), class_word = COALESCE(:class_word, class_word),
            trigger = :trigger, description = :description, defaults = :defaults,
            source = COALESCE(source, :source), variant = :variant, edition = :edition,
            trigger_words = :trigger_words, metadata = :metadata, licence = :licence,
            link = :link, missing = 0, stamp = :stamp, inode = :inode
        WHERE id = :id
        """,
        {**values, "id": model},
    )
    return _told(tx, before, loaded)


def lose(tx: Transaction, gone: Iterable[str]) -> None:
    """Note that the files of models are gone; what is known of them stays."""
    for model in gone:
        try:
            before = get(tx.connection, model)
        except NotFound:
            continue
        tx.connection.execute("UPDATE models SET missing = 1 WHERE id = :id", {"id": model})
        _told(tx, before)


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
    kind: ModelKind | None = None,
    family: str | None = None,
    cover: str | None = None,
    loaded: bool = False,
) -> Model:
    """Change what people may change; null leaves it, an empty text clears it.

    A model keeps name, kind and family: empty ones leave them.

    :param cover: id of a picture that is there.
    :raises NotFound: for an unknown id.
    """
    before = get(tx.connection, model)
    asked = {
        "name": name or None,
        "token": token,
        "trigger": trigger,
        "description": description,
        "defaults": None if defaults is None else _JSON.encode(defaults).decode(),
        "kind": kind,
        "family": family or None,
        "cover": cover,
    }
    edited = tx.connection.execute(
        "SELECT edited FROM models WHERE id = :id", {"id": model}
    ).fetchone()[0]
    fields = {*_FIELDS.decode(edited), *(key for key in _EDITABLE if asked[key] is not None)}
    tx.connection.execute(
        """
        UPDATE models
        SET name = COALESCE(:name, name), kind = COALESCE(:kind, kind),
            family = COALESCE(:family, family), format = :format,
            token = CASE WHEN :token IS NULL THEN token ELSE NULLIF(:token, '') END,
            trigger = CASE WHEN :trigger IS NULL THEN trigger ELSE NULLIF(:trigger, '') END,
            description = CASE
                WHEN :description IS NULL THEN description ELSE NULLIF(:description, '')
            END,
            cover = CASE WHEN :cover IS NULL THEN cover ELSE NULLIF(:cover, '') END,
            defaults = COALESCE(:defaults, defaults),
            edited = :edited
        WHERE id = :id
        """,
        {
            **asked,
            "id": model,
            "edited": _JSON.encode(sorted(fields)).decode(),
            "format": _format(kind or before.kind, before.format),
        },
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


def _values(found: NewModel) -> dict[str, Any]:
    values = msgspec.structs.asdict(found)
    for name in ("defaults", "trigger_words", "metadata"):
        values[name] = _JSON.encode(values[name]).decode()
    return values


def _format(kind: str, format_: str) -> str:
    """Choose how a file is read once its kind is another."""
    if format_ not in ("single", "spandrel"):
        return format_
    return "spandrel" if kind in _SPANDREL else "single"


def _add(tx: Transaction, values: dict[str, Any]) -> Model:
    model = new_id()
    tx.connection.execute(
        """
        INSERT INTO models (
            id, name, kind, family, format, root, file, bytes, changed, identity, sha256, token,
            class_word, trigger, description, defaults, source, created, variant, edition,
            trigger_words, metadata, licence, link, stamp, inode
        )
        VALUES (
            :id, :name, :kind, :family, :format, :root, :file, :bytes, :changed, :identity, :sha256,
            :token, :class_word, :trigger, :description, :defaults, :source, :created, :variant,
            :edition, :trigger_words, :metadata, :licence, :link, :stamp, :inode
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
