"""Settings that bound each other: a span begins before its end, an overlap is half a tile at most.

Knows which settings of which nodes; each value by itself is checked by its schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from core.errors import Params, Problem
from core.graph import settings
from core.graph.catalogue import Catalogue
from core.graph.fields import join
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, GraphNode


class Pair(NamedTuple):
    """Two settings: so many times the lower one is not above the upper one, or is below it."""

    lower: str
    upper: str
    code: str
    times: int = 1

    def fault(self, low: float, high: float) -> Params | None:
        """Give what is to be said of two values; None where they go together."""
        if self.code == "overlap_too_large":
            limit = int(high) // self.times
            return {"overlap": low, "limit": limit} if self.times * low > high else None
        apart = self.code == "number_not_below"
        return {"max": high} if low > high or (apart and low == high) else None


_THRESHOLDS = Pair("low", "high", "number_too_large")
_SPAN = Pair("start", "end", "number_not_below")
_TILES = Pair("overlap", "tile", "overlap_too_large", 2)
PAIRS = {
    "control.ip_adapter": _SPAN,
    "control.net": _SPAN,
    "preprocess.canny": _THRESHOLDS,
    "preprocess.lineart": _THRESHOLDS,
    "upscale.model": _TILES,
    "latent.sample_tiled": _TILES,
}


def problems(graph: Graph, catalogue: Catalogue) -> Iterator[Problem]:
    """List the nodes of a checked graph whose settings do not go together; wired ones may."""
    for place, node in enumerate(graph.nodes):
        values = _values(node, catalogue)
        if values is None:
            continue
        pair = PAIRS[node.type]
        if (params := pair.fault(*values)) is not None:
            yield _problem(pair, node, join("/nodes", place, "settings", pair.lower), params)


def crossed(
    nodes: Mapping[str, GraphNode],
    axes: Sequence[BoundAxis],
    cells: Sequence[Cell],
    pointers: Sequence[str],
    catalogue: Catalogue,
) -> Iterator[Problem]:
    """List the values of bound axes that do not go together in some cell, each once.

    Told at the lower setting's value, or at the other's where that one is not swept.

    :param nodes: of the graph, by id.
    :param pointers: of the values of each axis.
    """
    told: set[str] = set()  # pointers: a field may fill the nodes of two passes
    for node in nodes.values():
        known = _values(node, catalogue)
        if known is None:
            continue
        pair = PAIRS[node.type]
        place = {
            name: index
            for index, axis in enumerate(axes)
            for name in (pair.lower, pair.upper)
            if (node.id, name) in axis.targets
        }
        if not place:
            continue
        at = place.get(pair.lower, place.get(pair.upper, 0))
        for values in dict.fromkeys(tuple(cell[n] for n in place.values()) for cell in cells):
            swept = dict(zip(place, values, strict=True))
            low, high = (
                swept.get(name, own)
                for name, own in zip((pair.lower, pair.upper), known, strict=True)
            )
            params = pair.fault(low, high)
            value = swept.get(pair.lower, high)
            pointer = join(pointers[at], axes[at].values.index(value))
            if params is not None and pointer not in told:
                told.add(pointer)
                above = pair.lower not in place and pair.code == "number_too_large"
                yield (
                    _from_above(pair, node, pointer, low)
                    if above
                    else _problem(pair, node, pointer, params)
                )


def _from_above(pair: Pair, node: GraphNode, pointer: str, low: float) -> Problem:
    """Say it of the upper setting, where that is the one that is swept."""
    params: Params = {"min": low}
    path = f"$.settings.{pair.upper}"
    return Problem(code="number_too_small", pointer=pointer, node=node.id, path=path, params=params)


def _values(node: GraphNode, catalogue: Catalogue) -> tuple[float, float] | None:
    """Give both values of a node that has such a pair, and neither of them wired."""
    pair, spec = PAIRS.get(node.type), catalogue.nodes.get(node.type)
    if pair is None or spec is None or {pair.lower, pair.upper} & node.inputs.keys():
        return None
    filled = settings.compiled(spec.settings).fill(node.settings, [*node.inputs])
    return filled[pair.lower], filled[pair.upper]


def _problem(pair: Pair, node: GraphNode, pointer: str, params: Params) -> Problem:
    path = f"$.settings.{pair.lower}"
    return Problem(code=pair.code, pointer=pointer, node=node.id, path=path, params=params)
