"""Saved workflows. A change names the version that it changes, so that none is lost unseen.

``owner=None`` means anybody's. Knows no node types: a graph is kept as it is.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.records.events import WorkflowChanged
from core.records.graph import Graph, Json
from core.records.workflow import Workflow, WorkflowHead, WorkflowInput, WorkflowOutput
from core.store import counters
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction

MAX_WORKFLOWS = 1000  # of one owner
MAX_NAME = 200  # characters
_HEAD = "row, id, owner, name, description, version, inputs, outputs, tags, created, changed"
_ENCODER = msgspec.json.Encoder()
_GRAPH = msgspec.json.Decoder(Graph)
_INPUTS = msgspec.json.Decoder(list[WorkflowInput])
_OUTPUTS = msgspec.json.Decoder(list[WorkflowOutput])
_TAGS = msgspec.json.Decoder(list[str])
_LAYOUT = msgspec.json.Decoder(dict[str, Json])


class Draft(Struct, frozen=True, kw_only=True):
    """What people write of a workflow."""

    name: str
    description: str
    graph: Graph
    inputs: Sequence[WorkflowInput]
    outputs: Sequence[WorkflowOutput]
    layout: dict[str, Json]
    tags: Sequence[str]


def create(tx: Transaction, draft: Draft, owner: str, *, renamed: bool = False) -> Workflow:
    """Save a new workflow as its first version.

    :param renamed: give it another name where its own is taken.
    :raises Conflict: ``name_taken``, ``list_full``.
    """
    if counters.value(tx.connection, f"workflows.{owner}") >= MAX_WORKFLOWS:
        raise Conflict("list_full", limit=MAX_WORKFLOWS)
    name = _free(tx.connection, draft.name, owner) if renamed else draft.name
    _refuse_twice(tx.connection, name, owner)
    workflow = new_id()
    tx.connection.execute(
        """
        INSERT INTO workflows (
            id, owner, name, description, version, graph, inputs, outputs, layout, tags, created,
            changed
        )
        VALUES (
            :id, :owner, :name, :description, 1, :graph, :inputs, :outputs, :layout, :tags, :now,
            :now
        )
        """,
        _written(draft) | {"id": workflow, "owner": owner, "name": name, "now": tx.now},
    )
    tx.fact(WorkflowChanged(owner=owner, workflow=workflow))
    return get(tx.connection, workflow)


def get(connection: sqlite3.Connection, workflow: str, owner: str | None = None) -> Workflow:
    """Read one workflow.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"""
        SELECT {_HEAD}, graph, layout
        FROM workflows
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": workflow, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="workflow", id=workflow)
    *head, graph, layout = found
    return Workflow(**_fields(head), graph=_GRAPH.decode(graph), layout=_LAYOUT.decode(layout))


def id_of(connection: sqlite3.Connection, name: str, owner: str) -> str | None:
    """Find a workflow of somebody by its name."""
    found = connection.execute(
        "SELECT id FROM workflows WHERE owner = :owner AND name = :name",
        {"owner": owner, "name": name},
    ).fetchone()
    return None if found is None else str(found[0])


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    name: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[WorkflowHead]:
    """Read a page, newest first, without the graphs.

    :raises Malformed: ``cursor_mismatch``.
    """
    terms = ["row < :before"]
    terms += ["owner = :owner"] if owner is not None else []
    terms += ["name = :name"] if name is not None else []
    found = connection.execute(
        f"""
        SELECT {_HEAD}
        FROM workflows
        WHERE {" AND ".join(terms)}
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "workflows", owner, name),
            "owner": owner,
            "name": name,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    make = lambda each: WorkflowHead(**_fields(each))  # noqa: E731
    return pages.cut(found, limit, make, "workflows", owner, name)


def save(
    tx: Transaction, workflow: str, version: int, draft: Draft, owner: str | None = None
) -> Workflow:
    """Write over a workflow; its version grows by one.

    :param version: the one that was read, and is changed.
    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``version_stale`` when somebody was first, ``name_taken``.
    """
    old = get(tx.connection, workflow, owner)
    if old.version != version:
        raise Conflict("version_stale", version=old.version)
    if draft.name != old.name:
        _refuse_twice(tx.connection, draft.name, old.owner)
    tx.connection.execute(
        """
        UPDATE workflows
        SET name = :name, description = :description, version = version + 1, graph = :graph,
            inputs = :inputs, outputs = :outputs, layout = :layout, tags = :tags, changed = :now
        WHERE id = :id
        """,
        _written(draft) | {"id": workflow, "now": tx.now},
    )
    tx.fact(WorkflowChanged(owner=old.owner, workflow=workflow))
    return get(tx.connection, workflow)


def delete(tx: Transaction, workflow: str, owner: str | None = None) -> None:
    """Delete a workflow; jobs that ran it keep what they ran.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, workflow, owner)
    tx.connection.execute("DELETE FROM workflows WHERE id = :id", {"id": workflow})
    tx.fact(WorkflowChanged(owner=old.owner, workflow=workflow, deleted=True))


def _refuse_twice(connection: sqlite3.Connection, name: str, owner: str) -> None:
    if id_of(connection, name, owner) is not None:
        raise Conflict("name_taken", name=name)


def _free(connection: sqlite3.Connection, name: str, owner: str) -> str:
    """Number a name until it is not taken; a list has an end, and so has this."""
    made, number = name, 1
    while id_of(connection, made, owner) is not None:
        number += 1
        tail = f" ({number})"
        made = name[: MAX_NAME - len(tail)] + tail
    return made


def _written(draft: Draft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "description": draft.description,
        "graph": _text(draft.graph),
        "inputs": _text(draft.inputs),
        "outputs": _text(draft.outputs),
        "layout": _text(draft.layout),
        "tags": _text(draft.tags),
    }


def _fields(found: Sequence[Any]) -> dict[str, Any]:
    _, workflow, owner, name, description, version, inputs, outputs, tags, created, changed = found
    return {
        "id": workflow,
        "owner": owner,
        "name": name,
        "description": description,
        "version": version,
        "inputs": _INPUTS.decode(inputs),
        "outputs": _OUTPUTS.decode(outputs),
        "tags": _TAGS.decode(tags),
        "created": iso(created),
        "changed": iso(changed),
    }


def _text(value: object) -> str:
    return _ENCODER.encode(value).decode()
