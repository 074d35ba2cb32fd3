"""What values name: models, pictures, boards, samplers, schedules. Writes nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.errors import HeliographError, Invalid, NotFound, Params, Problem
from core.graph import samplers, settings
from core.graph.catalogue import IMAGE_FORMATS, MODEL_FORMATS, Catalogue
from core.graph.fields import join
from core.records.graph import Graph, GraphNode, Json
from core.records.model import Model, ModelKind
from core.store import boards, drawable, images, models
from server.actions.adapting import ADAPTERS
from server.principal import Principal
from server.state import State

_FORMAT_KINDS: dict[str, ModelKind] = {
    "checkpoint": "checkpoint", "lora": "lora", "vae": "vae", "controlnet": "controlnet",
    "ip_adapter": "ip_adapter", "embedding": "embedding", "upscaler": "upscaler",
    "restorer": "restorer", "text_encoder": "text_encoder",
}  # fmt: skip


async def image(state: State, principal: Principal, image: str) -> tuple[int, int] | None:
    """Give the size of a picture that the caller sees; ``None`` when there is none."""
    try:
        found = await state.db.read(
            lambda connection: images.get(connection, image, principal.sees)
        )
    except NotFound:
        return None
    return found.width, found.height


async def sizes(
    state: State, principal: Principal, wanted: Iterable[Json]
) -> dict[str, tuple[int, int]]:
    """Give the sizes of pictures that the caller sees, by id."""
    ids = list(dict.fromkeys(one for one in wanted if isinstance(one, str)))
    found = await state.db.read(lambda connection: images.some(connection, ids, principal.sees))
    return {one.id: (one.width, one.height) for one in found}


async def model(state: State, name: str, format_: str) -> Model | None:
    """Find the model that a setting of this format names."""
    kind = _FORMAT_KINDS.get(format_)
    return await state.db.read(lambda connection: drawable.find(connection, name, kind))


async def absent(state: State, name: str, kind: ModelKind | None = None) -> str:
    """Give the code for a model that was not found: its file is gone, or nobody knows it."""
    if drawable.is_named(name):
        return "unknown_snapshot"
    gone = await state.db.read(lambda connection: models.find(connection, name, kind, missing=True))
    return "model_missing" if gone else "unknown_model"


async def no_boards(state: State, principal: Principal, asked: Mapping[str, Json]) -> list[Problem]:
    """List the boards that are not there; what is no text is for others to complain about.

    :param asked: pointer → id.
    """
    boards_of = {pointer: board for pointer, board in asked.items() if isinstance(board, str)}
    there = await state.db.read(
        lambda connection: [
            boards.exists(connection, board, principal.sees) for board in boards_of.values()
        ]
    )
    return [
        missing("unknown_board", pointer, board)
        for (pointer, board), found in zip(boards_of.items(), there, strict=True)
        if not found
    ]


def no_board(error: NotFound) -> HeliographError:
    """Make what a transaction did not find a problem of the field, where it is the board."""
    if error.params.get("what") != "board":
        return error
    return Invalid(problems=(missing("unknown_board", "/board", str(error.params["id"])),))


def missing(code: str, pointer: str, name: str, **params: str) -> Problem:
    """Say that nothing has this name."""
    return Problem(code=code, pointer=pointer, params={"name": name[:200], **params})


def unlisted(nodes: Catalogue, graph: Graph) -> list[Problem]:
    """List samplers and schedules that the engine does not have, or that do not go together."""
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        for name in (
            nodes.nodes[node.type].settings.get("properties", {})
            if (node.type in nodes.nodes)
            else ()
        ):
            pointer = join("/nodes", place, "settings", name)
            problem = unlisted_value(nodes, node.type, name, node.settings.get(name), pointer)
            if problem is not None:
                problems.append(
                    msgspec.structs.replace(problem, node=node.id, path=f"$.settings.{name}")
                )
        if (unfollowed := _unfollowed(nodes, place, node)) is not None:
            problems.append(unfollowed)
    return problems


def _unfollowed(nodes: Catalogue, place: int, node: GraphNode) -> Problem | None:
    """Say that a node's sampler cannot follow its schedule."""
    schemas = (
        nodes.nodes[node.type].settings.get("properties", {}) if node.type in nodes.nodes else {}
    )
    named = {schema.get("format"): name for name, schema in schemas.items()}
    sampler, schedule = (
        node.settings.get(named.get(kind, ""), samplers.MODEL) for kind in ("sampler", "schedule")
    )
    if not isinstance(sampler, str) or not isinstance(schedule, str):
        return None
    if "schedule" not in named or samplers.follows(sampler, schedule):
        return None
    return Problem(
        code="schedule_unsupported",
        pointer=join("/nodes", place, "settings", named["schedule"]),
        node=node.id,
        path=f"$.settings.{named['schedule']}",
        params={"sampler": sampler[:200], "schedule": schedule[:200]},
    )


def unlisted_value(
    nodes: Catalogue, type_: str, setting: str, value: Json, pointer: str
) -> Problem | None:
    """Say that a value names a sampler or a schedule that the engine does not have."""
    schema = nodes.nodes[type_].settings.get("properties", {}).get(setting, {})
    kind = schema.get("format")
    known = {"sampler": nodes.samplers, "schedule": nodes.schedules}.get(kind)
    if not known or not isinstance(value, str) or value == "default" or value in known:
        return None
    found = samplers.find(value)  # another program's name for one of ours
    ours = samplers.find_schedule(value) if kind == "schedule" else found.exact and found.sampler
    if ours in known:
        return None
    return missing(f"unknown_{kind}", pointer, value, **{kind: value[:200]})


async def unknown(state: State, principal: Principal, graph: Graph) -> list[Problem]:
    """List settings that name a model or a picture that is not there."""
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        at = join("/graph/nodes", place, "settings")
        found = await unknown_in(state, principal, node.type, node.settings)
        for path, problem in found:
            where = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path)
            problems.append(
                msgspec.structs.replace(
                    problem, pointer=join(at, *path), node=node.id, path=f"$.settings{where}"
                )
            )
    return problems


async def unknown_in(
    state: State, principal: Principal, type_: str, values: dict[str, Json]
) -> list[tuple[tuple[str | int, ...], Problem]]:
    """List the models and pictures that settings of a node name and that are not there.

    :returns: where each name stands, and its problem, still without a pointer.
    """
    problems: list[tuple[tuple[str | int, ...], Problem]] = []
    for reference in settings.references(state.nodes.nodes[type_].settings, values):
        if reference.format in IMAGE_FORMATS:
            known: Any = await image(state, principal, reference.value)
            code = "unknown_image"
        elif reference.format in MODEL_FORMATS - ADAPTERS:
            known = await model(state, reference.value, reference.format)
            kind = _FORMAT_KINDS.get(reference.format)
            code = "" if known else await absent(state, reference.value, kind)
        else:
            continue
        if known is None:
            problems.append((reference.path, missing(code, "", reference.value)))
    return problems


def too_large(state: State, graph: Graph, pointer: str) -> list[Problem]:
    """Say that a graph asks for a larger picture than the server makes."""
    for node in graph.nodes:
        found = too_many(state, node.settings.get("width"), node.settings.get("height"), pointer)
        if found is not None:
            return [found]
    return []


def too_many(state: State, width: Json, height: Json, pointer: str) -> Problem | None:
    """Say that a size has more pixels than the server makes."""
    limit = state.settings.max_pixels
    if not isinstance(width, int) or not isinstance(height, int) or width * height <= limit:
        return None
    params: Params = {"pixels": width * height, "limit": limit}
    return Problem(code="too_many_pixels", pointer=pointer, params=params)
