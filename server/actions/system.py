"""Verbs of the server itself: capabilities, settings, tokens, figures."""

import logging
import platform
import time
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

import core
from core.config import LIVE, SECRET, Settings, Source
from core.errors import EngineUnavailable, Invalid, Problem
from core.graph import recipes, sweep, ways
from core.graph.check import MAX_EDGES, MAX_NODES
from core.graph.cookbook import Recipe
from core.graph.fields import value_faults
from core.graph.reasons import BAD
from core.ipc.messages import Tune
from core.records.events import TOPICS, ConfigChanged
from core.store import boards, models, presets, tokens, workflows
from server import archive, codec
from server.actions import sampled
from server.actions.jobs import Id
from server.actions.memory import MemoryInfo, memory_of
from server.actions.queue import Nothing
from server.principal import SCOPES, Principal
from server.state import State

log = logging.getLogger(__name__)
FORMATS = ("png", "jpeg", "webp")  # that pictures can be fetched in
# That recipes know; the library's own are added.
FAMILIES = ("sd1", "sd2", "sdxl", "sdxl-refiner", "sd3", "flux")


class RecipeInfo(Struct, frozen=True, kw_only=True):
    """One recipe and the JSON Schema of its fields."""

    name: str
    title: str
    fields: dict[str, Any]


class Capabilities(Struct, frozen=True, kw_only=True):
    """All that a client may offer; it hard-codes none of it."""

    version: str
    families: list[str]
    samplers: list[str]
    schedules: list[str]
    sampling: Annotated[
        dict[str, sampled.Possible], Meta(description="Of these, those of each family.")
    ]
    recipes: list[RecipeInfo]
    own_recipes: Annotated[
        dict[str, list[RecipeInfo]],
        Meta(description="Of families that are drawn in a way of their own, in place of those."),
    ]
    training_methods: list[str]
    formats: Annotated[list[str], Meta(description="File formats of `/images/{id}/file`.")]
    upload_types: list[str]
    limits: Annotated[dict[str, int], Meta(description="Bytes, pixels, counts.")]
    languages: Annotated[dict[str, str], Meta(description="Language → its name in itself.")]
    language: Annotated[str, Meta(description="The server's own.")]
    topics: list[str]
    scopes: list[str]


class SettingInfo(Struct, frozen=True, kw_only=True):
    """One setting: what it is, where its value came from."""

    name: str
    value: Any
    default: Any
    source: Source
    description: str
    live: Annotated[bool, Meta(description="May be changed while the server runs.")]
    schema: dict[str, Any]


class ConfigInfo(Struct, frozen=True, kw_only=True):
    """Every setting; secrets are masked."""

    settings: list[SettingInfo]


class ChangeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that may change while running; until the server ends."""

    log_level: Any = msgspec.UNSET
    language: Any = msgspec.UNSET
    preview_rate: Any = msgspec.UNSET
    trash_days: Any = msgspec.UNSET
    download_name: Any = msgspec.UNSET
    hf_token: Any = msgspec.UNSET


class CreateToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a token is for and what it may do."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w .@+-]+$")]
    scopes: Annotated[list[tokens.Scope], Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: list[tokens.Scope](("read", "generate"))
    )


class NewToken(Struct, frozen=True, kw_only=True):
    """A token as it is made: its text is shown this once."""

    token: tokens.Token
    text: str


class TokenId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token."""

    token: Id


class TokenList(Struct, frozen=True, kw_only=True):
    """Every token, newest first; never their secrets."""

    items: list[tokens.Token]
    next: None = None


class EngineInfo(Struct, frozen=True, kw_only=True):
    """The engine as it last spoke."""

    state: str
    generation: int
    device: str | None = None
    device_name: str | None = None
    memory_total: Annotated[int | None, Meta(description="Bytes.")] = None
    torch: str | None = None


class SystemInfo(Struct, frozen=True, kw_only=True):
    """The server and its engine."""

    version: str
    boot: str
    python: str
    platform: str
    uptime_seconds: float
    engine: EngineInfo
    sockets: int
    queue: dict[str, int]
    paused: bool
    memory: Annotated[
        MemoryInfo | None, Meta(description="Null before the engine's first heartbeat.")
    ] = None
    speed: Annotated[str, Meta(description="The tier that networks run in.")] = "plain"


def _told(recipe: Recipe) -> RecipeInfo:
    return RecipeInfo(
        name=recipe.name,
        title=(recipe.fields.__doc__ or "").strip(),
        fields=msgspec.json.schema(recipe.fields),
    )


