"""What an output gives, where a node passes on whatever comes in.

An output of the type ``any`` gives what is wired into the inputs of that type: for a switch, what
either branch gives. Knows types by name alone.
"""

from collections.abc import Mapping

from core.graph.catalogue import ANY, Catalogue
from core.records.graph import Graph, GraphNode

Types = tuple[str, ...]


class Kinds:
    """The types of the outputs of a graph; each node is looked at once."""

    def __init__(self, graph: Graph, places: Mapping[str, int], catalogue: Catalogue) -> None:
        self._nodes = {name: graph.nodes[place] for name, place in places.items()}
        self._catalogue = catalogue
        self._passed: dict[str, set[Types]] = {}
        self._outputs: dict[str, dict[str, Types]] = {}  # of each type of node

    def of(self, node: str, output: str) -> list[Types] | None:
        """List the types that an output may turn out to have, each of names of which one is enough.

        ``None`` where there is no such node or output, or where nothing is known of what comes in.
        """
        types = self._ends(node, output)
        if ANY not in types:
            return [types] if types else None
        self._follow(node)
        return sorted(self._passed[node]) or None

    def known(self, node: str, output: str) -> bool:
        """Say whether a node of a known type has such an output."""
        return bool(self._ends(node, output))

    def _ends(self, node: str, output: str) -> Types:
        found = self._nodes.get(node)
        if found is None:
            return ()
        if found.type not in self._outputs:
            spec = self._catalogue.nodes.get(found.type)
            ports = spec.outputs if spec is not None else []
            self._outputs[found.type] = {port.name: tuple(port.types) for port in ports}
        return self._outputs[found.type].get(output, ())

    def _follow(self, node: str) -> None:
        """Walk depth first with a stack of our own; what stands in a circle gives nothing."""
        stack = [node]
        while stack:
            current = stack[-1]
            links = self._links(self._nodes[current])
            passing = [source for source, output in links if ANY in self._ends(source, output)]
            fresh = [source for source in passing if source not in self._passed]
            if current not in self._passed:
                self._passed[current] = set()
                stack.extend(fresh)
                continue
            stack.pop()
            ends = (self._ends(source, output) for source, output in links)
            self._passed[current] |= {types for types in ends if types and ANY not in types}
            self._passed[current] |= set[Types]().union(*(self._passed[one] for one in passing))

    def _links(self, node: GraphNode) -> list[tuple[str, str]]:
        spec = self._catalogue.nodes.get(node.type)
        ports = spec.inputs if spec is not None else []
        return [node.inputs[p.name] for p in ports if ANY in p.types and p.name in node.inputs]
