"""The styles of a request: presets, put around its prompts. Writes nothing."""

from collections.abc import Mapping

import msgspec

from core.errors import Problem
from core.graph.fields import join
from core.graph.prompts import styles
from core.records.graph import Json
from core.records.job import Sweep
from core.store import presets
from server.actions import named
from server.principal import Principal
from server.state import State

_TEXTS = ("prompt", "negative_prompt")


async def applied(
    state: State, principal: Principal, fields: Mapping[str, Json], wanted: Sweep | None,
    pointer: str,
) -> tuple[Mapping[str, Json], Sweep | None, list[Problem]]:  # fmt: skip
    """Put the styles of a request around its prompts, and around those of its sweep.

    What does not validate is left as it is, for the recipe to complain about.

    :returns: fields without ``styles``, the sweep, and what is wrong with the styles.
    """
    names = fields.get("styles")
    if not isinstance(names, list) or len(names) > styles.MAX_STYLES:
        return fields, wanted, []
    if not all(isinstance(name, str) for name in names):
        return fields, wanted, []
    given = {name: value for name, value in fields.items() if name != "styles"}
    if not names:
        return given, wanted, []
    found = await state.db.read(
        lambda connection: presets.named(connection, names, principal.owner)
    )
    problems = [
        named.missing("unknown_style", join(pointer, "styles", place), name)
        for place, name in enumerate(names)
        if name not in found
    ]
    for text in _TEXTS:
        frames = [getattr(found[name], text) if name in found else "" for name in names]
        begun = given.get(text, "" if text != "prompt" else None)
        if isinstance(begun, str):
            given[text], long = _framed(begun, frames)
            problems += [styles.too_long(pointer, long)] if long is not None else []
        wanted, long = _swept(wanted, text, frames)
        problems += [styles.too_long(pointer, long)] if long is not None else []
    return given, wanted, problems


def _framed(text: str, frames: list[str]) -> tuple[str, int | None]:
    """Put one frame after the other around a text; say at which it became too long."""
    for place, frame in enumerate(frames):
        made = styles.styled(text, frame)
        if made is None:
            return text, place
        text = made
    return text, None


def _swept(wanted: Sweep | None, text: str, frames: list[str]) -> tuple[Sweep | None, int | None]:
    """Do the same with each value of an axis of prompts."""
    axes = list(wanted.axes) if wanted else []
    for place, axis in enumerate(axes):
        if axis.node is None and axis.setting == text and isinstance(axis.values, list):
            made = [
                _framed(value, frames) if isinstance(value, str) else (value, None)
                for value in axis.values
            ]
            long = next((at for _, at in made if at is not None), None)
            if long is not None:
                return wanted, long
            axes[place] = msgspec.structs.replace(axis, values=[value for value, _ in made])
    return (msgspec.structs.replace(wanted, axes=axes) if wanted else None), None
