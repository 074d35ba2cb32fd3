"""What is asked of the queue becomes a checked graph with its axes. Writes nothing.

Knows recipes, sweeps and the library; every problem of a request is found before any row is.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Problem
from core.graph import check, recipes, settings, sweep
from core.graph.catalogue import IMAGE_FORMATS, MODEL_FORMATS
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, Json
from core.records.job import Axis, Span, Sweep
from core.records.model import Model, ModelKind
from core.store import images, models
from server.principal import Principal
from server.state import State

STARTER = "starter"  # names the model that ships with us, whatever it is called
_OF_THE_JOB = ("count", "board", "priority", "exact")  # fields of generate that no graph holds
_FORMAT_KINDS: dict[str, ModelKind] = {
    "checkpoint": "checkpoint", "lora": "lora", "vae": "vae", "controlnet": "controlnet",
    "embedding": "embedding", "upscaler": "upscaler",
}  # fmt: skip


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
) -> Work:
    """Build a recipe's graph, complete it from the model's defaults, and check it.

    :raises Invalid: with every problem, pointing at the recipe's fields.
    """
    model, source, problems = await _named(state, principal, fields, pointer)
    given = dict(fields)
    if model is not None and fields.get("model") in (None, STARTER):
        given["model"] = model.name
    try:
        built = recipes.build(
            name,
            given,
            model.defaults if model else recipes.FALLBACK,
            source=source,
            pointer=pointer,
        )
    except Invalid as error:
        raise Invalid(problems=(*error.problems, *problems)) from error
    at = {target: field for field, targets in built.bindings.items() for target in targets}
    problems += [
        _to_field(problem, at, pointer) for problem in check.check(built.graph, state.nodes)
    ]
    problems += [_to_field(problem, at, pointer) for problem in _unlisted(state, built.graph)]
    problems += _too_large(state, built.graph, f"{pointer}/width")
    if problems:
        raise Invalid(problems=tuple(problems))
    count = fields.get("count") or 1
    wanted, runs = _seeds(wanted, runs, built.fields, int(count), drawn=fields.get("seed") is None)
    axes, cells = _expand(state, built.graph, wanted, runs, built.bindings)
    recipe = {"name": name, **{k: v for k, v in fields.items() if k == "board"}, **built.fields}
    return Work(graph=built.graph, recipe=recipe, axes=axes, cells=cells, cost=_cost(built.graph))


async def of_graph(
    state: State, principal: Principal, graph: Graph, *, wanted: Sweep | None = None, runs: int = 1
) -> Work:
    """Check a graph as it was sent.

    :raises Invalid: with every problem, pointing into ``/graph``.
    """
    problems = [
        msgspec.structs.replace(problem, pointer=f"/graph{problem.pointer}")
        for problem in check.check(graph, state.nodes)
    ]
    if not problems:
        problems = _too_large(state, graph, "/graph/nodes")
        problems += [
            msgspec.structs.replace(problem, pointer=f"/graph{problem.pointer}")
            for problem in _unlisted(state, graph)
        ]
        problems += await _unknown(state, principal, graph)
    if problems:
        raise Invalid(problems=tuple(problems))
    axes, cells = _expand(state, graph, wanted, runs, {})
    return Work(graph=graph, axes=axes, cells=cells, cost=_cost(graph))


async def default_model(state: State) -> Model | None:
    """Choose the model for a request that names none: the starter, else the newest checkpoint."""
    found = await state.db.read(lambda connection: models.page(connection, "checkpoint", limit=200))
    starter = [model for model in found.items if model.source == STARTER]
    return next(iter(starter or found.items), None)


async def _named(
    state: State, principal: Principal, fields: Mapping[str, Json], pointer: str
) -> tuple[Model | None, tuple[int, int] | None, list[Problem]]:
    """Look up the model and the picture that the fields name."""
    problems: list[Problem] = []
    name, image = fields.get("model"), fields.get("init_image")
    model: Model | None = None
    if isinstance(name, str):
        model = await state.db.read(lambda connection: models.find(connection, name, "checkpoint"))
        if model is None and name == STARTER:
            model = await default_model(state)
        if model is None:
            problems.append(_missing("unknown_model", f"{pointer}/model", name))
    elif name is None:
        model = await default_model(state)
    size: tuple[int, int] | None = None
    if isinstance(image, str):
        found = await _image(state, principal, image)
        if found is None:
            problems.append(_missing("unknown_image", f"{pointer}/init_image", image))
        size = found
    return model, size, problems


async def _image(state: State, principal: Principal, image: str) -> tuple[int, int] | None:
    try:
        found = await state.db.read(
            lambda connection: images.get(connection, image, principal.sees)
        )
    except NotFound:
        return None
    return found.width, found.height


async def _unknown(state: State, principal: Principal, graph: Graph) -> list[Problem]:
    """List settings that name a model or a picture that is not there."""
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        spec = state.nodes.nodes[node.type]
        for reference in settings.references(spec.settings, node.settings):
            path = "/".join(str(step) for step in reference.path)
            pointer = f"/graph/nodes/{place}/settings/{path}"
            if reference.format in IMAGE_FORMATS:
                known: Any = await _image(state, principal, reference.value)
                code = "unknown_image"
            elif reference.format in MODEL_FORMATS:
                known, code = (
                    await _model(state, reference.value, reference.format),
                    "unknown_model",
                )
            else:
                continue
            if known is None:
                missing = _missing(code, pointer, reference.value)
                where = "$.settings." + ".".join(str(step) for step in reference.path)
                problems.append(msgspec.structs.replace(missing, node=node.id, path=where))
    return problems


async def _model(state: State, name: str, format_: str) -> Model | None:
    kind = _FORMAT_KINDS.get(format_)
    return await state.db.read(lambda connection: models.find(connection, name, kind))


def _missing(code: str, pointer: str, name: str) -> Problem:
    return Problem(code=code, pointer=pointer, params={"name": name[:200]})


def _to_field(problem: Problem, at: Mapping[tuple[str, str], str], pointer: str) -> Problem:
    """Point a problem of a built graph at the field that the setting came from."""
    setting = (problem.path or "").removeprefix("$.settings.").partition(".")[0].partition("[")[0]
    field = at.get((problem.node or "", setting))
    if field is None:
        return msgspec.structs.replace(problem, pointer=pointer)
    return msgspec.structs.replace(problem, pointer=f"{pointer}/{field}", node=None, path=None)


def _seeds(
    wanted: Sweep | None, runs: int, fields: Mapping[str, Json], count: int, *, drawn: bool
) -> tuple[Sweep | None, int]:
    """Turn ``count``, and runs of a seed that was drawn, into an axis of seeds: seed + i."""
    axes = list(wanted.axes) if wanted else []
    swept = any(axis.setting == "seed" for axis in axes)
    zipped = wanted is not None and wanted.mode == "zip"
    if swept or zipped:
        return wanted, runs * count
    seeds = count * (runs if drawn else 1)
    if seeds == 1:
        return wanted, runs
    axis = Axis(setting="seed", values=Span(start=int(fields["seed"]), count=seeds))
    return Sweep(axes=[axis, *axes]), 1 if drawn else runs


def _expand(
    state: State,
    graph: Graph,
    wanted: Sweep | None,
    runs: int,
    bindings: Mapping[str, Sequence[tuple[str, str]]],
) -> tuple[tuple[BoundAxis, ...], Sequence[Cell]]:
    if wanted is None:
        wanted = Sweep(axes=[])
    axes = sweep.bind(graph, wanted, bindings, state.nodes)
    return axes, list(sweep.cells(axes, wanted.mode, runs))


def _unlisted(state: State, graph: Graph) -> list[Problem]:
    """List samplers and schedules that the engine does not have."""
    nodes = state.nodes
    listed = {"sampler": nodes.samplers, "schedule": nodes.schedules}
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        spec = nodes.nodes.get(node.type)
        for name, schema in (spec.settings.get("properties", {}) if spec else {}).items():
            kind, value = schema.get("format"), node.settings.get(name, "default")
            known = listed.get(kind, ())
            if known and value != "default" and isinstance(value, str) and value not in known:
                problem = _missing(f"unknown_{kind}", f"/nodes/{place}/settings/{name}", value)
                problems.append(
                    msgspec.structs.replace(problem, node=node.id, path=f"$.settings.{name}")
                )
    return problems


def _too_large(state: State, graph: Graph, pointer: str) -> list[Problem]:
    limit = state.settings.max_pixels
    for node in graph.nodes:
        width, height = node.settings.get("width"), node.settings.get("height")
        if isinstance(width, int) and isinstance(height, int) and width * height > limit:
            params: dict[str, Any] = {"pixels": width * height, "limit": limit}
            return [Problem(code="too_many_pixels", pointer=pointer, params=params)]
    return []


def _cost(graph: Graph) -> int:
    """Estimate the work of one job: rows × steps × pixels."""
    steps = [node.settings.get("steps", 20) for node in graph.nodes if node.type == "latent.sample"]
    pixels = [
        node.settings["width"] * node.settings["height"]
        for node in graph.nodes
        if isinstance(node.settings.get("width"), int)
        and isinstance(node.settings.get("height"), int)
    ]
    whole = sum(step for step in steps if isinstance(step, int))
    return max(1, whole * max(pixels, default=1))
