"""Sweeps: any setting, any values, as a product or zipped. The graph itself has no loops.

A cell is one value for each axis. Cells are drawn one by one and the graph is stored once, so
10,000 jobs are never 10,000 graphs. Knows no jobs.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Literal

import msgspec
from msgspec import Struct

from core.graph import axes as flat
from core.graph import setting_path, swaps
from core.graph.axes import MAX_JOBS as MAX_JOBS
from core.records.graph import Graph, Json

Mode = Literal["product", "zip"]
Target = tuple[str, str]  # (node id, setting)
Cell = tuple[Json, ...]


class BoundAxis(Struct, frozen=True, kw_only=True):
    """An axis that knows which settings its values go to."""

    label: str  # field of a recipe (or a place in it), "node.setting"; ":text" if that is replaced
    targets: tuple[Target, ...]
    values: tuple[Json, ...]
    group: int | None = None  # axes of one number, side by side, advance together
    replace: str | None = None  # the text that its values take the place of

    @property
    def field(self) -> str | None:
        """Name the recipe's field, or the place in it, that the axis changes."""
        name = self.label if self.replace is None else self.label.removesuffix(f":{self.replace}")
        of_a_node = any(name == ".".join(target) for target in self.targets)
        return None if of_a_node else name


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
    changed: dict[str, dict[str, Json]] = {}
    swapped: dict[Target, dict[str, str]] = {}
    known = {node.id: node.settings for node in graph.nodes} if axes else {}
    for axis, value in zip(axes, cell, strict=True):
        for node, setting in axis.targets:
            if axis.replace is None:
                new = changed.setdefault(node, {})
                head = setting_path.split(setting)[0]
                new[head] = setting_path.put({**known.get(node, {}), **new}, setting, value)
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
            continue
        if axis.replace is None:
            with suppress(LookupError):  # a graph may have a place that its recipe has not
                made[setting_path.split(axis.field)[0]] = setting_path.put(made, axis.field, value)
        else:
            swapped.setdefault(axis.field, {})[axis.replace] = str(value)
    for field, by in swapped.items():
        made[field] = swaps.swapped(str(made.get(field, "")), by)
    return made


def overrides(axes: Sequence[BoundAxis], cell: Cell) -> dict[str, Json]:
    """Name the values of a cell by the labels of its axes."""
    return {axis.label: value for axis, value in zip(axes, cell, strict=True)}


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
