"""The plan of a graph: what runs, in which order, under which key.

Knows no values; the engine's runner walks it.
"""

import os
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from core.graph import key
from core.graph.catalogue import Catalogue, Resources
from core.records.graph import Graph, GraphNode


class Step(Struct, frozen=True, kw_only=True):
    """One node that runs."""

    node: GraphNode
    key: bytes
    pure: bool  # its output may be taken from, and put into, the cache
    sink: bool
    readers: int  # wires that take its outputs: after the last of them they may be freed


def plan(
    graph: Graph,
    catalogue: Catalogue,
    resources: Resources,
    *,
    roots: Sequence[str] | None = None,
) -> tuple[Step, ...]:
    """Order the nodes that lead to a sink, each after those it needs.

    Depth first from the sinks, so that what one branch holds is freed before the next begins.
    Nodes that lead to no sink are left out. The graph is expected to be one that ``check``
    accepts under the same catalogue.

    :param roots: ids of nodes to lead to instead of the sinks.
    :raises KeyError: for a node or a type that is not there.
    """
    nodes = {node.id: node for node in graph.nodes}
    if roots is None:
        roots = [node.id for node in graph.nodes if catalogue.nodes[node.type].sink]
    order = _order(nodes, roots)
    readers = Counter(source for node in order for source, _ in node.inputs.values())
    keys: dict[str, bytes] = {}
    steps: list[Step] = []
    for node in order:
        spec = catalogue.nodes[node.type]
        inputs = {port: (keys[source], output) for port, (source, output) in node.inputs.items()}
        salt = b"" if spec.pure else os.urandom(16)
        keys[node.id] = key.key(node, spec, resources, inputs, salt)
        steps.append(
            Step(
                node=node,
                key=keys[node.id],
                pure=spec.pure,
                sink=spec.sink,
                readers=readers[node.id],
            )
        )
    return tuple(steps)


def _order(nodes: dict[str, GraphNode], roots: Sequence[str]) -> list[GraphNode]:
    """Walk depth first with a stack of our own: a chain may be 2,000 nodes long."""
    order: list[GraphNode] = []
    entered: set[str] = set()
    left: set[str] = set()
    stack = list(reversed(roots))
    while stack:
        current = stack[-1]
        if current in left:
            stack.pop()
        elif current in entered:
            stack.pop()
            left.add(current)
            order.append(nodes[current])
        else:
            entered.add(current)
            sources = [source for source, _ in nodes[current].inputs.values()]
            stack.extend(source for source in reversed(sources) if source not in entered)
    return order
