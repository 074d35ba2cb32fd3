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
from core.graph import axes as flat
from core.graph import fields, setting_path, settings, swaps
from core.graph.axes import MAX_JOBS as MAX_JOBS
from core.graph.axes import Placed
from core.graph.catalogue import Catalogue
from core.records.graph import Graph, GraphNode, Json
from core.records.job import Sweep

Mode = Literal["product", "zip"]
Target = tuple[str, str]  # (node id, setting)
Bindings = Mapping[str, Sequence[Target]]  # a recipe's field → the settings that it fills
Cell = tuple[Json, ...]
MAX_TEXT = 65_536  # characters of a text in which parts were replaced


class BoundAxis(Struct, frozen=True, kw_only=True):
    """An axis that knows which settings its values go to."""

    label: str  # the field of a recipe, or "node.setting"; with ":text" where it is replaced
    targets: tuple[Target, ...]
    values: tuple[Json, ...]
    group: int | None = None  # axes of one number, side by side, advance together
    replace: str | None = None  # the text that its values take the place of

    @property
    def field(self) -> str | None:
        """Name the recipe's field that the axis changes."""
        name = self.label if self.replace is None else self.label.removesuffix(f":{self.replace}")
        return None if "." in name else name


def bind(
    graph: Graph,
    sweep: Sweep | Sequence[Placed],
    bindings: Bindings,
    catalogue: Catalogue | None = None,
    pointer: str = "/sweep",
) -> tuple[BoundAxis, ...]:
    """Find the settings that each axis fills, and check every value there.

    :param bindings: of the recipe that made the graph; empty for a graph sent as it is.
    :param catalogue: without it neither names nor values of settings are checked.
    :raises Invalid: with every problem found; ``expansion_too_large`` before values are looked at.
    """
    axes = flat.placed(sweep, pointer) if isinstance(sweep, Sweep) else sweep
    problems: list[Problem] = []
    bound: list[BoundAxis] = []
    taken: set[tuple[Target, str | None]] = set()
    nodes = {node.id: node for node in graph.nodes}
    for axis in axes:
        targets, wrong = _targets(axis, nodes, bindings)
        for target in targets:
            if any(_same(target, other) and axis.replace == text for other, text in taken):
                named: Params = {"setting": axis.setting}
                at = f"{axis.at}/setting"
                wrong.append(Problem(code="axis_twice", pointer=at, params=named))
            wrong += _unfit(target, axis, nodes, catalogue)
        taken.update((target, axis.replace) for target in targets)
        problems += wrong
        bound.append(
            BoundAxis(
                label=axis.label, targets=targets, values=axis.values, group=axis.group,
                replace=axis.replace,
            )
        )  # fmt: skip
    if not problems:
        problems += _unplaced(axes, bound, nodes, catalogue)
    if problems:  # of a field that fills two settings, each once
        once = {(problem.code, problem.pointer): problem for problem in reversed(problems)}
        raise Invalid(problems=tuple([*reversed(once.values())][: fields.MAX_PROBLEMS]))
    return tuple(bound)


def count(axes: Sequence[BoundAxis], mode: Mode, runs: int = 1) -> int:
    """Count the jobs that bound axes make.

    :raises Invalid: ``expansion_too_large`` for more than 10,000.
    """
    sizes = [min(len(axes[place].values) for place in side) for side in _sides(axes, mode)]
    return flat.within(math.prod(sizes) * runs, "/sweep")


def cells(axes: Sequence[BoundAxis], mode: Mode, runs: int = 1) -> Iterator[Cell]:
    """Draw the cells one by one: the last axis turns fastest; all of them once for each run.

    :param mode: zip lets all axes advance together, whatever their groups.
    :raises Invalid: ``expansion_too_large`` for more than 10,000, before the first is drawn.
    """
    count(axes, mode, runs)
    return _cells(axes, mode, runs)


def apply(graph: Graph, axes: Sequence[BoundAxis], cell: Cell) -> Graph:
    """Return the graph of one cell. Nodes that the cell does not touch are shared."""
    known = {node.id: node.settings for node in graph.nodes} if axes else {}
    changed: dict[str, dict[str, Json]] = {}
    swapped: dict[Target, dict[str, str]] = {}
    for axis, value in zip(axes, cell, strict=True):
        for node, setting in axis.targets:
            if axis.replace is None:
                own = changed.setdefault(node, {})
                head, steps = setting_path.split(setting)
                before = {**known[node], **own} if steps else {}
                own[head] = setting_path.put(before, setting, value)
            else:
                swapped.setdefault((node, setting), {})[axis.replace] = str(value)
    if not changed and not swapped:
        return graph
    for (owner, name), by in swapped.items():
        own = changed.setdefault(owner, {})
        own[name] = swaps.swapped(str(own.get(name, known[owner].get(name, ""))), by)
    return msgspec.structs.replace(
        graph,
        nodes=[
            msgspec.structs.replace(node, settings={**node.settings, **changed[node.id]})
            if node.id in changed
            else node
            for node in graph.nodes
        ],
    )


def asked(recipe: Mapping[str, Json], axes: Sequence[BoundAxis], cell: Cell) -> dict[str, Json]:
    """Return the recipe's fields that ask for one cell alone."""
    made = dict(recipe)
    swapped: dict[str, dict[str, str]] = {}
    for axis, value in zip(axes, cell, strict=True):
        if axis.field is None:
            head = setting_path.split(axis.label)[0]
            if axis.replace is None and head in made:
                made[head] = setting_path.put(made, axis.label, value)
            continue
        if axis.replace is None:
            made[axis.field] = value
        else:
            swapped.setdefault(axis.field, {})[axis.replace] = str(value)
    for field, by in swapped.items():
        made[field] = swaps.swapped(str(made.get(field, "")), by)
    return made


