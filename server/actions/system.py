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
from core.graph.fields import value_faults
from core.ipc.commands import Tune
from core.reasons import BAD
from core.records.events import ConfigChanged
from core.store import tokens
from server.actions.jobs import Id
from server.actions.memory import MemoryInfo, memory_of
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State

log = logging.getLogger(__name__)


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
