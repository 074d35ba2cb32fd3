"""Sweeps: any setting, any values, as a product or zipped. The graph itself has no loops.

A cell is one value for each axis. Cells are drawn one by one and the graph is stored once, so
10,000 jobs are never 10,000 graphs. Knows no jobs.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph import fields, setting_path, settings
from core.graph.catalogue import Catalogue
from core.records.graph import Graph, GraphNode, Json
from core.records.job import Axis, Span, Sweep

MAX_JOBS = 10_000

Mode = Literal["product", "zip"]
Target = tuple[str, str]  # (node id, setting)
Bindings = Mapping[str, Sequence[Target]]  # a recipe's field → the settings that it fills
Cell = tuple[Json, ...]


class BoundAxis(Struct, frozen=True, kw_only=True):
    """An axis that knows which settings its values go to."""

    label: str  # the field of a recipe, or "node.setting"
    targets: tuple[Target, ...]
    values: tuple[Json, ...]


def bind(
    graph: Graph,
    sweep: Sweep,
    bindings: Bindings,
    catalogue: Catalogue | None = None,
    pointer: str = "/sweep",
) -> tuple[BoundAxis, ...]:
    """Find the settings that each axis fills, and check every value there.

    :param bindings: of the recipe that made the graph; empty for a graph sent as it is.
    :param catalogue: without it neither names nor values of settings are checked.
    :raises Invalid: with every problem found; ``expansion_too_large`` before values are looked at.
    """
    count_of(sweep, pointer)
    problems: list[Problem] = []
    bound: list[BoundAxis] = []
    taken: set[Target] = set()
    nodes = {node.id: node for node in graph.nodes}
    for place, axis in enumerate(sweep.axes):
        at = fields.join(pointer, "axes", place)
        targets, wrong = _targets(axis, nodes, bindings, at)
        values = _values(axis)
        if not values:
            wrong.append(Problem(code="axis_empty", pointer=f"{at}/values"))
        for target in targets:
            if any(node == target[0] and setting_path.overlap(setting, target[1])
                   for node, setting in taken):  # fmt: skip
                named: Params = {"setting": axis.setting}
                wrong.append(Problem(code="axis_twice", pointer=f"{at}/setting", params=named))
            told = {(problem.code, problem.pointer) for problem in wrong}
            wrong += [
                problem for problem in _unfit(target, values, nodes, catalogue, at)
                if (problem.code, problem.pointer) not in told
            ]  # fmt: skip
        taken.update(targets)
        problems += wrong
        label = axis.setting if axis.node is None else f"{axis.node}.{axis.setting}"
        bound.append(BoundAxis(label=label, targets=targets, values=values))
    if sweep.mode == "zip" and len({len(axis.values) for axis in bound}) > 1:
        lengths = ", ".join(str(len(axis.values)) for axis in bound)
        params: Params = {"lengths": lengths}
        problems.append(Problem(code="zip_lengths", pointer=f"{pointer}/axes", params=params))
    if problems:
        raise Invalid(problems=tuple(problems[: fields.MAX_PROBLEMS]))
    return tuple(bound)


def count_of(sweep: Sweep, pointer: str = "/sweep") -> int:
    """Count the cells of a sweep before anything is expanded.

    :raises Invalid: ``expansion_too_large`` for more than 10,000.
    """
    sizes = [
        axis.values.count if isinstance(axis.values, Span) else len(axis.values)
        for axis in sweep.axes
    ]
    if sweep.mode == "zip":
        return _within(max(sizes, default=1), pointer)
    return _within(math.prod(max(1, size) for size in sizes), pointer)


def count(axes: Sequence[BoundAxis], mode: Mode, runs: int = 1) -> int:
    """Count the jobs that bound axes make.

    :raises Invalid: ``expansion_too_large`` for more than 10,000.
    """
    sizes = [len(axis.values) for axis in axes]
    total = min(sizes, default=1) if mode == "zip" else math.prod(sizes)
    return _within(total * runs, "/sweep")


def cells(axes: Sequence[BoundAxis], mode: Mode, runs: int = 1) -> Iterator[Cell]:
    """Draw the cells one by one: the last axis turns fastest; all of them once for each run.

    :raises Invalid: ``expansion_too_large`` for more than 10,000, before the first is drawn.
    """
    count(axes, mode, runs)
    return _cells(axes, mode, runs)


def apply(graph: Graph, axes: Sequence[BoundAxis], cell: Cell) -> Graph:
    """Return the graph of one cell. Nodes that the cell does not touch are shared."""
    changed: dict[str, dict[str, Json]] = {}
    nodes = {node.id: node for node in graph.nodes} if axes else {}
    for axis, value in zip(axes, cell, strict=True):
        for id_, setting in axis.targets:
            new = changed.setdefault(id_, {})
            before = {**nodes[id_].settings, **new}
            new[setting_path.split(setting)[0]] = setting_path.put(before, setting, value)
    if not changed:
        return graph
    return msgspec.structs.replace(
        graph,
        nodes=[
            msgspec.structs.replace(node, settings={**node.settings, **changed[node.id]})
            if node.id in changed
            else node
            for node in graph.nodes
        ],
    )


def overrides(axes: Sequence[BoundAxis], cell: Cell) -> dict[str, Json]:
    """Name the values of a cell by the labels of its axes."""
    return {axis.label: value for axis, value in zip(axes, cell, strict=True)}


def _cells(axes: Sequence[BoundAxis], mode: Mode, runs: int) -> Iterator[Cell]:
    columns = [axis.values for axis in axes]
    for _ in range(runs):
        if mode == "zip" and columns:
            yield from zip(*columns, strict=True)
        else:
            yield from itertools.product(*columns)


def _within(total: int, pointer: str) -> int:
    if total > MAX_JOBS:
        params: Params = {"count": total if total < 2**53 else None, "limit": MAX_JOBS}
        problem = Problem(code="expansion_too_large", pointer=pointer, params=params)
        raise Invalid("expansion_too_large", problems=(problem,), **params)
    return total


def _targets(
    axis: Axis, nodes: Mapping[str, GraphNode], bindings: Bindings, at: str
) -> tuple[tuple[Target, ...], list[Problem]]:
    if axis.node is not None:
        if axis.node in nodes:
            return ((axis.node, axis.setting),), []
        params: Params = {"id": axis.node}
        return (), [Problem(code="unknown_node_id", pointer=f"{at}/node", params=params)]
    field = axis.setting if axis.setting in bindings else setting_path.split(axis.setting)[0]
    if field in bindings:
        return tuple(
            (node, setting_path.moved(axis.setting, setting)) for node, setting in bindings[field]
        ), []
    return (), [_unknown(axis.setting, at)]


def _values(axis: Axis) -> tuple[Json, ...]:
    if not isinstance(axis.values, Span):
        return tuple(axis.values)
    span = axis.values
    if isinstance(span.start, int) and isinstance(span.step, int):
        return tuple(span.start + index * span.step for index in range(span.count))
    return tuple(_clean(span.start + index * span.step) for index in range(span.count))


def _clean(number: float) -> float:
    """Drop the last digits, where 3 × 0.1 is not 0.3."""
    return float(f"{number:.12g}")


def _unfit(
    target: Target,
    values: Sequence[Json],
    nodes: Mapping[str, GraphNode],
    catalogue: Catalogue | None,
    at: str,
) -> Iterator[Problem]:
    node, setting = nodes[target[0]], target[1]
    head = setting_path.split(setting)[0]
    if head in node.inputs:
        yield Problem(
            code="setting_wired", pointer=f"{at}/setting", node=node.id, params={"setting": setting}
        )
    spec = catalogue.nodes.get(node.type) if catalogue else None
    if spec is None:
        return
    compiled = settings.compiled(spec.settings)
    try:
        whole = [setting_path.put(node.settings, setting, value) for value in values]
    except LookupError:
        whole = []
    if head not in compiled.names() or len(whole) != len(values):
        yield _unknown(setting, at, node.id)
        return
    for place, value in enumerate(whole):
        for fault in compiled.value_faults(head, value):
            yield Problem(
                code=fault.code,
                pointer=fields.join(at, "values", place),
                node=node.id,
                path=f"$.settings{fault.path[1:]}",
                params=fault.params,
            )


def _unknown(setting: str, at: str, node: str | None = None) -> Problem:
    return Problem(
        code="unknown_setting", pointer=f"{at}/setting", node=node, params={"setting": setting}
    )
