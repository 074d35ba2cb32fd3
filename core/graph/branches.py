"""Branches: which way a switch goes, and what runs for that. Pure but for the values it is told.

A switch whose condition is known is taken out of the graph, and who reads it reads the branch that
is taken: so the other one leads nowhere and is not planned, and what is cached with a switch in the
way and without one is the same. Knows no nodes but the switch.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import structs

from core.graph.catalogue import Catalogue, Resources
from core.graph.plan import Step, plan
from core.records.graph import Graph, GraphNode, Link

SWITCH = "logic.switch"
_CONDITION = "condition"
_KEPT = 1 << 30  # readers of what ran for a condition: who reads it later is not known yet


def stages(
    graph: Graph, catalogue: Catalogue, resources: Resources, told: Callable[[str, str], Any]
) -> Iterator[tuple[Step, ...]]:
    """Plan a graph stage by stage: what each open condition needs, and then all that is left.

    A node may be in several stages and is to run in the first one only. The graph is expected to
    be one that ``check`` accepts under the same catalogue.

    :param told: gives the value of (node, output), which ran in the stage before.
    """
    graph = settle(graph)
    open_ones = any(node.type == SWITCH for node in graph.nodes)
    while open_ones and (switch := _next(graph, catalogue)) is not None:
        node, output = switch.inputs[_CONDITION]
        steps = plan(graph, catalogue, resources, roots=(node,))
        yield tuple(structs.replace(step, readers=_KEPT) for step in steps)
        graph = settle(graph, {switch.id: bool(told(node, output))})
    yield plan(graph, catalogue, resources)


def settle(graph: Graph, decided: Mapping[str, bool] | None = None) -> Graph:
    """Take out the switches whose condition is a plain setting, or among the ``decided``."""
    taken: dict[str, Link] = {}
    for node in graph.nodes:
        if node.type == SWITCH and (link := _taken(node, decided or {})) is not None:
            taken[node.id] = link
    if not taken:
        return graph
    ends = {name: _end(name, taken) for name in taken}
    return structs.replace(
        graph, nodes=[_rewired(node, ends) for node in graph.nodes if node.id not in ends]
    )


def _taken(switch: GraphNode, decided: Mapping[str, bool]) -> Link | None:
    if _CONDITION in switch.inputs:
        if switch.id not in decided:
            return None
        condition = decided[switch.id]
    else:
        condition = bool(switch.settings.get(_CONDITION, True))
    return switch.inputs.get("on_true" if condition else "on_false")


def _end(name: str, taken: dict[str, Link]) -> Link:
    """Follow switch after switch to what is no switch, and make the way short for the next."""
    passed = [name]
    link = taken[name]
    while link[0] in taken and len(passed) <= len(taken):
        passed.append(link[0])
        link = taken[link[0]]
    for each in passed:
        taken[each] = link
    return link


def _rewired(node: GraphNode, ends: Mapping[str, Link]) -> GraphNode:
    if not any(source in ends for source, _ in node.inputs.values()):
        return node
    inputs = {port: ends.get(link[0], link) for port, link in node.inputs.items()}
    return structs.replace(node, inputs=inputs)


def _next(graph: Graph, catalogue: Catalogue) -> GraphNode | None:
    """Find an open switch that leads to a sink and whose condition waits for no other one."""
    nodes = {node.id: node for node in graph.nodes}
    roots = [node.id for node in graph.nodes if catalogue.nodes[node.type].sink]
    found: GraphNode | None = None
    while (switch := _open(nodes, roots)) is not None:
        found, roots = switch, [switch.inputs[_CONDITION][0]]
    return found


def _open(nodes: Mapping[str, GraphNode], roots: Sequence[str]) -> GraphNode | None:
    """Find a switch above the roots: those that are left in a settled graph are open."""
    waiting, seen = deque(roots), set(roots)
    while waiting:
        node = nodes[waiting.popleft()]
        if node.type == SWITCH:
            return node
        fresh = {source for source, _ in node.inputs.values()} - seen
        seen |= fresh
        waiting.extend(sorted(fresh))
    return None
