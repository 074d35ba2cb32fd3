"""Sweeps as they are asked for: axes bound to a graph, every value looked up. Writes nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from core.errors import Invalid, Problem
from core.graph import binding, pairs, sweep
from core.graph.axes import Placed
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, GraphNode, Json
from server.actions import adapting, extras, named, ways
from server.principal import Principal
from server.state import State

STARTER = "starter"  # names the model that ships with us, whatever it is called


async def expand(
    state: State,
    principal: Principal,
    graph: Graph,
    placed: Sequence[Placed],
    runs: int,
    bindings: Mapping[str, Sequence[tuple[str, str]]],
    starter: str | None = None,
) -> tuple[tuple[BoundAxis, ...], Sequence[Cell]]:
    """Bind the axes of a checked graph and draw their cells.

    :param starter: the name of the model that ``starter`` stands for.
    :raises Invalid: with a problem for each value that does not fit or names nothing.
    """
    axes = binding.bind(graph, placed, bindings, state.nodes)
    nodes = {node.id: node for node in graph.nodes}
    axes = tuple(_by_name(state, axis, nodes, starter) for axis in axes)
    pointers = [f"{axis.at}/values" for axis in placed]
    problems = list(extras.lacking_in(state.nodes, axes, nodes, pointers))
    for axis, at in zip(axes, pointers, strict=True):
        if axis.replace is None:
            problems += await _unknown(state, principal, axis, nodes, at)
    cells = list(sweep.cells(axes, "product", runs))
    problems += _too_large(state, axes, cells, nodes, pointers)
    problems += pairs.crossed(nodes, axes, cells, pointers, state.nodes)
    if not problems:
        problems += await adapting.of_cells(state, graph, axes, cells, pointers)
        problems += await ways.of_cells(state, graph, axes, cells, pointers)
    if problems:
        raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    return axes, cells


def _by_name(
    state: State, axis: BoundAxis, nodes: Mapping[str, GraphNode], starter: str | None
) -> BoundAxis:
    """Replace ``starter`` by the name of that model: the engine knows no nickname."""
    if starter is None or STARTER not in axis.values:
        return axis
    formats = {_format(state, nodes[node], setting) for node, setting in axis.targets}
    if formats != {"checkpoint"}:
        return axis
    values = tuple(starter if value == STARTER else value for value in axis.values)
    return msgspec.structs.replace(axis, values=values)


def _format(state: State, node: GraphNode, setting: str) -> str | None:
    schema = state.nodes.nodes[node.type].settings.get("properties", {}).get(setting, {})
    found: str | None = schema.get("format")
    return found


async def _unknown(
    state: State, principal: Principal, axis: BoundAxis, nodes: Mapping[str, GraphNode], at: str
) -> list[Problem]:
    """List the values that name no sampler, schedule, model or picture; each is looked up once."""
    problems: list[Problem] = []
    for target, setting in axis.targets:
        node = nodes[target]
        looked_up: dict[str, Problem | None] = {}
        for place, value in enumerate(axis.values):
            if len(problems) >= MAX_PROBLEMS:
                return problems
            key = repr(value)
            if key not in looked_up:
                looked_up[key] = await _problem(state, principal, node.type, setting, value)
            found = looked_up[key]
            if found is not None:
                problems.append(
                    msgspec.structs.replace(
                        found, pointer=join(at, place), node=node.id, path=f"$.settings.{setting}"
                    )
                )
    return problems


async def _problem(
    state: State, principal: Principal, type_: str, setting: str, value: Json
) -> Problem | None:
    found = named.unlisted_value(state.nodes, type_, setting, value, "")
    if found is not None:
        return found
    unknown = await named.unknown_in(state, principal, type_, {setting: value})
    return unknown[0][1] if unknown else None


def _too_large(
    state: State,
    axes: Sequence[BoundAxis],
    cells: Sequence[Cell],
    nodes: Mapping[str, GraphNode],
    pointers: Sequence[str],
) -> list[Problem]:
    """Find the first cell that asks for a larger picture than the server makes."""
    swept = [
        (place, node, setting)
        for place, axis in enumerate(axes)
        for node, setting in axis.targets
        if setting in ("width", "height")
    ]
    for cell in cells if swept else ():
        for place, node, _ in swept:
            size = {name: nodes[node].settings.get(name) for name in ("width", "height")}
            size |= {setting: cell[axis] for axis, owner, setting in swept if owner == node}
            at = join(pointers[place], axes[place].values.index(cell[place]))
            found = named.too_many(state, size["width"], size["height"], at)
            if found is not None:
                return [found]
    return []