async def capabilities(state: State, principal: Principal, ask: Nothing) -> Capabilities:
    """Tell a client everything that it may offer."""
    nodes = state.nodes
    found = await state.db.read(lambda connection: models.page(connection, limit=200))
    families = dict.fromkeys([*FAMILIES, *(model.family for model in found.items)])
    return Capabilities(
        version=core.__version__,
        families=list(families),
        samplers=nodes.samplers,
        schedules=nodes.schedules,
        sampling={family: sampled.possible(nodes, family) for family in families},
        recipes=[_told(recipe) for recipe in recipes.RECIPES.values()],
        own_recipes={
            family: [_told(recipe) for recipe in found.values()]
            for family, found in ways.WAYS.items()
        },
        training_methods=[],
        formats=list(FORMATS),
        upload_types=sorted(codec.IMAGE_TYPES),
        limits={
            "json_bytes": codec.JSON_CAP,
            "image_bytes": codec.IMAGE_CAP,
            "pixels": state.settings.max_pixels,
            "side": recipes.MAX_SIDE,
            "jobs": sweep.MAX_JOBS,
            "queue": state.settings.queue_max,
            "nodes": MAX_NODES,
            "links": MAX_EDGES,
            "page": 200,
            "archive": archive.MAX_PICTURES,
            "archive_bytes": archive.MAX_BYTES,
            "boards": boards.MAX_BOARDS,
            "presets": presets.MAX_PRESETS,
            "workflows": workflows.MAX_WORKFLOWS,
        },
        languages=state.words.names(),
        language=state.settings.language,
        topics=list(TOPICS),
        scopes=list(SCOPES),
    )


async def config(state: State, principal: Principal, ask: Nothing) -> ConfigInfo:
    """List every setting with its value, its source, its default and its description."""
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    defaults = Settings()
    return ConfigInfo(
        settings=[
            SettingInfo(
                name=name,
                value=_masked(name, getattr(state.settings, name)),
                default=_masked(name, getattr(defaults, name)),
                source=state.config.sources.get(name, "default"),
                description=schema[name].get("description", ""),
                live=name in LIVE,
                schema=schema[name],
            )
            for name in Settings.__struct_fields__
        ]
    )


async def change_config(state: State, principal: Principal, ask: ChangeConfig) -> ConfigInfo:
    """Change settings while running. They are not written to the file."""
    wanted = {
        name: value
        for name in ask.__struct_fields__
        if (value := getattr(ask, name)) is not msgspec.UNSET
    }
    problems = [problem for name, value in wanted.items() if (problem := _unfit(name, value))]
    if "language" in wanted and not problems and wanted["language"] not in state.words.codes:
        known = ", ".join(state.words.codes)
        problems = [Problem(code="not_one_of", pointer="/language", params={"values": known})]
    if problems:
        raise Invalid(problems=tuple(problems))
    for name, value in wanted.items():
        state.change(name, value)
    _take_effect(state)
    await state.db.write(lambda tx: [tx.fact(ConfigChanged(setting=name)) for name in wanted])
    return await config(state, principal, Nothing())


async def list_tokens(state: State, principal: Principal, ask: Nothing) -> TokenList:
    """List every token; never their secrets."""
    return TokenList(items=await state.db.read(tokens.page))


async def create_token(state: State, principal: Principal, ask: CreateToken) -> NewToken:
    """Make a token. Its text is in this answer and nowhere else."""
    token, text = await state.db.write(lambda tx: tokens.create(tx, ask.name, ask.scopes))
    return NewToken(token=token, text=text)


async def delete_token(state: State, principal: Principal, ask: TokenId) -> None:
    """Revoke a token; its sockets are closed at once."""
    await state.db.write(lambda tx: tokens.delete(tx, ask.token))
    state.close_sockets(ask.token)


async def system(state: State, principal: Principal, ask: Nothing) -> SystemInfo:
    """Tell what runs: version, engine, device, memory, queue."""
    hello, queue = state.hello, await state.queue.state()
    engine = EngineInfo(
        state=state.executor.state,
        generation=state.executor.generation,
        device=hello.device if hello else None,
        device_name=hello.device_name if hello else None,
        memory_total=hello.memory_total if hello else None,
        torch=hello.torch if hello else None,
    )
    return SystemInfo(
        version=core.__version__,
        boot=state.boot,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        uptime_seconds=round(time.monotonic() - state.started, 3),
        engine=engine,
        sockets=len(state.sockets),
        queue=queue.counts,
        paused=queue.paused,
        memory=memory_of(state),
        speed=state.settings.speed,
    )


def _take_effect(state: State) -> None:
    """Tell those who keep a setting for themselves; the others look it up each time."""
    settings = state.settings
    logging.getLogger().setLevel(settings.log_level)
    state.words.speak(settings.language)
    try:
        state.executor.send(Tune(preview_rate=settings.preview_rate, log_level=settings.log_level))
    except EngineUnavailable:  # it is kept for the engine that starts next
        log.debug("the engine will hear of the settings when it is ready")


def _masked(name: str, value: Any) -> Any:
    return ("••••••" if value else "") if name in SECRET else value


def _unfit(name: str, value: Any) -> Problem | None:
    faults = value_faults(value, get_type_hints(Settings, include_extras=True)[name])
    if not faults:
        return None
    code = "bad_field" if faults[0].code == BAD else faults[0].code
    return Problem(code=code, pointer=f"/{name}", params={"field": name, **faults[0].params})
