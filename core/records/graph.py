"""The graph document: nodes, settings and wires as they are saved and sent.

Settings stay raw JSON until a node needs them, so a graph with a node that is not installed
opens, shows and saves intact. Knows no node types; ``core.graph`` checks, ``core.engine`` runs.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

Link = Annotated[tuple[str, str], Meta(description="[node id, output port]")]

Json = Any  # a decoded JSON value; the one place outside ipc and JSON Schema where Any is honest


class GraphNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node: its type, its settings, and what is wired into its input ports."""

    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    version: Annotated[int, Meta(ge=1)] = 1
    settings: dict[str, Json] = {}
    inputs: Annotated[dict[str, Link], Meta(description="Input port or setting → its source.")] = {}


class Graph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directed acyclic graph of nodes; sinks are its results."""

    nodes: list[GraphNode]
    format: Annotated[int, Meta(ge=1, le=1, description="Version of this document.")] = 1