def overrides(axes: Sequence[BoundAxis], cell: Cell) -> dict[str, Json]:
    """Name the values of a cell by the labels of its axes."""
    return {axis.label: value for axis, value in zip(axes, cell, strict=True)}


def _same(one: Target, other: Target) -> bool:
    return one[0] == other[0] and setting_path.overlap(one[1], other[1])


def _sides(axes: Sequence[BoundAxis], mode: Mode) -> list[list[int]]:
    if mode == "zip":
        return [[*range(len(axes))]] if axes else []
    return flat.sides([axis.group for axis in axes])


def _cells(axes: Sequence[BoundAxis], mode: Mode, runs: int) -> Iterator[Cell]:
    columns = [
        [*zip(*(axes[place].values for place in side), strict=True)] for side in _sides(axes, mode)
    ]
    for _ in range(runs):
        for parts in itertools.product(*columns):
            yield tuple(itertools.chain.from_iterable(parts))


def _targets(
    axis: Placed, nodes: Mapping[str, GraphNode], bindings: Bindings
) -> tuple[tuple[Target, ...], list[Problem]]:
    if axis.node is not None:
        if axis.node in nodes:
            return ((axis.node, axis.setting),), []
        params: Params = {"id": axis.node}
        return (), [Problem(code="unknown_node_id", pointer=f"{axis.at}/node", params=params)]
    field = axis.setting if axis.setting in bindings else setting_path.split(axis.setting)[0]
    if field in bindings:
        return tuple(
            (node, setting if field == axis.setting else setting_path.moved(axis.setting, setting))
            for node, setting in bindings[field]
        ), []
    return (), [_unknown(axis.setting, axis.at)]


def _unfit(
    target: Target, axis: Placed, nodes: Mapping[str, GraphNode], catalogue: Catalogue | None
) -> Iterator[Problem]:
    node, setting = nodes[target[0]], target[1]
    head = setting_path.split(setting)[0]
    if head in node.inputs:
        yield Problem(
            code="setting_wired",
            pointer=f"{axis.at}/setting",
            node=node.id,
            params={"setting": setting},
        )
    spec = catalogue.nodes.get(node.type) if catalogue else None
    if spec is None:
        return
    compiled = settings.compiled(spec.settings)
    try:
        whole = [setting_path.put(node.settings, setting, value) for value in axis.values]
    except LookupError:
        whole = []
    if head not in compiled.names() or len(whole) != len(axis.values):
        yield _unknown(setting, axis.at, node.id)
        return
    for place, (value, made) in enumerate(zip(axis.values, whole, strict=True)):
        at = fields.join(axis.at, "values", place)
        if axis.replace is not None and not isinstance(value, str):
            yield Problem(code="wrong_type", pointer=at, params={"expected": "str"})
            continue
        for fault in compiled.value_faults(head, made):
            yield Problem(
                code=fault.code,
                pointer=at,
                node=node.id,
                path=f"$.settings{fault.path[1:]}",
                params=fault.params,
            )


def _unplaced(
    axes: Sequence[Placed],
    bound: Sequence[BoundAxis],
    nodes: Mapping[str, GraphNode],
    catalogue: Catalogue | None,
) -> Iterator[Problem]:
    """Find searched texts that are nowhere, and texts that become too long by what replaces."""
    replacing = [place for place, axis in enumerate(axes) if axis.replace is not None]
    for target in dict.fromkeys(one for place in replacing for one in bound[place].targets):
        node, setting = nodes[target[0]], target[1]
        whole = [axis for axis in bound if axis.replace is None and target in axis.targets]
        texts = [*map(str, whole[0].values if whole else (node.settings.get(setting, ""),))]
        own = {
            str(axes[place].replace): place for place in replacing if target in bound[place].targets
        }
        missing = [swaps.unfound(text, own) for text in texts]
        for text, place in own.items():
            if all(text in lacking for lacking in missing):
                params: Params = {"text": text[:200], "setting": setting}
                at = f"{axes[place].at}/replace"
                yield Problem(code="replace_not_found", pointer=at, params=params)
        longest = {text: str(max(axes[n].values, key=_length)) for text, n in own.items()}
        if too_long := _too_long(node, setting, texts, longest, catalogue):
            at = f"{axes[min(own.values())].at}/values"
            yield msgspec.structs.replace(too_long, pointer=at)


def _too_long(
    node: GraphNode,
    setting: str,
    texts: Sequence[str],
    by: Mapping[str, str],
    catalogue: Catalogue | None,
) -> Problem | None:
    """Find the first text that with the longest of all replacements does not fit its setting."""
    spec = catalogue.nodes.get(node.type) if catalogue else None
    for text in texts:
        if swaps.grown(text, by) > MAX_TEXT:
            return Problem(code="too_long", node=node.id, params={"max": MAX_TEXT})
        if spec is None:
            continue
        made = swaps.swapped(text, by)
        for fault in settings.compiled(spec.settings).value_faults(setting, made):
            return Problem(code=fault.code, node=node.id, params=fault.params)
    return None


def _length(value: Json) -> int:
    return len(str(value))


def _unknown(setting: str, at: str, node: str | None = None) -> Problem:
    return Problem(
        code="unknown_setting", pointer=f"{at}/setting", node=node, params={"setting": setting}
    )
