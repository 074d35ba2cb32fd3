"""Extras that a graph asks for and this installation lacks. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence

from core.errors import Problem
from core.graph import settings
from core.graph.catalogue import EXTRAS, Catalogue
from core.graph.fields import join
from core.graph.sweep import BoundAxis
from core.records.graph import Graph, GraphNode


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


def lacking_in(
    nodes: Catalogue,
    axes: Sequence[BoundAxis],
    graph: Mapping[str, GraphNode],
    pointers: Sequence[str],
) -> Iterator[Problem]:
    """Name the first value of each axis that needs an extra which the engine lacks.

    :param graph: its nodes by id.
    :param pointers: of the values of each axis.
    """
    for axis, at in zip(axes, pointers, strict=True) if nodes.lacking else ():
        for target, setting in axis.targets:
            spec = nodes.nodes[graph[target].type]
            values = ((index, {setting: value}) for index, value in enumerate(axis.values))
            found = next(
                (
                    (index, EXTRAS[reference.format])
                    for index, value in values
                    for reference in settings.references(spec.settings, value)
                    if EXTRAS.get(reference.format) in nodes.lacking
                ),
                None,
            )
            if found is not None:
                index, extra = found
                yield Problem(
                    code="extra_missing",
                    pointer=join(at, index),
                    node=target,
                    path=f"$.settings.{setting}",
                    params={"extra": extra},
                )
