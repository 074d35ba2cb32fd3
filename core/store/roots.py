"""Folders of models that were added by hand, beside those of the settings."""

import sqlite3

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.records.model import ModelRoot
from core.store.times import iso
from core.store.transaction import Transaction

MAX_ROOTS = 100


def everything(connection: sqlite3.Connection) -> list[ModelRoot]:
    """List the folders, oldest first."""
    found = connection.execute("SELECT id, path, created FROM model_roots ORDER BY row")
    return [ModelRoot(id=id_, path=path, created=iso(at)) for id_, path, at in found]


def add(tx: Transaction, path: str) -> ModelRoot:
    """Add a folder; one that is there already stays as it is.

    :param path: absolute.
    :raises Conflict: ``too_many_roots`` for more than 100.
    """
    held = everything(tx.connection)
    for one in held:
        if one.path == path:
            return one
    if len(held) >= MAX_ROOTS:
        raise Conflict("too_many_roots", limit=MAX_ROOTS)
    made = ModelRoot(id=new_id(), path=path, created=iso(tx.now))
    tx.connection.execute(
        """
        INSERT INTO model_roots (id, path, created)
        VALUES (:id, :path, :created)
        """,
        {"id": made.id, "path": path, "created": tx.now},
    )
    return made


def remove(tx: Transaction, root: str) -> ModelRoot:
    """Take a folder off the list; its files and what is known of them stay.

    :raises NotFound: for an unknown id.
    """
    for one in everything(tx.connection):
        if one.id == root:
            tx.connection.execute("DELETE FROM model_roots WHERE id = :id", {"id": root})
            return one
    raise NotFound(what="model_root", id=root)
