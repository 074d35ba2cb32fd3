"""Checkpoints that are drawn with another way than the sampling loop: is what is asked possible?

Every problem is found before anything runs, of each value of a sweep too. Writes nothing.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread
from anyio.lowlevel import checkpoint

from core.errors import HeliographError, NotFound, Params, Problem
from core.graph import setting_path, sweep, ways
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.sweep import BoundAxis, Cell
from core.library import folder
from core.library.pipelines import Facts
from core.records.graph import Graph, GraphNode
from core.records.model import Model
from core.store import drawable, models
from server.state import State

_NODES = (ways.LOAD, ways.WHOLE)
_SIZED = ("image.resize", "inpaint.crop")  # give the size of the picture that is drawn from
_SIDES = ("width", "height")


class _Known(NamedTuple):
    """A checkpoint, and what its folder says where it is drawn with in a way of its own."""

    model: Model
    facts: Facts | None


class Shelf:
    """What the library and folders say of checkpoints; each is looked up once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found: dict[str, _Known | None] = {}

    async def look(self, name: str) -> _Known | None:
        """Look a checkpoint up by what a setting says; None where there is none."""
        if name not in self._found:
            model = await self._state.db.read(
                lambda connection: drawable.find(connection, name, "checkpoint")
            )
            told = None if model is None else await facts(self._state, model)
            self._found[name] = None if model is None else _Known(model, told)
        return self._found[name]


async def of_model(state: State, model: Model | None) -> ways.Way:
    """Give the way in which recipes are wired for a model."""
    if model is None:
        return ways.way_of("")
    told = await facts(state, model)
    return ways.way_of(model.family, told.multiple if told else 8)


async def facts(state: State, model: Model) -> Facts | None:
    """Read what the folder of a pipeline says; None for other families, or where it is gone."""
    if ways.node_of(model.family) == ways.LOAD:
        return None
    try:
        held = await state.db.read(partial(models.file, model=model.id))
        return await anyio.to_thread.run_sync(_read, state, held.root, held.file)
    except (NotFound, HeliographError, OSError):
        return None  # the engine says what is wrong with it


def _read(state: State, label: str, file: str) -> Facts | None:
    root: Path | None = state.roots.get(label)
    return None if root is None else folder.facts(root / file)


async def problems(state: State, graph: Graph, shelf: Shelf | None = None) -> list[Problem]:
    """List checkpoints at nodes that do not take them, and what their pipelines cannot do.

    With node and path, and the pointer into the graph.
    """
    shelf = shelf or Shelf(state)
    nodes = {node.id: (place, node) for place, node in enumerate(graph.nodes)}
    found: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        name = node.settings.get("checkpoint")
        if node.type not in _NODES or not isinstance(name, str) or "checkpoint" in node.inputs:
            continue
        known = await shelf.look(name)
        if known is None:
            continue
        params: Params = {"name": known.model.name, "family": known.model.family}
        wanted = ways.node_of(known.model.family)
        if node.type != wanted:
            params |= {"node": wanted}
            found.append(_problem("model_wrong_node", place, node, "checkpoint", params))
        elif known.facts is not None:
            found += _unable(known.facts, place, node, params)
            found += _uneven(known.facts, *nodes[_sized(graph, node)])
    return found[:MAX_PROBLEMS]


def _unable(facts: Facts, place: int, node: GraphNode, params: Params) -> Iterator[Problem]:
    picture, mask = "image" in node.inputs, "mask" in node.inputs
    if not facts.kind(picture=picture, mask=mask):
        given = {**params, "pipeline": facts.pipeline}
        yield _problem("way_unsupported", place, node, "checkpoint", given)


def _uneven(facts: Facts, place: int, node: GraphNode) -> Iterator[Problem]:
    for side in _SIDES:
        length = node.settings.get(side)
        if type(length) is int and side not in node.inputs and length % facts.multiple:
            multiple: Params = {"multiple": facts.multiple}
            yield _problem("size_not_multiple", place, node, side, multiple)


def _sized(graph: Graph, node: GraphNode) -> str:
    """Name the node that says how large a pipeline draws: itself, or what gives its picture."""
    source = node.inputs.get("image", ("", ""))[0]
    return next((one.id for one in graph.nodes if one.id == source and one.type in _SIZED), node.id)


def _problem(code: str, place: int, node: GraphNode, setting: str, params: Params) -> Problem:
    return Problem(
        code=code, params=params, node=node.id, path=f"$.settings.{setting}",
        pointer=join("/nodes", place, "settings", setting),
    )  # fmt: skip


async def of_cells(
    state: State,
    graph: Graph,
    axes: Sequence[BoundAxis],
    cells: Sequence[Cell],
    pointers: Sequence[str],
) -> list[Problem]:
    """List what is wrong with the values of a sweep, each problem once, at its value.

    :param pointers: of the values of each axis.
    """
    places = [
        place for place, axis in enumerate(axes)
        if axis.replace is None and {name for _, name in axis.targets} & {"checkpoint", *_SIDES}
    ]  # fmt: skip
    some = [axes[place] for place in places]
    swept = any(name == "checkpoint" for axis in some for _, name in axis.targets)
    if not places or not (swept or any(node.type == ways.WHOLE for node in graph.nodes)):
        return []
    shelf = Shelf(state)
    found: dict[tuple[str, str], Problem] = {}
    different = {repr(values): values for cell in cells if (values := [cell[p] for p in places])}
    for values in different.values():
        await checkpoint()
        if len(found) >= MAX_PROBLEMS:
            break
        for problem in await problems(state, sweep.apply(graph, some, tuple(values)), shelf):
            blamed = _blamed(some, problem)
            index = some[blamed].values.index(values[blamed])
            pointer = join(pointers[places[blamed]], index)
            told = Problem(
                code=problem.code, params=problem.params, pointer=pointer, node=problem.node,
                path=problem.path,
            )  # fmt: skip
            found.setdefault((pointer, problem.code), told)
    return list(found.values())


def _blamed(axes: Sequence[BoundAxis], problem: Problem) -> int:
    """Give the axis whose value a problem is told at."""
    setting = (problem.path or "").removeprefix("$.settings.")
    for place, axis in enumerate(axes):
        if any(node == problem.node and setting_path.overlap(setting, target)
               for node, target in axis.targets):  # fmt: skip
            return place
    return 0
