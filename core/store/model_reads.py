"""Reading models: one, one by any of its names, a page, and what a scan has to know."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from core.errors import NotFound
from core.graph.sizes import native
from core.records.model import Model, ModelDefaults, ModelFacts, ModelKind
from core.store import page as pages
from core.store.link import folded
from core.store.page import Page
from core.store.times import iso
from core.store.work import ModelFile

_COLUMNS = """
    row, id, name, kind, family, format, file, bytes, sha256, token, trigger, description, source,
    created, defaults, variant, edition, trigger_words, metadata, licence, link, cover, missing,
    class_word
"""
_OLDER = """
    (
        SELECT older.id
        FROM models AS older
        WHERE older.sha256 = models.sha256 AND older.row < models.row AND older.missing = 0
        ORDER BY older.row
        LIMIT 1
    ) AS duplicate_of
"""
_NAMES = (*(name.strip() for name in _COLUMNS.split(",")), "duplicate_of")
_FILE = "id, root, file, bytes, changed, sha256, identity, missing, stamp, inode"
_JSON: dict[str, msgspec.json.Decoder[Any]] = {
    "defaults": msgspec.json.Decoder(ModelDefaults),
    "metadata": msgspec.json.Decoder(ModelFacts),
    "trigger_words": msgspec.json.Decoder(list[str]),
}
_DIGITS = 10  # of a SHA-256 that are enough to name a model


def get(connection: sqlite3.Connection, model: str) -> Model:
    """Read one model by id.

    :raises NotFound: for an unknown id.
    """
    found = connection.execute(
        f"SELECT {_COLUMNS}, {_OLDER} FROM models WHERE id = :id", {"id": model}
    ).fetchone()
    if found is None:
        raise NotFound(what="model", id=model)
    return _model(found)


def find(
    connection: sqlite3.Connection,
    text: str,
    kind: ModelKind | None = None,
    *,
    missing: bool = False,
) -> Model | None:
    """Find a model by id, SHA-256 (or its first 10 digits or more) or name, in that order.

    A face network is found as the upscaler that it is loaded as.

    :param missing: whether to find those whose file is gone instead.
    """
    low = text.lower()
    digits = len(low) >= _DIGITS and all(digit in "0123456789abcdef" for digit in low)
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}, {_OLDER}
        FROM models
        WHERE (
                :kind IS NULL OR kind = :kind OR (:kind = 'upscaler' AND kind = 'restorer')
            ) AND missing = :missing AND row IN (
                SELECT row FROM models WHERE id = :text
                UNION ALL
                SELECT row FROM models WHERE :digits AND sha256 >= :low AND sha256 < :high
                UNION ALL
                SELECT row FROM models WHERE name = :text
            )
        ORDER BY id = :text DESC, name = :text, row
        LIMIT 1
        """,
        {
            "text": text, "kind": kind, "digits": digits, "low": low, "high": low + "g",
            "missing": missing,
        },
    ).fetchone()  # fmt: skip
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
    *,
    q: str | None = None,
    missing: bool = False,
) -> Page[Model]:
    """Read a page, newest first.

    :param q: a text that name, file, trigger, description or words hold.
    :param missing: whether those whose file is gone are meant, instead of those that are there.
    :raises Malformed: ``cursor_mismatch``.
    """
    filters = (kind, family, q, "missing" if missing else None)
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}, {_OLDER}
        FROM models
        WHERE row < :before AND (:kind IS NULL OR kind = :kind)
            AND (:family IS NULL OR family = :family) AND missing = :missing
            AND (
                :part IS NULL OR holds(name, :part) OR holds(file, :part)
                OR holds(trigger, :part) OR holds(description, :part)
                OR holds(trigger_words, :part)
            )
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "models", *filters),
            "kind": kind,
            "family": family,
            "missing": missing,
            "part": folded(q) if q else None,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, _model, "models", *filters)


def unhashed(connection: sqlite3.Connection, limit: int = 50) -> list[ModelFile]:
    """Read models whose hash is not computed yet, and whose file is there."""
    found = connection.execute(
        f"""
        SELECT {_FILE}
        FROM models
        WHERE sha256 IS NULL AND missing = 0
        ORDER BY row
        LIMIT :limit
        """,
        {"limit": limit},
    )
    return [_file(each) for each in found]


def everything(connection: sqlite3.Connection) -> list[ModelFile]:
    """Read where every model lies, or lay: what a scan compares its folders with."""
    return [_file(each) for each in connection.execute(f"SELECT {_FILE} FROM models ORDER BY row")]


def _model(found: Sequence[Any]) -> Model:
    fields = dict(zip(_NAMES[1:], found[1:], strict=True))
    fields["created"] = iso(fields["created"])
    fields["missing"] = bool(fields["missing"])
    for name, decoder in _JSON.items():
        fields[name] = decoder.decode(fields[name])
    if fields["kind"] == "checkpoint":
        fields["defaults"] = native(fields["family"], fields["defaults"])
    return Model(**fields)


def _file(found: Sequence[Any]) -> ModelFile:
    fields = dict(zip(ModelFile.__struct_fields__, found, strict=True))
    fields["missing"] = bool(fields["missing"])
    return ModelFile(**fields)
