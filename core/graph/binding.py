"""Axes bound to a graph: which settings each fills, and whether every value fits there.

Knows the graph, a recipe's bindings and the catalogue; ``sweep`` draws the cells.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from core.errors import Invalid, Params, Problem
from core.graph import axes as flat
from core.graph import fields, setting_path, settings, swaps
from core.graph.axes import Placed
from core.graph.catalogue import Catalogue
from core.graph.sweep import BoundAxis, Target
from core.records.graph import Graph, GraphNode, Json
from core.records.job import Sweep

MAX_TEXT = 65_536  # characters of a text in which parts were replaced

Bindings = Mapping[str, Sequence[Target]]  # a recipe's field → the settings that it fills


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
            if _is_taken(target, axis.replace, taken):
                named: Params = {"setting": axis.setting}
                at = f"{axis.at}/setting"
                wrong.append(Problem(code="axis_twice", pointer=at, params=named))
            told = {(problem.code, problem.pointer) for problem in wrong}
            wrong += [
                one
                for one in _unfit(target, axis, nodes, catalogue)
                if (one.code, one.pointer) not in told
            ]
        taken.update((target, axis.replace) for target in targets)
        problems += _each_once(wrong)
        bound.append(
            BoundAxis(
                label=axis.label, targets=targets, values=axis.values, group=axis.group,
                replace=axis.replace,
            )
        )  # fmt: skip
    if not problems:
        problems += _each_once(_unplaced(axes, bound, nodes, catalogue))
    if problems:
        raise Invalid(problems=tuple(problems[: fields.MAX_PROBLEMS]))
    return tuple(bound)


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
            (node, setting_path.moved(axis.setting, setting) if field != axis.setting else setting)
            for node, setting in bindings[field]
        ), []
    return (), [_unknown(axis.setting, axis.at)]


def _each_once(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out what is said twice of one place: a field may fill several settings."""
    return list({(one.code, one.pointer): one for one in problems}.values())


def _is_taken(
    target: Target, replace: str | None, taken: Collection[tuple[Target, str | None]]
) -> bool:
    """Say whether an axis changes what another does: the same place, or one within it."""
    if replace is not None:
        return (target, replace) in taken
    return any(
        other is None and node == target[0] and setting_path.overlap(setting, target[1])
        for (node, setting), other in taken
    )


def _unfit(
    target: Target, axis: Placed, nodes: Mapping[str, GraphNode], catalogue: Catalogue | None
) -> Iterator[Problem]:
    node, setting = nodes[target[0]], target[1]
    head, steps = setting_path.split(setting)
    if head in node.inputs:
        params: Params = {"setting": setting}
        wired = f"{axis.at}/setting"
        yield Problem(code="setting_wired", pointer=wired, node=node.id, params=params)
    spec = catalogue.nodes.get(node.type) if catalogue else None
    if spec is None:
        return
    compiled = settings.compiled(spec.settings)
    try:
        whole = [setting_path.put(node.settings, setting, value) for value in axis.values]
    except LookupError:
        whole = []
    if head not in compiled.names() or not whole or (steps and axis.replace is not None):
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
