"""InvokeAI's documents as a stranger sends them: what its editor saves, and the graph that it runs.

Knows their shape and its bounds, not what a node does. What does not fit is left out and named.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph.check import MAX_EDGES, MAX_NODES
from core.records.graph import Json
from core.records.workflow import MAX_LEFT_OUT, LeftOut

MAX_NAME = 200  # characters of a name that is shown
MAX_TEXT = 16_384  # characters of a prompt
_FAR = 1_000_000.0  # pixels from the middle of the board
_NOTES = 100  # of one document
_DAMAGED: Final = "damaged"
_DESCRIBED = 4_000  # characters of a description
_EXPOSED = 256  # fields of the form

End = tuple[str, str]  # node, field


class Foreign(Struct, frozen=True, kw_only=True):
    """One node as InvokeAI knows it."""

    id: str
    type: str
    title: str  # for people
    fields: dict[str, Json]
    place: tuple[float, float] | None
    saves: bool  # its picture goes into the gallery


class Document(Struct, frozen=True, kw_only=True):
    """What was understood of a document."""

    name: str
    description: str
    tags: list[str]
    nodes: dict[str, Foreign]
    wires: dict[End, list[End]]  # a field → what is wired into it
    exposed: list[tuple[End, str]]  # what its form shows: a field, and its label
    notes: list[tuple[tuple[float, float], str]]
    left_out: list[LeftOut]


def is_document(found: dict[str, Any]) -> bool:
    """Say whether a JSON object has the shape of either document."""
    return isinstance(found.get("edges"), list) and isinstance(found.get("nodes"), list | dict)


def read(found: dict[str, Any], pointer: str = "") -> Document:
    """Read either document.

    :raises Invalid: ``graph_too_large``.
    """
    listed, edges = found["nodes"], found["edges"]
    if len(listed) > MAX_NODES or len(edges) > MAX_EDGES:
        size: Params = {"nodes": len(listed), "edges": len(edges)}
        size |= {"max_nodes": MAX_NODES, "max_edges": MAX_EDGES}
        problem = Problem(code="graph_too_large", pointer=f"{pointer}/nodes", params=size)
        raise Invalid(problems=(problem,))
    raw = listed.values() if isinstance(listed, dict) else listed
    nodes: dict[str, Foreign] = {}
    passed: set[str] = set()  # connectors: a bend of a wire
    notes: list[tuple[tuple[float, float], str]] = []
    left_out: list[LeftOut] = []
    for item in raw:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "connector" and isinstance(item.get("id"), str):
            passed.add(item["id"])
        elif kind == "notes":
            notes.append((_place(item) or (0.0, 0.0), shown(_data(item).get("notes"), _DESCRIBED)))
        elif (node := _node(item)) is not None and node.id not in nodes:
            nodes[node.id] = node
        elif len(left_out) < MAX_LEFT_OUT:
            title = shown(kind) if node is None else node.title
            left_out.append(LeftOut(title=title, type=shown(kind), code=_DAMAGED))
    described = [shown(found.get(field), _DESCRIBED) for field in ("description", "notes")]
    return Document(
        name=shown(found.get("name")),
        description="\n\n".join(part for part in described if part),
        tags=[tag for part in shown(found.get("tags")).split(",")[:64] if (tag := shown(part, 64))],
        nodes=nodes,
        wires=_wires(edges, nodes, passed),
        exposed=_exposed(found, nodes),
        notes=[note for note in notes if note[1]][:_NOTES],
        left_out=left_out,
    )


def shown(value: object, limit: int = MAX_NAME) -> str:
    """Take a text that is shown to people, cut at a bound; anything else is empty."""
    if not isinstance(value, str):
        return ""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", value[:limit]).strip()


def _data(item: dict[str, Any]) -> dict[str, Any]:
    data = item.get("data")
    return data if isinstance(data, dict) else {}


def _node(item: object) -> Foreign | None:
    """Read a node of the editor, whose body is its ``data``, or of a graph, which is its body."""
    if not isinstance(item, dict):
        return None
    drawn = item.get("type") == "invocation"
    body = _data(item) if drawn else item
    name, kind = item.get("id"), body.get("type")
    if not isinstance(name, str) or not isinstance(kind, str) or not name or not kind:
        return None
    inputs = body.get("inputs") if drawn else body
    fields: dict[str, Json] = {}
    for field, value in inputs.items() if isinstance(inputs, dict) else ():
        if drawn and isinstance(value, dict):
            fields[field] = value.get("value")
        elif not drawn:
            fields[field] = value
    between = body.get("isIntermediate" if drawn else "is_intermediate", drawn)
    return Foreign(
        id=name, type=kind, title=shown(body.get("label")) or shown(kind), fields=fields,
        place=_place(item), saves=between is False,
    )  # fmt: skip


def _place(item: dict[str, Any]) -> tuple[float, float] | None:
    place = item.get("position")
    x, y = (place.get("x"), place.get("y")) if isinstance(place, dict) else (None, None)
    return (float(x), float(y)) if _is_near(x) and _is_near(y) else None


def _is_near(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= _FAR


def _wires(edges: list[Any], nodes: dict[str, Foreign], passed: set[str]) -> dict[End, list[End]]:
    """Sort the wires by where they lead, with their bends taken out."""
    found = list(dict.fromkeys(pair for edge in edges if (pair := _edge(edge)) is not None))
    bends = {target[0]: source for source, target in found if target[0] in passed}
    wires: dict[End, list[End]] = {}
    for source, target in found:
        steps = 0
        while source[0] in bends and steps <= len(bends):
            source = bends[source[0]]
            steps += 1
        if source[0] in nodes and target[0] in nodes:
            wires.setdefault(target, []).append(source)
    return wires


def _edge(edge: object) -> tuple[End, End] | None:
    if not isinstance(edge, dict) or edge.get("type", "default") != "default":
        return None
    if isinstance(edge.get("source"), dict):
        ends = [edge.get(side) for side in ("source", "destination")]
        words = [e.get(word) for e in ends if isinstance(e, dict) for word in ("node_id", "field")]
    else:
        words = [edge.get(w) for w in ("source", "sourceHandle", "target", "targetHandle")]
    texts = [word for word in words if isinstance(word, str)]
    return ((texts[0], texts[1]), (texts[2], texts[3])) if len(texts) == 4 else None


def _exposed(found: dict[str, Any], nodes: dict[str, Foreign]) -> list[tuple[End, str]]:
    fields = list(dict.fromkeys(_form(found)))[:_EXPOSED]
    return [((node, field), label) for node, field, label in fields if node in nodes]


def _form(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """List the fields that the form shows, or that were exposed before there was one."""
    form = found.get("form")
    elements = form.get("elements") if isinstance(form, dict) else None
    for element in elements.values() if isinstance(elements, dict) else ():
        data = _data(element) if isinstance(element, dict) else {}
        named = data.get("fieldIdentifier")
        if isinstance(named, dict):
            yield from _named(named, shown(data.get("label")))
    exposed = found.get("exposedFields")
    for named in exposed if isinstance(exposed, list) else ():
        if isinstance(named, dict):
            yield from _named(named, "")


def _named(named: dict[str, Any], label: str) -> Iterator[tuple[str, str, str]]:
    node, field = named.get("nodeId"), named.get("fieldName")
    if isinstance(node, str) and isinstance(field, str):
        yield node, field, label
