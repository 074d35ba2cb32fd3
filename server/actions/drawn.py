"""Names of snapshots in a request, settled: which step ``best`` and ``last`` stand for from now on.

What is unknown, or somebody else's, becomes a name that nothing has, and is told as any model that
is not there. Writes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.graph import settings
from core.graph.axes import Placed
from core.records.graph import Graph, Json
from core.store import drawable
from server.principal import Principal
from server.state import State

_TEXTS = frozenset({"prompt", "negative_prompt", "regions"})  # what people write
_DEPTH = 4  # of lists and objects in a field that is not checked yet: a name stands no deeper


async def in_fields(
    state: State, principal: Principal, fields: Mapping[str, Json]
) -> dict[str, Json]:
    """Settle names in a recipe's fields."""
    named = {name: value for name, value in fields.items() if name not in _TEXTS}
    known = await _settled(state, principal, _all(named))
    return {**fields, **_put(named, known)} if known else dict(fields)


async def in_axes(state: State, principal: Principal, axes: list[Placed]) -> list[Placed]:
    """Settle names among the values of axes."""
    named = [axis for axis in axes if axis.setting not in _TEXTS]
    known = await _settled(state, principal, _all([[*axis.values] for axis in named]))
    if not known:
        return axes
    return [
        msgspec.structs.replace(axis, values=tuple(_put([*axis.values], known)))
        if axis in named else axis
        for axis in axes
    ]  # fmt: skip


async def in_graph(state: State, principal: Principal, graph: Graph) -> Graph:
    """Settle names in the settings of a graph; nodes that nobody knows stay as they are."""
    found = {
        node.id: [
            one for one in settings.references(spec.settings, node.settings)
            if drawable.is_named(one.value)
        ]
        for node in graph.nodes
        if (spec := state.nodes.nodes.get(node.type)) is not None
    }  # fmt: skip
    names = {one.value for some in found.values() for one in some}
    known = await _settled(state, principal, names)
    if not known:
        return graph
    nodes = [
        msgspec.structs.replace(
            node,
            settings=settings.replaced(
                node.settings, found.get(node.id, ()), lambda one: known[one.value]
            ),
        )
        for node in graph.nodes
    ]
    return msgspec.structs.replace(graph, nodes=nodes)


async def _settled(state: State, principal: Principal, names: Iterable[str]) -> dict[str, str]:
    wanted = sorted({name for name in names if drawable.is_named(name)})
    if not wanted:
        return {}
    return await state.db.read(
        lambda connection: {
            name: drawable.settled(connection, name, principal.sees) for name in wanted
        }
    )


def _all(value: Json, depth: int = _DEPTH) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _all(one, depth - 1)


def _put(value: Any, known: Mapping[str, str], depth: int = _DEPTH) -> Any:
    if isinstance(value, str):
        return known.get(value, value)
    if depth and isinstance(value, Mapping):
        return {name: _put(one, known, depth - 1) for name, one in value.items()}
    if depth and isinstance(value, list):
        return [_put(one, known, depth - 1) for one in value]
    return value
