"""Extras that a graph asks for and this installation lacks. Writes nothing."""

from core.errors import Problem
from core.graph import settings
from core.graph.catalogue import EXTRAS, Catalogue
from core.graph.fields import join
from core.records.graph import Graph


def lacking(nodes: Catalogue, graph: Graph) -> list[Problem]:
    """List the settings whose value needs an extra that the engine says it lacks.

    A setting that is null, or wired, needs nothing.
    """
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes if nodes.lacking else ()):
        if node.type not in nodes.nodes:
            continue
        for reference in settings.references(nodes.nodes[node.type].settings, node.settings):
            extra = EXTRAS.get(reference.format)
            if extra in nodes.lacking:
                where = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in reference.path)
                problems.append(
                    Problem(
                        code="extra_missing",
                        pointer=join("/nodes", place, "settings", *reference.path),
                        node=node.id,
                        path=f"$.settings{where}",
                        params={"extra": extra},
                    )
                )
    return problems
