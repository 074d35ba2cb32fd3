"""Verbs of presets: list, save, change, delete. ``styling`` puts them around prompts."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Conflict, Invalid, Params, Problem, TooLarge
from core.graph.fields import MAX_PROBLEMS, fields_of, join, pointer_of, value_faults
from core.graph.prompts import styles_csv
from core.graph.prompts.styles_csv import Row
from core.graph.recipes import Generate
from core.reasons import BAD
from core.records.graph import Json
from core.records.preset import Preset
from core.store import presets
from core.store.page import Page
from core.store.presets import Draft
from core.store.transaction import Transaction
from server import codec
from server.actions.jobs import Cursor, Id, Limit
from server.principal import Principal
from server.state import State

MAX_SETTINGS = 32 << 10  # bytes of saved settings as JSON

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Style = Annotated[str, Meta(max_length=4096)]


class ListPresets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which presets."""

    cursor: Cursor | None = None
    limit: Limit = 50


class PresetId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One preset."""

    preset: Id


class NewPreset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset as it is saved: words around a prompt, settings, or both."""

    name: Name
    prompt: Style = ""
    negative_prompt: Style = ""
    settings: dict[str, Json] = {}


class SavePreset(NewPreset, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a preset becomes."""

    preset: Id


class ImportStyles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text of a `styles.csv` of AUTOMATIC1111."""

    csv: Annotated[str, Meta(min_length=1, max_length=1 << 20)]


class Skipped(Struct, frozen=True, kw_only=True):
    """A style that was not taken in, and why."""

    name: str
    code: Annotated[str, Meta(description="name_taken, too_long, list_full, …")]


class Imported(Struct, frozen=True, kw_only=True):
    """What became of a file's styles."""

    items: list[Preset]
    skipped: list[Skipped]


async def page(state: State, principal: Principal, ask: ListPresets) -> Page[Preset]:
    """List presets, newest first."""
    return await state.db.read(
        lambda connection: presets.page(connection, principal.sees, ask.cursor, ask.limit)
    )


async def get(state: State, principal: Principal, ask: PresetId) -> Preset:
    """Read one preset."""
    return await state.db.read(
        lambda connection: presets.get(connection, ask.preset, principal.sees)
    )


async def create(state: State, principal: Principal, ask: NewPreset) -> Preset:
    """Save a preset: a prompt style, settings of `generate`, or both."""
    draft = _checked(ask)
    return await state.db.write(lambda tx: presets.create(tx, draft, principal.owner))


async def save(state: State, principal: Principal, ask: SavePreset) -> Preset:
    """Write over a preset."""
    draft = _checked(ask)
    return await state.db.write(lambda tx: presets.save(tx, ask.preset, draft, principal.sees))


async def delete(state: State, principal: Principal, ask: PresetId) -> None:
    """Delete a preset. Pictures that were drawn with it keep the whole prompt."""
    await state.db.write(lambda tx: presets.delete(tx, ask.preset, principal.sees))


async def load(state: State, principal: Principal, ask: ImportStyles) -> Imported:
    """Save the styles of an AUTOMATIC1111 `styles.csv` as presets; names that are taken stay."""
    rows = await anyio.to_thread.run_sync(lambda: list(styles_csv.rows(ask.csv, "/csv")))
    if len(rows) > presets.MAX_PRESETS:
        params: Params = {"field": "csv", "max": presets.MAX_PRESETS}
        raise Invalid(problems=(Problem(code="too_long", pointer="/csv", params=params),))
    return await state.db.write(lambda tx: _take_in(tx, rows, principal.owner))


def _take_in(tx: Transaction, rows: list[Row], owner: str) -> Imported:
    done = Imported(items=[], skipped=[])
    for row in rows:
        try:
            wanted = codec.decode(msgspec.structs.asdict(row), NewPreset)
            done.items.append(presets.create(tx, _checked(wanted), owner))
        except Invalid as error:
            done.skipped.append(Skipped(name=row.name[:200], code=error.problems[0].code))
        except Conflict as error:
            done.skipped.append(Skipped(name=row.name[:200], code=error.name))
    return done


def _checked(ask: NewPreset) -> Draft:
    """Look at the saved settings as the fields of a request that they are to become.

    :raises Invalid: with every problem.
    :raises TooLarge: ``preset_too_large``.
    """
    if len(codec.encode(ask.settings)) > MAX_SETTINGS:
        raise TooLarge("preset_too_large", limit=MAX_SETTINGS)
    problems = tuple(_unfit(ask.settings))[:MAX_PROBLEMS]
    if problems:
        raise Invalid(problems=problems)
    return Draft(
        name=ask.name, prompt=ask.prompt, negative_prompt=ask.negative_prompt, settings=ask.settings
    )


def _unfit(settings: Mapping[str, Json]) -> Iterator[Problem]:
    known = fields_of(Generate)
    for name, value in settings.items():
        at = join("/settings", name)
        if name not in known:
            yield Problem(code="unknown_field", pointer=at, params={"field": name[:200]})
            continue
        for fault in value_faults(value, known[name].type):
            code = "bad_field" if fault.code == BAD else fault.code
            pointer = at + pointer_of(fault.path)
            yield Problem(code=code, pointer=pointer, params={"field": name, **fault.params})
