"""What is asked of the queue becomes a checked graph with its axes. Writes nothing.

Knows recipes, sweeps and the library; every problem of a request is found before any row is.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, Problem
from core.graph import check, pairs, recipes, setting_path
from core.graph.axes import Placed
from core.graph.fields import join, pointer_of
from core.graph.separate import PARTS
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, Json
from core.records.job import Sweep
from core.records.model import Model
from core.records.webhook import Webhook
from server.actions import (
    adapting,
    carried,
    chosen,
    controlled,
    drawn,
    dynamic,
    enlarged,
    image_prompts,
    laid,
    named,
    pictured,
    regional,
    styling,
    subjects,
    swept,
    ways,
)
from server.actions import extras as extras_of
from server.actions.swept import STARTER
from server.principal import Principal
from server.state import State

# Fields of generate that no graph holds.
_OF_THE_JOB = ("count", "board", "priority", "exact", "max_rows", "webhook")

_NAMING = (
    "model", "prompt", "negative_prompt", "loras", "regions", "sampler", "scheduler", *PARTS,
)  # fmt: skip


class Work(Struct, frozen=True, kw_only=True):
    """A request for jobs, checked."""

    graph: Graph
    recipe: dict[str, Json] | None = None
    axes: tuple[BoundAxis, ...] = ()
    cells: Sequence[Cell] = ((),)
    cost: int = 1


class Extras(Struct, frozen=True, kw_only=True):
    """The fields of generate that belong to the job."""

    count: Annotated[int, Meta(ge=1, le=64)] = 1
    board: str | None = None
    priority: int = 0
    exact: bool = False
    max_rows: int | None = None
    webhook: Webhook | None = None


def extras(fields: Mapping[str, Json]) -> Extras:
    """Read the fields that belong to the job from checked fields of a recipe."""
    return msgspec.convert({k: v for k, v in fields.items() if k in _OF_THE_JOB}, Extras)


async def of_recipe(
    state: State,
    principal: Principal,
    name: str,
    fields: Mapping[str, Json],
    *,
    wanted: Sweep | None = None,
    runs: int = 1,
    pointer: str = "",
    board: str | None = None,
) -> Work:
    """Build a recipe's graph, complete it from the model's defaults, and check it.

    :param board: of the request, beside that of the fields.
    :raises Invalid: with every problem, pointing at the recipe's fields.
    """
    request = await laid.out(state, principal, fields, wanted)
    request = await styling.applied(state, principal, request, pointer)
    model, problems = await chosen.model(state, name, request.fields, pointer)
    request = await subjects.filled(state, request, model)
    fields = request.fields
    problems += [*request.problems, *await enlarged.unknown(state, fields, pointer)]
    source = await chosen.picture(state, principal, fields, "init_image", pointer, problems)
    mask = await chosen.picture(state, principal, fields, "mask_image", pointer, problems)
    boards = {"/board": board, f"{pointer}/board": fields.get("board")}
    problems += await named.no_boards(state, principal, boards)
    problems += await controlled.problems(state, principal, fields, model, pointer)
    problems += await image_prompts.problems(state, principal, fields, model, pointer)
    regions = await regional.masks(state, principal, fields, pointer, problems)
    way = await ways.of_model(state, model)
    stands_in = fields.get("model") in (None, STARTER)
    given = {**fields, "model": model.name} if model is not None and stands_in else dict(fields)
    try:
        built = recipes.build(
            name,
            given,
            model.defaults if model else recipes.FALLBACK,
            source=source,
            mask=None if request.has_pictures else mask,  # each pair is looked at below
            regions=regions,
            way=way,
            pointer=pointer,
        )
    except Invalid as error:
        if way.recipes is recipes.RECIPES:
            problems += await _of_names(state, name, given, error.problems, pointer)
        raise Invalid(problems=request.pointed([*error.problems, *problems], pointer)) from error
    problems += [one for one in await _of_built(state, built, pointer) if one not in problems]
    problems += enlarged.beyond(state, name, built, source, pointer)
    if problems:
        raise Invalid(problems=request.pointed(problems, pointer))
    axes, cells = await _grid(state, principal, request, runs, built, model, pointer)
    problems += await enlarged.too_large_in(
        state, principal, name, built.fields, source, axes, cells, pointer
    )
    if problems:
        raise Invalid(problems=tuple(problems))
    recipe = {"name": name, **{k: v for k, v in fields.items() if k == "board"}, **built.fields}
    return Work(graph=built.graph, recipe=recipe, axes=axes, cells=cells, cost=_cost(built.graph))


async def _grid(
    state: State,
    principal: Principal,
    request: laid.Laid,
    runs: int,
    built: recipes.Built,
    model: Model | None,
    pointer: str,
) -> tuple[tuple[BoundAxis, ...], Sequence[Cell]]:
    """Add the axes that seeds, prompts, sizes and models make; bind all, and draw the cells.

    :raises Invalid: with every problem of what is swept.
    """
    fields, placed = request.fields, request.axes
    count, mode = fields.get("count") or 1, fields.get("dynamic_prompts", "off")
    placed, runs = _seeds(placed, runs, built.fields, int(count), drawn=fields.get("seed") is None)
    if mode != "off":
        placed = await dynamic.varied(state, mode, built.fields, placed, pointer)
    defaults = model.defaults if model else recipes.FALLBACK
    placed = await carried.along(
        state, principal, placed, fields, built.fields, defaults, built.bindings,
        (await ways.of_model(state, model)).multiple,
    )  # fmt: skip
    axes, cells = await swept.expand(
        state, principal, built.graph, placed, runs, built.bindings,
        starter=model.name if model else None,
    )  # fmt: skip
    at_axes = [axis.at for axis in placed]
    problems = await pictured.misfits(state, principal, axes, at_axes, cells, built.fields)
    problems += await controlled.of_cells(state, built.fields, axes, at_axes, cells)
    problems += await regional.of_cells(state, principal, built.fields, axes, at_axes, cells)
    if problems:
        raise Invalid(problems=tuple(problems))
    return axes, cells


async def of_graph(
    state: State,
    principal: Principal,
    graph: Graph,
    *,
    wanted: Sweep | None = None,
    runs: int = 1,
    board: str | None = None,
    bindings: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> Work:
    """Check a graph as it was sent.

    :param bindings: names that axes may use: input of a workflow → the settings it fills.
    :raises Invalid: with every problem, pointing into ``/graph``.
    """
    graph = await drawn.in_graph(state, principal, graph)
    problems = [
        msgspec.structs.replace(problem, pointer=f"/graph{problem.pointer}")
        for problem in check.check(graph, state.nodes)
    ]
    if not problems:
        problems = named.too_large(state, graph, "/graph/nodes")
        problems += [
            msgspec.structs.replace(problem, pointer=f"/graph{problem.pointer}")
            for problem in (
                *named.unlisted(state.nodes, graph), *extras_of.lacking(state.nodes, graph),
                *pairs.problems(graph, state.nodes),
            )
        ]  # fmt: skip
        problems += await named.unknown(state, principal, graph)
        problems += [
            msgspec.structs.replace(problem, pointer=f"/graph{problem.pointer}")
            for problem in (
                *await adapting.problems(state, graph), *await ways.problems(state, graph),
            )
        ]  # fmt: skip
    problems += await named.no_boards(state, principal, {"/board": board})
    if problems:
        raise Invalid(problems=tuple(problems))
    placed = await laid.placed(state, principal, wanted) if wanted else []
    axes, cells = await swept.expand(state, principal, graph, placed, runs, bindings or {})
    return Work(graph=graph, axes=axes, cells=cells, cost=_cost(graph))


async def _of_built(state: State, built: recipes.Built, pointer: str) -> list[Problem]:
    """List what keeps a recipe's graph from running, at the fields that it comes from."""
    at = {target: field for field, targets in built.bindings.items() for target in targets}
    found = [
        *check.check(built.graph, state.nodes),
        *named.unlisted(state.nodes, built.graph),
        *extras_of.lacking(state.nodes, built.graph),
        *await adapting.problems(state, built.graph),
        *await ways.problems(state, built.graph),
    ]
    return [_to_field(problem, at, pointer) for problem in found]


