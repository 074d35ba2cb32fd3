"""The check of a graph: every problem at once, with node and path. Knows no values."""

from collections import deque
from collections.abc import Iterator, Mapping

from core.errors import Problem
from core.graph import fields, settings
from core.graph.catalogue import ANY, PLAIN_TYPES, Catalogue, NodeSpec, Port
from core.graph.kinds import Kinds, Types
from core.records.graph import Graph, GraphNode

MAX_NODES = 2_000
MAX_EDGES = 8_000
MAX_PROBLEMS = fields.MAX_PROBLEMS
_CYCLE_SHOWN = 20  # node ids


def check(graph: Graph, catalogue: Catalogue) -> list[Problem]:
    """List what keeps a graph from running, in the order of its nodes; at most 100.

    A port is fitted when a type name of the output is among the input's; an int fits a float.
    What a switch gives must fit whichever branch is taken.
    Plain outputs may be wired into settings; the wire then wins over a value given there.
    """
    edges = sum(len(node.inputs) for node in graph.nodes)
    if len(graph.nodes) > MAX_NODES or edges > MAX_EDGES:
        params = {"nodes": len(graph.nodes), "edges": edges}
        limits = {"max_nodes": MAX_NODES, "max_edges": MAX_EDGES}
        return [Problem(code="graph_too_large", pointer="/nodes", params={**params, **limits})]
    places: dict[str, int] = {}
    for place, node in enumerate(graph.nodes):
        places.setdefault(node.id, place)
    found: list[Problem] = []
    kinds = Kinds(graph, places, catalogue)
    for place, node in enumerate(graph.nodes):
        if places[node.id] != place:
            found.append(_problem("duplicate_id", place, node, "id", id=node.id))
        found += _node(place, node, graph, places, catalogue, kinds)
        if len(found) >= MAX_PROBLEMS:
            return found[:MAX_PROBLEMS]
    found += _cycle(graph, places)
    found.sort(key=_place)
    specs = [catalogue.nodes.get(node.type) for node in graph.nodes]
    if None not in specs and not any(spec.sink for spec in specs if spec is not None):
        found.append(Problem(code="no_sink", pointer="/nodes"))
    return found[:MAX_PROBLEMS]


def _node(
    place: int,
    node: GraphNode,
    graph: Graph,
    places: Mapping[str, int],
    catalogue: Catalogue,
    kinds: Kinds,
) -> Iterator[Problem]:
    spec = catalogue.nodes.get(node.type)
    if spec is None:
        yield _problem("unknown_node", place, node, "type", type=node.type)
    elif node.version != spec.version:
        yield _problem(
            "node_version", place, node, "version",
            type=node.type, version=node.version, known=spec.version,
        )  # fmt: skip
    ports = _ports(spec) if spec else {}
    for name, (source, output) in node.inputs.items():
        if source not in places:
            yield _problem("dangling_link", place, node, "inputs", name, source=source)
            continue
        source_type = graph.nodes[places[source]].type
        if source_type in catalogue.nodes and not kinds.known(source, output):
            yield _problem(
                "unknown_port", place, node, "inputs", name, port=output, type=source_type
            )
        if spec is not None:
            yield from _wire(place, node, spec, ports.get(name), name, kinds.of(source, output))
    for name, port in ports.items():
        if port.required and name not in node.inputs:
            yield _problem("missing_input", place, node, "inputs", name, port=name)
    if spec is not None:
        yield from _settings(place, node, spec, ports)


def _wire(
    place: int,
    node: GraphNode,
    spec: NodeSpec,
    port: Port | None,
    name: str,
    kinds: list[Types] | None,
) -> Iterator[Problem]:
    """Check the end of one wire; ``kinds`` is None where its start is unknown."""
    if port is not None:
        types = next((each for each in kinds or () if not _fits(each, port.types)), None)
        if types is not None:
            yield _problem(
                "port_type", place, node, "inputs", name,
                port=name, given=" | ".join(types), wanted=" | ".join(port.types),
            )  # fmt: skip
        return
    compiled = settings.compiled(spec.settings)
    if name not in compiled.names():
        yield _problem("unknown_port", place, node, "inputs", name, port=name, type=node.type)
        return
    types = next((each for each in kinds or () if not _feeds(compiled, name, each)), None)
    if types is not None:
        yield _problem(
            "port_type", place, node, "inputs", name,
            port=name, given=" | ".join(types), wanted="setting",
        )  # fmt: skip


def _settings(
    place: int, node: GraphNode, spec: NodeSpec, ports: Mapping[str, Port]
) -> Iterator[Problem]:
    wired = [name for name in node.inputs if name not in ports]
    for fault in settings.compiled(spec.settings).faults(node.settings, wired):
        tail = fault.path[len("$.") + len(fault.setting) :]
        yield Problem(
            code=fault.code,
            pointer=fields.join("/nodes", place, "settings", fault.setting)
            + fields.pointer_of(tail),
            node=node.id,
            path=f"$.settings{fault.path[1:]}",
            params=fault.params,
        )


def _ports(spec: NodeSpec) -> Mapping[str, Port]:
    return {port.name: port for port in spec.inputs}


def _fits(given: Types, wanted: list[str]) -> bool:
    if ANY in wanted:
        return True
    return any(name in wanted or (name == "int" and "float" in wanted) for name in given)


def _feeds(compiled: settings.Settings, name: str, given: Types) -> bool:
    return PLAIN_TYPES.issuperset(given) and compiled.accepts(name, list(given))


def _cycle(graph: Graph, places: Mapping[str, int]) -> Iterator[Problem]:
    """Remove nodes without inputs until none is left (Kahn 1962); what stays holds a circle."""
    waiting = [0] * len(graph.nodes)
    readers: list[list[int]] = [[] for _ in graph.nodes]
    for place, node in enumerate(graph.nodes):
        for source, _ in node.inputs.values():
            if source in places:
                waiting[place] += 1
                readers[places[source]].append(place)
    ready = deque(place for place, count in enumerate(waiting) if count == 0)
    while ready:
        for reader in readers[ready.popleft()]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    start = next((place for place, count in enumerate(waiting) if count), None)
    if start is None:
        return
    seen: dict[int, int] = {}  # place → when it was passed, walking against the wires
    current = start
    while current not in seen:
        seen[current] = len(seen)
        current = next(
            places[source]
            for source, _ in graph.nodes[current].inputs.values()
            if source in places and waiting[places[source]]
        )
    circle = [place for place, when in seen.items() if when >= seen[current]][::-1]
    names = [graph.nodes[place].id for place in circle[:_CYCLE_SHOWN]]
    first = min(circle)
    yield Problem(
        code="graph_cycle",
        pointer=f"/nodes/{first}",
        node=graph.nodes[first].id,
        params={"nodes": " → ".join(names), "count": len(circle)},
    )


def _place(problem: Problem) -> int:
    return int(problem.pointer.split("/")[2])


def _problem(
    code: str, place: int, node: GraphNode, *names: str, **params: str | int | float | None
) -> Problem:
    return Problem(
        code=code,
        pointer=fields.join("/nodes", place, *names),
        node=node.id,
        path="$." + ".".join(names),
        params=params,
    )