async def _of_names(
    state: State,
    name: str,
    fields: Mapping[str, Json],
    known: Sequence[Problem],
    pointer: str,
) -> list[Problem]:
    """List what sound fields of a request name wrongly, where others keep it from being built.

    :param known: what is wrong with the request otherwise.
    """
    faulty = {one.pointer.removeprefix(pointer).partition("/")[2] for one in known if one.pointer}
    faulty = {place.partition("/")[0] for place in faulty}
    own = {
        field: fields[field]
        for field in _NAMING
        if field in fields and field not in faulty and recipes.takes(name, field)
    }
    try:
        built = recipes.build("txt2img", {"prompt": "", **own}, recipes.FALLBACK, pointer=pointer)
    except Invalid:
        return []
    return await _of_built(state, built, pointer)


def _to_field(problem: Problem, at: Mapping[tuple[str, str], str], pointer: str) -> Problem:
    """Point a problem of a built graph at the field that the setting came from."""
    place = (problem.path or "").removeprefix("$.settings.")
    setting, steps = setting_path.split(place)
    field = at.get((problem.node or "", setting))
    if field is None:
        return msgspec.structs.replace(problem, pointer=pointer)
    here = join(pointer + pointer_of(f".{field}"), *steps)
    return msgspec.structs.replace(problem, pointer=here, node=None, path=None)


def _seeds(
    axes: list[Placed], runs: int, fields: Mapping[str, Json], count: int, *, drawn: bool
) -> tuple[list[Placed], int]:
    """Turn ``count``, and runs of a seed that was drawn, into an axis of seeds: seed + i."""
    if any(axis.sweeps("seed") for axis in axes) or "seed" not in fields:
        return axes, runs * count
    seeds = count * (runs if drawn else 1)
    if seeds == 1:
        return axes, runs
    first = int(fields["seed"])
    values = tuple(range(first, first + seeds))
    return [Placed(setting="seed", values=values, at="/seed"), *axes], 1 if drawn else runs


def _cost(graph: Graph) -> int:
    """Estimate the work of one job: rows × steps × pixels."""
    drawing = ("latent.sample", "latent.sample_tiled", "pipeline.generate")
    samplers = [node for node in graph.nodes if node.type in drawing]
    steps = [node.settings.get("steps") or 20 for node in samplers]
    pixels = [
        node.settings["width"] * node.settings["height"]
        for node in graph.nodes
        if isinstance(node.settings.get("width"), int)
        and isinstance(node.settings.get("height"), int)
    ]
    whole = sum(step for step in steps if isinstance(step, int))
    return max(1, whole * max(pixels, default=1))
